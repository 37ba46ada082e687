"""Spec, last applied and live in; what was changed behind kstate's back out, apart from what waits to be applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from reconciler.core.diff import edits, flat
from reconciler.core.model import NOTHING, Body, Code, Json, Key, Path, Resource, State
from reconciler.core.plan import plain, sha256
from reconciler.core.silent import by_somebody

FORMAT = "kstate.drift/v1"


class What(StrEnum):
    """What a difference is. Only `pending` is no drift: the spec has changed, and nobody has applied it yet."""

    CHANGED = "changed"
    GONE = "gone"
    DIFFERS = "differs"
    UNHEALTHY = "unhealthy"
    PENDING = "pending"


CODES = (
    Code(
        "KS134",
        "Changed by hand",
        "A setting is not as it was last applied, and the spec does not ask for what is there now. Take the live value"
        " into the spec if it is right, or apply again to put it back.",
    ),
    Code(
        "KS135",
        "Gone",
        "The resource was applied and is no more. Apply again to make it anew, which does not bring its data back; or"
        " take its document out.",
    ),
    Code(
        "KS136",
        "Differs from the spec",
        "The resource is live and not as its document says, and nobody recorded who made it so. `kstate plan` shows"
        " what an apply would change, `kstate adopt` owns what is equal.",
    ),
    Code(
        "KS137",
        "Not well",
        "The resource is there and does not do what it is for: a failed task, say, or a mirror that copies nothing."
        " Nobody has set it so. Its own words stand beside the code.",
    ),
)
# The code of each kind of drift, for reports that go by codes.
CODE_OF = {
    What.CHANGED: "KS134",
    What.GONE: "KS135",
    What.DIFFERS: "KS136",
    What.UNHEALTHY: "KS137",
}


@dataclass(frozen=True, slots=True)
class Field:
    """One setting on three sides. None means: not set, or on the side of `applied`, not known."""

    path: Path
    applied: Json
    live: Json
    wanted: Json


@dataclass(frozen=True, slots=True)
class Finding:
    """One resource that is not as it should be. `note` says what is known of its past.

    `after` is the last time at which it is known to have been as it was applied, ISO 8601 in UTC, empty where nobody
    knows: whatever happened to it happened between then and the report.
    """

    key: Key
    what: What
    fields: tuple[Field, ...] = ()
    sources: tuple[str, ...] = ()
    note: str = ""
    after: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """One cluster of a drift report. `undeclared` are settings that nobody declared, by resource; `conditions` how
    things that run are doing, where they do well."""

    name: str
    id: str
    managed: int
    unmanaged: tuple[str, ...]
    out_of_scope: int
    undeclared: Mapping[Key, Body]
    trouble: str = ""
    conditions: tuple[str, ...] = ()

    @property
    def coverage(self) -> float:
        """Percent of what is there that is managed, out of scope left aside; 100 where there is nothing."""
        known = self.managed + len(self.unmanaged)
        return 100.0 if known == 0 else round(100.0 * self.managed / known, 1)


@dataclass(frozen=True, slots=True)
class Drift:
    """A whole report. `created` is ISO 8601 in UTC. `failures` are clusters that could not be looked at, and why."""

    clusters: tuple[Seen, ...]
    findings: tuple[Finding, ...]
    created: str
    kstate: str
    estate: str = ""
    commit: str = ""
    partial: bool = False
    notices: tuple[str, ...] = ()
    failures: tuple[tuple[str, str], ...] = ()

    @property
    def drifted(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.what is not What.PENDING)

    @property
    def pending(self) -> tuple[Finding, ...]:
        return tuple(f for f in self.findings if f.what is What.PENDING)

    @property
    def off(self) -> dict[Key, bool]:
        """Each resource that has drifted, once; True where all that is to be said of it is that it is not well."""
        found: dict[Key, bool] = {}
        for finding in self.drifted:
            found[finding.key] = found.get(finding.key, True) and finding.what is What.UNHEALTHY
        return found

    @property
    def fingerprint(self) -> str:
        """The same drift has the same fingerprint, whenever and wherever it is seen; empty where there is none."""
        told = [[str(f.key), str(f.what), _fields_json(f)] for f in self.drifted]
        return sha256(told) if told else ""


Whole = Callable[[Key], bool]
# Whether a live value of this resource is one that nobody can set.
ByItself = Callable[[Key, Path, Json], bool]


def compare(
    want: State, live: State, last: State, whole: Whole, by_itself: ByItself = by_somebody
) -> Iterator[Finding]:
    """Every difference, by key. `last` is what was applied by us; what is not in there, nobody recorded.

    Of what came about `by_itself` nobody is said to have changed it: it is a finding of its own.
    """
    for key in sorted(want.keys() | last.keys()):
        found = _one(key, want.get(key), live.get(key), last.get(key), whole=whole(key))
        if found is not None:
            yield from _apart(found, by_itself)


def _apart(finding: Finding, by_itself: ByItself) -> Iterator[Finding]:
    """What somebody did, and what came about by itself."""
    ill = tuple(f for f in finding.fields if by_itself(finding.key, f.path, f.live))
    rest = tuple(f for f in finding.fields if f not in ill)
    if not ill or rest:
        yield replace(finding, fields=rest)
    if ill:
        yield replace(finding, what=What.UNHEALTHY, fields=ill)


def _one(
    key: Key, want: Resource | None, have: Resource | None, last: Resource | None, *, whole: bool
) -> Finding | None:
    if have is None:
        return _absent(key, want, last)
    if last is None:
        return _unrecorded(key, want, have, whole=whole)
    fields = [_field(path, want, have, last) for path in _paths(want, have, last, whole=whole)]
    by_hand = tuple(f for f in fields if f.live != f.applied and not _as_wanted(f, want))
    if by_hand:
        return Finding(key, What.CHANGED, by_hand)
    waiting = tuple(f for f in fields if want is not None and f.live != f.wanted)
    if waiting or want is None:
        return Finding(key, What.PENDING, waiting)
    return None


def _absent(key: Key, want: Resource | None, last: Resource | None) -> Finding | None:
    if last is not None and want is not None:
        return Finding(key, What.GONE)
    return Finding(key, What.PENDING) if want is not None else None


def _unrecorded(key: Key, want: Resource | None, have: Resource, *, whole: bool) -> Finding | None:
    found = edits(want.settings, have.settings, entire=whole) if want else ()
    fields = tuple(Field(e.path, None, e.before, e.after) for e in found)
    return Finding(key, What.DIFFERS, fields) if fields else None


def _paths(want: Resource | None, have: Resource, last: Resource, *, whole: bool) -> Iterable[Path]:
    bodies = [
        last.settings,
        want.settings if want else NOTHING,
        *([have.settings] if whole else []),
    ]
    return sorted({path for body in bodies for path, _ in flat(body)})


def _field(path: Path, want: Resource | None, have: Resource, last: Resource) -> Field:
    wanted = dict(flat(want.settings)) if want else {}
    applied, live = dict(flat(last.settings)), dict(flat(have.settings))
    return Field(path, applied.get(path), live.get(path), wanted.get(path))


def _as_wanted(field: Field, want: Resource | None) -> bool:
    """Never applied by us, or wanted just so by now: nobody has to be told."""
    never_ours = field.applied is None and field.wanted is not None
    return want is not None and (field.live == field.wanted or never_ours)


def _none(_key: Key) -> bool:
    return False


def undeclared(
    want: State, live: State, whole: Whole = _none, known: Whole = _none
) -> dict[Key, Body]:
    """Settings of declared resources that nobody declared, below the first level or seen beside: set by hand.

    Of what is compared as a `whole` they are differences, told elsewhere. What is seen beside a resource that is
    `known` by it (a topic's id) is nobody's setting.
    """
    found: dict[Key, Body] = {}
    for key in sorted(want.keys() & live.keys()):
        declared = {path for path, _ in flat(want[key].settings)}
        inner = () if whole(key) else flat(live[key].settings)
        extra = {p[-1]: value for p, value in inner if len(p) > 1 and p not in declared}
        beside = {} if known(key) else live[key].facts
        extra |= {name: value for name, value in beside.items() if (name,) not in declared}
        if extra:
            found[key] = extra
    return found


def since(drift: Drift, former: Drift) -> Drift:
    """With what a former report knows of when each finding came about."""
    looked = {seen.name for seen in former.clusters}
    before = {(finding.key, finding.what): finding for finding in former.drifted}

    def told(finding: Finding) -> Finding:
        if known := before.get((finding.key, finding.what)):
            # It was there already: what was known of its beginning then is known still.
            return replace(finding, after=known.after)
        seen_well = former.created if finding.key.cluster in looked and not former.partial else ""
        return replace(finding, after=max(finding.after, seen_well))

    return replace(drift, findings=tuple(told(finding) for finding in drift.findings))


def to_json(drift: Drift) -> dict[str, Any]:
    """The JSON of `schemas/drift.v1.json`."""
    return {
        "format": FORMAT,
        "created": drift.created,
        "kstate": drift.kstate,
        "spec": {"estate": drift.estate, "commit": drift.commit},
        "partial": drift.partial,
        "fingerprint": drift.fingerprint,
        "summary": {str(what): sum(f.what is what for f in drift.findings) for what in What},
        "clusters": [_cluster_json(seen) for seen in drift.clusters],
        "findings": [_finding_json(finding) for finding in drift.findings],
        "notices": list(drift.notices),
        "failures": [{"cluster": name, "words": words} for name, words in drift.failures],
    }


def _cluster_json(seen: Seen) -> dict[str, Any]:
    return {
        "name": seen.name,
        "id": seen.id,
        "managed": seen.managed,
        "unmanaged": list(seen.unmanaged),
        "out_of_scope": seen.out_of_scope,
        "coverage": seen.coverage,
        "undeclared": {str(key): plain(body) for key, body in seen.undeclared.items()},
        "trouble": seen.trouble,
        "conditions": list(seen.conditions),
    }


def _finding_json(finding: Finding) -> dict[str, Any]:
    return {
        "key": str(finding.key),
        "what": str(finding.what),
        "fields": _fields_json(finding),
        "sources": list(finding.sources),
        "note": finding.note,
        "after": finding.after,
    }


def _fields_json(finding: Finding) -> list[dict[str, Any]]:
    return [
        {
            "path": list(f.path),
            "applied": plain(f.applied),
            "live": plain(f.live),
            "wanted": plain(f.wanted),
        }
        for f in finding.fields
    ]


def from_json(body: Mapping[str, Any]) -> Drift:
    """The reverse of `to_json`. Raises KeyError, TypeError or ValueError for what no `kstate drift` wrote."""
    if body["format"] != FORMAT:
        raise ValueError(f"not a {FORMAT} report")
    return Drift(
        clusters=tuple(_seen(cluster) for cluster in body["clusters"]),
        findings=tuple(_finding(finding) for finding in body["findings"]),
        created=str(body["created"]),
        kstate=str(body["kstate"]),
        estate=str(body["spec"]["estate"]),
        commit=str(body["spec"]["commit"]),
        partial=bool(body["partial"]),
        notices=tuple(map(str, body["notices"])),
        failures=tuple((str(f["cluster"]), str(f["words"])) for f in body["failures"]),
    )


def _seen(body: Mapping[str, Any]) -> Seen:
    return Seen(
        name=str(body["name"]),
        id=str(body["id"]),
        managed=int(body["managed"]),
        unmanaged=tuple(map(str, body["unmanaged"])),
        out_of_scope=int(body["out_of_scope"]),
        undeclared={Key.parse(key): extra for key, extra in body["undeclared"].items()},
        trouble=str(body["trouble"]),
        conditions=tuple(map(str, body["conditions"])),
    )


def _finding(body: Mapping[str, Any]) -> Finding:
    sides = ("applied", "live", "wanted")
    return Finding(
        key=Key.parse(body["key"]),
        what=What(body["what"]),
        fields=tuple(Field(tuple(f["path"]), *(f[side] for side in sides)) for f in body["fields"]),
        sources=tuple(map(str, body["sources"])),
        note=str(body["note"]),
        after=str(body["after"]),
    )
