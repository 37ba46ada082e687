"""Desired and live state in, changes out. Pure: it reads nothing and decides nothing but what differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from typing import cast

from reconciler.core.model import (
    NOTHING,
    Body,
    Change,
    Edit,
    Json,
    Key,
    Owner,
    Path,
    Resource,
    State,
)

NO_KEYS: Set[Key] = frozenset()
NO_STATE: State = {}


def diff(
    desired: State,
    live: State,
    *,
    last: State = NO_STATE,
    absent: Set[Key] = NO_KEYS,
    whole: Callable[[Key], bool] = lambda _key: False,
) -> list[Change]:
    """What has to happen so that `live` is as `desired`, sorted by key.

    `last` is what was applied before: a setting in there that `desired` no longer has goes back to its default.
    `absent` is what must not be there. `whole` says of which keys everything is compared, not just what is declared.
    """
    # Nearly everything is as it should be, and costs one comparison.
    unequal = [
        (key, want, have)
        for key, want in desired.items()
        if (have := live.get(key)) is None or want.settings != have.settings
    ]
    changes = [_towards(key, want, have, last.get(key), whole) for key, want, have in unequal]
    gone = [_delete(key, live[key]) for key in absent if key in live and key not in desired]
    return sorted((c for c in (*changes, *gone) if c is not None), key=lambda change: change.key)


def _towards(
    key: Key,
    want: Resource,
    have: Resource | None,
    last: Resource | None,
    whole: Callable[[Key], bool],
) -> Change | None:
    if have is None:
        return Change(key, None, drop_unset(want.settings))
    entire = whole(key)
    found = edits(want.settings, have.settings, last.settings if last else NOTHING, entire=entire)
    if not found:
        return None
    before = have.settings if entire else sides(found, "before")
    after = want.settings if entire else sides(found, "after")
    return Change(key, before, after, found, expects=have.facts, owner=Owner.UNOWNED)


def _delete(key: Key, have: Resource) -> Change:
    return Change(key, have.settings, None, expects=have.facts, owner=Owner.UNOWNED)


def edits(
    want: Body, have: Body, last: Body = NOTHING, *, entire: bool = False
) -> tuple[Edit, ...]:
    """Every setting that differs, by path, sorted. None on a side means: not set there."""
    wanted, there, before = dict(flat(want)), dict(flat(have)), dict(flat(last))
    forgotten = there if entire else {path: None for path in before if path in there}
    asked: dict[Path, Json] = {path: None for path in forgotten} | wanted
    return tuple(
        Edit(path, there.get(path), value)
        for path, value in sorted(asked.items())
        if there.get(path) != value
    )


def flat(body: Body, under: Path = ()) -> Iterator[tuple[Path, Json]]:
    """The leaves of nested mappings with their paths; lists are leaves."""
    for name, value in body.items():
        if isinstance(value, Mapping):
            yield from flat(value, (*under, name))
        else:
            yield (*under, name), value


def nest(leaves: Iterable[tuple[Path, Json]]) -> Body:
    """The reverse of `flat`, up to empty mappings."""
    body: dict[str, Json] = {}
    for path, value in leaves:
        inner = body
        for name in path[:-1]:
            inner = cast("dict[str, Json]", inner.setdefault(name, {}))
        inner[path[-1]] = value
    return body


def sides(found: tuple[Edit, ...], side: str) -> Body:
    """One side of the edits as a body; what is not set there is None."""
    return nest((edit.path, edit.before if side == "before" else edit.after) for edit in found)


def drop_unset(body: Body) -> Body:
    """A body as a creation needs it: without the settings that must not be set."""
    return nest((path, value) for path, value in flat(body) if value is not None)
