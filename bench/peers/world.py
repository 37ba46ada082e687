"""What a tool left in the cluster, beside what it should have: a tool that ends with 0 is not believed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka.admin import ConfigResource, ConfigSource, ResourceType

from bench import specs
from bench.cluster import BATCH, Bench, anything
from bench.peers.estate import Estate

PATIENCE = 10.0
REST = 2.0
OVERRIDE = ConfigSource.DYNAMIC_TOPIC_CONFIG.value


class World(Protocol):
    """A cluster that can be emptied and looked at."""

    @property
    def bootstrap(self) -> str: ...

    def wipe(self) -> None:
        """Nothing is left of what any tool made, and the broker is at rest."""

    def wrong(self, estate: Estate) -> str:
        """How the cluster differs from the estate; empty when it does not."""


@dataclass(frozen=True, slots=True)
class Broker:
    """The sandbox's broker as a World."""

    bench: Bench

    @property
    def bootstrap(self) -> str:
        return self.bench.bootstrap

    def wipe(self) -> None:
        self.bench.wipe()

    def wrong(self, estate: Estate) -> str:
        """A cluster may be slow to tell: it is asked again for PATIENCE seconds. Then the broker comes to rest."""
        end = time.monotonic() + PATIENCE
        while (found := self._wrong(estate)) and time.monotonic() < end:
            time.sleep(0.5)
        time.sleep(REST)
        return found

    def _wrong(self, estate: Estate) -> str:
        topics = estate.configs()
        there = [name for name in self.bench.topics() if name.startswith(specs.PREFIX)]
        if set(there) != set(topics):
            return f"{len(set(topics) - set(there)):,} of {len(topics):,} topics are missing"
        if other := differing(topics, self._configs(there)):
            return f"{other:,} of {len(topics):,} topics have other values"
        made = len(self.bench.admin.describe_acls(anything(), request_timeout=60).result())
        wanted = estate.bindings
        return f"{made:,} bindings, not {wanted:,}" if made != wanted else ""

    def _configs(self, names: Sequence[str]) -> Mapping[str, Mapping[str, str]]:
        return {
            name: config
            for at in range(0, len(names), BATCH)
            for name, config in _described(self.bench, names[at : at + BATCH])
        }


def differing(
    wanted: Mapping[str, Mapping[str, str]], found: Mapping[str, Mapping[str, str]]
) -> int:
    """How many topics have other overrides than they should."""
    return sum(found.get(name) != config for name, config in wanted.items())


def _described(bench: Bench, names: Sequence[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    for resource, answer in bench.admin.describe_configs(asked, request_timeout=60).items():
        entries = answer.result().values()
        # Annotated as the enum, but a plain number.
        own = [entry for entry in entries if entry.source == OVERRIDE]
        yield resource.name, {entry.name: entry.value for entry in own}
