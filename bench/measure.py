"""Commands in, samples out: every one a fresh process, contenders taking turns."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from bench.samples import Sample

ROOT = Path(__file__).parent.parent
LAUNCHER = Path(__file__).with_name("launcher.py")
PATIENCE = 900.0
# What the console script does, without asking where it is installed.
KSTATE = (sys.executable, "-c", "from reconciler.cli.main import main; main()")


class Spoiled(Exception):
    """A measured process did not do what it was measured for."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A command under a name. `before` makes the world ready for it and is not measured."""

    name: str
    command: Sequence[str]
    before: Callable[[], None] = field(default=lambda: None)
    after: Callable[[], None] = field(default=lambda: None)


def kstate(*arguments: str) -> tuple[str, ...]:
    return (*KSTATE, *arguments)


def floor(name: str, *arguments: str) -> tuple[str, ...]:
    """One of the programs in floors/."""
    return (sys.executable, str(ROOT / "bench" / "floors" / f"{name}.py"), *arguments)


def run(contender: Contender, environment: Mapping[str, str]) -> Sample:
    """One fresh process, measured. Raises Spoiled, with its words, when it does not end with 0."""
    contender.before()
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder, "output")
        launch = [sys.executable, "-I", "-S", str(LAUNCHER), str(output), *contender.command]
        told = subprocess.run(
            launch,
            env={**inherited(), **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            timeout=PATIENCE,
            check=True,
        )
        cost = json.loads(told.stdout)
        if cost.pop("code") != 0:
            raise Spoiled(f"{contender.name}:\n{output.read_text(errors='replace')[-4000:]}")
    contender.after()
    return Sample(**cost)


def take_turns(
    contenders: Sequence[Contender], runs: int, environment: Mapping[str, str]
) -> dict[str, list[Sample]]:
    """`runs` rounds after one to warm up; who goes first changes from round to round."""
    taken: dict[str, list[Sample]] = {contender.name: [] for contender in contenders}
    for number in range(runs + 1):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            sample = run(contender, environment)
            if number:
                taken[contender.name].append(sample)
    return taken


@cache
def _compiled() -> str:
    """A folder for compiled modules, filled while warming up: whether the tree has some already is chance."""
    folder = tempfile.TemporaryDirectory(prefix="kstate-bench-compiled-")
    atexit.register(folder.cleanup)
    return folder.name


def inherited() -> dict[str, str]:
    """Ours, without what makes kstate or Python behave in another way than at home."""
    left_out = ("GITHUB_", "KSTATE_", "PYTHON")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    cache = {"PYTHONPYCACHEPREFIX": _compiled()}
    return {**kept, **cache, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
