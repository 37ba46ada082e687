"""Two clusters in, how far the copies on one are behind the originals on the other out. Reads only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import TopicPartition
from confluent_kafka.admin import OffsetSpec

from reconciler.clients.evidence import Evidence, ask
from reconciler.clients.kafka import Kafka
from reconciler.clients.log import read

HEARTBEATS = "heartbeats"
LOOK_BACK = 1_000


@dataclass(frozen=True, slots=True)
class End:
    """Where a partition ends: the next record's offset, and the newest record's time in ms since 1970, -1 if none."""

    offset: int
    newest: int


def ends(kafka: Kafka, partitions: Mapping[str, int]) -> dict[TopicPartition, End]:
    """The ends of all partitions of these topics; a partition that cannot be asked is left out."""
    wanted = [TopicPartition(name, p) for name, count in partitions.items() for p in range(count)]
    found = {name: Evidence() for name in partitions}
    last = ask(kafka, wanted, OffsetSpec.latest(), found)  # type: ignore[no-untyped-call]
    newest = ask(kafka, wanted, OffsetSpec.max_timestamp(), found)  # type: ignore[no-untyped-call]
    return {p: End(last[p].offset, newest[p].timestamp) for p in last.keys() & newest.keys()}


def later(kafka: Kafka, since: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """How many records of each partition are newer than a time, ms since 1970; by offsets, so an upper bound."""
    found = {partition.topic: Evidence() for partition in since}
    counts = {}
    for partition, time in since.items():
        spec = OffsetSpec.for_timestamp(time + 1)
        first = ask(kafka, [partition], spec, found).get(partition)
        last = ask(kafka, [partition], OffsetSpec.latest(), found).get(partition)  # type: ignore[no-untyped-call]
        if first is not None and last is not None:
            counts[partition] = last.offset - first.offset if first.offset >= 0 else 0
    return counts


def heartbeat(kafka: Kafka, source: str, target: str) -> float | None:
    """When MirrorMaker 2 last wrote that it is alive for a flow, in seconds since 1970; None if it never did.

    A heartbeat's key is the two aliases, each as Kafka writes a string: two bytes of length, then the text (KIP-382).
    """
    found = ends(kafka, {HEARTBEATS: 1})
    if not found:
        return None
    key = "".join(f"\0{chr(len(alias))}{alias}" for alias in (source, target))
    start = max(end.offset for end in found.values()) - LOOK_BACK
    beats = [e.at for e in read(kafka, HEARTBEATS, start=max(start, 0)) if e.key == key]
    return beats[-1] if beats else None
