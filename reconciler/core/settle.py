"""A plan meets the cluster again: each change is done already, still to do, or the cluster has moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.diff import edits, flat
from reconciler.core.model import Action, Body, Change, Edit, Json, Path, Resource, State


class Verdict(StrEnum):
    """What a change is, seen against the cluster as it is now."""

    DONE = "done"
    TODO = "to do"
    MOVED = "moved"


@dataclass(frozen=True, slots=True)
class Moved:
    """A setting that is neither as planned from nor as planned for. None means: not set."""

    change: Change
    path: Path
    planned_from: Json
    now: Json
    wanted: Json


@dataclass(frozen=True, slots=True)
class Settled:
    """Every change in exactly one place."""

    done: tuple[Change, ...]
    todo: tuple[Change, ...]
    moved: tuple[Moved, ...]


def settle(changes: Iterable[Change], live: State) -> Settled:
    """Sort the changes by what is left of them. A change that is half done is still to do."""
    done: list[Change] = []
    todo: list[Change] = []
    moved: list[Moved] = []
    for change in changes:
        found, why = judge(change, live.get(change.key))
        if found is Verdict.MOVED:
            moved.extend(why)
        else:
            (done if found is Verdict.DONE else todo).append(change)
    return Settled(tuple(done), tuple(todo), tuple(moved))


def judge(change: Change, now: Resource | None) -> tuple[Verdict, tuple[Moved, ...]]:
    """The verdict on one change, with what moved."""
    match change.action:
        case Action.CREATE:
            return _created(change, now)
        case Action.DELETE:
            return _deleted(change, now)
        case Action.UPDATE:
            return _updated(change, now)


def _created(change: Change, now: Resource | None) -> tuple[Verdict, tuple[Moved, ...]]:
    if now is None:
        return Verdict.TODO, ()
    differs = edits(change.after or {}, now.settings)
    if not differs:
        return Verdict.DONE, ()
    return Verdict.MOVED, tuple(Moved(change, e.path, None, e.before, e.after) for e in differs)


def _deleted(change: Change, now: Resource | None) -> tuple[Verdict, tuple[Moved, ...]]:
    if now is None:
        return Verdict.DONE, ()
    other = _other_facts(change, now)
    return (Verdict.MOVED, other) if other else (Verdict.TODO, ())


def _updated(change: Change, now: Resource | None) -> tuple[Verdict, tuple[Moved, ...]]:
    if now is None:
        return Verdict.MOVED, (Moved(change, (), "there", "gone", "there"),)
    there = dict(flat(now.settings))
    strange = tuple(
        Moved(change, e.path, e.before, there.get(e.path), e.after)
        for e in change.edits
        if there.get(e.path) not in (e.before, e.after)
    )
    other = (*_other_facts(change, now), *strange)
    if other:
        return Verdict.MOVED, other
    left = remaining(change, now)
    return (Verdict.TODO, ()) if left else (Verdict.DONE, ())


def remaining(change: Change, now: Resource) -> tuple[Edit, ...]:
    """The edits of an update that are not yet as wanted."""
    there = dict(flat(now.settings))
    return tuple(e for e in change.edits if there.get(e.path) != e.after)


def _other_facts(change: Change, now: Resource) -> tuple[Moved, ...]:
    expected: Body = change.expects
    return tuple(
        Moved(change, (name,), value, now.facts.get(name), value)
        for name, value in expected.items()
        if now.facts.get(name) != value
    )
