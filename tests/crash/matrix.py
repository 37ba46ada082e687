"""Brokers in, a verdict for every fault at every request out; and the table that says it."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from tempfile import TemporaryDirectory
from unittest import mock

from confluent_kafka.admin import AdminClient

from reconciler.sandbox import estate, ready
from reconciler.sandbox.shape import Cluster, Options
from tests.crash import cell
from tests.crash.cell import Verdict
from tests.crash.faults import FAULTS, Fault

NAME = "crash"
Say = Callable[[Verdict], None]


@dataclass(frozen=True)
class Ground:
    """A broker to try faults on."""

    cluster: Cluster
    admin: AdminClient

    def run(self, fault: Fault, at: int) -> Verdict:
        return cell.run(self.cluster, self.admin, fault, at)


@contextmanager
def grounds(count: int) -> Iterator[list[Ground]]:
    """So many clusters of one broker each, in a folder that is gone afterwards.

    The first is shared by all that leave brokers alone; the others are for restarts, one at a time.
    """
    with (
        TemporaryDirectory(prefix="kstate-crash-home-") as home,
        mock.patch.dict(os.environ, KSTATE_SANDBOX_HOME=home),
    ):
        try:
            clusters = estate.up(Options(name=NAME, clusters=count)).clusters
            yield [Ground(c, ready.client(c.bootstrap)) for c in clusters]
        finally:
            estate.down(NAME)


@dataclass
class Series:
    """The cells of one fault: at every `step`th request, until an apply ends before it is reached."""

    fault: Fault
    step: int
    until: int
    verdicts: list[Verdict] = field(default_factory=list)
    _last: int = 0
    _over: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, ground: Ground, say: Say) -> None:
        """Cell after cell; several lanes may do so at once."""
        while at := self._take():
            verdict = ground.run(self.fault, at)
            with self._lock:
                # Not every request is answered; one that was not harmed for that is not the end of the apply. Nor
                # is a failure without any harm, which is a finding.
                ended = verdict.requests < verdict.at and not verdict.broken
                self._over = self._over or ended
                self.verdicts.append(verdict)
            say(verdict)

    def end(self) -> None:
        self._over = True

    def _take(self) -> int:
        with self._lock:
            if self._over or self._last + self.step > self.until:
                return 0
            self._last += self.step
            return self._last


def everything(brokers: Sequence[Ground], say: Say, *, step: int, until: int) -> list[Verdict]:
    """Every fault at every `step`th request up to number `until`; not the same ones for every fault."""
    shared, *own = brokers
    rows = [
        Series(fault, step, until, _last=-(at % step)) for at, fault in enumerate(FAULTS, start=1)
    ]
    with ThreadPoolExecutor(sum(fault.lanes for fault in FAULTS) + len(own)) as pool:
        running: list[Future[None]] = []
        for row in rows:
            lanes = own if row.fault.restarts else [shared] * row.fault.lanes
            running += [pool.submit(row.run, lane, say) for lane in lanes]
        try:
            for future in as_completed(running):
                future.result()
        finally:
            for row in rows:
                row.end()  # also when somebody has had enough, or the matrix itself is broken
    return [verdict for row in rows for verdict in row.verdicts]


def table(verdicts: Iterable[Verdict]) -> str:
    """Markdown: by fault how many requests were harmed, how those applies ended, and how many cells held."""
    lines = [
        "| fault | requests harmed | apply whole | in part | nothing written | killed | held |",
        "|---|---|---|---|---|---|---|",
    ]
    harmed = [verdict for verdict in verdicts if verdict.hit]
    for fault in FAULTS:
        own = [verdict for verdict in harmed if verdict.fault == fault.name]
        ended = Counter(verdict.ended for verdict in own)
        held = sum(not verdict.broken for verdict in own)
        cells = [fault.words, f"{len(own)}", *(f"{ended[how]}" for how in ENDS)]
        lines.append("| " + " | ".join([*cells, f"{held} of {len(own)}"]) + " |")
    return "\n".join(lines)


ENDS = ("whole", "in part", "nothing", "killed")


def requests(verdicts: Iterable[Verdict]) -> str:
    """The requests that were harmed, by name, the most frequent first."""
    names = Counter(verdict.hit for verdict in verdicts if verdict.hit)
    return ", ".join(f"{name} {count}" for name, count in names.most_common())
