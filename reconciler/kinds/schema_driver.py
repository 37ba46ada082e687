"""Subjects on their way to and from a registry: read side by side, vetted by its check and ours, written in steps."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import cast

from reconciler.clients import schemas
from reconciler.clients.http import Answer, Http
from reconciler.clients.lean import LostAnswer
from reconciler.clients.schemas import WIRE, Reference, Version, registry_of, side_by_side
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Json,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.errors import Failed, ServerRefused
from reconciler.kinds.schema_changes import broken, differences
from reconciler.kinds.schema_forms import fingerprint, live_shape, text_of
from reconciler.kinds.schema_steps import (
    LEVELS,
    is_permanent,
    loosened_before,
    planned,
    rewritten,
)

AS_DECLARED = "as declared, "
MANY = 50
SHOWN = 8


class SchemaDriver:
    """Subjects by the registry's REST API: in pages where it has some, else side by side."""

    wire = WIRE
    batch = 500

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """The list, then the newest version of each subject that is asked for, whether the list has it or not."""
        registry = registry_of(session)
        there = schemas.subjects(registry)
        asked = [name for name in there if scope.names is None or name in scope.names]
        unlisted = sorted((scope.names or frozenset()) - set(there))
        seen = _Seen(registry, _at_once(registry, asked, len(there)))
        look = _recorded if scope.facts else _resource
        yield from side_by_side(asked, lambda name: look(seen, name, scope))
        found = side_by_side(unlisted, lambda name: _unlisted(seen, name, scope))
        late = [resource for resource in found if resource is not None]
        names = [resource.name for resource in late]
        yield from side_by_side(names, lambda n: look(seen, n, scope)) if scope.facts else late
        if scope.others and scope.names is not None:
            yield from (Resource(name, {}) for name in there if name not in scope.names)

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """What the registry and our own comparison say of new versions, and who refers to what is to go."""
        registry = registry_of(session)
        going = {c.key.name: is_permanent(c) for c in changes if c.action is Action.DELETE}
        coming = {c.key.name for c in changes if c.action is not Action.DELETE}
        view = _View(registry, going, frozenset(coming))
        found = side_by_side(changes, lambda change: list(_risks(view, change)))
        return {c.key: risks for c, risks in zip(changes, found, strict=True) if risks}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Side by side: what stands upon each other is never in one wave."""
        registry = registry_of(session)
        yield from side_by_side(changes, lambda change: _written(registry, change))


# --- reading


@dataclass
class _Seen:
    """What many subjects of one read have in common, asked for once: what they refer to, the registry's own levels.

    `_newest` are versions that came by the page.
    """

    registry: Http
    _newest: Mapping[str, Version] = field(default_factory=dict)
    _once: dict[tuple[str, str], Version | None] = field(default_factory=dict)
    _registrys: dict[str, str] = field(default_factory=dict)

    def newest(self, subject: str) -> Version | None:
        return self._newest.get(subject) or schemas.version(self.registry, subject)

    def version(self, subject: str, number: int | str) -> Version | None:
        at = (subject, str(number))
        if at not in self._once:
            self._once[at] = schemas.version(self.registry, subject, number)
        return self._once[at]

    def own(self, member: str, name: str) -> str | None:
        """What was set for a subject itself; the registry's own is asked for once."""
        if member not in self._registrys:
            self._registrys[member] = schemas.in_force(self.registry, member)
        return schemas.own(self.registry, member, name, self._registrys[member])


def _at_once(registry: Http, asked: Sequence[str], there: int) -> Mapping[str, Version]:
    """By the page, where so many are asked for that the others that come along cost less than a request for each."""
    if len(asked) < MANY or len(asked) * 4 < there:
        return {}
    wanted = set(asked)
    return {name: found for name, found in schemas.newest(registry).items() if name in wanted}


def _resource(seen: _Seen, name: str, scope: Scope) -> Resource:
    latest = seen.newest(name)
    wanted = scope.wanted.get(name, {})
    settings = dict(_newest(seen, latest, wanted)) if latest is not None else {}
    unproven: tuple[str, ...] = ()
    if latest is not None and _to_the_registry_the_same(seen.registry, latest, settings, wanted):
        settings |= {m: wanted[m] for m in NEWEST if wanted.get(m) is not None}
        unproven = (TAKEN,)
    settings |= _levels(seen, name, scope, wanted)
    return Resource(name, settings, dict(_beside(seen, name, scope, wanted)), unproven)


