"""Live mirrors in; how they do, judged by what arrives and not by what the workers say of themselves, out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from confluent_kafka import TopicPartition

from reconciler.clients import lag, topics
from reconciler.clients.connect_workers import failures, worker_of
from reconciler.clients.kafka import Kafka
from reconciler.core.model import Condition, Json, Key, Path, Resource, Session
from reconciler.errors import Failed
from reconciler.kinds.mirror_driver import own_name
from reconciler.kinds.mirror_flow import ROLES, matching, remote

# A connector that is alive writes a heartbeat a second.
OLD_HEARTBEAT = 60.0
# What is behind, and does not come closer within this time, is not catching up.
WATCH = 3.0
SHOWN = 5
# States of a connector that is meant to run; all but the first come about by themselves.
ALIVE = frozenset({"running", "failed", "starting"})


@dataclass(frozen=True, slots=True)
class Flow:
    """One mirror with both its ends open."""

    name: str
    source: Kafka
    target: Kafka
    config: Mapping[str, Json]

    @property
    def aliases(self) -> tuple[str, str]:
        return str(self.config["source.cluster.alias"]), str(self.config["target.cluster.alias"])


def by_itself(path: Path, live: Json) -> bool:
    """Whether it is just that connectors have failed, or come to no end of starting: nobody asks Connect for either."""
    states = {part.rpartition(" ")[2] for part in str(live).split(", ")}
    return path == ("state",) and states <= ALIVE and states != {"running"}


def health(session: Session, resources: Sequence[Resource]) -> Iterator[Condition]:
    """Workers, heartbeat and lag of each mirror that is meant to run."""
    for resource in resources:
        found = cast("Mapping[str, Mapping[str, Json]]", resource.settings["connectors"])
        if resource.settings["state"] in ("paused", "stopped"):
            yield Condition(resource.name, True, str(resource.settings["state"]))
        elif "source" in found:
            told = list(_conditions(session, resource.name, found["source"]))
            ill = [condition for condition in told if not condition.well]
            yield from ill or told


def _conditions(session: Session, name: str, config: Mapping[str, Json]) -> Iterator[Condition]:
    worker = worker_of(session, Key(session.cluster, "mirror", name))
    for words in failures(worker, [own_name(name, role) for role in ROLES]):
        yield Condition(name, False, words)
    target = cast("Kafka", session.client("kafka-admin"))
    alias = str(config["source.cluster.alias"])
    yield _heartbeat(name, target, config)
    try:
        source = cast("Kafka", session.peer(alias).client("kafka-admin"))
        yield from _arrivals(Flow(name, source, target, config))
    except Failed as error:
        yield Condition(name, False, f"its source cannot be looked at: {error.message}")


def _heartbeat(name: str, target: Kafka, config: Mapping[str, Json]) -> Condition:
    ends = str(config["source.cluster.alias"]), str(config["target.cluster.alias"])
    beat = lag.heartbeat(target, *ends)
    if beat is None:
        return Condition(name, False, "it has never sent a heartbeat")
    age = max(time.time() - beat, 0.0)
    return Condition(name, age < OLD_HEARTBEAT, f"last heartbeat {age:,.0f} s ago")


def _arrivals(flow: Flow) -> Iterator[Condition]:
    """Topics that are missing or too narrow on the target, and those that are behind and stay so."""
    there = {n: topic.partitions for n, topic in topics.listing(flow.source).items()}
    here = {n: topic.partitions for n, topic in topics.listing(flow.target).items()}
    wanted = {n: remote(flow.config, n) for n in matching(flow.config, there)}
    missing = [n for n in wanted if wanted[n] not in here]
    narrow = [n for n in wanted if n not in missing and here[wanted[n]] < there[n]]
    if missing:
        yield Condition(flow.name, False, f"not on the target: {_some(missing)}")
    if narrow:
        yield Condition(flow.name, False, f"fewer partitions on the target: {_some(narrow)}")
    copied = {n: there[n] for n in wanted if n not in missing and n not in narrow}
    yield from _lag(flow, copied, wanted)


def _lag(flow: Flow, copied: Mapping[str, int], wanted: Mapping[str, str]) -> Iterator[Condition]:
    ours = {wanted[name]: count for name, count in copied.items()}
    originals, copies = lag.ends(flow.source, copied), lag.ends(flow.target, ours)
    behind = {
        p: copies[q].newest
        for p, end in originals.items()
        if (q := TopicPartition(wanted[p.topic], p.partition)) in copies
        and end.newest > copies[q].newest
    }
    stuck = behind and _stuck(flow, behind, copies, wanted)
    if stuck:
        counts = lag.later(flow.source, stuck)
        by_topic: dict[str, int] = {}
        for partition, count in counts.items():
            by_topic[partition.topic] = by_topic.get(partition.topic, 0) + count
        told = _some([f"{topic} by {count:,} records" for topic, count in sorted(by_topic.items())])
        yield Condition(flow.name, False, f"behind, and not catching up: {told}")
    else:
        catching = f"; {len(behind):,} partitions are catching up" if behind else ", none behind"
        yield Condition(flow.name, True, f"topics copied: {len(copied):,}{catching}")


def _stuck(
    flow: Flow,
    behind: Mapping[TopicPartition, int],
    before: Mapping[TopicPartition, lag.End],
    wanted: Mapping[str, str],
) -> dict[TopicPartition, int]:
    """Those whose copy has not moved after a while."""
    time.sleep(WATCH)
    names = {p.topic for p in behind}
    counts = {wanted[n]: 1 + max(p.partition for p in behind if p.topic == n) for n in names}
    now = lag.ends(flow.target, counts)
    copies = {p: TopicPartition(wanted[p.topic], p.partition) for p in behind}
    return {p: t for p, t in behind.items() if now[copies[p]].offset == before[copies[p]].offset}


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
