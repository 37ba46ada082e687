"""The tiers of Event Hubs, each with what fits into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """Numbers: "Event Hubs quotas and limits" (event-hubs-quotas). `hubs` are in a namespace, `groups` of a hub.

    `per_unit`: `hubs` and `all_partitions` are for each processing unit. `retention` is in hours. `codecs` are the
    compressions that clients may use ("Kafka compression ... only in Premium and Dedicated").
    """

    name: str
    hubs: int
    partitions: int
    grows: bool
    retention: int
    groups: int
    per_unit: bool = False
    all_partitions: int = 0
    codecs: frozenset[str] = frozenset({"none"})

    @property
    def title(self) -> str:
        return self.name.title()


GZIP = frozenset({"none", "gzip"})
TIERS: Mapping[str, Tier] = {
    "standard": Tier("standard", 10, 32, grows=False, retention=7 * 24, groups=20),
    "premium": Tier(
        "premium",
        100,
        100,
        grows=True,
        retention=90 * 24,
        groups=100,
        per_unit=True,
        all_partitions=200,
        codecs=GZIP,
    ),
    "dedicated": Tier(
        "dedicated", 1000, 1024, grows=True, retention=90 * 24, groups=1000, codecs=GZIP
    ),
}


def found(sku: str, *, in_a_cluster: bool) -> str:
    """The tier of a namespace as Resource Manager describes it: a dedicated one stands in a cluster of its own."""
    return "dedicated" if in_a_cluster else sku.lower()
