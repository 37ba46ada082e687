"""The way to GitHub: patient when it is asked to be, no longer than it must, and never saying the token."""

from __future__ import annotations

import pytest

from reconciler.errors import BadUsage, Failed, KstateError, LoginFailed, ServerRefused
from reconciler.notify import comment
from reconciler.notify.github import GitHub, Where, connect
from tests.fakes.github import BOT, PRIMARY, SECONDARY, FakeGitHub
from tests.notify.conftest import TOKEN


def every(client: GitHub) -> list[str]:
    return [found["body"] for found in client.every("issues", "1", "comments")]


@pytest.mark.parametrize(("count", "pages"), [(0, 1), (7, 1), (8, 2), (20, 3)])
def test_a_list_is_read_to_its_end(
    fake: FakeGitHub, client: GitHub, count: int, pages: int
) -> None:
    fake.page = 7
    fake.pull(1, "ann")
    for number in range(count):
        fake.comment(1, "ann", f"comment {number}")
    assert every(client) == [f"comment {number}" for number in range(count)]
    assert len(fake.log) == pages


def test_retry_after_is_waited_out_for_a_write_too(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    fake.limit(429, SECONDARY, retry_after="7")
    fake.limit(403, SECONDARY, retry_after="5")
    client.post("issues", "1", "comments", body={"body": "here"})
    assert (client.slept, len(fake.comments)) == (12, 1)


def test_the_end_of_the_rate_limit_is_waited_for(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    reset = {"x_ratelimit_remaining": "0", "x_ratelimit_reset": str(int(fake.now) + 40)}
    fake.limit(403, PRIMARY, **reset)
    assert every(client) == []
    assert client.slept == 41


def test_without_a_number_it_is_a_minute_and_then_two(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    fake.limit(403, SECONDARY)
    fake.limit(403, SECONDARY)
    assert every(client) == []
    assert client.slept == 180


def test_an_hour_is_too_long(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    fake.limit(403, PRIMARY, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(fake.now) + 3600))
    with pytest.raises(Failed, match="too long") as caught:
        every(client)
    assert client.slept == 0
    assert "rate limit" in caught.value.message


def test_a_server_in_trouble_is_asked_again_to_read_and_not_to_write(
    fake: FakeGitHub, client: GitHub
) -> None:
    fake.pull(1, "ann")
    fake.limit(502, "Bad gateway")
    fake.limit(503, "Unavailable")
    assert every(client) == []
    fake.limit(502, "Bad gateway")
    with pytest.raises(ServerRefused, match="502"):
        client.post("issues", "1", "comments", body={"body": "here"})
    assert fake.comments == {}


def test_a_missing_permission_is_no_reason_to_wait(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    fake.tokens = {TOKEN: (BOT, set())}
    with pytest.raises(ServerRefused, match="Resource not accessible by integration") as caught:
        client.post("issues", "1", "comments", body={"body": "here"})
    assert client.slept == 0
    assert "permissions" in caught.value.hint


def test_a_body_that_is_too_long_is_refused_in_its_words(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    with pytest.raises(ServerRefused, match="422 Validation Failed"):
        client.post("issues", "1", "comments", body={"body": "x" * 65_537})


def test_no_error_says_the_token(fake: FakeGitHub, client: GitHub) -> None:
    fake.tokens = {}
    told: list[KstateError] = []
    for act in (lambda: every(client), lambda: client.editor("IC_1")):
        with pytest.raises(LoginFailed) as caught:
            act()
        told.append(caught.value)
    assert all(TOKEN not in f"{error.message} {error.hint} {client!r}" for error in told)


@pytest.mark.parametrize(
    ("api", "repository", "token", "words"),
    [
        ("http://api.github.example", "a/b", TOKEN, "https"),
        ("ftp://api.github.example", "a/b", TOKEN, "https"),
        ("https://", "a/b", TOKEN, "https"),
        ("https://api.github.example", "a", TOKEN, "OWNER/NAME"),
        ("https://api.github.example", "a/", TOKEN, "OWNER/NAME"),
        ("https://api.github.example", "a/b", "", "no token"),
    ],
)
def test_what_cannot_be_right_is_told_before_anything_is_sent(
    api: str, repository: str, token: str, words: str
) -> None:
    with pytest.raises(BadUsage, match=words):
        connect(Where(api, f"{api}/graphql", repository, BOT), token, timeout=1)


# --- one comment


def test_one_comment_is_made_and_then_kept(fake: FakeGitHub, client: GitHub) -> None:
    fake.page = 3
    fake.pull(1, "ann")
    for number in range(7):
        fake.comment(1, "ann", f"talk {number}")
    body = "<!-- kstate:prod -->\nfirst"
    assert comment.stick(client, 1, "prod", body) == "created"
    assert comment.stick(client, 1, "prod", body) == "unchanged"
    assert comment.stick(client, 1, "prod", "<!-- kstate:prod -->\nsecond") == "updated"
    assert comment.stick(client, 1, "test", "<!-- kstate:test -->\nother") == "created"
    ours = [c["body"] for c in fake.comments.values() if c["user"]["login"] == BOT]
    assert ours == ["<!-- kstate:prod -->\nsecond", "<!-- kstate:test -->\nother"]


def test_somebody_else_with_our_marker_is_left_alone(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    theirs = fake.comment(1, "mallory", "<!-- kstate:prod -->\nforged")
    quoted = fake.comment(1, BOT, "as in <!-- kstate:prod -->")
    assert comment.stick(client, 1, "prod", "<!-- kstate:prod -->\nours") == "created"
    assert (theirs["body"], quoted["body"]) == (
        "<!-- kstate:prod -->\nforged",
        "as in <!-- kstate:prod -->",
    )


def test_nothing_is_begun_where_only_an_update_was_asked_for(
    fake: FakeGitHub, client: GitHub
) -> None:
    fake.pull(1, "ann")
    assert comment.stick(client, 1, "prod", "<!-- kstate:prod -->", only_update=True) == "nothing"
    assert fake.comments == {}


def test_a_lost_answer_makes_no_second_comment(fake: FakeGitHub, client: GitHub) -> None:
    fake.pull(1, "ann")
    fake.lose = 1
    comment.stick(client, 1, "prod", "<!-- kstate:prod -->\nonce")
    assert len(fake.comments) == 1