def _unlisted(seen: _Seen, name: str, scope: Scope) -> Resource | None:
    """What the list did not have. One that is to go for good, and is deleted softly, is not gone yet."""
    wanted = scope.wanted.get(name, {})
    if schemas.version(seen.registry, name) is not None:
        return _resource(seen, name, scope)
    if wanted.get("delete") != "permanent" or not schemas.count(seen.registry, name, deleted=True):
        return None
    # Apicurio tells nothing more of it; what it refers to says what it has to go before.
    refers = {"references": wanted["references"]} if wanted.get("references") else {}
    return Resource(name, {"deleted": "softly", **refers})


def _levels(seen: _Seen, name: str, scope: Scope, wanted: Body) -> Iterator[tuple[str, Json]]:
    """Those that are wanted as they hold; those that are to be compared without being wanted, as they were set."""
    for member in LEVELS:
        if wanted.get(member) is not None:
            yield member, schemas.in_force(seen.registry, member, name)
        elif (scope.names is None or member in wanted) and (value := seen.own(member, name)):
            yield member, value


def _beside(seen: _Seen, name: str, scope: Scope, wanted: Body) -> Iterator[tuple[str, Json]]:
    """Those that nobody declared, where everything is asked for: told, and not compared."""
    if scope.names is not None and scope.fields is None:
        for member in LEVELS:
            if member not in wanted and (value := seen.own(member, name)):
                yield member, value


NEWEST = ("type", "schema", "references")
TAKEN = "it differs, and the registry holds both to be one version (comments, say)"


def _recorded(seen: _Seen, name: str, scope: Scope) -> Resource:
    """A subject by itself, with the facts by which it can be compared later, when no registry can be asked."""
    latest = seen.newest(name)
    if latest is None:
        return Resource(name, {})
    plain = replace(scope, names=None, facts=False, wanted={})
    facts: dict[str, Json] = {"text": latest.text}
    facts |= {m: schemas.in_force(seen.registry, m, name) for m in ("compatibility", "mode")}
    facts["references"] = {r.name: _meaning(seen, r) for r in latest.references}
    wanted = scope.wanted.get(name, {})
    if wanted and _resource(seen, name, replace(scope, facts=False)).unproven:
        facts["taken_for"] = {m: wanted[m] for m in NEWEST if wanted.get(m) is not None}
    return replace(_resource(seen, name, plain), facts=facts)


def _meaning(seen: _Seen, found: Reference) -> Body:
    """Whether the version that is referred to is the newest, and what it means."""
    newest = seen.version(found.subject, schemas.LATEST)
    there = seen.version(found.subject, found.version)
    means = fingerprint(there.kind, live_shape(there.kind, there.text)) if there else ""
    return {"newest": newest is not None and newest.version == found.version, "means": means}


def _newest(seen: _Seen, latest: Version, wanted: Body) -> Iterator[tuple[str, Json]]:
    yield "type", latest.kind
    yield "schema", live_shape(latest.kind, latest.text)
    if latest.references:
        asked = _listed(wanted)
        yield (
            "references",
            {r.name: _reference(seen, r, asked.get(r.name, {})) for r in latest.references},
        )


def _to_the_registry_the_same(
    registry: Http, latest: Version, settings: Body, wanted: Body
) -> bool:
    """Whether what differs is no difference to the registry, so that nobody could ever apply it."""
    if "schema" not in wanted or all(settings.get(m) == wanted.get(m) for m in NEWEST):
        return False
    if settings["schema"] == wanted["schema"] or settings["type"] != wanted["type"]:
        return False
    try:
        asked = wanted_version(registry, latest.subject, wanted)
    except Failed:
        return False
    normalize = bool(wanted.get("normalize"))
    return schemas.lookup(registry, asked, normalize=normalize) == latest.version


def _listed(settings: Body) -> Mapping[str, Body]:
    return cast("Mapping[str, Body]", settings.get("references") or {})


