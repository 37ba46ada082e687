"""Changes in, waves out: what has to be there first goes first, and what takes away goes last."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from reconciler.core.model import Action, Change, Kind

Place = tuple[int, int, int]


def order(changes: Iterable[Change], kinds: Mapping[str, Kind]) -> tuple[tuple[Change, ...], ...]:
    """Waves of changes; everything in a wave may happen in any order.

    Creations and updates come first, kind after kind (`Kind.after`), then deletions the other way round. So a grant
    is there before the one it replaces is revoked, and nothing is deleted while what follows could still fail.
    """
    depth = depths(kinds)
    waves: dict[Place, list[Change]] = {}
    for change in sorted(changes, key=lambda change: change.key):
        waves.setdefault(_place(change, kinds, depth), []).append(change)
    return tuple(tuple(waves[place]) for place in sorted(waves))


def _place(change: Change, kinds: Mapping[str, Kind], depth: Mapping[str, int]) -> Place:
    kind = kinds[change.key.kind]
    if change.action is Action.DELETE:
        return (1, -depth[kind.name], kind.tier(change))
    return (0, depth[kind.name], kind.tier(change))


def depths(kinds: Mapping[str, Kind]) -> dict[str, int]:
    """How many kinds have to come before each kind; a circle is a ValueError that names it."""
    found: dict[str, int] = {}
    for name in sorted(kinds):
        _depth(name, kinds, found, ())
    return found


def _depth(
    name: str, kinds: Mapping[str, Kind], found: dict[str, int], path: tuple[str, ...]
) -> int:
    if name in path:
        raise ValueError("kinds wait for each other: " + " -> ".join((*path, name)))
    if name not in found:
        before = [other for other in kinds[name].after if other in kinds]
        found[name] = 1 + max((_depth(o, kinds, found, (*path, name)) for o in before), default=-1)
    return found[name]
