"""`python -m bench`: measures kstate against the floors, and writes docs/performance.md and history.jsonl."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench import daily, facts, history, scenarios, specs
from bench.cluster import running
from bench.measure import ROOT
from bench.page import Facts, render, table
from bench.samples import Contest, middle, ratios

PAGE = ROOT / "docs" / "performance.md"
HISTORY = ROOT / "bench" / "history.jsonl"


def main() -> int:
    chosen = _arguments()
    before = facts.machine()  # the load of the machine before we add ours
    contests = list(_told(_measure(chosen.runs, large=chosen.large)))
    slower = _compare(contests)
    if chosen.compare:
        return int(slower)
    command = "python -m bench --large" if chosen.large else "python -m bench"
    found = Facts(
        machine=before,
        software=facts.software(),
        when=facts.today(),
        commit=facts.commit(),
        runs=chosen.runs,
        command=command,
        overrides=len(specs.OVERRIDES),
        heavy=scenarios.heavy_imports(),
    )
    PAGE.write_text(render(contests, found), encoding="utf-8")
    history.append(HISTORY, _line(contests, found))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--large", action="store_true", help="10,000 topics, 80,000 bindings too")
    parser.add_argument("--runs", type=int, default=5, metavar="N", help="runs of each (5)")
    parser.add_argument(
        "--compare",
        action="store_true",
        help="write nothing; exit 1 if a ratio is a fifth above the last",
    )
    return parser.parse_args()


def _measure(runs: int, *, large: bool) -> Iterator[Contest]:
    with tempfile.TemporaryDirectory(prefix="kstate-bench-") as name:
        folder = Path(name)
        yield scenarios.start(runs)
        yield from scenarios.validate(folder, runs)
        with running(heap="1g" if large else "256m") as bench:
            applied = scenarios.APPLIED + (scenarios.LARGE_APPLIED if large else ())
            planned = scenarios.PLANNED + (scenarios.LARGE_PLANNED if large else ())
            yield from scenarios.applying(bench, folder, applied, runs)
            yield from scenarios.planning(bench, folder, planned, runs)
            subjects = scenarios.SUBJECTS + (scenarios.LARGE_SUBJECTS if large else ())
            yield from scenarios.registry(bench, folder, subjects, runs)
            daily_sizes = scenarios.DAILY + (scenarios.LARGE_DAILY if large else ())
            yield from daily.reading(bench, folder, daily_sizes, runs)
            yield from daily.churn(bench, folder, scenarios.CHURNED[large], runs)
        with running(heap="512m", far=daily.CLUSTERS, connect=True) as bench:
            yield daily.connectors(bench, folder, runs)
            yield daily.fleet(bench, folder, runs)


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
