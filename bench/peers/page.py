"""Results in, the text of docs/comparison.md out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.page import Run, seconds
from bench.peers.clock import Outcome
from bench.peers.estate import EVERY, MOVED, Estate
from bench.peers.rounds import Result
from bench.peers.tool import Absent, Command, Step, Tool, steps
from bench.samples import middle

INTRODUCTION = """\
# Side by side

Written as a whole by `{command}`; do not edit it, run the command again.

kstate and tools that people use for the same today, with the same estate, on the same broker. It shows what was
measured on one machine on one day, and nothing else.

- Machine: {machine}
- Software: {software}
- Measured: {when}, commit {commit}, up to {runs} runs of everything, at most {limit:g} s each
"""

ALONE = """\

**No other tool was found on the machine of this run**: what follows are kstate's figures alone, and compare nothing.
Where the tools are on the PATH, the command measures them too.
"""

TITLES = {
    Step.CREATE: "Make {estate}",
    Step.SAME: "Nothing to do at {estate}: plan",
    Step.PLAN_CHANGE: "{changed} of {estate} changed: plan",
    Step.APPLY_CHANGE: "{changed} of {estate} changed: apply",
}

READING = """\
## How to read this

Every figure is that of a fresh process of the tool, with the broker beside it on the same cores, on loopback: seconds
differ from machine to machine. Seconds and MiB are medians over the runs; the range is the fastest and the slowest run.
CPU is user and system time of the tool's processes, without the broker's. Memory is the peak of what was resident, in
the largest of its processes.

In each round, each tool begins with an empty cluster and without any state of its own, makes the estate, finds nothing
to do, plans a change and makes it; the round after that begins with another tool. All of them manage the same names
with the same values: topics of {partitions} partition and two overrides, of which one topic in {every} gets another
`{moved}`. After each step the cluster is read without any tool: a run counts when the exit code says so **and** the
cluster is as written. A tool that fails or runs out of time is not started again at that size, and its later steps are
not reached; one whose round took longer than {limit:g} s is not asked for another. One round at ten topics, and one at
eight bindings, come before and are not counted.

What is compared is time and memory of four commands, not what the tools are for or what they protect from; what each of
them does in these runs stands above.
"""
WARMED = (Estate(topics=10), Estate(bindings=8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts(Run):
    """What else the comparison says of a run: the seconds that each tool has, and how many partitions a topic."""

    limit: float
    partitions: int
    every: int = EVERY
    moved: str = MOVED


@dataclass(frozen=True, slots=True)
class Measured:
    """An estate, and everything that was measured with it."""

    estate: Estate
    results: Sequence[Result]

    def outcomes(self, tool: str, step: Step) -> list[Outcome]:
        return [one.outcome for one in self.results if (one.tool, one.step) == (tool, step)]


def render(
    tools: Sequence[Tool], absent: Sequence[Absent], measured: Sequence[Measured], facts: Facts
) -> str:
    """The whole page."""
    head = facts.fill(INTRODUCTION)
    sections = [section(tools, one, step) for one in measured for step in steps(one.estate)]
    reading = facts.fill(READING)
    alone = ALONE if len(tools) == 1 else ""
    return "\n".join([head + alone, _tools(tools), *_missing(absent), *sections, reading])


def _tools(tools: Sequence[Tool]) -> str:
    """What each tool is, does, and is told."""
    return "## The tools\n\n" + "".join(
        f"- **{tool.name}** ({tool.version}): {tool.does}\n"
        f"  Its commands: {', '.join(_commands(tool))}.\n"
        for tool in tools
    )


def _commands(tool: Tool) -> list[str]:
    """Each command once, with DIR for the folder that has the tool's files."""
    taken = [estate for estate in WARMED if tool.takes(estate)]
    asked = [(step, estate) for estate in taken for step in steps(estate)]
    commands = [tool.command(step, estate, Path("DIR")) for step, estate in asked]
    return list(dict.fromkeys(f"`{shown(tool, command)}`" for command in commands))


def shown(tool: Tool, command: Command) -> str:
    """As one would type it."""
    return " ".join([tool.called, *command.arguments])


def _missing(absent: Sequence[Absent]) -> Iterator[str]:
    """Those that were not measured, and why."""
    if absent:
        yield "## Not measured here\n\n" + "".join(f"- {one.name}: {one.why}.\n" for one in absent)


def section(tools: Sequence[Tool], measured: Measured, step: Step) -> str:
    """One step: a row a tool, and what those that failed said last."""
    changed = -(-measured.estate.topics // EVERY)
    title = TITLES[step].format(estate=measured.estate, changed=f"{changed:,}")
    taking = [tool.name for tool in tools if tool.takes(measured.estate)]
    outcomes = {name: measured.outcomes(name, step) for name in taking}
    rows = [
        "| | wall | range | CPU | peak memory | runs |",
        "|---|---:|---:|---:|---:|---:|",
        *(_row(name, its) for name, its in outcomes.items()),
    ]
    notes = [
        f"- {name}: {one.trouble}: `{_plain(one.words)}`"
        for name, its in outcomes.items()
        for one in its
        if one.words
    ]
    return f"## {title}\n\n" + "\n".join([*rows, *([""] if notes else []), *notes, ""])


def _row(name: str, outcomes: Sequence[Outcome]) -> str:
    samples = [one.sample for one in outcomes if one.sample]
    trouble = next((one.trouble for one in outcomes if one.trouble), "")
    if trouble or not samples:
        # A time beside a failure would be read as if it had been reached.
        return f"| {name} | {trouble or 'not reached'} | | | | {len(outcomes)} |"
    found = middle(samples)
    walls = [sample.wall for sample in samples]
    spread = f"{seconds(min(walls))} to {seconds(max(walls))}"
    cost = f"{seconds(found.cpu)} | {found.peak:.0f} MiB"
    return f"| {name} | {seconds(found.wall)} | {spread} | {cost} | {len(samples)} |"


def _plain(words: str) -> str:
    """A tool's last words, harmless in a table or a span of code."""
    return words.replace("`", "'").replace("|", "/")
