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


def verify(links: Iterable[Link], end: Tip) -> list[str]:
    """What is wrong with the chain, in words; nothing when every record names the one before it, up to `end`.

    The first record there may name one that retention has taken away already.
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
        before = found
    last = (before.seq, before.hash) if before else (0, "")
    if end.seq and last != (end.seq, end.hash):
        problems.append(f"the chain ends at record {last[0]}, but the ledger says {end.seq}")
    return problems
