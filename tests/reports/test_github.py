"""GitHub's forms: ten annotations at most, nothing breaks out of a command, pages within their limits, nothing lost."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.model import Change, Key, Outcome, Risk, Status
from reconciler.core.plan import Plan
from reconciler.core.result import Result, ended
from reconciler.errors import Failed, Problem, SpecInvalid
from reconciler.reports import github, markdown, pages, sticky
from reconciler.reports.sticky import About
from tests.reports.test_golden import DRIFTS, EVERY, GONE, PLANS, SHRUNK
from tests.reports.test_size import CLUSTERS, created, plan

COMMAND = re.compile(r"^::(error|warning|notice) [^\n]*?::[^\n]*$")
LIMIT = 65_536
HOSTILE = st.lists(
    st.sampled_from([*"ab:,%`|<>@#-\n\r\x1b\u202e\u2028", "::error::", "-->", "```", "é"]),
    max_size=12,
).map("".join)


def lines(*notes: github.Note, prefix: str | None = "specs") -> list[str]:
    return list(github.commands(notes, prefix))


def test_a_risk_stands_at_its_line() -> None:
    note = next(note for note in github.of_plan(PLANS["impossible"]) if "KS911" in note.title)
    assert lines(note) == [
        "::error file=specs/topics.yaml,line=3,title=KS911 impossible::prod-eu: update topic orders:"
        " 12 partitions cannot become 6: Kafka never removes partitions%0A"
        "cannot be approved; kstate explain KS911"
    ]


def test_every_problem_of_a_spec_stands_at_its_place() -> None:
    error = SpecInvalid([Problem("a.yaml", 3, 7, "100 % wrong"), Problem("b.yaml", 1, 1, "x")])
    assert lines(*github.of_error(error)) == [
        "::error file=specs/a.yaml,line=3,col=7,title=the spec is wrong::100 %25 wrong",
        "::error file=specs/b.yaml,line=1,col=1,title=the spec is wrong::x",
    ]
    assert lines(*github.of_error(Failed("it failed", hint="try it again"))) == [
        "::error title=kstate::it failed%0Atry it again"
    ]


def test_the_ten_worst_and_how_many_more() -> None:
    risks = ("KS911", "KS301", "KS203", "KS111")
    changes = [
        replace(created(n), risks=(Risk(risks[n % 4], f"risk {n}"),), sources=(f"t.yaml:{n + 1}",))
        for n in range(40)
    ]
    shown = lines(*github.of_plan(plan(changes)))
    assert [line.split()[0] for line in shown] == ["::error"] * 10 + ["::notice"]
    assert shown[-1] == "::notice title=kstate::30 more in the summary of this job"
    assert len(lines(*github.of_plan(plan(changes[:2])))) == 2


def test_outside_of_the_repository_no_file_is_named() -> None:
    assert lines(github.Note("error", "t", "x", "a.yaml:1"), prefix=None) == ["::error title=t::x"]
    assert lines(github.Note("error", "t", "x", "../a.yaml:1"), prefix="specs/eu")[0].startswith(
        "::error file=specs/a.yaml,line=1"
    )


@given(HOSTILE, HOSTILE, HOSTILE)
def test_nothing_breaks_out_of_a_command(title: str, text: str, place: str) -> None:
    for line in lines(github.Note("warning", title, text, place)):
        assert COMMAND.match(line)
        assert not re.search(r"[\x00-\x1f\x7f\u202e\u2028]", line)
        head = line.split("::")[1]
        # Each comma and colon in there is GitHub's own syntax.
        assert re.fullmatch(r"warning (?:(?:file|line|col|title)=[^,:]*,?)*", head)


@given(st.dictionaries(st.sampled_from(["digest", "approve"]), HOSTILE))
def test_an_output_ends_where_its_delimiter_does(values: dict[str, str]) -> None:
    text = github.outputs(values, "d3l1m1t3r")
    found = dict(re.findall(r"(\w+)<<d3l1m1t3r\n(.*?)\nd3l1m1t3r\n", text, re.DOTALL))
    assert found == values


# --- pages and their limits


@pytest.mark.parametrize("width", [20, 600])
@pytest.mark.parametrize("letter", ["x", "ü", "\U0001f980"])
def test_ten_thousand_changes_fit_into_the_summary(width: int, letter: str) -> None:
    changes = [
        replace(created(n), after={"config": {"note": letter * width}}) for n in range(10_000)
    ]
    made = plan(changes)
    for used in (0, 300 * 1024, 899 * 1024):
        text = github.summary(lambda room: markdown.plan(made, room=room), used)
        assert used + len(text.encode()) <= github.SUMMARY
        assert "10,000 create" in text or used > 890 * 1024
        assert text.count("<details>") == text.count("</details>")


ABOUT = About("prod", "a" * 40, "https://github.example/acme/kafka/actions/runs/1")


@pytest.mark.parametrize("risky", [False, True])
def test_ten_thousand_changes_fit_into_the_one_comment(risky: bool) -> None:
    made = plan([created(number, risky=risky) for number in range(10_000)])
    wanted = sticky.wanted(made)
    text = sticky.plan(made, replace(ABOUT, missing=wanted))
    assert len(text) + 1_000 < LIMIT
    assert len(wanted) == (10_000 if risky else 0)
    assert f"Digest `{made.digest}`" in text
    assert text.index("| code |") < text.index("<details>") if risky else "| code |" not in text
    assert ("10,000 approvals are missing" in text) == risky
    assert (f"/kstate approve {made.digest} KS203\n" in text) == risky
    assert "[the run and its whole summary](https://github.example/" in text


@given(st.integers(0, 60), st.integers(1, 3_000), st.booleans(), st.lists(HOSTILE, max_size=60))
def test_whatever_the_plan_the_comment_is_whole(
    count: int, width: int, risky: bool, names: list[str]
) -> None:
    changes = [created(number, risky=risky, width=width) for number in range(count)]
    changes += [
        Change(Key("eu", "topic", name), None, {"x": name}, risks=(Risk("KS203", name),))
        for name in names
    ]
    made = plan(changes)
    given_ = [(f"KS203:eu/topic/{name}", name) for name in names[:5]]
    text = sticky.plan(made, replace(ABOUT, missing=sticky.wanted(made), given=given_))
    assert len(text) + 1_000 < LIMIT
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert html.count("<details>") == html.count("</details>") == text.count("<details>")
    assert "<script" not in html
    assert not re.search(r'href="(?!https://github\.example/)', html)


@pytest.mark.parametrize("name", PLANS)
def test_what_happens_next_is_said(name: str) -> None:
    found = PLANS[name]
    text = sticky.plan(found, replace(ABOUT, missing=sticky.wanted(found)))
    levels = {risk.level for change in found.changes for risk in change.risks}
    if not found.changes and not found.records:
        assert text.count("\n") == 1
    elif "impossible" in levels:
        assert "can never be applied as it stands" in text
        assert "/kstate approve" not in text
    else:
        assert "When this pull request is merged" in text
        for approval in sticky.wanted(found):
            assert f"/kstate approve {found.digest} {approval}\n" in text


def test_what_was_approved_is_said_and_mentions_nobody() -> None:
    found = PLANS["danger"]
    given_ = [("KS203:prod-eu/topic/old", "bob")]
    about = replace(ABOUT, given=given_, missing=["KS231:prod-eu/topic/old"], unheard=["the x"])
    text = sticky.plan(found, about)
    assert "- `KS203:prod-eu/topic/old` by bob" in text
    assert "One approval is missing" in text
    assert "> the x" in text


def test_a_run_without_a_plan_leaves_no_digest_behind() -> None:
    assert "sha256" not in sticky.no_plan(ABOUT)
    assert "no plan" in sticky.no_plan(ABOUT)


def test_a_result_says_what_is_not_as_planned() -> None:
    outcomes = (
        Outcome(EVERY.changes[0].key, Status.DONE),
        Outcome(GONE.key, Status.FAILED, "TOPIC_AUTHORIZATION_FAILED"),
    )
    found = Result(EVERY, outcomes, written=True, failures=(("prod-us", "no answer"),))
    text = sticky.applied(ended(found), ABOUT)
    assert "1 of 2 changes are as planned: not complete" in text
    assert "TOPIC" in text
    assert "prod\\-us" in text
    notes = list(github.of_result(found))
    assert [note.level for note in notes] == ["error", "error"]
    assert "TOPIC_AUTHORIZATION_FAILED" in notes[1].text
    whole = Result(EVERY, tuple(Outcome(c.key, Status.DONE) for c in EVERY.changes), written=True)
    assert "read back as planned" in sticky.applied(ended(whole), ABOUT)
    assert list(github.of_result(whole)) == []


def test_a_gate_says_what_is_missing() -> None:
    from reconciler.core.risk import gate

    notes = list(github.of_gate(gate([GONE, SHRUNK], (), ()).blocked))
    assert [note.title.split()[2] for note in notes] == ["KS203", "KS231", "KS911"]
    assert "--approve KS203:prod-eu/topic/old" in notes[0].text


# --- drift


def drifted(count: int) -> Drift:
    findings = tuple(
        Finding(
            Key(("eu", "us")[n % 2], "topic", f"orders.{n:05d}"),
            (What.CHANGED, What.GONE)[n % 7 == 0],
            (Field(("config", "retention.ms"), "1", "2", "1"),),
            (f"t.yaml:{n + 1}",),
            "last set by apply 1f3c",
            "2026-11-20T10:00:00Z",
        )
        for n in range(count)
    )
    seen = tuple(Seen(c.name, c.id, count, (), 0, {}) for c in CLUSTERS)
    return Drift(seen, findings, "2026-11-23T10:00:00Z", "0.1.0", "acme", "b" * 40)


@pytest.mark.parametrize("count", [1, 10_000])
def test_drift_fits_into_an_issue(count: int) -> None:
    text = sticky.issue(drifted(count), ABOUT)
    assert len(text) + 1_000 < LIMIT
    assert f"Fingerprint `{drifted(count).fingerprint}`" in text
    assert all(word in text for word in ("kstate drift --to-spec", "kstate apply", "`Ignore`"))
    assert "changed between 2026-11-20T10:00:00Z and 2026-11-23T10:00:00Z" in text
    assert ("more; `kstate drift` has all of them" in text) == (count > 1_000)


def test_annotations_of_drift_are_the_worst_ones_and_never_what_waits() -> None:
    shown = lines(*github.of_drift(drifted(40)))
    assert [line.split()[0] for line in shown] == ["::error"] * 6 + ["::warning"] * 4 + ["::notice"]
    assert "is 2 (2ms), wanted 1 (1ms)" in shown[-2]
    assert [n.level for n in github.of_drift(DRIFTS["some"])] == ["warning", "error"]


def test_no_drift_is_one_line_and_a_cluster_that_failed_is_named() -> None:
    none = replace(DRIFTS["none"], failures=(("prod-ap", "no answer | x"),))
    assert sticky.issue(none, ABOUT).count("\n") == 1
    text = pages.drift(none)
    assert "1 cluster could not be looked at" in text
    assert "no answer \\| x" in text


def test_a_chat_message_is_short_and_says_what_is_new() -> None:
    text = sticky.message(drifted(40), "prod", "https://run", "")
    assert text.startswith("kstate, prod: drift found: 40 resources are not as applied")
    assert text.endswith("- and 30 more\nhttps://run")
    assert "has changed" in sticky.message(drifted(1), "prod", "", "sha256:x")
    assert "no drift any more" in sticky.message(DRIFTS["none"], "prod", "", "sha256:x")


@given(st.lists(HOSTILE, max_size=20), HOSTILE)
def test_no_name_breaks_out_of_an_issue(names: list[str], note: str) -> None:
    findings = tuple(
        Finding(
            Key("eu", "topic", name),
            What.CHANGED,
            (Field((name,), name, name, None),),
            (name,),
            note,
        )
        for name in names
    )
    report = replace(drifted(0), findings=findings, notices=(note,), failures=((note, note),))
    text = sticky.issue(report, ABOUT)
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    assert "<script" not in html
    assert html.count("<details>") == html.count("</details>")
    assert not re.search(r'href="(?!https://github\.example/)', html)


def test_the_example_plan_has_a_comment_that_fits() -> None:
    from reconciler.core.plan import parse

    example = Path(__file__).parents[2] / "plans" / "example.json"
    made: Plan = parse(example.read_bytes())
    text = sticky.plan(made, replace(ABOUT, missing=sticky.wanted(made)))
    assert made.digest in text
    assert len(text) < LIMIT
