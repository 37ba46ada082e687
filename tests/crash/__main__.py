"""`python -m tests.crash`: every fault at every request, and the table of it into docs/reliability.md."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from reconciler.sandbox.shape import KAFKA
from tests.crash.cell import WAYFINDING, Verdict
from tests.crash.faults import FAULTS
from tests.crash.matrix import everything, grounds, requests, table

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"
RESTARTING = 2  # brokers that are restarted, each by one cell at a time
PATIENCE = 250  # requests; an apply of this story makes fewer than half of that


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="only at every so many requests")
    parser.add_argument("--until", type=int, default=PATIENCE, help="stop at this request")
    parser.add_argument("--no-page", action="store_true", help="do not write the page")
    arguments = parser.parse_args()
    started = time.monotonic()
    with grounds(1 + RESTARTING) as brokers:
        verdicts = everything(brokers, _say, step=arguments.step, until=arguments.until)
    text = _section(verdicts, time.monotonic() - started, arguments)
    sys.stdout.write(text + "\n")
    if not arguments.no_page:
        _write(text)
    return int(any(verdict.broken for verdict in verdicts))


def _say(verdict: Verdict) -> None:
    words = f"{verdict.fault} {verdict.at}: {verdict.hit or 'not reached'}, exit {verdict.code}"
    sys.stderr.write(words + "".join(f"\n    {line}" for line in verdict.broken) + "\n")


def _section(verdicts: Sequence[Verdict], seconds: float, how: argparse.Namespace) -> str:
    harmed = [verdict for verdict in verdicts if verdict.hit]
    broken = [verdict for verdict in verdicts if verdict.broken]
    limits = (f" --step {how.step}" if how.step > 1 else "") + (
        f" --until {how.until}" if how.until != PATIENCE else ""
    )
    which = "each request" if how.step == 1 else f"one request in {how.step}"
    longest = max((verdict.at for verdict in harmed), default=0)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, Kafka {KAFKA}, `python -m tests.crash{limits}`, {seconds / 60:.0f} minutes:"
        f" {len(FAULTS)} kinds of fault, at {which} of an apply that makes up to {longest}."
        f" {len(harmed):,} applies were harmed; {len(harmed) - len([v for v in broken if v.hit]):,} held.",
        "",
        table(verdicts),
        "",
        f"Not numbered, so never harmed: {', '.join(sorted(WAYFINDING))}. Harmed by name: {requests(verdicts)}.",
    ]
    lines += ["", *(f"- {_finding(verdict)}" for verdict in broken)] if broken else []
    return "\n".join(lines)


def _finding(verdict: Verdict) -> str:
    where = f"{verdict.fault} at {verdict.at} ({verdict.hit or 'not reached'})"
    return " ".join(f"{where}: {'; '.join(verdict.broken)}".split())[:600]


def _write(text: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