def _reference(seen: _Seen, found: Reference, asked: Body) -> Body:
    """The version in the words in which it is wanted, if it is that one: `latest`, or as the spec declares it.

    Below it, what is wanted of what that version is made of in turn.
    """
    word, version = str(asked.get("version") or ""), str(found.version)
    there = seen.version(found.subject, found.version) if word.startswith(AS_DECLARED) else None
    if word == schemas.LATEST:
        newest = seen.version(found.subject, schemas.LATEST)
        version = word if newest and newest.version == found.version else version
    elif there is not None:
        version = AS_DECLARED + fingerprint(there.kind, live_shape(there.kind, there.text))
    leads: Body = {"subject": found.subject, "version": version}
    further = {
        r.name: _reference(seen, r, _listed(asked)[r.name])
        for r in (there.references if there else ())
        if r.name in _listed(asked)
    }
    return {**leads, "references": further} if further else leads


# --- vetting


@dataclass(frozen=True)
class _View:
    """What vetting looks at: the registry, what else the plan deletes (and whether for good), and what it writes."""

    registry: Http
    going: Mapping[str, bool]
    coming: frozenset[str]


def _risks(view: _View, change: Change) -> Iterator[Risk]:
    name = change.key.name
    if change.after is None:
        yield from _deletion(view, change)
        return
    if change.before is not None and not rewritten(change):
        return
    yield from _unrecognised(view, change.after)
    missing = [s for s in subjects(change.after) if s not in view.coming and not _there(view, s)]
    for subject in missing:
        yield Risk("KS943", f"there is no subject {subject}, here or in this plan")
    if change.before is None or missing or "schema" not in change.before:
        return
    if subjects(change.after) & view.coming:
        yield Risk("KS142", "it stands upon schemas that this plan registers first")
        yield from ours(change, _level(view, change))
        return
    yield from _older(view, change, wanted_version(view.registry, name, change.after))


def _unrecognised(view: _View, after: Body) -> Iterator[Risk]:
    """A JSON Schema that a registry which guesses does not take for one; it would say so only when it is registered."""
    if after["type"] == "JSON" and schemas.is_apicurio(view.registry):
        found = json.loads(text_of("JSON", after["schema"]))
        known = isinstance(found, dict) and ("properties" in found or "$schema" in found)
        if not known:
            told = (
                "it has neither `$schema` nor `properties`, by which Apicurio knows a JSON Schema"
            )
            yield Risk("KS148", told)


def subjects(settings: Body) -> frozenset[str]:
    return frozenset(str(reference["subject"]) for reference in _listed(settings).values())


def _there(view: _View, subject: str) -> bool:
    return schemas.version(view.registry, subject) is not None


def _older(view: _View, change: Change, wanted: Version) -> Iterator[Risk]:
    """A version that was there before cannot come back by being registered; otherwise the check of the level."""
    normalize = bool((change.after or {}).get("normalize"))
    known = schemas.lookup(view.registry, wanted, normalize=normalize)
    latest = schemas.version(view.registry, wanted.subject)
    if known is not None and latest is not None and known < latest.version:
        told = f"this is version {known} already, and version {latest.version} is the latest"
        yield Risk("KS942", told)
        return
    yield from _compatibility(view, change, wanted)


def _compatibility(view: _View, change: Change, wanted: Version) -> Iterator[Risk]:
    level, now = _level(view, change), _level_now(view, change)
    if level == "NONE":
        return
    if level != now:
        yield Risk("KS142", f"the registry is asked under {now}; from this change on it is {level}")
        yield from ours(change, level)
        return
    try:
        fine, said = schemas.compatible(view.registry, wanted, with_all=_with_all(level))
    except ServerRefused as refused:
        # Apicurio 3.3.2 looks up no references when it is asked, and calls what needs them a syntax violation.
        yield Risk("KS142", f"the registry did not take the question: {refused.message}")
        yield from ours(change, level)
        return
    if not fine:
        told = [_some(differences((change.before or {})["schema"], (change.after or {})["schema"]))]
        found = list(ours(change, level))
        yield from found or (Risk("KS945", f"under {level}: {words}") for words in told + said)


def _with_all(level: str) -> bool:
    return level.endswith("_TRANSITIVE")


