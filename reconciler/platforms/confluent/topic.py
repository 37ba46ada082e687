"""Topics of Confluent Cloud, by Kafka's protocol or by REST v3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import cast

from reconciler.clients import topics
from reconciler.clients.kafka import Kafka
from reconciler.core.model import (
    Action,
    Change,
    Driver,
    Key,
    Kind,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.core.risk import each
from reconciler.kinds.topic import KIND, TopicDriver, in_sync_rule, names_rule, partitions_rule
from reconciler.platforms.confluent.settings import Settings
from reconciler.platforms.confluent.topic_rest import RestTopics
from reconciler.platforms.confluent.topic_rules import (
    CODES,
    IGNORED,
    MOST,
    POLICY,
    SETTABLE,
    SettableRule,
    config,
    halfway,
    in_two,
    replication_rule,
    steps,
    too_many,
    with_compact,
)

OPINIONS = frozenset({"KS101", "KS903"})


@dataclass(frozen=True)
class KafkaTopics:
    """The portable driver, with what Confluent Cloud does otherwise around it."""

    most: int
    inner: TopicDriver = field(default_factory=TopicDriver)
    wire: str = "kafka-admin"
    batch: int = topics.BATCH

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        for resource in self.inner.read(session, scope):
            own = config(resource.settings)
            if IGNORED & own.keys():
                kept = {name: value for name, value in own.items() if name not in IGNORED}
                yield replace(resource, settings={**resource.settings, "config": kept})
            else:
                yield resource

    def vet(self, session: Session, changes: Sequence[Change]) -> dict[Key, list[Risk]]:
        """Of a policy in two steps the broker is asked about the first, and the costs are those of both."""
        risks = self.inner.vet(session, [change for change in changes if not in_two(change)])
        if both := [change for change in changes if in_two(change)]:
            costs = self.inner.vet(session, both)
            said = self.inner.vet(session, [with_compact(change) for change in both])
            for change in both:
                own = [r for r in costs.get(change.key, ()) if r.code not in OPINIONS]
                own += [r for r in said.get(change.key, ()) if r.code in OPINIONS]
                risks[change.key] = own
        for key, more in self._too_many(session, changes).items():
            risks.setdefault(key, []).extend(more)
        return risks

    def _too_many(self, session: Session, changes: Sequence[Change]) -> dict[Key, list[Risk]]:
        if not any("partitions" in (c.after or {}) or c.action is Action.CREATE for c in changes):
            return {}
        listed = topics.listing(cast("Kafka", session.client(self.wire)))
        return too_many(
            changes, {name: topic.partitions for name, topic in listed.items()}, self.most
        )

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Policies that pass `compact` get there first; where that fails nothing more is tried."""
        first = [halfway(change) for change in changes if in_two(change)]
        told = list(self.inner.write(session, first)) if first else []
        stuck = {outcome.key for outcome in told if outcome.status is not Status.DONE}
        yield from (outcome for outcome in told if outcome.key in stuck)
        left = [change for change in changes if change.key not in stuck]
        yield from self.inner.write(session, left) if left else ()


def topic_kind(settings: Settings) -> Kind:
    """Topics as a cluster with these settings has them."""
    return _kind(settings.type, settings.by_rest, settings.partitions or MOST[settings.type])


@cache
def _kind(type_: str, by_rest: bool, most: int) -> Kind:
    # "Topic cleanup policy is fixed to delete" on Freight (cluster-types).
    settable = SETTABLE - ({POLICY} if type_ == "freight" else set())
    own = (partitions_rule, replication_rule, in_sync_rule, SettableRule(settable))
    driver: Driver = RestTopics(most) if by_rest else KafkaTopics(most)
    return replace(
        KIND,
        drivers=(driver,),
        rules=(*(each(rule) for rule in own), names_rule),
        steps=steps,
        facts=not by_rest,
        rights=() if by_rest else KIND.rights,
        codes=(*KIND.codes, *CODES),
    )
