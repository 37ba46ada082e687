"""A change of a subject in, its writes in order out: what loosens before the version that needs it, the rest after."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.model import Change, Json
from reconciler.kinds.schema_changes import RANK

LEVELS = ("compatibility", "mode")


def rewritten(change: Change) -> bool:
    """Whether a new version comes of it."""
    return any(edit.path[0] in ("type", "schema", "references") for edit in change.edits)


def is_permanent(change: Change) -> bool:
    return (change.before or {}).get("delete") == "permanent"


def steps(change: Change) -> tuple[str, ...]:
    """The writes of a change in order: what loosens comes before the version that needs it, what tightens after."""
    if change.after is None:
        two = is_permanent(change) and "deleted" not in (change.before or {})
        return ("delete it softly", "delete it for good") if two else ()
    told = [step for step, _, _ in planned(change)]
    return tuple(told) if len(told) > 1 else ()


def planned(change: Change) -> Iterator[tuple[str, str, Json]]:
    """(words, what, value) of each write."""
    after = change.after or {}
    settings = [edit for edit in _settings(change) if edit[0] in ("compatibility", "mode")]
    early = [s for s in settings if change.before is not None and _loosens(*s)]
    register = change.before is None or rewritten(change)
    for member, _, value in early:
        yield f"{member} becomes {value}", member, value
    if register:
        yield "the schema is registered", "schema", after["schema"]
    for member, _, value in settings:
        if (member, value) not in [(m, v) for m, _, v in early]:
            yield f"{member} becomes {value or 'what the registry says'}", member, value


def _settings(change: Change) -> Iterator[tuple[str, Json, Json]]:
    after = change.after or {}
    if change.before is None:
        yield from ((m, None, after[m]) for m in ("compatibility", "mode") if after.get(m))
    else:
        levels = (e for e in change.edits if e.path[0] in LEVELS)
        yield from ((e.path[0], e.before, e.after) for e in levels)


def _loosens(member: str, before: Json, after: Json) -> bool:
    """Whether a setting has to change before a version that it allows. Back to the registry's own comes after."""
    if after is None:
        return False
    if member == "mode":
        return after != "READONLY"
    return RANK[str(after)] <= RANK.get(str(before), 0)


def loosened_before(change: Change) -> bool:
    """Whether the level that is wanted is in force when the version is registered."""
    edits = {m: (before, after) for m, before, after in _settings(change)}
    if "compatibility" not in edits:
        return (change.after or {}).get("compatibility") is not None
    return _loosens("compatibility", *edits["compatibility"])
