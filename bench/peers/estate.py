"""A size in, the estate that every tool is given out, as plain rows in Kafka's words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from bench import specs

# One topic in a hundred gets another value for this one.
MOVED = "max.message.bytes"
MOVED_TO = "3145728"
EVERY = 100


@dataclass(frozen=True, slots=True)
class Binding:
    """One ACL binding, allowed from any host, on a literal name; resource and operation as Kafka's enums say them."""

    resource: str
    name: str
    principal: str
    operation: str


@dataclass(frozen=True, slots=True)
class Estate:
    """So many topics of two overrides each, or so many bindings; `changed`: one topic in a hundred is another."""

    topics: int = 0
    bindings: int = 0
    changed: bool = False

    def __str__(self) -> str:
        return f"{self.topics:,} topics" if self.topics else f"{self.bindings:,} ACL bindings"

    @property
    def short(self) -> str:
        return f"{self.topics}t{self.bindings}b"

    def after_change(self) -> Estate:
        return replace(self, changed=True)

    def configs(self) -> Mapping[str, Mapping[str, str]]:
        """The overrides of every topic, by its name."""
        return {specs.topic(index): self._config(index) for index in range(self.topics)}

    def grants(self) -> tuple[Binding, ...]:
        """Every binding. Their number is a multiple of specs.BINDINGS, which is what one service has."""
        return tuple(Binding(*row) for row in specs.bindings(self.bindings))

    def _config(self, index: int) -> Mapping[str, str]:
        moved = self.changed and index % EVERY == 0
        return {**specs.IN_KAFKA, MOVED: MOVED_TO} if moved else specs.IN_KAFKA
