"""Recorded subjects in; what a read of them would tell, and what can be said of changes without a registry, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients import schemas
from reconciler.core.model import Action, Body, Change, Json, Key, Resource, Risk, Scope
from reconciler.kinds.schema_costs import deletion
from reconciler.kinds.schema_driver import (
    AS_DECLARED,
    NEWEST,
    TAKEN,
    in_force_at,
    ours,
    rewritten,
    subjects,
)

LEVELS = ("compatibility", "mode")


def recalled(resource: Resource, scope: Scope) -> Resource:
    """A recorded subject in the words in which it is wanted, as its driver reads it."""
    wanted = scope.wanted.get(resource.name, {})
    settings: dict[str, Json] = {n: v for n, v in resource.settings.items() if n not in LEVELS}
    unproven: tuple[str, ...] = ()
    if references := cast("Mapping[str, Body]", settings.get("references") or {}):
        settings["references"] = {
            n: _spoken(n, at, resource, wanted) for n, at in references.items()
        }
    newest = {m: wanted[m] for m in NEWEST if wanted.get(m) is not None}
    if newest and newest == resource.facts.get("taken_for"):
        settings |= newest
        unproven = (TAKEN,)
    for level in LEVELS:
        own = resource.settings.get(level)
        if wanted.get(level) is not None:
            settings[level] = resource.facts[level]
        elif own is not None and (scope.names is None or level in wanted):
            settings[level] = own
    return Resource(resource.name, settings, unproven=unproven)


def _spoken(name: str, at: Body, resource: Resource, wanted: Body) -> Body:
    """The version as `latest`, or as the spec declares it, where it is wanted so and is that one."""
    asked = cast("Mapping[str, Body]", wanted.get("references") or {}).get(name, {})
    known = cast("Mapping[str, Body]", resource.facts.get("references") or {}).get(name, {})
    word = str(asked.get("version") or "")
    if word == schemas.LATEST and known.get("newest"):
        return {**at, "version": word}
    if word.startswith(AS_DECLARED) and known.get("means"):
        return {**at, "version": f"{AS_DECLARED}{known['means']}"}
    return at


def foreseen(
    changes: Sequence[Change], there: Mapping[str, Resource]
) -> Iterator[tuple[Key, Risk]]:
    """What our own comparison finds under the level that was in force, and who refers to what is to go."""
    going = {c.key.name: c.before for c in changes if c.action is Action.DELETE}
    coming = {c.key.name for c in changes if c.action is not Action.DELETE}
    for change in changes:
        if change.after is None:
            referrers = sorted(
                n for n, r in there.items() if change.key.name in subjects(r.settings)
            )
            soft = {n: (b or {}).get("delete") == "permanent" for n, b in going.items()}
            found = deletion(change, dict.fromkeys(referrers, True), soft, None)
        else:
            found = _written(change, there, coming)
        yield from ((change.key, risk) for risk in found)


def _written(change: Change, there: Mapping[str, Resource], coming: set[str]) -> Iterator[Risk]:
    if change.before is not None and not rewritten(change):
        return
    for subject in sorted(subjects(change.after or {}) - there.keys() - coming):
        yield Risk("KS943", f"there is no subject {subject}, here or in this plan")
    known = there.get(change.key.name)
    if change.before is not None and known is not None:
        yield from ours(change, in_force_at(change, str(known.facts.get("compatibility"))))
