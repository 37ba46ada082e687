"""A spec, live clusters and an allow-list of fields in; a plan that puts back what a hand changed out.

It is an ordinary plan of a narrowed wish: what is live, but for those fields. So nothing is ever created or deleted,
what waits in Git is left to wait, and the same risks, gate, lock and journal stand between it and the cluster.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reconciler.core.diff import flat, nest
from reconciler.core.model import Body, Json, Key, Resource
from reconciler.core.model import Path as Steps
from reconciler.engine.clusters import Options
from reconciler.engine.custody import estate_of
from reconciler.engine.planning import Planned, matches, plan
from reconciler.engine.survey import Survey
from reconciler.errors import Failed
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Allowed:
    """Fields that may be put back: `topic/*:config.retention.ms`. Both sides may be globs."""

    resources: str
    fields: str

    def covers(self, key: Key, path: Steps) -> bool:
        named = fnmatchcase(f"{key.kind}/{key.name}", self.resources)
        return named and fnmatchcase(".".join(path), self.fields)

    def __str__(self) -> str:
        return f"{self.resources}:{self.fields}"


def heal(spec: Spec, options: Options, allowed: Sequence[Allowed]) -> Planned:
    """What would have to be written to put those fields back. Writes nothing.

    Raises BadUsage without an Estate: nobody knows then what a hand changed.
    """
    estate_of(spec)
    made = plan(spec, options, lambda found: _put_back(found, allowed, options.only))
    narrowed = replace(
        made.plan,
        partial=True,
        only=tuple(sorted({*options.only, *map(str, allowed)})),
        records=(),
        unmanaged=(),
        out_of_scope=0,
    )
    return replace(made, plan=narrowed)


def _put_back(found: Survey, allowed: Sequence[Allowed], only: Sequence[str]) -> Survey:
    """The survey with nothing wanted but what is there, and the allowed fields as they were applied."""
    if found.keeping.trouble:
        raise Failed(
            f"cluster {found.cluster}: {found.keeping.trouble}; nothing is put back on its word"
        )
    state = {
        key: replace(resource, settings=_settings(key, resource, found, allowed))
        for key, resource in found.want.state.items()
        if key in found.live and matches(key, only)
    }
    want = replace(found.want, state=state, absent=set(), unwanted={}, impossible={})
    return replace(found, want=want, last={}, pruned=frozenset())


def _settings(key: Key, want: Resource, found: Survey, allowed: Sequence[Allowed]) -> Body:
    there, wanted = dict(flat(found.live[key].settings)), dict(flat(want.settings))
    whole = found.kinds[key.kind].whole
    asked = there if whole else dict.fromkeys(wanted)
    kept: dict[Steps, Json] = {path: there[path] for path in asked if path in there}
    applied = found.last.get(key)
    was = dict(flat(applied.settings)) if applied else {}
    healed = dict(_healed(wanted, was, there, whole=whole)) if applied else {}
    kept |= {path: v for path, v in healed.items() if any(a.covers(key, path) for a in allowed)}
    # Where the whole is written, what is not to be set is not in it.
    return nest(sorted(item for item in kept.items() if not whole or item[1] is not None))


def _healed(
    wanted: Mapping[Steps, Json],
    applied: Mapping[Steps, Json],
    there: Mapping[Steps, Json],
    *,
    whole: bool,
) -> Iterator[tuple[Steps, Json]]:
    """What a hand changed and Git did not: live is not as applied, and what was applied is what is wanted still."""
    for path in {*wanted, *applied, *(there if whole else ())}:
        if there.get(path) != applied.get(path) == wanted.get(path):
            yield path, wanted.get(path)
