"""The file of a saved plan in, the Plan out; whatever is not exactly that is refused with 4."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from reconciler.errors import BadUsage, Stale

if TYPE_CHECKING:
    from reconciler.core.model import Change, Key, Kind
    from reconciler.core.plan import Plan

# The plan of a hundred thousand changes has a tenth of this.
MOST_BYTES = 1 << 30
FRESH = "Make a new one with `kstate plan`."


def read_plan(path: str) -> Plan:
    """A saved plan, read once: what is checked is what is used. Raises Stale for whatever is not that very file."""
    from reconciler.core.plan import parse

    with _opened(path) as file:
        data = file.read()
    try:
        plan = parse(data)
        sound = _has_the_form(data) and _adds_up(plan)
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Stale(f"{path} cannot be read as a plan", hint=FRESH) from error
    if not sound:
        raise Stale(f"{path} says things that no `kstate plan` says", hint=FRESH)
    return plan


def _opened(path: str) -> BinaryIO:
    # A link could lead elsewhere by the time somebody else looks, and a pipe gives different bytes to each reader.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and Path(path).is_symlink():
            raise Stale(f"{path} is a symbolic link, not a plan") from error
        raise BadUsage(f"cannot read {path}: {getattr(error, 'strerror', error)}") from error
    found = os.fstat(handle)
    if stat.S_ISREG(found.st_mode) and found.st_size <= MOST_BYTES:
        return os.fdopen(handle, "rb")
    os.close(handle)
    ordinary = stat.S_ISREG(found.st_mode)
    raise Stale(f"{path} is {'too large for a plan' if ordinary else 'no ordinary file'}")


def _has_the_form(data: bytes) -> bool:
    """Whether it is what `schemas/plan.v1.json` describes."""
    import json

    import jsonschema_rs

    from reconciler.spec.schema import folder

    form = json.loads((folder() / "plan.v1.json").read_bytes())
    validator, body = jsonschema_rs.validator_for(form), json.loads(data)
    try:
        return bool(validator.is_valid(body))
    except UnicodeEncodeError:
        # It reads UTF-8 only, which holds no half pair of UTF-16; what stands there instead makes no difference to it.
        text = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        return bool(validator.is_valid(json.loads(text)))


def _adds_up(plan: Plan) -> bool:
    """Whether everything in it belongs to its clusters, happens once, and is shown as it is done."""
    from reconciler.engine.rollout import staged
    from reconciler.kinds.registry import load
    from reconciler.platforms.registry import kind_of, names

    if not all(cluster.spec.get("platform") in names() for cluster in plan.clusters):
        return False
    kind = kind_of({cluster.name: cluster.spec for cluster in plan.clusters})
    clusters = [cluster.name for cluster in plan.clusters]
    changed = [change.key for change in plan.changes]
    keys: list[Key] = [*changed, *plan.protected, *(record.key for record in plan.records)]
    return (
        len({*clusters}) == len(clusters)
        and staged(plan)
        and len({*changed}) == len(changed)
        and all(key.cluster in clusters and key.kind in load() for key in keys)
        and plan.owners.keys() <= {*changed}
        and all(_shown_as_done(change, kind(change.key)) for change in plan.changes)
    )


def _shown_as_done(change: Change, kind: Kind) -> bool:
    """Whether the edits, which people read, are the difference of what was and what will be written."""
    from reconciler.core.diff import flat
    from reconciler.core.model import Action

    if change.action is not Action.UPDATE:
        return not change.edits and not (change.before is None and change.after is None)
    before, after = dict(flat(change.before or {})), dict(flat(change.after or {}))
    shown = {edit.path for edit in change.edits}
    differ = {path for path in {*before, *after} if before.get(path) != after.get(path)}
    if kind.secrets or kind.complete:
        # Such an update carries all that is wanted, so that the server has it whole.
        differ = {path for path in differ if path in before or path in shown}
    agree = all(
        (before.get(e.path), after.get(e.path)) == (e.before, e.after) for e in change.edits
    )
    return agree and differ == shown
