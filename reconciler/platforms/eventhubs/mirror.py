"""Mirrors into a namespace: MirrorMaker 2 as Event Hubs lets it work, and what has to be there before it.

What is forced: hubs take no configurations and no ACLs from MirrorMaker 2; the topic in which it remembers offsets is
compacted and made by itself, so that it stays on the source. The workers keep their own topics on another Kafka, as
those have to be compacted too (KAFKA-9216), and so their producers are told to write to the namespace (KIP-458).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.core.model import (
    Body,
    Change,
    Condition,
    Document,
    Json,
    Kind,
    Path,
    Platform,
    Resource,
    Risk,
    Rule,
    Session,
    World,
)
from reconciler.core.risk import each
from reconciler.errors import Failed
from reconciler.kinds import mirror
from reconciler.kinds.mirror_flow import matching, remote
from reconciler.platforms.eventhubs.tiers import Tier

FORCED = {"offset-syncs.topic.location": "source"}
TARGET, PRODUCER = "target.cluster.", "producer.override."
COMPRESSION = ("producer.override.compression.type", "compression.type")
SHOWN = 10


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """With what Event Hubs asks for, whatever the document leaves unsaid."""
    spec = document.spec
    config = cast("Mapping[str, Mapping[str, Json]]", spec.get("config") or {})
    forced = {role: {**config.get(role, {}), **FORCED} for role in ("source", "checkpoint")}
    sync = {**cast("Body", spec.get("sync") or {}), "configs": False, "acls": False}
    told = {**spec, "sync": sync, "config": {**config, **forced}}
    for found in mirror.resources(replace(document, spec=told), platform):
        flow = {role: _led(own) for role, own in _flow(found.settings).items()}
        yield replace(found, settings={**found.settings, "connectors": cast("Json", flow)})


def _led(config: Body) -> Body:
    """With producers that write where the mirror's target is, by the target's login."""
    target = {
        f"{PRODUCER}{name.removeprefix(TARGET)}": value
        for name, value in config.items()
        if name.startswith(TARGET) and name != f"{TARGET}alias"
    }
    return dict(sorted({**target, **config}.items()))


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What a document must not ask for, because it is forced to be otherwise."""
    yield from mirror.check(document)
    sync = cast("Body", document.spec.get("sync") or {})
    for name, what in (("configs", "configurations"), ("acls", "ACLs")):
        if sync.get(name):
            told = f"Event Hubs takes no {what} from MirrorMaker 2; leave it out"
            yield ("spec", "sync", name), told
    config = cast("Mapping[str, Body]", document.spec.get("config") or {})
    for role, own in config.items():
        for name, value in FORCED.items():
            if own.get(name, value) != value:
                told = f"it must be `{value}`: Event Hubs cannot hold that topic"
                yield ("spec", "config", role, name), told


def rules(tier: Tier) -> tuple[Rule, ...]:
    return (*mirror.KIND.rules, each(_hubs), each(_compression(tier)))


def _hubs(change: Change, world: World) -> Iterator[Risk]:
    """MirrorMaker 2 cannot make hubs as they are meant to be, so all of them have to be there, or be declared."""
    source = _flow(change.after).get("source")
    if source is None:
        return
    alias, here = str(source["source.cluster.alias"]), change.key.cluster
    there, live = world.nearby.get((alias, "topic")), world.nearby.get((here, "topic"))
    if there is None or live is None:
        return  # told already: what it copies is not known
    room = {name: _partitions(r) for name, r in live.items()}
    room |= {k.name: _partitions(r) for k, r in world.spec.items() if k.kind == "topic"}
    wanted = {remote(source, n): _partitions(there[n]) for n in matching(source, there)}
    wanted |= dict.fromkeys(_own(alias, change), 1)
    lacking = sorted(n for n in wanted if n not in room)
    narrow = sorted(n for n in wanted if n in room and 0 < room[n] < wanted[n])
    yield from _told("there is no event hub, and no Topic document, for", lacking)
    yield from _told("fewer partitions than the original has:", narrow)


def _partitions(found: Resource) -> int:
    return cast("int", found.settings.get("partitions") or 0)


def _own(alias: str, change: Change) -> Iterator[str]:
    """What MirrorMaker 2 keeps on the target for itself (KIP-382)."""
    flow = _flow(change.after)
    if "heartbeat" in flow:
        yield "heartbeats"
    if "checkpoint" in flow:
        yield f"{alias}.checkpoints.internal"


def _told(what: str, names: Sequence[str]) -> Iterator[Risk]:
    if names:
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        yield Risk("KS947", f"{what} {', '.join(names[:SHOWN])}{more}")


def _compression(tier: Tier) -> Callable[[Change, World], Iterator[Risk]]:
    def rule(change: Change, _world: World) -> Iterator[Risk]:
        for role, own in sorted(_flow(change.after).items()):
            for name, value in own.items():
                if name.endswith(COMPRESSION) and str(value) not in tier.codecs:
                    takes = " or ".join(sorted(tier.codecs, reverse=True))
                    told = f"{role}: {name} is {value}, and {tier.title} takes {takes}"
                    yield Risk("KS947", told)

    return rule


def _flow(body: Body | None) -> Mapping[str, Body]:
    return cast("Mapping[str, Body]", (body or {}).get("connectors") or {})


def health(session: Session, resources: Sequence[Resource]) -> Iterator[Condition]:
    """As anywhere, where the namespace can be looked into by Kafka."""
    for resource in resources:
        try:
            yield from list(mirror.KIND.health(session, [resource]))
        except Failed as error:
            yield Condition(resource.name, False, f"it cannot be looked at: {error.message}")


def mirrors(tier: Tier) -> Kind:
    """The kind as a namespace of this tier has it."""
    return replace(mirror.KIND, resources=resources, check=check, rules=rules(tier), health=health)
