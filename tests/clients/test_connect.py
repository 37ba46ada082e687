"""What Connect's answers mean: what passes is waited out, what is there already is looked at, the rest is a no."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from reconciler.clients import connect, http
from reconciler.clients.connect_workers import refusal
from reconciler.clients.http import Http
from reconciler.core.model import Status
from reconciler.errors import Failed, ServerRefused, Unreachable
from tests.clients.test_http import client, serving

# As Connect 4.3.1 words them.
REBALANCE = "Cannot complete request momentarily due to stale configuration"
THERE = "Connector orders-sink already exists"


def refused(words: str) -> tuple[int, dict[str, str], bytes]:
    return 409, {}, json.dumps({"error_code": 409, "message": words}).encode()


def test_a_rebalance_is_waited_out() -> None:
    with serving() as server:
        server.answers = [refused(REBALANCE), refused(REBALANCE), (201, {}, b"{}")]
        began = time.monotonic()
        assert connect.create(client(server), "orders-sink", {"a": "b"}, "running").ok
        assert len(server.asked) == 3
        assert time.monotonic() - began < 5


def test_a_rebalance_that_does_not_end_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connect, "REBALANCE", 0.5)
    with serving() as server:
        server.answers = [refused(REBALANCE)]
        found = connect.change(client(server), "orders-sink", {"a": "b"})
    assert (found.status, found.words) == (409, f"409 {REBALANCE}")
    assert refusal(found) is Status.FAILED


def test_a_connector_that_is_there_already_is_not_asked_for_again_but_looked_at() -> None:
    with serving() as server:
        server.answers = [refused(THERE)]
        found = connect.create(client(server), "orders-sink", {"a": "b"}, "running")
        assert len(server.asked) == 1
    assert refusal(found) is Status.UNKNOWN


def seen(*tasks: str) -> tuple[int, dict[str, str], bytes]:
    """What the workers show of one connector with such tasks."""
    listed = [{"id": at, "state": state, "trace": "x"} for at, state in enumerate(tasks)]
    status = {"connector": {"state": "RUNNING"}, "tasks": listed}
    body = {"sink": {"info": {"config": {}}, "status": status}}
    return 200, {}, json.dumps(body).encode()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("HOLD", 0.2), ("LASTING", 0.3), ("RELAPSE", 1.0), ("NO_TASKS", 0.4)):
        monkeypatch.setattr(connect, name, seconds)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("answers", "failed", "state"),
    [
        ([seen("RUNNING")], False, "running"),
        ([seen("RUNNING"), seen("FAILED")], False, "failed"),
        ([seen("FAILED")] * 4 + [seen("RUNNING")], True, "running"),
        ([seen("FAILED")] * 4 + [seen("RUNNING"), seen("FAILED")], True, "failed"),
        ([seen("FAILED")], True, "failed"),
        ([seen()], False, "running"),
    ],
    ids=["runs", "fails after a blink", "had failed", "fails again", "fails on", "no tasks"],
)
def test_what_was_started_runs_when_it_has_run_for_a_while(
    answers: list[tuple[int, dict[str, str], bytes]], failed: bool, state: str
) -> None:
    """What the workers show for a moment may be what was before the write."""
    with serving() as server:
        server.answers = list(answers)
        before = ["sink"] if failed else []
        found = connect.started(client(server), {"sink": "running"}, within=5.0, failed=before)
    assert found["sink"].state == state


CONFIG = {"connector.class": "Sink"}
QUESTIONS: dict[str, Callable[[Http], object]] = {
    "connectors": connect.read,
    "plugins": connect.plugins,
    "passwords": lambda worker: connect.passwords(worker, "Sink"),
    "validate": lambda worker: connect.validate(worker, "orders-sink", CONFIG),
}
ODD = [
    "[]",
    "[1]",
    '{"a": 1}',
    '{"a": {"info": 1}}',
    '"login"',
    "5",
    "null",
    "<html>login</html>",
    "",
]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_is_none_is_refused_and_never_a_defect(question: str, odd: str) -> None:
    """A proxy's page, for example. Nothing that is empty is told from something there is."""
    with serving() as server:
        server.answers = [(200, {}, odd.encode())]
        if (question, odd) in {("plugins", "[]"), ("passwords", "[]")}:
            assert not QUESTIONS[question](client(server))
            return
        with pytest.raises(Failed, match="not what such a server says"):
            QUESTIONS[question](client(server))


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_server_that_cannot_say_is_out_of_reach_and_has_not_refused(
    question: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is refused is a risk that cannot be approved; and what is not known to be secret would be shown."""
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    with serving() as server:
        server.answers = [(503, {"Retry-After": "0"}, b'{"message": "not today"}')]
        with pytest.raises(Unreachable, match="503 not today"):
            QUESTIONS[question](client(server))


def test_a_plugin_that_is_not_there_is_a_refusal() -> None:
    with serving() as server:
        server.answers = [(500, {}, b'{"message": "Failed to find any class that implements"}')]
        with pytest.raises(ServerRefused, match="Failed to find any class"):
            connect.validate(client(server), "orders-sink", CONFIG)


def test_a_worker_that_does_not_tell_what_is_secret_is_an_old_one_only_by_404() -> None:
    with serving() as server:
        server.answers = [(404, {}, b'{"message": "HTTP 404 Not Found"}')]
        assert connect.passwords(client(server), "Sink") == frozenset()
        server.answers = [(403, {}, b'{"message": "no"}')]
        with pytest.raises(ServerRefused, match="403 no"):
            connect.passwords(client(server), "Sink")
