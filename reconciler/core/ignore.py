"""Ignore rules and three states in, the same states with what is to be left as it is out of the comparison. Pure.

There is one such engine: planning, applying and drift all look at what `hold` returns, so that a field is ignored by
all of them or by none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import NamedTuple, cast

from reconciler.core.diff import flat, nest
from reconciler.core.model import Code, Document, Json, Key, Path, Resource, Risk, State

EXPIRED = "KS138"
CODES = (
    Code(
        EXPIRED,
        "An ignore rule has expired",
        "The document of kind Ignore says until when the fields it names are left as they are, and that day is over."
        " They are planned, applied and reported again. Take the document out, or give it another day in a change of"
        " its own.",
    ),
)
MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """One document of kind Ignore. `until` is the last day on which it holds, ISO 8601, in UTC."""

    name: str
    owner: str
    reason: str
    until: str
    resources: tuple[str, ...]
    fields: tuple[str, ...]
    clusters: tuple[str, ...] | None = None
    source: str = ""

    def holds(self, today: str) -> bool:
        return today <= self.until

    def speaks_of(self, key: Key) -> bool:
        here = self.clusters is None or key.cluster in self.clusters
        return here and any(fnmatchcase(f"{key.kind}/{key.name}", glob) for glob in self.resources)

    def leaves(self, path: Path) -> bool:
        """Whether a field is left as it is: globs over its path, written with dots."""
        return any(fnmatchcase(".".join(path), glob) for glob in self.fields)


class Hidden(NamedTuple):
    """A difference that a rule keeps out of every plan and report. None: not set."""

    rule: Rule
    key: Key
    path: Path
    live: Json
    wanted: Json


@dataclass(frozen=True, slots=True)
class Held:
    """What is to be compared. `matched` are names of rules that speak of anything here."""

    want: State
    last: State
    hidden: tuple[Hidden, ...] = ()
    matched: frozenset[str] = field(default_factory=frozenset)


def rules(documents: Iterable[Document]) -> tuple[Rule, ...]:
    """What documents of kind Ignore mean."""
    return tuple(_rule(document) for document in documents)


def _rule(document: Document) -> Rule:
    spec, named = document.spec, document.metadata.get("clusters")
    return Rule(
        name=document.name,
        owner=str(document.metadata["owner"]),
        reason=str(spec["reason"]),
        until=str(spec["until"]),
        resources=tuple(cast("Sequence[str]", spec["resources"])),
        fields=tuple(cast("Sequence[str]", spec["fields"])),
        clusters=None if named is None else tuple(cast("Sequence[str]", named)),
        source=document.source,
    )


def expired(given: Iterable[Rule], today: str) -> Iterator[Risk]:
    """A notice for every rule whose day is over."""
    for rule in given:
        if not rule.holds(today):
            words = f"ignore rule {rule.name} of {rule.owner} expired on {rule.until}, and holds no more"
            yield Risk(EXPIRED, f"{words} ({rule.source})")


def hold(given: Iterable[Rule], want: State, last: State, live: State) -> Held:
    """Where a rule speaks of a field, what is live there is what is wanted and what was applied last.

    So nobody finds a difference, and what is written as a whole carries the value that is there. What is not there is
    still made as its document says: a rule is about values that somebody changes later.
    """
    wanted, applied = dict(want), dict(last)
    hidden: list[Hidden] = []
    matched: set[str] = set()
    every = tuple(given)
    for key in (want.keys() | last.keys()) & live.keys() if every else ():
        own = [rule for rule in every if rule.speaks_of(key)]
        matched |= {rule.name for rule in own}
        if own:
            hidden += _let(key, own, wanted, applied, live[key])
    return Held(wanted, applied, tuple(sorted(hidden, key=_order)), frozenset(matched))


def _let(
    key: Key,
    own: Sequence[Rule],
    want: dict[Key, Resource],
    last: dict[Key, Resource],
    have: Resource,
) -> Iterator[Hidden]:
    """Adapt both sides of one resource in place; every difference that this hides."""
    there = dict(flat(have.settings))
    sides = [side for side in (want, last) if key in side]
    before = [dict(flat(side[key].settings)) for side in sides]
    left = {
        path: rule
        for path in {*there, *(path for leaves in before for path in leaves)}
        if (rule := next((rule for rule in own if rule.leaves(path)), None))
    }
    for side, leaves in zip(sides, before, strict=True):
        if left:
            side[key] = replace(side[key], settings=_as_there(leaves, left, there))
    # What nobody declares or applied is compared with nothing anyway.
    known = before[0] if key in want else {}
    return (
        Hidden(rule, key, path, there.get(path), known.get(path))
        for path, rule in left.items()
        if any(path in leaves for leaves in before) and there.get(path) != known.get(path)
    )


def _as_there(
    leaves: Mapping[Path, Json], left: Iterable[Path], there: Mapping[Path, Json]
) -> Mapping[str, Json]:
    kept = {path: value for path, value in leaves.items() if path not in left}
    return nest(sorted({**kept, **{path: there[path] for path in left if path in there}}.items()))


def _order(hidden: Hidden) -> tuple[str, Key, Path]:
    return hidden.rule.name, hidden.key, hidden.path


def said(hidden: Iterable[Hidden]) -> Iterator[str]:
    """A sentence for each rule that keeps a difference out, with the first few of them."""
    by_rule: dict[str, list[Hidden]] = {}
    for one in hidden:
        by_rule.setdefault(one.rule.name, []).append(one)
    for found in by_rule.values():
        rule = found[0].rule
        named = [f"{one.key} {'.'.join(one.path)}" for one in found[:MOST_NAMED]]
        more = f" and {len(found) - len(named):,} more" if len(found) > len(named) else ""
        yield (
            f"ignored until {rule.until} ({rule.name}, {rule.owner}: {rule.reason}):"
            f" {', '.join(named)}{more}"
        )


def unmatched(given: Iterable[Rule], matched: Iterable[str]) -> Iterator[str]:
    """A sentence for each rule that speaks of nothing that is there: mistyped, or no longer needed."""
    seen = {*matched}
    for rule in given:
        if rule.name not in seen:
            yield f"ignore rule {rule.name} ({rule.source}) speaks of nothing that is live and declared"
