"""`python -m bench`: measures kstate against the floors, and writes a page of docs/ and a line of history.jsonl."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import daily, facts, history, scenarios, specs
from bench.cluster import running
from bench.measure import ROOT
from bench.page import Facts, render, table
from bench.samples import Contest, middle, ratios

DOCS = ROOT / "docs"
LARGE, LARGE_WRITES = "--large", "--large-writes"
HISTORY = ROOT / "bench" / "history.jsonl"


def main() -> int:
    chosen = _arguments()
    before = facts.machine()  # the load of the machine before we add ours
    measure, page = SUITES[chosen.suite]
    measured = _told(measure(chosen.runs))
    if chosen.compare:
        return int(_compare(list(measured)))
    found = Facts(
        machine=before,
        software=facts.software(),
        when=facts.today(),
        commit=facts.commit(),
        runs=chosen.runs,
        command=" ".join(filter(None, ("python -m bench", chosen.suite))),
        overrides=len(specs.OVERRIDES),
        heavy=scenarios.heavy_imports(),
    )
    contests: list[Contest] = []
    for contest in measured:  # what was measured stays, whatever becomes of the rest
        contests.append(contest)
        (DOCS / page).write_text(render(contests, found), encoding="utf-8")
    _compare(contests)
    history.append(HISTORY, _line(contests, found))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    suite = parser.add_mutually_exclusive_group()
    for flag, told in (
        (LARGE, "look at 10,000 topics, 80,000 bindings and 3,000 subjects"),
        (LARGE_WRITES, "make as many topics, and 10,000 bindings"),
    ):
        suite.add_argument(
            flag, action="store_const", const=flag, default="", dest="suite", help=told
        )
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument(
        "--compare",
        action="store_true",
        help="write nothing; exit 1 if a ratio is a fifth above the last",
    )
    return parser.parse_args()


def _measure(runs: int) -> Iterator[Contest]:
    with tempfile.TemporaryDirectory(prefix="kstate-bench-") as name:
        folder = Path(name)
        yield scenarios.start(runs)
        yield from scenarios.validate(folder, runs)
        with running(heap="256m") as bench:
            yield from scenarios.applying(bench, folder, scenarios.APPLIED, runs)
            yield from scenarios.planning(bench, folder, scenarios.PLANNED, runs)
            yield from scenarios.registry(bench, folder, scenarios.SUBJECTS, runs)
            yield from daily.reading(bench, folder, scenarios.DAILY, runs)
            yield from daily.churn(bench, folder, scenarios.CHURNED, runs)
        with running(heap="512m", far=daily.CLUSTERS, connect=True) as bench:
            yield daily.connectors(bench, folder, runs)
            yield daily.fleet(bench, folder, runs)


def _large(runs: int) -> Iterator[Contest]:
    with tempfile.TemporaryDirectory(prefix="kstate-bench-") as name:
        folder = Path(name)
        with running(heap="1g") as bench:
            yield from scenarios.planning(bench, folder, scenarios.LARGE_PLANNED, runs)
            yield from daily.reading(bench, folder, scenarios.LARGE_DAILY, runs)


def _large_writes(runs: int) -> Iterator[Contest]:
    """The longest one last: a broker that has just deleted 10,000 topics is busy with that for a minute."""
    with tempfile.TemporaryDirectory(prefix="kstate-bench-") as name:
        folder = Path(name)
        with running(heap="1g") as bench:
            yield from scenarios.applying(bench, folder, scenarios.LARGE_APPLIED[1:], runs)
            yield from daily.churn(bench, folder, scenarios.LARGE_CHURNED, runs)
            yield from scenarios.registry(bench, folder, scenarios.LARGE_SUBJECTS, runs)
            yield from scenarios.applying(bench, folder, scenarios.LARGE_APPLIED[:1], runs)


SUITES: Mapping[str, tuple[Callable[[int], Iterator[Contest]], str]] = {
    "": (_measure, "performance.md"),
    LARGE: (_large, "performance-large.md"),
    LARGE_WRITES: (_large_writes, "performance-large-writes.md"),
}


def _told(contests: Iterator[Contest]) -> Iterator[Contest]:
    """The same contests, each shown as soon as it is over."""
    began = time.monotonic()
    for contest in contests:
        print(f"{contest.title} ({time.monotonic() - began:.0f} s)\n{table(contest)}", flush=True)
        yield contest


def _compare(contests: Sequence[Contest]) -> bool:
    """Say how every ratio stands to its last one; whether any became clearly worse."""
    steps = list(history.compare(history.read(HISTORY), ratios(contests)))
    for step in steps:
        print(step)
    return any(step.slower for step in steps)


def _line(contests: Sequence[Contest], found: Facts) -> history.Line:
    walls = {
        f"{contest.name}/{name}": round(middle(samples).wall, 4)
        for contest in contests
        for name, samples in contest.samples.items()
    }
    return history.Line(found.when, found.commit, found.machine, ratios(contests), walls)


if __name__ == "__main__":
    sys.exit(main())
