"""What Connect's answers mean: what passes is waited out, what is there already is looked at, the rest is a no."""

from __future__ import annotations

import json
import time

import pytest

from reconciler.clients import connect
from reconciler.clients.connect_workers import refusal
from reconciler.core.model import Status
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
