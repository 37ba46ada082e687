"""Names and messages come from strangers: whatever they hold, they are shown, and never obeyed."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.journal import Link
from reconciler.core.model import Change, Edit, Key, Outcome, Owner, Risk, Status
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan
from reconciler.core.result import Result
from reconciler.reports import drift as drift_report
from reconciler.reports import ledger, markdown, text, words

HOSTILE = [
    "\x1b[2J\x1b]0;gone\x07",
    "a\nb",
    "a\r\nb",
    "\x08\x08\x08done",
    "\u202etxet",
    "\u2066x\u2069\u200b",
    "::error file=x::gone",
    "| a | b |",
    "`code` ```",
    "[x](javascript:alert(1))",
    "<img src=x onerror=alert(1)>",
    "</summary></details>",
    "@org/team #1 http://evil.example",
    "# heading",
    "--- \n***",
    "$(rm -rf /)",
    "'; reboot; '",
    "\ud800",
    " ::stop-commands::x",
    "x ##[error]gone ##vso[task.complete]",
    "$\\color{white}{gone}$",
    "www.evil.example gh-1 GH-2",
    "\x9b2J\x85\u2028\u00a0\u3164\ufe0f\U000e0041",
    " ",
    "    code",
    "1. one",
]
texts = st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1, max_size=30))


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
    )


def harmless(shown: str) -> bool:
    """Nothing that a terminal obeys but the end of a line."""
    hidden = ("Cc", "Cf", "Cs", "Zl", "Zp", "Zs")
    return not [c for c in shown if c not in "\n " and unicodedata.category(c) in hidden]


def no_order_to_a_ci(shown: str) -> bool:
    """As a runner of GitHub or Azure reads a log: `::word` where a line begins, `##word[` anywhere."""
    return not re.search(r"^\s*::[A-Za-z]|##\w*\[", shown, re.MULTILINE)


CALM = plan_of("calm")


@given(texts)
def test_a_terminal_is_told_and_not_commanded(odd: str) -> None:
    shown = text.plan(plan_of(odd))
    assert harmless(shown)
    assert shown.count("\n") == text.plan(CALM).count("\n")
    assert no_order_to_a_ci(shown)


@given(texts)
def test_a_result_as_well(odd: str) -> None:
    plan = plan_of(odd)
    outcomes = tuple(Outcome(c.key, Status.FAILED, odd) for c in plan.changes)
    shown = text.result(Result(plan, outcomes, written=True, failures=(("eu", odd),)))
    assert harmless(shown)
    assert no_order_to_a_ci(shown)
    assert shown.count("\n") == 6


@given(texts)
def test_a_drift_report_as_well(odd: str) -> None:
    key = Key("eu", "topic", odd)
    finding = Finding(key, What.CHANGED, (Field(("config", odd), odd, odd, odd),), (odd,), odd)
    seen = Seen("eu", "id", 1, (f"eu/topic/{odd}",), 0, {key: {odd: odd}}, odd)
    shown = drift_report.text(Drift((seen,), (finding,), "then", "0.1.0"))
    assert harmless(shown)
    assert no_order_to_a_ci(shown)
    assert shown.count("\n") == 10


# What keeps a mention, a link or a formula from growing out of a name.
OURS = ("<!-- -->", "<span>", "</span>")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("apply", "at", "who", "commit", "plan", "approved", "changes", "outcomes", "complete")
bodies = st.dictionaries(st.sampled_from(FIELDS), anything)
outcomes = st.lists(st.dictionaries(st.sampled_from(["key", "status", "words"]), anything))
records = st.tuples(st.sampled_from(["begin", "outcome", "end", "adopt", "\x1b[2J"]), bodies)


@given(texts, st.lists(records, max_size=4), outcomes)
def test_a_history_as_well_whoever_wrote_the_journal(
    odd: str, found: list[tuple[str, dict[str, object]]], became: list[dict[str, object]]
) -> None:
    """Whoever may write to the journal's topic can write anything."""
    bodies = [*found, ("outcome", {"outcomes": became})]
    links = [Link("id", n, "", kind, body, "") for n, (kind, body) in enumerate(bodies)]
    shown = ledger.text(odd, links)
    assert harmless(shown)
    assert no_order_to_a_ci(shown)


def shape(shown: str) -> list[str]:
    """The structure of a page as GitHub would see it, without its words."""
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    tokens = [inner for t in parser.parse(shown) for inner in (t, *(t.children or ()))]
    words = ("text", "inline", "text_special")
    return [t.type for t in tokens if t.type not in words and t.content not in OURS]


@given(texts)
def test_a_page_keeps_its_shape(odd: str) -> None:
    shown = markdown.plan(plan_of(odd))
    assert harmless(shown)
    assert shape(shown) == shape(markdown.plan(CALM))


@pytest.mark.parametrize("odd", HOSTILE)
def test_no_tag_link_or_mention_grows_out_of_a_name(odd: str) -> None:
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(
        markdown.plan(plan_of(odd))
    )
    outside = re.sub(r"<(pre|code)>.*?</\1>|<code[^>]*>.*?</code>", "", page, flags=re.DOTALL)
    assert not re.search(r"<(img|a|script)\b", outside)
    for wanted in ("@org", "#1", "www.", "gh-1", "GH-2", "$(", "$\\"):
        assert wanted not in outside


@given(texts)
def test_a_flag_can_be_pasted_into_a_shell(odd: str) -> None:
    import shlex

    key = Key("eu", "topic", odd)
    flag = words.way_out(Risk("KS202", "x"), key)
    assert shlex.split(flag) == ["--approve", words.visible(f"KS202:{key}")]


@given(st.text())
def test_what_is_visible_stays_so(found: str) -> None:
    assert words.visible(words.visible(found)) == words.visible(found)
    assert harmless(words.visible(found))
    assert no_order_to_a_ci(words.visible(found))
