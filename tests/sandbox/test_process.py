"""A process is ours or it is left alone, whatever its pid."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from reconciler.sandbox.process import Node, sweep


@pytest.fixture
def node(tmp_path: Path) -> Node:
    folder = tmp_path / "nodes" / "broker-1"
    folder.mkdir(parents=True)
    return Node("broker-1", folder, {"PLAIN": 1})


@pytest.fixture
def sleepers() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes of the test's own, ended with it."""
    found: list[subprocess.Popen[bytes]] = []
    yield found
    for process in found:
        process.kill()
        process.wait()


def sleep(sleepers: list[subprocess.Popen[bytes]], *words: str) -> subprocess.Popen[bytes]:
    program = "import time; time.sleep(60)"
    sleepers.append(subprocess.Popen([sys.executable, "-c", program, *words]))
    while not psutil.Process(sleepers[-1].pid).cmdline():
        time.sleep(0.001)
    return sleepers[-1]


def record(node: Node, pid: int, created: float) -> None:
    (node.folder / "process.json").write_text(json.dumps({"pid": pid, "created": created}))


def test_nothing_recorded_is_nothing_running(node: Node) -> None:
    assert node.pid() is None
    node.stop()
    node.kill()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": "x", "created": 0}'])
def test_a_damaged_record_is_nothing_running(node: Node, text: str) -> None:
    (node.folder / "process.json").write_text(text)
    assert node.pid() is None


def test_ours_is_known_by_its_argument_file(
    node: Node, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    ours = sleep(sleepers, f"@{node.arguments}")
    record(node, ours.pid, psutil.Process(ours.pid).create_time())
    assert node.pid() == ours.pid
    node.kill()
    assert node.pid() is None
    assert not psutil.pid_exists(ours.pid)


def test_a_reused_pid_is_never_killed(node: Node, sleepers: list[subprocess.Popen[bytes]]) -> None:
    stranger = sleep(sleepers)
    started = psutil.Process(stranger.pid).create_time()
    for created in (started, started - 3600):
        record(node, stranger.pid, created)
        assert node.pid() is None
        node.stop(0.1)
        node.kill()
    assert stranger.poll() is None


def test_a_later_process_of_the_same_words_and_pid_is_not_ours(
    node: Node, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    later = sleep(sleepers, f"@{node.arguments}")
    record(node, later.pid, psutil.Process(later.pid).create_time() - 3600)
    assert node.pid() is None


def test_a_stopped_process_is_woken_to_end(
    node: Node, sleepers: list[subprocess.Popen[bytes]]
) -> None:
    ours = sleep(sleepers, f"@{node.arguments}")
    record(node, ours.pid, psutil.Process(ours.pid).create_time())
    node.pause()
    assert _becomes(ours.pid, "stopped")
    node.stop(5)
    assert node.pid() is None


def test_a_sweep_finds_the_unrecorded_and_spares_the_neighbours(
    node: Node, sleepers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    orphan = sleep(sleepers, f"@{node.arguments}")
    neighbour = sleep(sleepers, f"@{tmp_path}-2/nodes/broker-1/java.args")
    assert sweep(tmp_path) == 1
    assert not psutil.pid_exists(orphan.pid)
    assert neighbour.poll() is None


def _becomes(pid: int, status: str) -> bool:
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        if psutil.Process(pid).status() == status:
            return True
        time.sleep(0.01)
    return False
