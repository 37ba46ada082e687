"""What a topic still holds and who still reads it: the figures behind a deletion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    TopicPartition,
)
from confluent_kafka.admin import OffsetSpec

from reconciler.clients.kafka import Kafka, answer, batches, code, reason
from reconciler.clients.lean import LostAnswer
from reconciler.errors import Failed

SIDE_BY_SIDE = 16
PARTITIONS = 2_000


@dataclass
class Evidence:
    """Of one topic. `records` is an upper bound where compaction removed some. Bytes count every replica.

    `groups` maps a group to its lag in records; `active` are those with members on the topic right now. `hidden`
    says what could not be seen, and why; whoever decides must then assume the worst. `gone`: a leader that was asked
    knows no such topic.
    """

    records: int = 0
    bytes: int | None = None
    last_write: str = ""
    groups: dict[str, int] = field(default_factory=dict)
    active: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    gone: bool = False
    # By partition: first offset, end offset, and bytes on the disk of its largest replica.
    starts: dict[TopicPartition, int] = field(default_factory=dict)
    ends: dict[TopicPartition, int] = field(default_factory=dict)
    on_disk: dict[int, int] = field(default_factory=dict)


def held(kafka: Kafka, partitions: Mapping[str, int]) -> dict[str, Evidence]:
    """What each topic holds; who reads it is not asked."""
    found = {name: Evidence() for name in partitions}
    _offsets(kafka, partitions, found)
    _sizes(kafka, found)
    return found


def gather(kafka: Kafka, partitions: Mapping[str, int]) -> dict[str, Evidence]:
    """Evidence of each topic; `partitions` says how many it has."""
    found = held(kafka, partitions)
    _groups(kafka, found, {tp: end for own in found.values() for tp, end in own.ends.items()})
    return found


def _offsets(kafka: Kafka, partitions: Mapping[str, int], found: Mapping[str, Evidence]) -> None:
    wanted = [TopicPartition(name, p) for name, count in partitions.items() for p in range(count)]
    earliest = ask(kafka, wanted, _spec("earliest"), found)
    latest = ask(kafka, wanted, _spec("latest"), found)
    # When it was last written is shown where it can be had (KIP-734); no decision hangs on it.
    newest = ask(kafka, wanted, _spec("max_timestamp"), {name: Evidence() for name in found})
    for partition in wanted:
        own = found[partition.topic]
        first, end = earliest.get(partition), latest.get(partition)
        if first is not None and end is not None:
            own.records += max(end.offset - first.offset, 0)
            own.starts[partition], own.ends[partition] = first.offset, end.offset
        if (last := newest.get(partition)) is not None and last.timestamp > 0:
            when = datetime.fromtimestamp(last.timestamp / 1000, UTC)
            own.last_write = max(own.last_write, when.isoformat(timespec="seconds"))


def _spec(which: str) -> OffsetSpec:
    made: OffsetSpec = getattr(OffsetSpec, which)()  # the three makers have no annotations
    return made


def ask(
    kafka: Kafka,
    wanted: Sequence[TopicPartition],
    spec: OffsetSpec,
    found: Mapping[str, Evidence],
) -> dict[TopicPartition, Any]:
    """ListOffsets of each partition; what was refused is hidden evidence of its topic."""
    answers: dict[TopicPartition, Any] = {}
    for batch in batches(wanted, PARTITIONS):
        asked = kafka.admin.list_offsets(
            dict.fromkeys(batch, spec),
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=kafka.timeout,
        )
        for partition, future in asked.items():
            got = answer(future, kafka.timeout)
            if isinstance(got, BaseException):
                _hide(found, partition.topic, f"offsets: {reason(got)}")
                found[partition.topic].gone |= code(got) == KafkaError.UNKNOWN_TOPIC_OR_PART
            else:
                answers[partition] = got
    return answers


def _hide(found: Mapping[str, Evidence], topic: str, why: str) -> None:
    if why not in found[topic].hidden:
        found[topic].hidden.append(why)


def _sizes(kafka: Kafka, found: Mapping[str, Evidence]) -> None:
    # Bytes are shown where they can be had; no decision hangs on them, records are the evidence.
    if not kafka.has_lean:
        return
    try:
        sizes = kafka.lean.log_dirs(sorted(found))
    except (Failed, LostAnswer):
        return
    for name in sizes.keys() & found.keys():
        found[name].bytes = sum(sum(replicas) for replicas in sizes[name].values())
        found[name].on_disk = {p: max(replicas) for p, replicas in sizes[name].items()}


def _groups(
    kafka: Kafka, found: Mapping[str, Evidence], latest: Mapping[TopicPartition, int]
) -> None:
    listed = answer(kafka.admin.list_consumer_groups(request_timeout=kafka.timeout), kafka.timeout)
    problems = [listed] if isinstance(listed, BaseException) else list(listed.errors)
    for error in problems:
        for name in found:
            _hide(found, name, f"consumer groups: {_words(error)}")
    if isinstance(listed, BaseException):
        return
    ids = [group.group_id for group in listed.valid]
    _members(kafka, ids, found)
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        for group, offsets in zip(ids, pool.map(lambda g: _committed(kafka, g), ids), strict=True):
            _lag(group, offsets, found, latest)


def _words(error: object) -> str:
    return reason(error) if isinstance(error, BaseException) else str(error)


def _members(kafka: Kafka, ids: Sequence[str], found: Mapping[str, Evidence]) -> None:
    for batch in batches(ids, 100):
        asked = kafka.admin.describe_consumer_groups(list(batch), request_timeout=kafka.timeout)
        for group, future in asked.items():
            got = answer(future, kafka.timeout)
            if isinstance(got, BaseException):
                for name in found:
                    _hide(found, name, f"group {group}: {reason(got)}")
                continue
            for topic in sorted(read_by(got.members) & found.keys()):
                found[topic].active.append(group)


def read_by(members: Iterable[Any]) -> set[str]:
    """The topics that members of a group have partitions of."""
    return {p.topic for m in members if m.assignment for p in m.assignment.topic_partitions}


def _committed(kafka: Kafka, group: str) -> list[TopicPartition] | BaseException:
    asked = kafka.admin.list_consumer_group_offsets(
        [ConsumerGroupTopicPartitions(group)], request_timeout=kafka.timeout
    )
    got = answer(asked[group], kafka.timeout)
    return got if isinstance(got, BaseException) else list(got.topic_partitions)


def _lag(
    group: str,
    offsets: list[TopicPartition] | BaseException,
    found: Mapping[str, Evidence],
    latest: Mapping[TopicPartition, int],
) -> None:
    if isinstance(offsets, BaseException):
        for name in found:
            _hide(found, name, f"offsets of group {group}: {reason(offsets)}")
        return
    for committed in offsets:
        if committed.topic in found and committed.offset >= 0:
            end = latest.get(TopicPartition(committed.topic, committed.partition), 0)
            groups = found[committed.topic].groups
            groups[group] = groups.get(group, 0) + max(end - committed.offset, 0)
