"""`python -m bench.peers`: measures kstate beside the peers found on the PATH, and writes docs/comparison.md."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import facts, specs
from bench.cluster import running
from bench.measure import ROOT
from bench.peers import found
from bench.peers.estate import Estate
from bench.peers.page import WARMED, Facts, Measured, render, section
from bench.peers.rounds import Course, Result, rounds
from bench.peers.tool import Absent, Tool, steps
from bench.peers.world import Broker

PAGE = ROOT / "docs" / "comparison.md"
SIZES = (100, 1_000)
RUNS, LIMIT = 3, 300


def main() -> int:
    chosen = _arguments()
    before = facts.machine()  # the load of the machine before we add ours
    every = found.tools()
    tools = [one for one in every if not isinstance(one, Absent)]
    absent = [one for one in every if isinstance(one, Absent)]
    for one in absent:
        print(f"left out: {one.name}: {one.why}", flush=True)
    measured = list(_measure(tools, _estates(chosen.sizes), chosen.runs, chosen.limit))
    if not chosen.show:
        told = _facts(before, chosen)
        PAGE.write_text(render(tools, absent, measured, told), encoding="utf-8")
    return 0


def _arguments(told: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--runs", type=_count, default=RUNS, metavar="N", help=f"rounds ({RUNS})")
    parser.add_argument(
        "--limit",
        type=_count,
        default=LIMIT,
        metavar="SECONDS",
        help=f"what one run may take ({LIMIT:g})",
    )
    parser.add_argument(
        "--sizes",
        type=_count,
        nargs="+",
        default=SIZES,
        metavar="N",
        help="topics, and about as many bindings (100 1000)",
    )
    parser.add_argument("--show", action="store_true", help="write nothing")
    return parser.parse_args(told)


def _count(text: str) -> int:
    """Runs, seconds or topics: one at least."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _estates(sizes: Sequence[int]) -> list[Estate]:
    """Topics at every size, then bindings: as many, up to whole services."""
    whole = [-(-size // specs.BINDINGS) * specs.BINDINGS for size in sizes]
    return [*(Estate(topics=size) for size in sizes), *(Estate(bindings=size) for size in whole)]


def _measure(
    tools: Sequence[Tool], estates: Sequence[Estate], runs: int, limit: float
) -> Iterator[Measured]:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="kstate-peers-") as name, running(heap="512m") as bench:
        course = Course(Broker(bench), Path(name), limit)
        for estate in WARMED:
            list(_told(rounds(tools, estate, course, 1)))
        for estate in estates:
            measured = Measured(estate, list(_told(rounds(tools, estate, course, runs))))
            print(f"\n{time.monotonic() - began:.0f} s", flush=True)
            for step in steps(estate):
                print(section(tools, measured, step), flush=True)
            yield measured


def _told(results: Iterator[Result]) -> Iterator[Result]:
    """The same results; each failure is said when it happens."""
    for result in results:
        if outcome := result.outcome.trouble:
            print(f"{result.tool}, {result.step.value}: {outcome}: {result.outcome.words}")
        yield result


def _command(chosen: argparse.Namespace) -> str:
    """What measures the same again."""
    shown = ["python -m bench.peers"]
    shown += [f"--runs {chosen.runs}"] if chosen.runs != RUNS else []
    shown += [f"--limit {chosen.limit}"] if chosen.limit != LIMIT else []
    shown += [f"--sizes {' '.join(map(str, chosen.sizes))}"] if tuple(chosen.sizes) != SIZES else []
    return " ".join(shown)


def _facts(machine: str, chosen: argparse.Namespace) -> Facts:
    return Facts(
        machine=machine,
        software=facts.software(),
        when=facts.today(),
        commit=facts.commit(),
        runs=chosen.runs,
        limit=chosen.limit,
        command=_command(chosen),
        partitions=specs.PARTITIONS,
    )


if __name__ == "__main__":
    sys.exit(main())
