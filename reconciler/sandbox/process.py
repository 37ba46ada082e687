"""One process of a sandbox: a Java argument file in, a detached process that is never mistaken for another out."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import Failed
from reconciler.sandbox.java import java, tail
from reconciler.sandbox.paths import write_private

if TYPE_CHECKING:
    import psutil

# How far apart two readings of one process's start time may be: the clock it is derived from is adjusted now and then.
_SAME_START = 5.0


@dataclass(frozen=True, slots=True)
class Node:
    """A broker, a Connect worker or a registry. Its folder holds `java.args`, its settings and its data.

    `ports` are by listener name, or `http`. Nothing here is remembered: what runs is read from `process.json`.
    """

    name: str
    folder: Path
    ports: Mapping[str, int]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def arguments(self) -> Path:
        return self.folder / "java.args"

    @property
    def log(self) -> Path:
        return self.folder.parent.parent / "logs" / f"{self.name}.log"

    def pid(self) -> int | None:
        """None when it does not run."""
        found = _find(self)
        return found.pid if found else None

    def start(self) -> None:
        """Start it on its ports and data, without waiting; nothing happens when it runs."""
        if self.pid() is None:
            _start(self)

    def stop(self, patience: float = 30.0) -> None:
        """Ask it to end and wait; after `patience` seconds it is killed. A paused one is woken to hear it."""
        if found := _find(self):
            _signal(found, signal.SIGTERM)
            _signal(found, signal.SIGCONT)
            _wait(found, patience)
        self.kill()

    def kill(self) -> None:
        """SIGKILL: no flush, no goodbye; its registration lapses after `broker.session.timeout.ms`."""
        if found := _find(self):
            _signal(found, signal.SIGKILL)
            _wait(found, 10.0)

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing is answered."""
        if found := _find(self):
            _signal(found, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        if found := _find(self):
            _signal(found, signal.SIGCONT)

    def tail(self) -> str:
        """The last lines it wrote."""
        return tail(self.log)


def stop_all(nodes: Iterable[Node]) -> None:
    """Stop them side by side."""
    several = list(nodes)
    if several:
        with ThreadPoolExecutor(len(several)) as pool:
            list(pool.map(Node.stop, several))


def sweep(folder: Path) -> int:
    """Kill every process that was started from below the folder, recorded or not; how many there were.

    Whoever was killed between starting a process and writing it down left no record: the argument file in the
    process's command line is the mark that is always there.
    """
    import psutil

    mark = f"@{folder}{os.sep}"
    found = [p for p in psutil.process_iter() if any(a.startswith(mark) for a in _words(p))]
    for process in found:
        _signal(process, signal.SIGKILL)
    for process in found:
        _wait(process, 10.0)
    return len(found)


def _start(node: Node) -> None:
    import psutil

    node.log.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Spawned rather than held as a subprocess object: it outlives us, and nobody is to wait for it.
    try:
        pid = os.posix_spawn(
            java(),
            [str(java()), f"@{node.arguments}"],
            dict(node.environment),
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, node.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE),
        )
    except OSError as error:
        raise Failed(f"{node.name}: could not start {java()}: {error.strerror}") from error
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        record = {"pid": pid, "created": process.create_time()}
        write_private(node.folder / "process.json", json.dumps(record))
        _await_words(process)


def _await_words(process: psutil.Process) -> None:
    # For an instant after it was spawned, a process has no command line yet, and would be taken for dead.
    for _ in range(100):
        if _words(process) or not process.is_running():
            return
        time.sleep(0.001)


def _find(node: Node) -> psutil.Process | None:
    """The running process of the node: same pid, same start, same argument file; never a reused pid."""
    import psutil

    try:
        record = json.loads((node.folder / "process.json").read_text(encoding="utf-8"))
        process = psutil.Process(int(record["pid"]))
        same = abs(process.create_time() - float(record["created"])) < _SAME_START
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return None
    if same and f"@{node.arguments}" in _words(process):
        return process
    if same:
        _reap(process)
    return None


def _words(process: psutil.Process) -> list[str]:
    """The command line; empty for one that is gone, a zombie, or another user's."""
    import psutil

    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _reap(process: psutil.Process) -> None:
    # A child of ours that has ended stays a zombie until somebody asks for its exit code.
    with suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)


def _signal(process: psutil.Process, number: int) -> None:
    import psutil

    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)  # psutil compares the start time once more before it sends


def _wait(process: psutil.Process, patience: float) -> None:
    import psutil

    with suppress(psutil.TimeoutExpired, psutil.NoSuchProcess):
        process.wait(patience)
