"""Topics on Redpanda: the settings it knows, those it takes and ignores, and its answer when it has too much to do.

Sources: Redpanda's reference of topic properties (26.1) and `kafka/server/handlers/topics/types.h`.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from reconciler.core.model import (
    Change,
    Code,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.near import did_you_mean
from reconciler.core.risk import each
from reconciler.kinds.topic import KIND, TopicDriver

# Accepted by every call that sets configs, and without effect.
DROPPED = frozenset(
    {
        "file.delete.delay.ms",
        "flush.messages",
        "follower.replication.throttled.replicas",
        "index.interval.bytes",
        "leader.replication.throttled.replicas",
        "message.downconversion.enable",
        "message.format.version",
        "message.timestamp.difference.max.ms",
        "min.insync.replicas",
        "preallocate",
        "segment.index.bytes",
        "segment.jitter.ms",
        "unclean.leader.election.enable",
    }
)
KNOWN = frozenset(
    {
        "cleanup.policy",
        "compaction.strategy",
        "compression.type",
        "confluent.key.schema.validation",
        "confluent.key.subject.name.strategy",
        "confluent.value.schema.validation",
        "confluent.value.subject.name.strategy",
        "delete.retention.ms",
        "flush.bytes",
        "flush.ms",
        "initial.retention.local.target.bytes",
        "initial.retention.local.target.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.type",
        "min.cleanable.dirty.ratio",
        "min.compaction.lag.ms",
        "retention.bytes",
        "retention.local.target.bytes",
        "retention.local.target.ms",
        "retention.ms",
        "segment.bytes",
        "segment.ms",
        "write.caching",
    }
)
# Its own settings change with every release; one that this release lacks is found when the topic is read back.
OWN = "redpanda."
REPLICAS = "replication.factor"
TOO_MUCH = "Too many partition mutations requested"
# Seconds between tries, half a minute in all: the controller's log has to take what it was given first.
PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)


def settings_rule(change: Change, _world: World) -> Iterator[Risk]:
    """CreateTopics ignores a setting that Redpanda does not know, so nobody would ever hear of it."""
    config = cast("Mapping[str, object]", (change.after or {}).get("config") or {})
    for name in sorted(config.keys() - KNOWN):
        if name == REPLICAS:
            yield Risk("KS948", f"`{name}` is no setting here: use `spec.replication`")
        elif not name.startswith(OWN):
            yield Risk("KS948", f"Redpanda has no setting `{name}`{did_you_mean(name, KNOWN)}")


def replicas_rule(change: Change, _world: World) -> Iterator[Risk]:
    wanted = (change.after or {}).get("replication")
    if isinstance(wanted, int) and wanted % 2 == 0:
        yield Risk("KS949", f"{wanted} replicas: Redpanda wants an odd number, for its votes")


@dataclass(frozen=True)
class PatientTopics:
    """Topics as everywhere, but for the broker that has too much to do: asked again until it has not."""

    portable: TopicDriver
    wire: str = TopicDriver.wire
    batch: int = TopicDriver.batch

    def read(self, session: Session, scope: Scope) -> Iterable[Resource]:
        return self.portable.read(session, scope)

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        return self.portable.vet(session, changes)

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        left = list(changes)
        for pause in (*PAUSES, None):
            outcomes = list(self.portable.write(session, left))
            busy = {outcome.key for outcome in outcomes if pause is not None and _busy(outcome)}
            yield from (outcome for outcome in outcomes if outcome.key not in busy)
            left = [change for change in left if change.key in busy]
            if not left:
                return
            time.sleep(pause or 0)


def _busy(outcome: Outcome) -> bool:
    return outcome.status is Status.FAILED and TOO_MUCH in outcome.words


CODES = (
    Code(
        "KS948",
        "Redpanda has no such setting",
        "Redpanda ignores a setting that it does not know when a topic is made, and refuses it when one is changed."
        " Take it out, or keep this topic off clusters of Redpanda.",
    ),
    Code(
        "KS949",
        "Redpanda wants an odd number of replicas",
        "Every partition is a group that votes by majority, so Redpanda refuses an even number of replicas.",
    ),
)


TOPIC = replace(
    KIND,
    drivers=(PatientTopics(TopicDriver()),),
    rules=(*KIND.rules, each(settings_rule), each(replicas_rule)),
    codes=(*KIND.codes, *CODES),
)
