"""An event in, what it says to a person out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.core.events import Event, Step
from reconciler.reports import words


def said(event: Event) -> str:
    """One event in words, without its cluster."""
    return SAID[event.step](event)


def _count(number: int | None, word: str) -> str:
    return f"{number or 0:,} {word}{'s' * (number != 1)}"


def _of(event: Event) -> str:
    return f"{event.done or 0:,} of {event.total or 0:,}"


def _waiting(event: Event) -> str:
    so_far = f" ({_of(event)})" if event.total is not None else ""
    return f"waiting {words.visible(event.words)}{so_far}"


def _outcome(event: Event) -> str:
    if event.outcome is None:
        return ""
    why = f": {words.visible(event.outcome.words)}" if event.outcome.words else ""
    return f"{event.outcome.status} {words.thing(event.outcome.key)}{why}"


SAID: Mapping[Step, Callable[[Event], str]] = {
    Step.START: lambda _: "begins",
    Step.CONNECTING: lambda _: "connecting",
    Step.READING: lambda e: f"reading {e.kind}s" if e.kind else "reading again what is touched",
    Step.READ: lambda e: f"read {_count(e.done, e.kind or 'resource')}",
    Step.VETTING: lambda e: (
        f"asking the servers about {_count(e.total, 'change')}" if e.total else "nothing differs"
    ),
    Step.VETTED: lambda e: (
        f"the servers were asked about {_count(e.total, 'change')}"
        if e.total
        else "nothing to ask the servers about"
    ),
    Step.LOCKING: lambda e: f"taking the lock {words.visible(e.words)}".rstrip(),
    Step.LOCKED: lambda _: "has the lock",
    Step.WRITING: lambda e: f"writing {_count(e.total, 'change')}",
    Step.WRITTEN: lambda e: f"sent {_of(e)} changes",
    Step.READ_BACK: lambda e: f"{_of(e)} read back as planned",
    Step.WAITING: _waiting,
    Step.NOTE: lambda e: words.visible(e.words),
    Step.OUTCOME: _outcome,
    Step.END: lambda _: "ended",
}
