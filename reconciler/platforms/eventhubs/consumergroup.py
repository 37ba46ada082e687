"""Consumer groups of event hubs, those that AMQP readers use, on their way to and from Resource Manager."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

from reconciler.clients.arm import understood
from reconciler.clients.event_hubs import EventHubs
from reconciler.clients.http import Answer
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Key,
    Kind,
    Outcome,
    Resource,
    Risk,
    Rule,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.risk import each
from reconciler.kinds.consumergroup import DEFAULT, KIND, NOTE, parts
from reconciler.platforms.eventhubs.tiers import Tier
from reconciler.platforms.eventhubs.topic_driver import THREADS, WIRE, namespace, side_by_side


class ConsumerGroupDriver:
    """Groups by Resource Manager, one listing a hub."""

    wire = WIRE
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """The groups of every hub that the scope speaks of; of all hubs where it names none."""
        hubs = namespace(session)
        with understood(f"{hubs.arm.http.what}: consumer groups"):
            live = [_resource(hub, found) for hub, found in _groups(hubs, _hubs(hubs, scope))]
        for resource in live:
            if scope.names is None or scope.others or resource.name in scope.names:
                yield resource

    def vet(self, _session: Session, _changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Nobody tells who reads by AMQP: the rules say so."""
        return {}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        return side_by_side(session, changes, _written)


def _hubs(hubs: EventHubs, scope: Scope) -> list[str]:
    if scope.names is None:
        return sorted(str(hub["name"]) for hub in hubs.hubs())
    return sorted({parts(name)[0] for name in scope.names})


def _groups(hubs: EventHubs, names: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    with ThreadPoolExecutor(THREADS) as pool:
        for name, found in zip(names, pool.map(hubs.groups, names), strict=True):
            yield from ((name, group) for group in found or () if group["name"] != DEFAULT)


def _resource(hub: str, found: Mapping[str, Any]) -> Resource:
    note = (found.get("properties") or {}).get(NOTE)
    return Resource(f"{hub}/{found['name']}", {} if note is None else {NOTE: str(note)})


# --- what could hurt


def rules(tier: Tier) -> tuple[Rule, ...]:
    return (each(_topic), each(_gone), each(_unset), _room(tier))


def _topic(change: Change, world: World) -> Iterator[Risk]:
    hub = parts(change.key.name)[0]
    live = world.nearby.get((change.key.cluster, "topic"))
    planned = Key(change.key.cluster, "topic", hub) in world.spec
    if change.action is Action.CREATE and live is not None and hub not in live and not planned:
        yield Risk("KS946", f"there is no event hub {hub}, and no Topic document that makes it")


def _gone(change: Change, _world: World) -> Iterator[Risk]:
    if change.action is Action.DELETE:
        yield Risk("KS246", "Azure does not tell who reads with it")


def _unset(change: Change, _world: World) -> Iterator[Risk]:
    if change.action is Action.UPDATE and (change.after or {}).get(NOTE) is None:
        yield Risk("KS946", f"`{NOTE}` cannot be taken away; write another text")


def _room(tier: Tier) -> Rule:
    """A hub has room for so many groups, the one that every hub has included."""

    def rule(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
        gone = {c.key.name for c in changes if c.action is Action.DELETE}
        then = Counter(parts(n)[0] for n in (world.live.keys() | world.planned.keys()) - gone)
        for change in changes:
            count = then[parts(change.key.name)[0]] + 1
            if change.action is Action.CREATE and count > tier.groups:
                told = f"{count} groups with {DEFAULT}: {tier.title} has {tier.groups} at most"
                yield change.key, Risk("KS946", f"{told} for a hub")

    return rule


def nearby(_resource: Resource, cluster: str) -> Iterator[tuple[str, str]]:
    yield cluster, "topic"


# --- writing


def _written(hubs: EventHubs, change: Change) -> Answer | Outcome:
    hub, group = parts(change.key.name)
    if change.after is None:
        answer = hubs.delete_group(hub, group)
        return Outcome(change.key, Status.DONE) if answer.status == 404 else answer
    return hubs.put_group(hub, group, cast("Mapping[str, Any]", _properties(change.after)))


def _properties(after: Body) -> Body:
    return {name: after[name] for name in (NOTE,) if after.get(name) is not None}


def groups(tier: Tier) -> Kind:
    """The kind as a namespace of this tier has it."""
    return replace(KIND, drivers=(ConsumerGroupDriver(),), rules=rules(tier), nearby=nearby)
