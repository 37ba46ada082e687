"""The one issue of a drift: opened, changed only when the drift does, closed when it is gone, opened again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import ServerRefused
from reconciler.notify.github import GitHub
from reconciler.notify.issue import KIND, LABEL, Sticky, Wish, decide, find, keep
from reconciler.notify.marker import data, is_of, mark
from tests.fakes.github import BOT, FakeGitHub

PRINTS = ("", "sha256:a", "sha256:b")


def wish(fingerprint: str, *, whole: bool = True, told: dict[str, str] | None = None) -> Wish:
    kept = told or {}
    about = {"fingerprint": fingerprint, "told": kept}
    return Wish("drift", f"{mark('prod', about, KIND)}\n{fingerprint}", fingerprint, kept, whole)


def go(client: GitHub, wanted: Wish) -> str:
    return keep(client, "prod", find(client, "prod"), wanted)[0]


def test_its_whole_life(fake: FakeGitHub, client: GitHub) -> None:
    assert go(client, wish("")) == ""
    assert go(client, wish("sha256:a")) == "open"
    requests = len(fake.log)
    assert go(client, wish("sha256:a")) == ""
    assert len(fake.log) == requests + 1, "the same drift is looked up, and nothing is written"
    assert go(client, wish("sha256:b")) == "change"
    assert go(client, wish("")) == "close"
    assert go(client, wish("")) == ""
    assert go(client, wish("sha256:a")) == "open again"
    [issue] = fake.issues.values()
    assert (issue["state"], issue["labels"]) == ("open", [{"name": LABEL}])
    assert data(issue["body"])["fingerprint"] == "sha256:a"


def test_without_its_label_it_is_found_as_long_as_it_is_open(
    fake: FakeGitHub, client: GitHub
) -> None:
    fake.drops_labels = True
    assert go(client, wish("sha256:a")) == "open"
    assert go(client, wish("sha256:a")) == ""
    assert go(client, wish("")) == "close"
    assert len(fake.issues) == 1


def test_each_scope_has_its_own(fake: FakeGitHub, client: GitHub) -> None:
    go(client, wish("sha256:a"))
    other = replace(wish("sha256:a"), body=mark("test", {}, KIND))
    assert keep(client, "test", find(client, "test"), other)[0] == "open"
    assert len(fake.issues) == 2


def test_a_forged_issue_is_not_ours(fake: FakeGitHub, client: GitHub) -> None:
    go(client, wish("sha256:a"))
    [ours] = fake.issues.values()
    fake.issues = {1: {**ours, "number": 1, "user": {"login": "mallory", "type": "User"}}}
    assert find(client, "prod") is None


def test_what_was_told_is_remembered_in_the_issue(fake: FakeGitHub, client: GitHub) -> None:
    go(client, wish("sha256:a", told={"slack": "sha256:a"}))
    there = find(client, "prod")
    assert there is not None
    assert there.told == {"slack": "sha256:a"}
    assert there.url.startswith("https://")


def test_a_lost_answer_opens_no_second_issue(fake: FakeGitHub, client: GitHub) -> None:
    fake.lose = 1
    go(client, wish("sha256:a"))
    assert len(fake.issues) == 1


def test_issues_that_are_switched_off_are_said_so(fake: FakeGitHub, client: GitHub) -> None:
    fake.has_issues = False
    with pytest.raises(ServerRefused, match="410") as caught:
        go(client, wish("sha256:a"))
    assert "switched off" in caught.value.hint


stickies = st.none() | st.builds(
    Sticky, st.just(1), st.booleans(), st.sampled_from(PRINTS[1:]), st.just({}), st.just("")
)


@given(stickies, st.sampled_from(PRINTS), st.booleans())
def test_the_rules(there: Sticky | None, fingerprint: str, whole: bool) -> None:
    done = decide(there, wish(fingerprint, whole=whole))
    if done == "close":
        assert whole, "a look that did not see everything never closes"
    if not fingerprint:
        assert done in ("", "close"), "no drift opens nothing"
    if there and there.open and there.fingerprint == fingerprint:
        assert done == "", "the same drift changes nothing"
    open_after = {"open": True, "open again": True, "close": False}.get(
        done, bool(there and there.open)
    )
    assert open_after or not fingerprint, "drift is never without an open issue"
    assert not open_after or fingerprint or not whole, "nothing found and all seen closes it"


@given(st.text(), st.text())
def test_no_value_breaks_out_of_the_marker(fingerprint: str, told: str) -> None:
    body = mark("prod", {"fingerprint": fingerprint, "told": {"slack": told}}) + "\ntext"
    assert is_of(body, "prod")
    assert not is_of(body, "prod", KIND)
    assert data(body) == {"fingerprint": fingerprint, "told": {"slack": told}}
    assert body.count("-->") == 2
    assert BOT not in body
