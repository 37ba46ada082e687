"""Reports as people see them: each plan or result below has its text and Markdown beside it, as data.

`KSTATE_GOLDEN=write` writes them anew; the difference is for a person to read.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.core.model import Change, Edit, Key, Outcome, Owner, Risk, Status
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.result import AS_PLANNED, Result
from reconciler.reports import markdown, text

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
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_so(name: str) -> None:
    _same(CASES / f"{name}.txt", text.plan(PLANS[name]))
    _same(CASES / f"{name}.md", markdown.plan(PLANS[name]))


@pytest.mark.parametrize("name", RESULTS)
def test_a_result_reads_so(name: str) -> None:
    _same(CASES / f"result-{name}.txt", text.result(RESULTS[name]))


@pytest.mark.parametrize("name", PLANS)
def test_colour_changes_no_word(name: str) -> None:
    import re

    coloured = text.plan(PLANS[name], text.ansi)
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == text.plan(PLANS[name])


def test_nothing_lies_around() -> None:
    """Every file belongs to a case."""
    known = {f"{n}.{end}" for n in PLANS for end in ("txt", "md")} | {
        f"result-{n}.txt" for n in RESULTS
    }
    assert {file.name for file in CASES.iterdir()} == known


def _same(file: Path, shown: str) -> None:
    if os.environ.get("KSTATE_GOLDEN") == "write":
        file.write_text(shown)
    assert shown == file.read_text()
