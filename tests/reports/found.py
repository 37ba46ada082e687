"""What the tests of reports look at: a plan, a result, drift and a check, their every text one to be chosen."""

from __future__ import annotations

from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.estate import Live
from reconciler.core.model import Change, Edit, Key, Outcome, Owner, Risk, Status
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan
from reconciler.core.result import Result
from reconciler.core.validation import Validation
from reconciler.errors import Problem


def plan_of(odd: str) -> Plan:
    """A plan in which every text that others choose is this one."""
    risks = (Risk("KS202", odd, {"records": 1}), Risk("KS111", odd))
    body = {"partitions": 1, "config": {odd: odd}}
    changes = (
        Change(Key("eu", "topic", odd), None, body, sources=(f"{odd}:1",), steps=(odd,)),
        Change(Key("eu", "acl", f"User:{odd}|topic|x|literal|Read|allow|*"), {}, None, risks=risks),
        Change(
            Key("eu", "topic", "t"),
            body,
            body,
            (Edit(("config", odd), odd, None),),
            owner=Owner.OURS,
            note=odd,
        ),
    )
    return Plan(
        (ClusterPlan("eu", odd, {"platform": odd}), ClusterPlan(odd, odd, {})),
        (changes,),
        "2026-11-23T10:00:00Z",
        "2026-11-24T10:00:00Z",
        "0.1.0",
        estate=odd,
        commit=odd,
        unmanaged=(f"eu/topic/{odd}",),
        risks=(Risk("KS131", odd),),
        notices=(odd,),
        partial=True,
        only=(odd,),
        records=(Bookkeeping(Key("eu", "topic", odd), None),),
        owners={change.key: odd for change in changes},
    )


def result_of(odd: str) -> Result:
    plan = plan_of(odd)
    outcomes = tuple(Outcome(c.key, Status.FAILED, odd) for c in plan.changes)
    return Result(plan, outcomes, written=True, failures=(("eu", odd),))


def drift_of(odd: str) -> Drift:
    key = Key("eu", "topic", odd)
    finding = Finding(key, What.CHANGED, (Field(("config", odd), odd, odd, odd),), (odd,), odd)
    seen = Seen("eu", "id", 1, (f"eu/topic/{odd}",), 0, {key: {odd: odd}}, odd)
    return Drift((seen,), (finding,), "then", "0.1.0")


def check_of(odd: str) -> Validation:
    return Validation((Problem(odd, 1, 2, odd), Problem("a.yaml", 3, 4, odd)))


def live_of(odd: str) -> tuple[Live, ...]:
    grant = f"User:{odd.replace('|', '%7C')}|topic|{odd.replace('|', '%7C')}|literal|Read|allow|*"
    return (
        Live(Key("eu", "topic", odd), {odd: odd}, odd, (f"{odd}:1",)),
        Live(Key("eu", "acl", grant), {}),
    )