def ours(change: Change, level: str) -> Iterator[Risk]:
    """What our own comparison finds. It knows Avro's rules exactly; of the others the registry is the judge."""
    before, after = change.before or {}, change.after or {}
    if before.get("type") == after.get("type") == "AVRO":
        for words in broken(before["schema"], after["schema"], level):
            yield Risk("KS945", f"under {level}: {words}")


def _level(view: _View, change: Change) -> str:
    return in_force_at(change, _level_now(view, change))


def in_force_at(change: Change, now: str) -> str:
    """The level under which the new version is registered."""
    wanted = (change.after or {}).get("compatibility")
    return str(wanted) if wanted and loosened_before(change) else now


def _level_now(view: _View, change: Change) -> str:
    return schemas.in_force(view.registry, "compatibility", change.key.name)


def _deletion(view: _View, change: Change) -> Iterator[Risk]:
    referrers = schemas.referrers(view.registry, change.key.name)
    deleted = "deleted" in (change.before or {})
    versions = schemas.count(view.registry, change.key.name, deleted=deleted)
    counted = schemas.is_apicurio(view.registry)
    yield from deletion(change, referrers, view.going, versions, counted=counted)


def deletion(
    change: Change,
    referrers: Mapping[str, bool],
    going: Mapping[str, bool],
    versions: int | None,
    *,
    counted: bool = False,
) -> Iterator[Risk]:
    """What deleting costs. `going`: what else goes, and whether for good; `versions` is None where nobody counted.

    `referrers` are there, or deleted softly (False); `counted`: the registry counts those too.
    """
    if held := sorted(n for n, is_there in referrers.items() if is_there and n not in going):
        yield Risk("KS944", f"it is part of {_some(held)}")
    softly = sorted(name for name in referrers if going.get(name) is False)
    before = sorted(n for n, is_there in referrers.items() if not is_there and n not in going)
    if before or (softly and counted):
        told = f"it is part of {_some(before + softly)}, deleted softly, which this registry counts"
        yield Risk("KS944", f"{told}: `delete: permanent` lets go of it")
    elif softly:
        yield Risk("KS144", f"it is part of {_some(softly)}, deleted softly before it")
    evidence: Body = {"versions": versions}
    told = "all versions" if versions is None else f"{versions} version{'s' * (versions != 1)}"
    yield Risk("KS242" if is_permanent(change) else "KS241", f"{told} of it", evidence)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more


# --- writing


def wanted_version(registry: Http, name: str, settings: Body) -> Version:
    """What is to be registered, its references by the numbers they have now. Raises Failed where one is not there."""
    listed = sorted(_listed(settings).items())
    references = [_numbered(registry, known, at) for known, at in listed]
    kind = str(settings["type"])
    return Version(name, 0, 0, kind, text_of(kind, settings["schema"]), tuple(references))


def _numbered(registry: Http, name: str, at: Body) -> Reference:
    subject, version = str(at["subject"]), str(at["version"])
    if version.isdigit():
        return Reference(name, subject, int(version))
    found = schemas.version(registry, subject)
    if found is None:
        raise Failed(f"there is no subject {subject} to refer to")
    return Reference(name, subject, found.version)


def _written(registry: Http, change: Change) -> Outcome:
    """One outcome whatever happens; stops at the first step that is refused, and says which."""
    try:
        for words, answer in _requests(registry, change):
            if not answer.ok and not (change.after is None and answer.status == 404):
                return Outcome(change.key, Status.FAILED, f"{words}: {answer.words}")
    except LostAnswer as lost:
        return Outcome(change.key, Status.UNKNOWN, lost.message)
    except Failed as error:
        return Outcome(change.key, Status.FAILED, error.message)
    return Outcome(change.key, Status.DONE)


def _requests(registry: Http, change: Change) -> Iterator[tuple[str, Answer]]:
    name, after = change.key.name, change.after
    if after is None:
        yield "deleting", schemas.delete(registry, name, permanent=is_permanent(change))
        return
    for words, member, value in planned(change):
        text = None if value is None else str(value)
        if member == "compatibility":
            yield words, schemas.set_level(registry, name, text)
        elif member == "mode":
            yield words, schemas.set_mode(registry, name, text)
        else:
            wanted = wanted_version(registry, name, after)
            normalize = bool(after.get("normalize"))
            yield "registering", schemas.register(registry, wanted, normalize=normalize)
