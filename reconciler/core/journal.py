"""What an apply did, as a chain: each record names the one before it, so that a gap or damage shows.

This is no defence against somebody who may write the journal's topic: who can write can forge a chain from any point.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.book import Tip
from reconciler.core.plan import canonical

BEGIN, INTENT, OUTCOME, END = "begin", "intent", "outcome", "end"


@dataclass(frozen=True, slots=True)
class Link:
    """One record of the journal of a cluster."""

    cluster: str
    seq: int
    prev: str
    kind: str
    body: Mapping[str, Any]
    hash: str


def link(before: Tip, cluster_id: str, kind: str, body: Mapping[str, Any]) -> tuple[bytes, Tip]:
    """The next record behind `before`, and the chain's new end."""
    value = canonical(
        {
            "v": 1,
            "cluster": cluster_id,
            "seq": before.seq + 1,
            "prev": before.hash,
            "kind": kind,
            "body": body,
        }
    )
    return value, Tip(before.seq + 1, _hash(value))


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


def read(values: Iterable[bytes | None], cluster_id: str) -> Iterator[Link]:
    """Every record of this cluster that can be read, in order."""
    for value in values:
        found = _link(value)
        if found is not None and found.cluster == cluster_id:
            yield found


def _link(value: bytes | None) -> Link | None:
    try:
        body = json.loads(value or b"")
        return Link(
            str(body["cluster"]),
            int(body["seq"]),
            str(body["prev"]),
            str(body["kind"]),
            dict(body["body"]),
            _hash(value or b""),
        )
    except (KeyError, TypeError, ValueError):
        return None


def verify(links: Iterable[Link], end: Tip, later: Tip | None = None) -> list[str]:
    """What is wrong with the chain, in words; nothing when every record names the one before it, up to `end`.

    The first record there may name one that retention has taken away already. `end` is the ledger's word from before
    the links were read, `later` the one from after: what an apply adds in between is no fault.
    """
    problems: list[str] = []
    before: Link | None = None
    for found in links:
        if before is not None and found.seq != before.seq + 1:
            problems.append(f"record {found.seq} follows record {before.seq}: there is a gap")
        elif before is not None and found.prev != before.hash:
            problems.append(
                f"record {found.seq} does not name record {before.seq} as it is: one was changed"
            )
        if found.seq == end.seq and found.hash != end.hash:
            problems.append(f"record {found.seq} is not the one that the ledger speaks of")
        before = found
    last, known = before.seq if before else 0, (later or end).seq
    if last < end.seq:
        problems.append(f"the chain ends at record {last}, but the ledger says {end.seq}")
    elif known and last > known:
        problems.append(f"the chain goes on to record {last}, but the ledger ends at {known}")
    return problems
