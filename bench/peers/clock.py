"""One command in, what it cost or how it failed out: a fresh process under the launcher, ended when its time is up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measure import LAUNCHER, inherited
from bench.peers.tool import Command
from bench.samples import Sample

# What would make a peer behave in another way than its configuration says.
LEFT_OUT = ("TF_", "TOPICCTL_", "KAFKA_")
GRACE = 10.0
WORDS = 160


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run. Without a sample it was no success: `trouble` says why in short, `words` what the tool said last."""

    sample: Sample | None
    trouble: str = ""
    words: str = ""


def timed(command: Command, told: Mapping[str, str], folder: Path, limit: float) -> Outcome:
    """Run it. Another exit code than the one that says "done" is trouble, however fast it came."""
    with tempfile.TemporaryDirectory() as aside:
        output = Path(aside, "output")
        cost = _launched(command, {**_environment(), **told}, output, limit)
        words = _last(output, folder)
    if cost is None:
        return Outcome(None, f"did not finish in {limit:g} s")
    code = cost.pop("code")
    if code != command.code:
        return Outcome(None, f"failed, exit code {code:g}", words)
    return Outcome(Sample(**cost))


def _launched(
    command: Command, environment: Mapping[str, str], output: Path, limit: float
) -> dict[str, float] | None:
    launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(output), *command.argv]
    with subprocess.Popen(
        launch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            told, _ = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
    cost: dict[str, float] = json.loads(told)
    return cost


def _end(process: subprocess.Popen[bytes]) -> None:
    """Nothing of its session goes on: asked first, so that a tool can let go of what it holds, then made to."""
    end = time.monotonic() + GRACE
    _signal(process.pid, signal.SIGTERM)
    while _signal(process.pid, 0) and time.monotonic() < end:
        process.poll()
        time.sleep(0.05)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: int) -> bool:
    """Whether there was anybody to hear it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _environment() -> dict[str, str]:
    kept = inherited().items()
    return {name: value for name, value in kept if not name.startswith(LEFT_OUT)}


def _last(output: Path, folder: Path) -> str:
    """The last line that speaks of an error, else the last one with anything to read; without the folder's path."""
    if not output.exists():
        return ""
    text = output.read_text(encoding="utf-8", errors="replace").replace(str(folder), "DIR")
    lines = [line.strip(" \t│╷╵") for line in reversed(text.splitlines())]
    readable = [line for line in lines if any(map(str.isalnum, line))]
    errors = [line for line in readable if "error" in line.lower()]
    return next(iter([*errors, *readable]), "")[:WORDS]
