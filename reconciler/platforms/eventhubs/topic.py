"""Topics as event hubs: what a Topic document means here, and a hub as Resource Manager tells it as a resource."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from reconciler.core.model import NOWHERE, Around, Body, Document, Json, Platform, Resource
from reconciler.kinds import topic

HOUR, MINUTE = 3_600_000, 60_000
# What can be set on a hub, each as it is there: the member of `properties`, the name in it, and the unit in ms.
UNITS: Mapping[str, tuple[str, str, int]] = {
    "retention.ms": ("retentionDescription", "retentionTimeInHours", HOUR),
    "delete.retention.ms": ("retentionDescription", "tombstoneRetentionTimeInHours", HOUR),
    "min.compaction.lag.ms": ("retentionDescription", "minCompactionLagTimeInMinutes", MINUTE),
}
WORDS: Mapping[str, tuple[str, str, Mapping[str, str]]] = {
    "cleanup.policy": (
        "retentionDescription",
        "cleanupPolicy",
        {"delete": "Delete", "compact": "Compact", "compact,delete": "DeleteOrCompact"},
    ),
    "message.timestamp.type": (
        "messageTimestampDescription",
        "timestampType",
        {"LogAppendTime": "LogAppend", "CreateTime": "Create"},
    ),
}
SETTABLE = tuple(sorted((*UNITS, *WORDS)))
# Azure tells these and takes none of them; the last is the days of `retentionTimeInHours`, and would contradict it.
READ_ONLY = frozenset(
    {"partitionIds", "createdAt", "updatedAt", "identifier", "messageRetentionInDays"}
)
STATES = frozenset({"Active", "Disabled", "SendDisabled", "ReceiveDisabled"})
# "All replicas": Azure keeps three copies of everything, and asks nobody ("Overview of Event Hubs Premium").
COPIES = 3
# Some versions of the API tell an unlimited retention as the largest number of hours there is.
FOREVER = 10**9
Hub = Mapping[str, Any]
# What a hub has that nobody asked to be otherwise ("Log compaction", and `timestampType` in the API).
DEFAULTS: Mapping[str, str] = {
    "cleanup.policy": "delete",
    "message.timestamp.type": "LogAppendTime",
}


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """One hub. Three copies are what there is; any other number stays, and is refused."""
    for found in topic.resources(document, platform):
        body = found.settings
        left_out = {"replication"} if body.get("replication") == COPIES else set()
        kept = {name: value for name, value in body.items() if name not in left_out}
        yield Resource(found.name, kept)


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """As any topic's, with the copies that there are."""
    told = [Resource(r.name, {**r.settings, "replication": COPIES}, r.facts) for r in live]
    return topic.documents(told)


def resource(hub: Hub) -> Resource:
    """A hub as it was listed. Its `identifier` is the id of the topic, another one when it is made anew."""
    found = cast("Hub", hub["properties"])
    settings = {"partitions": found["partitionCount"], "config": dict(sorted(_config(found)))}
    identifier = found.get("identifier")
    return Resource(
        str(hub["name"]),
        cast("Body", settings),
        {"identifier": str(identifier)} if identifier else {},
    )


def chosen(found: Resource, wanted: Body) -> Resource:
    """Without what a hub has by itself, unless it is wanted: Azure tells every setting, whoever chose it or not."""
    config = cast("Mapping[str, str]", found.settings["config"])
    alone = config.get("cleanup.policy") == "compact"
    own = {**DEFAULTS, **({"retention.ms": "-1"} if alone else {})}
    asked = cast("Mapping[str, object]", wanted.get("config") or {})
    kept = {name: v for name, v in config.items() if own.get(name) != v or name in asked}
    return Resource(found.name, {**found.settings, "config": kept}, found.facts)


def _config(found: Hub) -> Iterator[tuple[str, str]]:
    for name, (member, key, unit) in UNITS.items():
        value = (found.get(member) or {}).get(key)
        if value is not None:
            yield name, str(value * unit if 0 <= value < FOREVER else -1)
    for name, (member, key, names) in WORDS.items():
        value = str((found.get(member) or {}).get(key) or "").lower()
        yield from ((name, k) for k, v in names.items() if v.lower() == value)


def properties(there: Hub, after: Body) -> dict[str, Any]:
    """What a PUT has to carry: everything that is there, with what is to be different.

    A PUT replaces the hub, so that what it leaves out goes back to a default (azure-event-hubs-for-kafka, issue 167).
    """
    kept = {name: value for name, value in there.items() if name not in READ_ONLY}
    if kept.get("status") not in STATES:
        kept.pop("status", None)
    if "partitions" in after:
        kept["partitionCount"] = after["partitions"]
    for name, value in cast("Mapping[str, str]", after.get("config") or {}).items():
        member, key, said = _said(name, value)
        kept[member] = {**(kept.get(member) or {}), key: said}
    return _fitting(kept)


def _said(name: str, value: str) -> tuple[str, str, int | str]:
    if name in WORDS:
        member, key, names = WORDS[name]
        return member, key, names[value]
    member, key, unit = UNITS[name]
    return member, key, int(value) // unit if int(value) >= 0 else -1


def _fitting(found: dict[str, Any]) -> dict[str, Any]:
    """Without the retention of a hub that only compacts: it is unlimited by itself, and told in several ways."""
    retention = found.get("retentionDescription")
    if retention and str(retention.get("cleanupPolicy")).lower() == "compact":
        kept = {name: v for name, v in retention.items() if name != "retentionTimeInHours"}
        return {**found, "retentionDescription": kept}
    return found
