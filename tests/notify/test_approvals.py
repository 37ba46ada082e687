"""Who approves what: the digest from our own untouched comment on the very commit, risks from other people's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from reconciler.errors import Blocked
from reconciler.notify.approvals import Consent, consent, merged, missing
from reconciler.notify.github import GitHub
from reconciler.notify.marker import mark
from tests.fakes.github import BOT, FakeGitHub

DIGEST, OTHER = "sha256:" + "1" * 64, "sha256:" + "2" * 64
HEAD, MERGED = "a" * 40, "c" * 40
RISK = "KS203:prod-eu/topic/old"


def body(digest: str = DIGEST, head: str = HEAD) -> str:
    return mark("prod", {"v": 1, "digest": digest, "head": head}) + "\n### kstate plan"


@pytest.fixture
def pull(fake: FakeGitHub) -> dict[str, Any]:
    """Opened by ann, planned by us, merged."""
    fake.users = {"ann": "write", "bob": "maintain", "eve": "read", "root": "admin"}
    made = fake.pull(1, "ann", HEAD)
    fake.comment(1, BOT, body())
    fake.merge(1, MERGED)
    return made


def asked(client: GitHub) -> Consent:
    return consent(client, merged(client, MERGED, "main"), "prod")


def test_the_digest_that_the_reviewers_saw(pull: Any, client: GitHub) -> None:
    found = asked(client)
    assert (found.pull, found.digest, found.given, found.unheard) == (1, DIGEST, (), ())


def test_an_approval_names_the_digest_and_the_risk(
    fake: FakeGitHub, pull: Any, client: GitHub
) -> None:
    fake.comment(1, "bob", f"Looks right.\r\n/kstate approve {DIGEST} {RISK}\r\nthanks")
    fake.comment(1, "root", f"/kstate approve {DIGEST} KS301")
    found = asked(client)
    assert [(one.approval, one.by) for one in found.given] == [(RISK, "bob"), ("KS301", "root")]
    assert all(one.url.startswith("https://") for one in found.given)


@pytest.mark.parametrize(
    ("author", "words", "why"),
    [
        ("ann", f"/kstate approve {DIGEST} {RISK}", "work of their own"),
        ("eve", f"/kstate approve {DIGEST} {RISK}", "may not write"),
        ("robot[bot]", f"/kstate approve {DIGEST} {RISK}", "only people"),
        ("bob", f"/kstate approve {OTHER} {RISK}", ""),
        ("bob", f"> /kstate approve {DIGEST} {RISK}", ""),
        ("bob", f"please do not /kstate approve {DIGEST} {RISK}", ""),
        ("bob", f"/kstate approve {RISK}", ""),
        ("bob", f"/kstate approve {DIGEST} all of it", ""),
    ],
)
def test_what_does_not_count(
    fake: FakeGitHub, pull: Any, client: GitHub, author: str, words: str, why: str
) -> None:
    fake.comment(1, author, words)
    found = asked(client)
    assert found.given == ()
    assert [why in told for told in found.unheard] == ([True] if why else [])


def test_who_wrote_a_commit_approves_nothing(fake: FakeGitHub, pull: Any, client: GitHub) -> None:
    fake.commits[1].append({"sha": HEAD, "author": {"login": "bob", "type": "User"}})
    fake.commits[1].append({"sha": HEAD, "author": None})
    fake.comment(1, "bob", f"/kstate approve {DIGEST} {RISK}")
    assert asked(client).given == ()


def test_an_approval_that_was_changed_later_does_not_count(
    fake: FakeGitHub, pull: Any, client: GitHub
) -> None:
    words = f"/kstate approve {DIGEST} {RISK}"
    fake.edit(fake.comment(1, "bob", "looks fine"), "ann", words)
    found = asked(client)
    assert found.given == ()
    assert "changed after" in found.unheard[0]


def tamper(how: Callable[[FakeGitHub, dict[str, Any]], None]) -> Callable[[FakeGitHub], None]:
    def act(fake: FakeGitHub) -> None:
        how(fake, next(c for c in fake.comments.values() if c["user"]["login"] == BOT))

    return act


TAMPERED = {
    "somebody with the right to write changed our comment": (
        tamper(lambda fake, ours: fake.edit(ours, "ann", body(OTHER))),
        "changed by ann",
    ),
    "the comment is somebody else's": (
        tamper(lambda fake, ours: ours.update(user={"login": "ann", "type": "User"})),
        "no plan for prod that kstate wrote",
    ),
    "the plan is of another commit": (
        tamper(lambda fake, ours: ours.update(body=body(head="d" * 40))),
        "is of commit",
    ),
    "the last run came to no plan": (
        tamper(lambda fake, ours: ours.update(body=mark("prod", {"v": 1, "head": HEAD}))),
        "shows no plan",
    ),
    "the digest is none": (
        tamper(lambda fake, ours: ours.update(body=body(digest="sha256:1"))),
        "shows no plan",
    ),
    "there is no comment": (
        tamper(lambda fake, ours: fake.comments.clear()),
        "no plan for prod that kstate wrote",
    ),
    "it was never merged": (
        lambda fake: fake.pulls[1].update(merged_at=None),
        "no pull request was merged",
    ),
    "another commit was the merge": (
        lambda fake: fake.pulls[1].update(merge_commit_sha="e" * 40),
        "no pull request was merged",
    ),
    "it was merged elsewhere": (
        lambda fake: fake.pulls[1]["base"].update(ref="develop"),
        "no pull request was merged into main",
    ),
}


@pytest.mark.parametrize("story", TAMPERED)
def test_nothing_is_believed_when(fake: FakeGitHub, pull: Any, client: GitHub, story: str) -> None:
    act, why = TAMPERED[story]
    act(fake)
    with pytest.raises(Blocked, match=why):
        asked(client)


def test_our_own_later_edits_are_ours(fake: FakeGitHub, pull: Any, client: GitHub) -> None:
    ours = next(iter(fake.comments.values()))
    fake.edit(ours, BOT, body(OTHER))
    assert asked(client).digest == OTHER


def test_what_is_missing() -> None:
    given = asked_for("KS203:a/topic/x", "KS301")
    wanted = ["KS203:a/topic/x", "KS203:a/topic/y", "KS301", "KS231:a/topic/x"]
    assert missing(wanted, given) == ["KS203:a/topic/y", "KS231:a/topic/x"]
    assert missing(wanted, asked_for("KS203", "KS231", "KS301")) == []


def asked_for(*approvals: str) -> list[Any]:
    from reconciler.notify.approvals import Given

    return [Given(approval, "bob", "") for approval in approvals]
