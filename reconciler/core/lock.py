"""Beats in the order of the log in, who holds the lock out. Pure: every reader folds the same log to the same answer.

A claim wins when the lock is free at its place in the log. Leases run on the log's own clock (LogAppendTime), never on
a reader's. Each record carries owner, epoch and lease, so that any suffix of the log tells who holds it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

CLAIM, BEAT, RELEASE, BREAK = "claim", "beat", "release", "break"


@dataclass(frozen=True, slots=True)
class Beat:
    """One record of the lock. `at` is the log's clock in seconds, `offset` its place; both come from the log."""

    op: str
    id: str
    epoch: int
    lease: float
    who: str
    since: str
    offset: int = -1
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock: until when on the log's clock, in which epoch (the offset of the winning claim)."""

    id: str
    epoch: int
    until: float
    who: str
    since: str


def encode(beat: Beat) -> bytes:
    body = {
        "v": 1,
        "op": beat.op,
        "id": beat.id,
        "epoch": beat.epoch,
        "lease": beat.lease,
        "who": beat.who,
        "since": beat.since,
    }
    return json.dumps(body, sort_keys=True).encode()


def decode(value: bytes, offset: int, at: float) -> Beat | None:
    """A beat, or None for what is none: what cannot be read holds no lock."""
    try:
        body: Any = json.loads(value)
        return Beat(
            str(body["op"]),
            str(body["id"]),
            int(body["epoch"]),
            float(body["lease"]),
            str(body["who"]),
            str(body["since"]),
            offset,
            at,
        )
    except (KeyError, TypeError, ValueError):
        return None


def holder(beats: Iterable[Beat]) -> Holder | None:
    """Who held the lock at the last beat. Whether the lease is over by now is for the reader's clock to say."""
    held: Holder | None = None
    over = -1  # the last epoch that was released or broken: nothing of it counts any more
    for beat in beats:
        if beat.op not in (RELEASE, BREAK):
            held = _after(held, beat, over)
        elif held is not None and beat.id == held.id:
            over = held.epoch
            held = None
    return held


def _after(held: Holder | None, beat: Beat, over: int) -> Holder | None:
    free = held is None or beat.at > held.until
    if beat.op == CLAIM:
        return _of(beat, beat.offset) if free else held
    if beat.op != BEAT:
        return held
    if held is None:
        # A suffix of the log may begin inside somebody's term: the beat says whose, unless that term is over.
        return _of(beat, beat.epoch) if beat.epoch > over else None
    return _of(beat, held.epoch) if beat.id == held.id and not free else held


def _of(beat: Beat, epoch: int) -> Holder:
    return Holder(beat.id, epoch, beat.at + beat.lease, beat.who, beat.since)
