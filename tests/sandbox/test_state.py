"""A sandbox written down and read back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.sandbox import layout, state
from reconciler.sandbox.shape import Listener, Options

EVERYTHING = Options(
    name="all",
    brokers=3,
    clusters=2,
    extras=frozenset({"registry", "connect"}),
    kafka="3.9.1",
    authorizer=False,
    properties={"num.partitions": "2"},
    listeners=(Listener("TLS", "SSL", {"ssl.keystore.type": "PEM"}),),
    environment={"CONNECT_X": "1"},
    flags=("-Xss1m",),
)


@pytest.mark.parametrize("ready", [True, False])
def test_what_is_written_is_read(tmp_path: Path, ready: bool) -> None:
    sandbox = layout.draw(EVERYTHING, tmp_path)
    state.write(tmp_path, sandbox, ready=ready)
    assert state.read(tmp_path) == state.Record(sandbox, ready)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"ready": true, "options": {}, "clusters": []}']
)
def test_a_damaged_record_is_no_record(tmp_path: Path, text: str) -> None:
    (tmp_path / "sandbox.json").write_text(text)
    assert state.read(tmp_path) is None


def test_a_random_password_and_the_environment_make_no_difference(tmp_path: Path) -> None:
    running = layout.draw(EVERYTHING, tmp_path).options
    assert state.same(replace(EVERYTHING, environment={}), running)
    assert not state.same(replace(EVERYTHING, password="mine"), running)
    assert not state.same(replace(EVERYTHING, brokers=1), running)
