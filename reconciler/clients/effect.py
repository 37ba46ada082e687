"""What a topic's settings come to, and how much of its data another setting would take: figures behind an update."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from confluent_kafka.admin import ConfigResource, OffsetSpec, ResourceType

from reconciler.clients.evidence import Evidence, ask, held
from reconciler.clients.kafka import Kafka, answer, batches, code, refused
from reconciler.clients.topics import BATCH, MISSING, describe

# Where a topic's own value is taken away the broker's counts: the first of these that is set, times its unit. Kafka
# does not list log.retention.hours among the synonyms of retention.ms (measured), so it is asked of the broker.
BENEATH: Mapping[str, tuple[tuple[str, int], ...]] = {
    "retention.ms": (
        ("log.retention.ms", 1),
        ("log.retention.minutes", 60_000),
        ("log.retention.hours", 3_600_000),
    ),
    "retention.bytes": (("log.retention.bytes", 1),),
    "cleanup.policy": (("log.cleanup.policy", 0),),
    "max.message.bytes": (("message.max.bytes", 1),),
}


def effective(kafka: Kafka, names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Every setting of each topic as it works now, of those that are there. Raises ServerRefused where it may not."""
    found: dict[str, dict[str, str]] = {}
    for batch in batches(sorted(names), BATCH):
        asked = kafka.admin.describe_configs(
            [ConfigResource(ResourceType.TOPIC, name) for name in batch],
            request_timeout=kafka.timeout,
        )
        for resource, future in asked.items():
            got = answer(future, kafka.timeout)
            if not isinstance(got, BaseException):
                found[resource.name] = {name: entry.value or "" for name, entry in got.items()}
            elif code(got) not in MISSING:
                raise refused(
                    f"DescribeConfigs on topic {resource.name}", got, kafka.principal
                ) from got
    return found


def defaults(kafka: Kafka) -> dict[str, str]:
    """What a topic without an own value gets, of the settings in BENEATH; empty where the broker may not be asked."""
    broker = ConfigResource(ResourceType.BROKER, str(kafka.brokers[0]))
    asked = kafka.admin.describe_configs([broker], request_timeout=kafka.timeout)
    got = answer(asked[broker], kafka.timeout)
    if isinstance(got, BaseException):
        return {}
    values = {name: entry.value for name, entry in got.items() if entry.value is not None}
    return {
        name: _in_unit(values[source], unit)
        for name, sources in BENEATH.items()
        for source, unit in [next((s for s in sources if s[0] in values), ("", 0))]
        if source
    }


def _in_unit(value: str, unit: int) -> str:
    return value if unit in (0, 1) or value.startswith("-") else str(int(value) * unit)


def loss(
    kafka: Kafka, cuts: Mapping[str, tuple[int | None, int | None]]
) -> dict[str, tuple[Evidence, int]]:
    """What each topic holds, and how many of its records (at most) a cut takes away.

    A cut is (time, size): records written before `time` (milliseconds since 1970) go, and whatever a partition holds
    above `size` bytes; None leaves that side alone. Kafka removes whole segments, so it may take fewer and take longer.
    """
    partitions = {name: len(found.partitions) for name, found in describe(kafka, cuts).items()}
    found = held(kafka, partitions)
    lost = {name: 0 for name in cuts}
    for when, names in _by_time(cuts).items():
        wanted = [tp for name in names for tp in found[name].ends if name in found]
        after = ask(kafka, wanted, OffsetSpec.for_timestamp(when), found)
        for tp, result in after.items():
            first, end = found[tp.topic].starts.get(tp, 0), found[tp.topic].ends[tp]
            kept_from = end if result.offset < 0 else result.offset
            lost[tp.topic] += max(kept_from - first, 0)
    for name, (_, size) in cuts.items():
        if size is not None and name in found:
            if found[name].bytes is None:
                found[name].hidden.append("sizes on disk: this login cannot see them")
            lost[name] = max(lost[name], _above(found[name], size))
    return {name: (found.get(name, Evidence()), lost[name]) for name in cuts}


def _by_time(cuts: Mapping[str, tuple[int | None, int | None]]) -> dict[int, list[str]]:
    times: dict[int, list[str]] = {}
    for name, (when, _) in cuts.items():
        if when is not None:
            times.setdefault(when, []).append(name)
    return times


def _above(found: Evidence, size: int) -> int:
    """Records above a size in bytes: the share of each partition's records that its surplus of bytes is."""
    gone = 0
    for tp, end in found.ends.items():
        records = end - found.starts.get(tp, 0)
        on_disk = found.on_disk.get(tp.partition, 0)
        if on_disk > size:
            gone += max(1, records * (on_disk - size) // on_disk) if records else 0
    return gone
