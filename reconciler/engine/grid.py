"""Which platform offers which kind, computed from what platforms and kinds say of themselves: no second list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.model import Kind, Platform
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry


class How(StrEnum):
    """How a platform offers a kind: by Kafka's or the kind's own protocol, by an API of its own, or not at all."""

    NATIVE = "native"
    OWN = "own api"
    NONE = "not offered"


@dataclass(frozen=True, slots=True)
class Cell:
    """One kind on one platform. `reason` says why not; `needs` is what its Cluster document has to name for it.

    `proven` is `real` where it was proven on a real server, `emulated` where on an emulation, empty where not offered.
    """

    how: How
    reason: str = ""
    needs: str = ""
    proven: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A platform in one of its forms: `msk serverless`, or just `apache`."""

    name: str
    title: str
    cells: Mapping[str, Cell]


def columns() -> list[Column]:
    """Every platform in every form, each with a cell for every kind."""
    loaded = (platforms_registry.load(name) for name in platforms_registry.names())
    return [column for platform in loaded for column in _forms(platform)]


def _forms(platform: Platform) -> Iterator[Column]:
    for tier, spec in (platform.tiers or {"": {}}).items():
        fitted = platform.fitted(spec) if platform.fitted else platform
        cells = {name: cell(kind, fitted) for name, kind in kinds_registry.on(fitted).items()}
        yield Column(f"{platform.name} {tier}".strip(), fitted.title, cells)


def cell(kind: Kind, platform: Platform) -> Cell:
    """How a platform offers a kind, which is its own version of it where it has one."""
    driver = kinds_registry.driver(kind, platform)
    if driver is None:
        wires = ", ".join(sorted(d.wire for d in kind.drivers))
        reason = platform.lacks.get(kind.name) or kind.elsewhere or f"it has no {wires}"
        return Cell(How.NONE, reason)
    portable = {d.wire for d in kinds_registry.load()[kind.name].drivers}
    return Cell(
        How.NATIVE if driver.wire in portable else How.OWN,
        needs=driver.wire if driver.wire in platform.addressed else "",
        proven="real" if kind.name in platform.real else "emulated",
    )
