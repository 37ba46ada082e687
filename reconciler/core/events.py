"""What happens while kstate works, as data: told to whoever watches, and never steering anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from reconciler.core.model import Key, Outcome

FORMAT = "kstate.event/v1"


class Step(StrEnum):
    """What an event tells. Those in -ing begin something; `waiting` is told again as its figures move."""

    START = "start"
    CONNECTING = "connecting"
    READING = "reading"
    READ = "read"
    VETTING = "vetting"
    VETTED = "vetted"
    LOCKING = "locking"
    LOCKED = "locked"
    WRITING = "writing"
    WRITTEN = "written"
    READ_BACK = "read-back"
    WAITING = "waiting"
    NOTE = "note"
    OUTCOME = "outcome"
    END = "end"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened on a cluster. `done` of `total` are counts, None where there is nothing to count.

    `kind` is what was read or written. `words` say what is waited for, or what a server answered.
    """

    step: Step
    cluster: str = ""
    kind: str = ""
    done: int | None = None
    total: int | None = None
    words: str = ""
    outcome: Outcome | None = None


Say: TypeAlias = Callable[[Event], None]


def silent(_event: Event) -> None:
    """The `Say` of a caller who does not want to hear about progress."""


def ended(outcome: Outcome) -> Event:
    """What became of one change."""
    return Event(Step.OUTCOME, outcome.key.cluster, outcome.key.kind, outcome=outcome)


def to_json(event: Event) -> dict[str, Any]:
    """The members of `schemas/event.v1.json` that are known here; who writes them down adds the time."""
    body: dict[str, Any] = {"event": str(event.step)}
    for name in ("cluster", "kind", "words"):
        if found := getattr(event, name):
            body[name] = found
    body |= {} if event.done is None else {"done": event.done}
    body |= {} if event.total is None else {"total": event.total}
    if event.outcome is not None:
        body |= _outcome(event.outcome.key, event.outcome)
    return body


def _outcome(key: Key, outcome: Outcome) -> dict[str, Any]:
    return {"key": str(key), "status": str(outcome.status), "words": outcome.words}
