"""Reports as people see them: each plan or result below has its text and Markdown beside it, as data.

`KSTATE_GOLDEN=write` writes them anew; the difference is for a person to read.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.journal import Link
from reconciler.core.model import Change, Edit, Key, Outcome, Owner, Risk, Status
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan
from reconciler.core.result import AS_PLANNED, Result
from reconciler.reports import drift, ledger, markdown, text
from reconciler.reports.paint import ansi

CASES = Path(__file__).parents[1] / "cases" / "reports"
EU = ClusterPlan("prod-eu", "id-eu", {"platform": "apache"})
US = ClusterPlan("prod-us", "id-us", {"platform": "msk"})
ORDERS = Key("prod-eu", "topic", "orders")
OLD = Key("prod-eu", "topic", "old")
GRANT = Key("prod-us", "acl", "User:app|topic|orders.|prefixed|Read|allow|10.0.0.1")
CREATED = Change(
    ORDERS,
    None,
    {"partitions": 12, "config": {"retention.ms": "604800000", "max.message.bytes": "2097152"}},
    sources=("topics.yaml:3",),
)
GREW = Change(
    ORDERS,
    {"partitions": 6, "config": {"retention.ms": "604800000"}},
    {"partitions": 12, "config": {"retention.ms": None}},
    (
        Edit(("config", "retention.ms"), "604800000", None),
        Edit(("partitions",), 6, 12),
    ),
    risks=(Risk("KS111", "6 -> 12 partitions: records with the same key may move"),),
    sources=("topics.yaml:3",),
    owner=Owner.OURS,
    note="changed in Git since apply 1f3c, 2026-11-20T10:00:00Z",
)
GONE = Change(
    OLD,
    {"partitions": 1},
    None,
    risks=(
        Risk("KS203", "up to 1,200 records; read by billing", {"records": 1200}),
        Risk("KS231", "in no document any more; made by apply 1f3c, 2026-11-20T10:00:00Z"),
    ),
    owner=Owner.OURS,
)
GRANTED = Change(GRANT, None, {}, sources=("acls.yaml:9", "acls.yaml:21"))
SHRUNK = Change(
    ORDERS,
    {"partitions": 12},
    {"partitions": 6},
    (Edit(("partitions",), 12, 6),),
    risks=(Risk("KS911", "12 partitions cannot become 6: Kafka never removes partitions"),),
    sources=("topics.yaml:3",),
)
STEPS = Change(ORDERS, {"a": 1}, {"a": 2}, (Edit(("a",), 1, 2),), ("loosen", "tighten"))
TAKEN = Change(
    Key("prod-us", "topic", "clicks"),
    {"config": {"cleanup.policy": "delete"}},
    {"config": {"cleanup.policy": "compact"}},
    (Edit(("config", "cleanup.policy"), "delete", "compact"),),
    risks=(Risk("KS121", "live and nobody's: changing it takes it over"),),
    sources=("clicks.yaml:2",),
    owner=Owner.UNOWNED,
)
PROTECTED = Change(
    OLD,
    {"partitions": 1},
    None,
    risks=(
        Risk("KS902", "protected: `metadata.protect` is true"),
        Risk("KS202", "up to 1,200 records", {"records": 1200}),
    ),
    owner=Owner.OURS,
)
MANY = tuple(
    Change(Key("prod-eu", "topic", f"orders.{n:02}"), None, {"partitions": n}) for n in range(40)
)


def plan(*waves: tuple[Change, ...], **more: object) -> Plan:
    times = ("2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "0.1.0")
    return Plan((EU, US), waves, *times, **more)  # type: ignore[arg-type]


PLANS = {
    "nothing": plan(unchanged=412, unmanaged=("prod-eu/topic/legacy",)),
    "create": plan((CREATED,), (GRANTED,), estate="acme", commit="0123456789abcdef"),
    "update": plan((GREW,), unchanged=3),
    "danger": plan((GONE,), estate="acme"),
    "impossible": plan((SHRUNK,), (GONE,)),
    "steps": plan((STEPS,)),
    "takeover": plan((TAKEN,), estate="acme"),
    "protected": plan((PROTECTED,), estate="acme", protected=(OLD,)),
    "records": plan(
        (CREATED,),
        records=(Bookkeeping(OLD, True), Bookkeeping(GRANT, False), Bookkeeping(ORDERS, None)),
    ),
    "records-only": plan(records=(Bookkeeping(OLD, False),), unchanged=3),
    "nothing-but-a-warning": plan(
        partial=True,
        notices=("no Estate document: kstate records no ownership",),
        risks=(Risk("KS131", "cluster prod-eu: the ledger is no proof; nothing is deleted"),),
    ),
    "many": plan(MANY),
    "partial": plan((CREATED,), partial=True, only=("topic/*",)),
    "whole": plan(
        (CREATED,),
        risks=(
            Risk("KS131", "cluster prod-eu: the ledger is no proof; nothing is deleted"),
            Risk("KS301", "cluster prod-eu: more than 20 deletions", {"deletions": 21}),
        ),
        notices=("the first apply makes the topics __kstate and __kstate_journal",),
        unmanaged=tuple(f"prod-eu/topic/stray-{n}" for n in range(23)),
    ),
}
EVERY = plan((CREATED, GONE), (GRANTED, STEPS))
RESULTS = {
    "done": Result(
        EVERY,
        tuple(Outcome(c.key, Status.DONE) for c in EVERY.changes),
        written=True,
    ),
    "part": Result(
        EVERY,
        (
            Outcome(ORDERS, Status.DONE, AS_PLANNED),
            Outcome(OLD, Status.FAILED, "TOPIC_AUTHORIZATION_FAILED: not authorized"),
            Outcome(GRANT, Status.SKIPPED, "not tried: something that had to come first failed"),
            Outcome(ORDERS, Status.UNKNOWN, "timed out; it does not read as planned"),
        ),
        written=True,
        failures=(("prod-us", "another apply has taken over the lock"),),
    ),
    "interrupted": Result(
        EVERY,
        tuple(Outcome(c.key, Status.SKIPPED, "stopped by a signal") for c in EVERY.changes),
        written=False,
        interrupted=True,
    ),
}
SEEN = Seen(
    "prod-eu",
    "id-eu",
    70,
    tuple(f"prod-eu/topic/stray-{n}" for n in range(22)),
    3,
    {OLD: {"retention.ms": "3600000"}},
    "",
)
BLIND = Seen("prod-us", "id-us", 0, (), 0, {}, "the ledger is no proof: it was emptied")
FINDINGS = (
    Finding(
        ORDERS,
        What.CHANGED,
        (Field(("config", "retention.ms"), "604800000", "86400000", "604800000"),),
        ("topics.yaml:3",),
        "by hand, after apply 1f3c",
    ),
    Finding(OLD, What.GONE, (), ("topics.yaml:9",), "by hand, after apply 1f3c"),
    Finding(GRANT, What.PENDING, (), ("acls.yaml:9",), ""),
)
DRIFTS = {
    "none": Drift((SEEN,), (), "2026-11-23T10:00:00Z", "0.1.0"),
    "some": Drift((SEEN, BLIND), FINDINGS, "2026-11-23T10:00:00Z", "0.1.0"),
}
AT = "2026-11-20T10:00:00Z"
BEGIN = {"apply": "1f3c77aa", "at": AT, "who": "ann on ci-1, pid 7", "commit": "0123456789abcdef"}
JOURNAL = (
    ("begin", {**BEGIN, "approved": ["KS202", "KS231"]}),
    (
        "outcome",
        {"apply": "1f3c77aa", "outcomes": [{"key": str(OLD), "status": "done", "words": ""}]},
    ),
    ("end", {"apply": "1f3c77aa", "complete": True}),
    ("begin", {"apply": "2e4d88bb", "at": AT, "who": "bob on laptop, pid 9"}),
    (
        "outcome",
        {
            "apply": "2e4d88bb",
            "outcomes": [{"key": str(ORDERS), "status": "failed", "words": "not authorized"}],
        },
    ),
    ("adopt", {"apply": "3a5b99cc", "at": AT, "who": "ann", "changes": [str(OLD)]}),
)
LINKS = [Link("id-eu", n, "", kind, body, "") for n, (kind, body) in enumerate(JOURNAL, 1)]


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_so(name: str) -> None:
    _same(CASES / f"{name}.txt", text.plan(PLANS[name]))
    _same(CASES / f"{name}.md", markdown.plan(PLANS[name]))


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_reads_so(name: str) -> None:
    _same(CASES / f"result-{name}.txt", text.result(RESULTS[name]))


@pytest.mark.parametrize("name", DRIFTS)
def test_drift_reads_so(name: str) -> None:
    _same(CASES / f"drift-{name}.txt", drift.text(DRIFTS[name]))


def test_a_history_reads_so() -> None:
    _same(CASES / "history.txt", ledger.text("prod-eu", LINKS) + ledger.text("prod-us", []))


@pytest.mark.parametrize("name", PLANS)
def test_what_it_comes_to_is_said_last(name: str) -> None:
    """The last lines are what is still on the screen after a long plan."""
    found, last = PLANS[name], text.plan(PLANS[name]).splitlines()
    risks = [risk for change in found.changes for risk in change.risks] + [*found.risks]
    stands = any(risk.blocking for risk in risks)
    assert stands == any(re.match("!! [0-9]+ (risk|thing)", line) for line in last[-3:])
    assert last[-1].startswith("digest sha256:" if found.changes else "No changes: ")


@pytest.mark.parametrize("name", PLANS)
def test_every_blocking_risk_stands_in_both_forms_with_its_way_out(name: str) -> None:
    shown = text.plan(PLANS[name]), markdown.plan(PLANS[name])
    for change in PLANS[name].changes:
        for risk in change.risks:
            flag = f"--approve {risk.code}:{change.key}"
            wanted = {"danger": flag, "limit": flag, "notice": risk.code}
            assert all(wanted.get(risk.level, "cannot be approved") in page for page in shown)


@pytest.mark.parametrize("name", PLANS)
def test_colour_changes_no_word(name: str) -> None:
    coloured = text.plan(PLANS[name], ansi)
    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    # Where colour shouts, the exclamation marks are not needed.
    assert bare.split() == text.plan(PLANS[name]).replace("!!", "").split()


def test_nothing_lies_around() -> None:
    """Every file belongs to a case."""
    known = {f"{name}.{end}" for name in PLANS for end in ("txt", "md")} | {"history.txt"}
    known |= {f"result-{name}.txt" for name in RESULTS} | {f"drift-{name}.txt" for name in DRIFTS}
    assert {file.name for file in CASES.iterdir()} == known


def _same(file: Path, shown: str) -> None:
    if os.environ.get("KSTATE_GOLDEN") == "write":
        file.write_text(shown)
    assert shown == file.read_text()
