"""Tools and an estate in, what each step cost each of them out: rounds of one tool after the other.

A tool goes through a life of its own in every round: it begins with an empty cluster and no state, makes the estate,
finds nothing to do, and plans and makes a change. Who goes first changes from round to round. A step counts only when
the cluster is then as it should be, which is looked at without any tool. Whoever fails is not started again, nor is one
that needed longer for a whole life than a single run may take.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.peers.clock import Outcome, timed
from bench.peers.estate import Estate
from bench.peers.tool import Step, Tool, steps
from bench.peers.world import World


@dataclass(frozen=True, slots=True)
class Result:
    """One step of one tool in one round."""

    tool: str
    step: Step
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Course:
    """Where and how: a cluster, a folder for the tools' files, seconds that each run has."""

    world: World
    folder: Path
    limit: float


def rounds(tools: Sequence[Tool], estate: Estate, course: Course, runs: int) -> Iterator[Result]:
    """The life of every tool that takes such an estate, `runs` times."""
    tools = [tool for tool in tools if tool.takes(estate)]
    over: set[str] = set()
    for number in range(runs):
        first = number % len(tools)
        for tool in (*tools[first:], *tools[:first]):
            if tool.name in over:
                continue
            its = []
            for step, outcome in life(tool, estate, course):
                yield Result(tool.name, step, outcome)
                its.append(outcome)
            if sum(_seconds(outcome) for outcome in its) > course.limit:
                over.add(tool.name)


def _seconds(outcome: Outcome) -> float:
    return outcome.sample.wall if outcome.sample else float("inf")


def life(tool: Tool, estate: Estate, course: Course) -> Iterator[tuple[Step, Outcome]]:
    """One tool from an empty cluster to the last step, or to the first that fails."""
    home = course.folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    course.world.wipe()
    for step in steps(estate):
        wanted = estate.after_change() if step.after_edit else estate
        _lay(home, tool.files(wanted, home, course.world.bootstrap))
        outcome = _step(tool, step, estate, home, course)
        yield step, outcome
        if outcome.trouble:
            return


def _step(tool: Tool, step: Step, estate: Estate, home: Path, course: Course) -> Outcome:
    """The step under the clock, and then a look at the cluster: a plan must have left it alone."""
    told = tool.environment(home, course.world.bootstrap)
    outcome = timed(tool.command(step, estate, home), told, home, course.limit)
    if outcome.trouble:
        return outcome
    wanted = estate.after_change() if step is Step.APPLY_CHANGE else estate
    wrong = course.world.wrong(wanted)
    return Outcome(None, "ended well, cluster not as written", wrong) if wrong else outcome


def _lay(home: Path, files: Mapping[str, str]) -> None:
    """The tool's files, over those of the estate before; what else lies there, such as its state, stays."""
    for name, text in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
