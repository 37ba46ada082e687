"""Reports as people and machines see them: each thing found below has every form that can tell it beside it, as data.

Of a page of HTML it is the data that the page shows, of a job on GitHub its log, its summary and its outputs.
`KSTATE_GOLDEN=write` writes them anew; the difference is for a person to read.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from reconciler.cli.explain import codes
from reconciler.cli.showing import spell
from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.estate import Live
from reconciler.core.journal import Link
from reconciler.core.model import Change, Edit, Key, Outcome, Owner, Risk, Status
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan
from reconciler.core.result import AS_PLANNED, Result, refused
from reconciler.core.risk import Gated
from reconciler.core.validation import Validation
from reconciler.errors import Problem
from reconciler.reports import forms, github, ledger, markdown, text
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
BEFORE = {
    "type": "record",
    "name": "shop.Order",
    "order": ["id"],
    "fields": {"id": {"type": "string"}},
}
AFTER = {
    **BEFORE,
    "order": ["id", "total"],
    "fields": {"id": {"type": "string", "doc": "ours"}, "total": {"type": "long"}},
}
EVOLVED = Change(
    Key("prod-eu", "schema", "orders-value"),
    {"type": "AVRO", "schema": BEFORE, "compatibility": "BACKWARD"},
    {"type": "AVRO", "schema": AFTER, "compatibility": "FULL"},
    (
        Edit(("compatibility",), "BACKWARD", "FULL"),
        Edit(("schema", "fields", "id", "doc"), None, "ours"),
        Edit(("schema", "fields", "total", "type"), None, "long"),
        Edit(("schema", "order"), ["id"], ["id", "total"]),
    ),
    ("compatibility becomes NONE", "the schema is registered", "compatibility becomes FULL"),
    sources=("schemas.yaml:4",),
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
    "schema": plan((EVOLVED,), owners={EVOLVED.key: "team-shop"}),
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
RESULTS["refused"] = refused(EVERY, [Gated(OLD, GONE.risks[0])])
CHECKS = {
    "right": Validation((), 28, 2, 11),
    "wrong": Validation(
        (
            Problem("topics.yaml", 3, 7, "`partitons` is not known; did you mean `partitions`?"),
            Problem("topics.yaml", 9, 1, "`spec` is missing"),
        )
    ),
}
LIVE = (
    Live(
        ORDERS,
        {"partitions": 12, "config": {"retention.ms": "604800000"}},
        "team-shop",
        ("topics.yaml:3",),
    ),
    Live(Key("prod-eu", "topic", "stray-0"), {"partitions": 1}, managed=False),
    Live(Key("prod-us", "acl", "User:app|topic|orders.|prefixed|Write|allow|*"), {}),
    Live(Key("prod-us", "acl", "User:*|topic|orders.secret|literal|All|deny|*"), {}, managed=False),
)
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


ENDS = {
    "text": "txt",
    "markdown": "md",
    "json": "json",
    "github": "job.txt",
    "sarif": "sarif",
    "junit": "xml",
}
FOUND: dict[str, dict[str, object]] = {
    forms.PLAN: {**PLANS},
    forms.RESULT: {f"result-{name}": found for name, found in RESULTS.items()},
    forms.DRIFT: {f"drift-{name}": found for name, found in DRIFTS.items()},
    forms.VALIDATION: {f"check-{name}": found for name, found in CHECKS.items()},
}
OWNERS = {"topics.yaml:3": "team-shop"}


# Whoever reads text is told of a spec's problems on stderr, so that report is empty.
SAYS_NOTHING = (forms.VALIDATION, "text")
CASES_AND_FORMS = [
    (what, name, form)
    for what, found in FOUND.items()
    for name in found
    for form in forms.offered(what)
    if (what, form) != SAYS_NOTHING
]


@pytest.mark.parametrize(("what", "name", "form"), CASES_AND_FORMS)
def test_it_is_told_so(what: str, name: str, form: str) -> None:
    about = forms.About(codes=codes(), owners=OWNERS, spell=spell, live=LIVE, root="spec")
    told = forms.tell(form, what, FOUND[what][name], about)
    if form == "html":
        _same(CASES / f"{name}.page.json", _pretty(data_of(str(told))))
    else:
        shown = told if isinstance(told, str) else _as_text(told)
        _same(CASES / f"{name}.{ENDS[form]}", shown)


def data_of(page: str) -> dict[str, object]:
    """What a page shows; of the codes only those that are said."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    data["codes"] = sorted(data["codes"])[:2]  # type: ignore[call-overload]  # the docs have them all
    return data


def _as_text(told: object) -> str:
    """JSON; of a job on GitHub its log, its summary and its outputs, one after the other."""
    if not isinstance(told, github.Job):
        return _pretty(told)
    log = "\n".join([*github.commands(told.notes, "spec"), told.line]).strip()
    page = github.summary(told.page) if told.page else ""
    return f"{log}\n\n--- summary\n{page}\n--- outputs\n{github.outputs(told.outputs, 'END')}"


def _pretty(found: object) -> str:
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def test_a_history_reads_so() -> None:
    _same(CASES / "history.txt", ledger.text("prod-eu", LINKS) + ledger.text("prod-us", []))


def test_a_history_names_the_estates_where_there_are_several() -> None:
    def of(estate: str) -> Link:
        return Link("c", 1, "", "adopt", {"apply": estate, "who": "ann", "estate": estate}, "h")

    assert "estate" not in ledger.text("prod-eu", [of("acme"), of("acme")])
    told = ledger.text("prod-eu", [of("acme"), of("beta")])
    assert "adopt acme  by ann  estate acme\n" in told
    assert "adopt beta  by ann  estate beta\n" in told


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


def test_a_notice_of_the_whole_plan_is_no_alarm() -> None:
    """An estate's first apply brings one: it is not to be missed, and nothing has to be approved."""
    lines = text.plan(PLANS["whole"], ansi).splitlines()
    (notice,) = (line for line in lines if "KS131 notice" in line)
    (limit,) = (line for line in lines if "KS301 limit" in line)
    assert notice.startswith(ansi("warning", "KS131")[:-4])
    assert limit.startswith(ansi("alarm", "KS301")[:-5])


def test_nothing_lies_around() -> None:
    """Every file belongs to a case."""
    ends = {**ENDS, "html": "page.json"}
    known = {f"{name}.{ends[form]}" for _, name, form in CASES_AND_FORMS} | {"history.txt"}
    assert {file.name for file in CASES.iterdir() if file.is_file()} == known


def _same(file: Path, shown: str) -> None:
    if os.environ.get("KSTATE_GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(shown)
    assert shown == file.read_text()
