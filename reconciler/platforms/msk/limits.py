"""What each kind of MSK cluster takes of a topic: settings, replicas, partitions; and the rules that say so in a plan.

"Topic-level configurations for Express brokers" (msk-configuration-express-topic), "MSK Serverless configuration"
(serverless-config), "Amazon MSK quota" (limits), all in docs.aws.amazon.com/msk/latest/developerguide.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from reconciler.core.model import (
    Action,
    Body,
    Change,
    Code,
    Document,
    Key,
    Platform,
    Resource,
    Risk,
    World,
)
from reconciler.kinds import topic
from reconciler.platforms.msk.settings import EXPRESS, SERVERLESS, STANDARD

DAY_MS = 86_400_000
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one kind of cluster. `settable` None: whatever Kafka knows.

    `fixed` are settings that the cluster has anyway: asking for just that is nothing to do. `least` and `most` bound
    numbers. `partitions` is AWS's quota: for the cluster, or of replicas a broker. `replication` None: free.
    """

    title: str
    settable: frozenset[str] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    least: Mapping[str, int] = field(default_factory=dict)
    most: Mapping[str, int] = field(default_factory=dict)
    at_birth: frozenset[str] = frozenset()
    replication: int | None = None
    partitions: int | None = None
    replicas_a_broker: int | None = None


BY_KIND: Mapping[str, Limits] = {
    STANDARD: Limits("MSK Standard"),
    EXPRESS: Limits(
        "MSK Express",
        settable=frozenset(
            {
                "cleanup.policy",
                "compression.type",
                "delete.retention.ms",
                "max.compaction.lag.ms",
                "max.message.bytes",
                "message.timestamp.after.max.ms",
                "message.timestamp.before.max.ms",
                "message.timestamp.type",
                "min.compaction.lag.ms",
                "retention.bytes",
                "retention.ms",
            }
        ),
        fixed={"min.insync.replicas": "2", "unclean.leader.election.enable": "false"},
        least={"max.compaction.lag.ms": DAY_MS},
        replication=3,
        replicas_a_broker=32_000,
    ),
    SERVERLESS: Limits(
        "MSK Serverless",
        settable=frozenset(
            {
                "cleanup.policy",
                "compression.type",
                "max.message.bytes",
                "message.timestamp.difference.max.ms",
                "message.timestamp.type",
                "retention.bytes",
                "retention.ms",
            }
        ),
        most={"max.message.bytes": 8 * MIB},
        at_birth=frozenset({"cleanup.policy"}),
        replication=3,
        partitions=2_400,
    ),
}


def resources(document: Document, platform: Platform, limits: Limits) -> Iterator[Resource]:
    """A topic without the settings that the cluster has anyway, so that a Profile can be shared with other clusters."""
    for found in topic.resources(document, platform):
        config = cast("Body", found.settings.get("config") or {})
        kept = {name: value for name, value in config.items() if limits.fixed.get(name) != value}
        others = {name: value for name, value in found.settings.items() if name != "config"}
        yield Resource(found.name, {**others, **({"config": kept} if kept else {})})


def settings_rule(change: Change, limits: Limits) -> Iterator[Risk]:
    """Settings that the cluster does not take, or not with that value, or not any more."""
    config = cast("Mapping[str, str | None]", (change.after or {}).get("config") or {})
    edited = {edit.path[-1] for edit in change.edits if edit.path[0] == "config"}
    for name, value in sorted(config.items()):
        if change.action is Action.UPDATE and name not in edited:
            continue
        if limits.settable is not None and name not in limits.settable:
            always = f": there it is always {limits.fixed[name]}" if name in limits.fixed else ""
            yield Risk("KS993", f"{limits.title} takes no `{name}`{always}")
        elif change.action is Action.UPDATE and name in limits.at_birth:
            yield Risk("KS993", f"{limits.title} takes `{name}` only when a topic is made")
        elif value is not None:
            yield from _bounds(name, value, limits)


def _bounds(name: str, value: str, limits: Limits) -> Iterator[Risk]:
    if not value.lstrip("-").isdigit():
        return
    if name in limits.least and int(value) < limits.least[name]:
        yield Risk("KS993", f"{limits.title} takes {limits.least[name]:,} and more for `{name}`")
    if name in limits.most and int(value) > limits.most[name]:
        yield Risk("KS993", f"{limits.title} takes up to {limits.most[name]:,} for `{name}`")


def replication_rule(change: Change, limits: Limits) -> Iterator[Risk]:
    wanted = (change.after or {}).get("replication")
    if limits.replication is not None and wanted not in (None, limits.replication):
        words = f"{limits.title} keeps {limits.replication} replicas of everything, not {wanted}"
        yield Risk("KS993", words)


def quota_rule(
    changes: Sequence[Change], world: World, limits: Limits
) -> Iterator[tuple[Key, Risk]]:
    """Partitions beyond what AWS allows unless it is asked for more, as far as the plan knows of them."""
    growing = [change for change in changes if "partitions" in (change.after or {})]
    total = sum(_partitions(world.planned[name]) for name in world.planned)
    brokers = cast("int", world.facts.get("brokers") or 0)
    most, what = limits.partitions, "partitions"
    if limits.replicas_a_broker and brokers:
        most, what = limits.replicas_a_broker * brokers, "replicas of partitions"
        total *= limits.replication or 1
    if most is None or total <= most or not growing:
        return
    words = f"the spec asks for more than {most:,} {what}, {limits.title}'s quota"
    yield from ((change.key, Risk("KS393", words, {"wanted": total})) for change in growing)


def _partitions(resource: Resource) -> int:
    return cast("int", resource.settings.get("partitions") or 0)


Rule = Callable[[Sequence[Change], World], Iterator[tuple[Key, Risk]]]


def rule(limits: Limits) -> Rule:
    """All of the above, as one rule of a kind."""

    def over_all(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
        for change in changes:
            for found in (*settings_rule(change, limits), *replication_rule(change, limits)):
                yield change.key, found
        yield from quota_rule(changes, world, limits)

    return over_all


CODES = (
    Code(
        "KS393",
        "More partitions than AWS's quota",
        "The topics that the spec asks for have more partitions than this kind of MSK cluster takes by default:"
        " 2,400 on MSK Serverless, 32,000 replicas a broker on MSK Express. Others' topics count as well, and are not"
        " in this figure. AWS raises quotas when asked; approve once it has.",
    ),
    Code(
        "KS993",
        "This kind of MSK cluster does not take it",
        "MSK Express and MSK Serverless take only some of Kafka's topic settings, keep three replicas of everything,"
        " and MSK Serverless takes `cleanup.policy` only when a topic is made; the MSK topic API has limits of its own."
        " Leave the setting out, or narrow the document with `metadata.clusters`.",
    ),
)
