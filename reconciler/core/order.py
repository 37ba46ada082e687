"""Changes in, waves out: what has to be there first goes first, and what takes away goes last."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from reconciler.core.model import Action, Change, Key, Kind

Place = tuple[int, int, int, int]


KindOf = Callable[[Key], Kind]


def order(
    changes: Iterable[Change], kinds: Mapping[str, Kind], kind_of: KindOf | None = None
) -> tuple[tuple[Change, ...], ...]:
    """Waves of changes; everything in a wave may happen in any order.

    Creations and updates come first, kind after kind (`Kind.after`), then deletions the other way round. So a grant
    is there before the one it replaces is revoked, and nothing is deleted while what follows could still fail.
    `kind_of` tells the kind of a key where platforms have their own versions.
    """
    depth = depths(kinds)
    of = kind_of or (lambda key: kinds[key.kind])
    waves: dict[Place, list[Change]] = {}
    ordered = sorted(changes, key=lambda change: change.key)
    layers = _layers({change.key: change for change in ordered}, of)
    for change in ordered:
        kind = of(change.key)
        place = depth[kind.name], kind.tier(change), layers[change.key]
        if change.action is Action.DELETE:
            waves.setdefault((1, -place[0], place[1], -place[2]), []).append(change)
        else:
            waves.setdefault((0, *place), []).append(change)
    return tuple(tuple(waves[place]) for place in sorted(waves))


def _layers(changes: Mapping[Key, Change], kind_of: KindOf) -> dict[Key, int]:
    """How many changes of its own kind each one stands upon (`Kind.needs`). A ring is cut where it is entered."""
    layers: dict[Key, int] = {}

    def layer(key: Key, above: frozenset[Key]) -> int:
        if key not in layers:
            change = changes[key]
            needed = kind_of(key).needs(change.after or change.before or {})
            below = [key._replace(name=name) for name in needed]
            under = [other for other in below if other in changes and other not in above]
            layers[key] = 1 + max((layer(o, above | {key}) for o in under), default=-1)
        return layers[key]

    for key in changes:
        layer(key, frozenset((key,)))
    return layers


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
