"""Names and messages come from strangers: whatever they hold, they are shown, and never obeyed."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.cli.explain import codes
from reconciler.core.journal import Link
from reconciler.core.model import Key, Risk
from reconciler.reports import drift as drift_report
from reconciler.reports import ledger, markdown, text, words
from reconciler.reports.forms import About, tell
from tests.reports.found import check_of, drift_of, live_of, plan_of, result_of

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
    shown = text.result(result_of(odd))
    assert harmless(shown)
    assert no_order_to_a_ci(shown)
    assert shown.count("\n") == 6


@given(texts)
def test_a_drift_report_as_well(odd: str) -> None:
    shown = drift_report.text(drift_of(odd))
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


# Brackets that no backslash stands before.
LINK = re.compile(r"(?<!\\)\[[^\]]*(?<!\\)\]\(")
MADE = {
    "plan": plan_of,
    "result": result_of,
    "drift": drift_of,
    "validation": check_of,
}


CODES = {name: code for name, code in codes().items() if name in ("KS111", "KS134", "KS202")}


@cache
def told(form: str, what: str, odd: str) -> object:
    about = About(failures={odd: odd}, codes=CODES, live=live_of(odd), owners={odd: odd}, root="s")
    return tell(form, what, MADE[what](odd), about)


@pytest.mark.parametrize("what", MADE)
@given(odd=texts)
def test_a_page_keeps_its_shape(what: str, odd: str) -> None:
    shown = str(told("markdown", what, odd))
    assert harmless(shown)
    assert shape(shown) == shape(str(told("markdown", what, "calm")))


def skeleton(element: Element) -> object:
    return element.tag, sorted(element.attrib), [skeleton(inner) for inner in element]


@pytest.mark.parametrize("what", MADE)
@given(odd=texts)
def test_xml_keeps_its_shape_and_can_be_read(what: str, odd: str) -> None:
    shown = str(told("junit", what, odd))
    assert harmless(shown)
    assert no_order_to_a_ci(shown)
    read, calm = (
        fromstring(x.partition("\n")[2]) for x in (shown, str(told("junit", what, "calm")))
    )
    if odd not in ("eu", "a.yaml"):  # then two suites are one
        assert skeleton(read) == skeleton(calm)


class Tags(HTMLParser):
    """The tags of a page with their attributes, what stands in them left out; scripts and styles with all they hold."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[object] = []
        self.inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, attrs))

    def handle_endtag(self, tag: str) -> None:
        self.found.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.inside.append(data)


def tags(page: str) -> list[object]:
    parser = Tags()
    parser.feed(page)
    parser.close()
    return parser.found


@pytest.mark.parametrize("what", ["plan", "result", "drift"])
@given(odd=texts)
def test_a_page_of_html_is_the_same_markup_whatever_it_shows(what: str, odd: str) -> None:
    page = str(told("html", what, odd))
    assert harmless(page)
    assert tags(page) == tags(str(told("html", what, "calm")))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert any(words.visible(odd) in text for text in strings(json.loads(data[1])))


def strings(found: object) -> Iterator[str]:
    """Every text in plain data, names included."""
    if isinstance(found, str):
        yield found
    for inner in parts(found):
        yield from strings(inner)


def parts(found: object) -> list[object]:
    if isinstance(found, dict):
        return [*found, *found.values()]
    return found if isinstance(found, list) else []


def messages(found: object) -> Iterator[str]:
    """What a viewer of SARIF reads as a message."""
    if isinstance(found, dict) and "message" in found:
        yield found["message"]["text"]
    for inner in parts(found):
        yield from messages(inner)


@pytest.mark.parametrize("what", ["plan", "drift", "validation"])
@given(odd=texts)
def test_a_log_of_sarif_says_it_and_nothing_in_it_is_a_link(what: str, odd: str) -> None:
    log = told("sarif", what, odd)
    assert harmless(json.dumps(log, ensure_ascii=False))
    assert not [text for text in messages(log) if LINK.search(text)]


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
