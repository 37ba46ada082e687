"""A spec and live clusters in, what drifted out. Nothing is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from reconciler import __version__
from reconciler.core import journal
from reconciler.core.drift import Drift, Finding, Seen, What, compare, undeclared
from reconciler.core.ignore import expired, rules, said
from reconciler.core.model import State
from reconciler.core.ownership import when
from reconciler.engine.clusters import Options, side_by_side, stamp
from reconciler.engine.intent import (
    Wanted,
    bookkeeping,
    check,
    check_apart,
    check_references,
    chosen,
    connections,
    desired_of,
    ledger_of,
)
from reconciler.engine.keeping import ledger_session, store_on
from reconciler.engine.planning import matches, not_ours, today, unheeded, unproven
from reconciler.engine.survey import Survey, covered, survey
from reconciler.errors import Failed, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Found:
    """A report of every cluster that answered, what went wrong with the others, and what was compared."""

    drift: Drift
    failures: Mapping[str, KstateError]
    want: State
    live: State


def drift(spec: Spec, options: Options) -> Found:
    """Read every cluster, every setting included, and tell what is not as it was left."""
    check(spec)
    check_references(spec, options)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    parts, failures = side_by_side(wanted, lambda name: _look(spec, wanted[name], options))
    ids = {name: part.seen.id for name, part in parts.items()}
    check_apart(spec, ids, {name: part.called for name, part in parts.items()})
    clusters = [parts[name] for name in sorted(parts)]
    report = Drift(
        clusters=tuple(part.seen for part in clusters),
        findings=tuple(finding for part in clusters for finding in part.findings),
        created=stamp(options.now),
        kstate=__version__,
        estate=spec.estate.name if spec.estate else "",
        commit=options.commit,
        partial=bool(options.clusters or options.labels or options.only),
        notices=(
            *(risk.message for risk in expired(rules(spec.ignores), today(options))),
            *(notice for part in clusters for notice in part.notices),
            *unheeded(spec, options, (part.matched for part in clusters)),
        ),
        failures=tuple((name, error.message) for name, error in sorted(failures.items())),
    )
    want = {key: found for part in clusters for key, found in part.want.items()}
    live = {key: found for part in clusters for key, found in part.live.items()}
    return Found(report, failures, want, live)


@dataclass(frozen=True, slots=True)
class _Part:
    seen: Seen
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]
    matched: frozenset[str]
    want: State
    live: State
    called: str


def _look(spec: Spec, wanted: Wanted, options: Options) -> _Part:
    kinds = kinds_registry.on(wanted[1])
    with survey(spec, wanted, options, every_field=True) as found:
        want = {key: r for key, r in found.want.state.items() if matches(key, options.only)}
        last = {key: r for key, r in found.last.items() if matches(key, options.only)}
        whole = {name for name, kind in kinds.items() if kind.whole}
        findings = list(
            compare(
                want,
                found.live,
                last,
                lambda key: key.kind in whole,
                found.by_itself,
            )
        )
        appliers = _appliers(spec, found, options) if _by_hand(findings) else {}
        told = tuple(_told(finding, found, appliers) for finding in findings)
        own = set(bookkeeping(spec, found.cluster))
        ours = found.want.state, found.want.absent, found.last, own, covered(found)
        unmanaged, elsewhere = not_ours(found.live, ours, found.document)
        ill, well = _health(found, want)
        managed = sum(key in found.live for key in {*found.want.state, *found.last})
        extra = undeclared(
            want,
            found.live,
            lambda key: key.kind in whole,
            lambda key: kinds[key.kind].facts,
        )
        trouble = "; ".join(filter(None, (found.keeping.trouble, *unproven(found))))
        about = (found.cluster, found.session.cluster_id, managed, unmanaged, elsewhere)
        seen = Seen(*about, extra, trouble, well)
    notices = tuple(said(found.hidden))
    told = tuple(_joined(told, ill))
    return _Part(seen, told, notices, found.matched, want, found.live, found.keeping.called)


def _joined(told: Iterable[Finding], ill: Sequence[Finding]) -> Iterator[Finding]:
    """What is not well stands once for each reason: what was compared of it, with its own words on how it does."""
    left = list(ill)
    for finding in told:
        reason = next((one for one in left if one.key == finding.key), None)
        if finding.what is not What.UNHEALTHY or reason is None:
            yield finding
        else:
            left.remove(reason)
            yield replace(finding, note=reason.note)
    yield from left


def _by_hand(findings: Iterable[Finding]) -> bool:
    return any(finding.what is not What.PENDING for finding in findings)


class _Apply(NamedTuple):
    """Who ran an apply, and whether it was narrowed, so that it did not look at every field."""

    who: str
    narrowed: bool


def _appliers(spec: Spec, found: Survey, options: Options) -> dict[str, _Apply]:
    """Each apply that the journal still holds. What cannot be read tells nothing."""
    if not found.keeping.estate or not found.keeping.there:
        return {}
    ledger = ledger_of(spec)
    try:
        with ledger_session(ledger, found.session, connections(spec), options) as home:
            values = [entry.value for entry in store_on(home, ledger).journal()]
    except Failed:
        return {}
    links = journal.read(values, found.session.cluster_id)
    bodies = (link.body for link in links)
    return {str(b["apply"]): _Apply(str(b["who"]), "only" in b) for b in bodies if "who" in b}


def _health(found: Survey, want: State) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """How what runs is doing: findings where it does not do well, a line where it does."""
    ill, well = [], []
    for name, kind in found.kinds.items():
        keys = {k.name: k for k in want if k.kind == name and k in found.live}
        for condition in kind.health(found.session, [found.live[keys[n]] for n in sorted(keys)]):
            key = keys[condition.name]
            if condition.well:
                well.append(f"{key}: {condition.words}")
            else:
                sources = tuple(found.want.sources.get(key, ()))
                ill.append(Finding(key, What.UNHEALTHY, (), sources, condition.words))
    kept = Counter(covered(found).values())
    well += [f"{owner}: keeps {count:,} more on its own" for owner, count in sorted(kept.items())]
    return tuple(ill), tuple(well)


def _told(finding: Finding, found: Survey, appliers: Mapping[str, _Apply]) -> Finding:
    """With the documents that ask for it, and what the ledger knows of who set it."""
    owned = found.keeping.book.own.get((finding.key.kind, finding.key.name))
    ours = owned is not None and finding.key in found.last
    sources = tuple(found.want.sources.get(finding.key, ()))
    if not ours or owned is None:
        return replace(finding, sources=sources, note="nobody recorded who set it")
    by = appliers.get(owned.apply)
    note = f"last set by {when(owned)}" + (f" by {by.who}" if by else "")
    if finding.what is What.UNHEALTHY:
        note = f"nobody set it so; {note}"
    return replace(
        finding, sources=sources, note=note, after=owned.at if by and not by.narrowed else ""
    )
