"""Events in; a live line for each cluster on a terminal, plain lines elsewhere, JSON lines for machines, out."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TextIO

from reconciler.cli.console import coloured, json_text, now, talk, tell
from reconciler.core.events import FORMAT, Event, Step, to_json
from reconciler.reports.progress import said
from reconciler.reports.words import columns, elided, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.live import Live

# A log gets a line of what goes on once in so many seconds: what is quick needs none.
SELDOM = 5.0
MILESTONES = (Step.NOTE, Step.VETTED, Step.WRITTEN, Step.READ_BACK, Step.WAITING)
# A quick run shows no more than it has to: this many times a second.
FRAMES = 8


def say(event: Event) -> None:
    """Tell whoever watches. It never raises: what is watched must not fail for who watches it."""
    if talk.events is not None:
        talk.events.write(to_json(event))
    if talk.watch is None:
        talk.watch = Board() if coloured(sys.stderr) and _quiet() else Log(every=talk.verbose)
    talk.watch(event)


def _quiet() -> bool:
    return not talk.verbose and not talk.as_json


# --- for machines


class Events:
    """JSON lines as `schemas/event.v1.json` says, each written at once. A reader that goes away is told of once."""

    def __init__(self, stream: TextIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.began = time.monotonic()
        self.broken = False
        self.lock = threading.RLock()

    def start(self, verb: str, version: str) -> None:
        self.write({"event": "start", "format": FORMAT, "kstate": version, "verb": verb})

    def end(self, code: int) -> None:
        seconds = round(time.monotonic() - self.began, 3)
        self.write({"event": "end", "exit_code": code, "seconds": seconds})
        if self.stream is not sys.stdout:
            with suppress(OSError):
                self.stream.close()

    def write(self, body: dict[str, object]) -> None:
        with self.lock:
            if self.broken:
                return
            try:
                self.stream.write(json_text({"at": now(), **body}) + "\n")
                self.stream.flush()
            except (OSError, ValueError) as error:
                self.broken = True
                tell(f"note: --events {visible(self.name)}: no more events: {error}", "warning")


# --- for a log


class Log:
    """One line an event; without `every` only what lasts, and what is waited for."""

    def __init__(self, *, every: bool) -> None:
        self.every = every
        self.reading: dict[str, Reading] = {}
        self.last: dict[str, float] = {}
        self.lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self.lock:
            words = said(event) if self.every else self._worth(event)
            if words:
                self.last[event.cluster] = time.monotonic()
                named = f"{visible(event.cluster)}: " if event.cluster else ""
                tell(named + words, **to_json(event))

    def clear(self) -> None:
        """Nothing to take away: lines stay."""

    def _worth(self, event: Event) -> str:
        words = self._words(event)
        told_at_once = event.step in (Step.NOTE, Step.WAITING, Step.LOCKING) and event.total is None
        return words if told_at_once or self._lasted(event) else ""

    def _words(self, event: Event) -> str:
        if event.step in (Step.READING, Step.READ):
            return self.reading.setdefault(event.cluster, Reading()).over(event)
        if event.step is Step.LOCKING:
            return said(event) if event.words else ""
        return said(event) if event.step in MILESTONES else ""

    def _lasted(self, event: Event) -> bool:
        """Whether nothing was said of the cluster for a while."""
        return time.monotonic() - self.last.setdefault(event.cluster, time.monotonic()) > SELDOM


@dataclass
class Reading:
    """What of a cluster is being read, and what was."""

    under_way: set[str] = field(default_factory=set)
    read: dict[str, int] = field(default_factory=dict)

    def heard(self, event: Event) -> None:
        if event.step is Step.READING:
            if not self.under_way:
                self.read.clear()
            self.under_way.add(event.kind)
        else:
            self.under_way.discard(event.kind)
            self.read[event.kind] = event.done or 0

    def over(self, event: Event) -> str:
        """All that was read, once nothing is being read any more."""
        self.heard(event)
        return f"read {self.counts()}" if self.read and not self.under_way else ""

    def counts(self) -> str:
        there = {kind: count for kind, count in sorted(self.read.items()) if count}
        told = (said(Event(Step.READ, kind=kind, done=count)) for kind, count in there.items())
        return ", ".join(words.removeprefix("read ") for words in told) or "nothing"

    def now(self) -> str:
        """What a live line says while it goes on."""
        names = ", ".join(f"{kind}s" for kind in sorted(self.under_way) if kind)
        so_far = f"; read {self.counts()}" if self.read else ""
        return f"reading {names or 'again what the plan touches'}{so_far}"


# --- for a terminal


@dataclass
class Line:
    """One cluster's line: what it says, and since when by a monotonic clock in seconds."""

    since: float = field(default_factory=time.monotonic)
    last: float = 0.0
    step: Step | None = None
    words: str = ""
    reading: Reading = field(default_factory=Reading)

    def heard(self, event: Event) -> None:
        self.last = time.monotonic()
        if event.step is Step.OUTCOME:
            return
        if event.step is not self.step:
            self.step, self.since = event.step, time.monotonic()
        if event.step in (Step.READING, Step.READ):
            self.reading.heard(event)
            self.words = self.reading.now() if self.reading.under_way else self.reading.over(event)
        else:
            self.words = said(event)

    def shown(self, name: str, room: int) -> str:
        """Name, words and seconds in so many columns."""
        waited = f"  {time.monotonic() - self.since:.0f} s"
        named = elided(visible(name), max(12, room // 3)) + "  " if name else ""
        return f"{named}{elided(self.words, room - columns(named) - len(waited))}{waited}"


class Board:
    """A line for each cluster that replaces itself, taken away before anything else is said."""

    def __init__(self, console: Console | None = None) -> None:
        self.lines: dict[str, Line] = {}
        self.console = console
        self.live: Live | None = None
        self.lock = threading.RLock()

    def __call__(self, event: Event) -> None:
        with self.lock:
            self.heard(event)
            if self.live is None:
                self.live = self._started()

    def heard(self, event: Event) -> None:
        self.lines.setdefault(event.cluster, Line()).heard(event)

    def clear(self) -> None:
        with self.lock:
            if self.live is not None:
                self.live.stop()
            self.live = None
            self.lines.clear()

    def _started(self) -> Live:
        from rich.console import Console
        from rich.live import Live

        self.console = self.console or Console(file=sys.stderr, highlight=False)
        live = Live(
            console=self.console,
            get_renderable=self._render,
            refresh_per_second=FRAMES,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        live.start()
        return live

    def _render(self) -> RenderableType:
        from rich.text import Text

        with self.lock:
            assert self.console is not None
            return Text("\n".join(self.shown(*self.console.size)), no_wrap=True, overflow="crop")

    def shown(self, width: int, height: int) -> Iterable[str]:
        """As many lines as there is room for, of those that were heard of last; the rest is counted."""
        room = max(1, height - 2)
        recent = sorted(self.lines, key=lambda name: self.lines[name].last)[-room:]
        left = len(self.lines) - len(recent)
        more = [f"and {left:,} more clusters"] if left else []
        return [*(self.lines[name].shown(name, width - 1) for name in sorted(recent)), *more]
