"""What a race left behind, in; every promise that it broke, out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Record = Mapping[str, Any]


def problems(
    journal: Sequence[Record], admin: Sequence[Record], acknowledged: Iterable[Record]
) -> list[str]:
    """Everything wrong with a race, by what the logs hold in their order and what was acknowledged to whom."""
    return [
        *_several_writers(journal),
        *_after_the_fence(journal),
        *_lost(journal, acknowledged),
        *_late_batches(admin),
        *_unannounced(journal, admin),
    ]


def _several_writers(journal: Sequence[Record]) -> Iterable[str]:
    writers: dict[int, set[int]] = {}
    for record in journal:
        writers.setdefault(record["epoch"], set()).add(record["pid"])
    return [f"epoch {e} has writers {sorted(pids)}" for e, pids in writers.items() if len(pids) > 1]


def _after_the_fence(journal: Sequence[Record]) -> Iterable[str]:
    newest = -1
    for record in journal:
        if record["epoch"] < newest:
            yield f"epoch {record['epoch']} wrote to the ledger after epoch {newest} had begun"
        newest = max(newest, record["epoch"])


def _lost(journal: Sequence[Record], acknowledged: Iterable[Record]) -> Iterable[str]:
    there = {tuple(sorted(record.items())) for record in journal}
    return [
        f"acknowledged and lost: {r}" for r in acknowledged if tuple(sorted(r.items())) not in there
    ]


def _late_batches(admin: Sequence[Record]) -> Iterable[str]:
    """Of each epoch at most the one batch that was on its way may come after a later epoch has begun."""
    late: dict[int, int] = {}
    newest = -1
    for record in admin:
        if record["epoch"] < newest:
            late[record["epoch"]] = late.get(record["epoch"], 0) + 1
        newest = max(newest, record["epoch"])
    return [f"epoch {e}: {count} batches came late" for e, count in late.items() if count > 1]


def _unannounced(journal: Sequence[Record], admin: Sequence[Record]) -> Iterable[str]:
    intents = {(r["epoch"], r["number"]) for r in journal if r["what"] == "intent"}
    return [
        f"batch {r['number']} of epoch {r['epoch']} was sent without a record of its intent"
        for r in admin
        if (r["epoch"], r["number"]) not in intents
    ]
