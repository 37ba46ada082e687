"""Changes of topics in; what Confluent Cloud does not take of them, and what takes two steps, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from reconciler.core.model import Action, Body, Change, Code, Key, Risk, World
from reconciler.core.near import did_you_mean

POLICY = "cleanup.policy"
BOTH = "compact,delete"
# docs.confluent.io/cloud/current/topics/manage ("Editable: Yes"); the same list in terraform-provider-confluent.
SETTABLE = frozenset(
    {
        "cleanup.policy",
        "confluent.key.schema.validation",
        "confluent.key.subject.name.strategy",
        "confluent.schema.validation.context.name",
        "confluent.value.schema.validation",
        "confluent.value.subject.name.strategy",
        "delete.retention.ms",
        "max.compaction.lag.ms",
        "max.message.bytes",
        "message.timestamp.after.max.ms",
        "message.timestamp.before.max.ms",
        "message.timestamp.difference.max.ms",
        "message.timestamp.type",
        "min.compaction.lag.ms",
        "min.insync.replicas",
        "retention.bytes",
        "retention.ms",
        "segment.bytes",
        "segment.ms",
    }
)
# Read-only, and shown as if it were set on the topic.
IGNORED = frozenset({"confluent.topic.type"})
REPLICAS = 3
# What a topic gets that does not say how many.
USUAL = 6
# Before replication, by the page of cluster types; Dedicated: 4,500 a CKU. `confluent.partitions` says otherwise.
MOST: Mapping[str, int] = {
    "basic": 4_096,
    "standard": 4_096,
    "enterprise": 30_000,
    "dedicated": 100_000,
    "freight": 50_000,
}


def config(body: Body | None) -> Mapping[str, str | None]:
    return cast("Mapping[str, str | None]", (body or {}).get("config") or {})


# --- what cannot be


def replication_rule(change: Change, _world: World) -> Iterator[Risk]:
    wanted = (change.after or {}).get("replication")
    if wanted is not None and wanted != REPLICAS:
        told = f"replication {wanted}: Confluent Cloud keeps {REPLICAS} replicas of every topic"
        yield Risk("KS990", f"{told}; say {REPLICAS}, or leave it out")


@dataclass(frozen=True, slots=True)
class SettableRule:
    """What is set, or unset, has to be on the list."""

    settable: frozenset[str]

    def __call__(self, change: Change, _world: World) -> Iterator[Risk]:
        for name in sorted(config(change.after).keys() - self.settable):
            near = did_you_mean(name, self.settable)
            listed = ", ".join(sorted(self.settable))
            told = f"`{name}` cannot be set on Confluent Cloud{near}"
            yield Risk("KS990", f"{told}; what can be set: {listed}")


def steps(change: Change) -> list[str]:
    """`delete` never becomes `compact,delete` directly (topics/manage): it passes `compact`."""
    if not in_two(change):
        return []
    return [f"{POLICY}: delete -> compact", f"{POLICY}: compact -> {BOTH}"]


def in_two(change: Change) -> bool:
    """Whether an update has to pass `compact`. A topic without a policy of its own has the cluster's, `delete`."""
    if change.action is not Action.UPDATE or config(change.after).get(POLICY) != BOTH:
        return False
    return config(change.before).get(POLICY) in (None, "delete")


def halfway(change: Change) -> Change:
    """The first of the two steps: the policy alone, to `compact`."""
    return replace(change, after={"config": {POLICY: "compact"}})


def with_compact(change: Change) -> Change:
    """The change as its first step would leave it: for asking a server what it thinks of everything else."""
    after = {**(change.after or {}), "config": {**config(change.after), POLICY: "compact"}}
    return replace(change, after=after)


# --- how many partitions


def too_many(
    changes: Sequence[Change], there: Mapping[str, int], most: int
) -> dict[Key, list[Risk]]:
    """Every change that adds partitions, if all of them together lead beyond the most that the cluster may have."""
    gone = sum(there.get(c.key.name, 0) for c in changes if c.action is Action.DELETE)
    added = {c.key: more for c in changes if (more := _added(c, there)) > 0}
    total = sum(there.values()) - gone + sum(added.values())
    if total <= most or not added:
        return {}
    told = f"{sum(there.values()):,} partitions now, {total:,} after this plan: the cluster may have {most:,}"
    return {key: [Risk("KS991", told)] for key in added}


def _added(change: Change, there: Mapping[str, int]) -> int:
    wanted = (change.after or {}).get("partitions")
    if change.action is Action.CREATE:
        return USUAL if wanted is None else int(cast("int", wanted))
    return int(cast("int", wanted)) - there.get(change.key.name, 0) if wanted is not None else 0


CODES = (
    Code(
        "KS990",
        "Confluent Cloud does not let this be chosen",
        "Of a topic's configuration only a list of names can be set, and every topic has three replicas. The plan says"
        " which setting it is, and what can be set. Leave it out here: give this cluster a document of its own, or take"
        " the setting out of the profile that the document shares with other platforms.",
    ),
    Code(
        "KS991",
        "More partitions than the cluster may have",
        "A cluster's type limits how many partitions its topics may have together, before replication. Ask for fewer,"
        " or for a larger cluster. Where Confluent has granted more, say so: `confluent.partitions` in the Cluster"
        " document.",
    ),
)
