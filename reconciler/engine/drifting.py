"""A spec and live clusters in, what drifted out. Nothing is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from reconciler import __version__
from reconciler.core.drift import Drift, Finding, Seen, What, compare, undeclared
from reconciler.core.model import State
from reconciler.core.ownership import when
from reconciler.engine.clusters import Options, side_by_side, stamp
from reconciler.engine.intent import (
    Wanted,
    bookkeeping,
    check,
    check_references,
    chosen,
    desired_of,
)
from reconciler.engine.planning import matches, not_ours, unproven
from reconciler.engine.survey import Survey, covered, survey
from reconciler.errors import KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Found:
    """A report of every cluster that answered, and what went wrong with the others."""

    drift: Drift
    failures: Mapping[str, KstateError]


def drift(spec: Spec, options: Options) -> Found:
    """Read every cluster, every setting included, and tell what is not as it was left."""
    check(spec)
    check_references(spec, options)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    parts, failures = side_by_side(wanted, lambda name: _look(spec, wanted[name], options))
    clusters = [parts[name] for name in sorted(parts)]
    report = Drift(
        clusters=tuple(seen for seen, _ in clusters),
        findings=tuple(finding for _, findings in clusters for finding in findings),
        created=stamp(options.now),
        kstate=__version__,
        estate=spec.estate.name if spec.estate else "",
        commit=options.commit,
        partial=bool(options.clusters or options.only),
    )
    return Found(report, failures)


def _look(spec: Spec, wanted: Wanted, options: Options) -> tuple[Seen, tuple[Finding, ...]]:
    kinds = kinds_registry.on(wanted[1])
    with survey(spec, wanted, options, every_field=True) as found:
        want = {key: r for key, r in found.want.state.items() if matches(key, options.only)}
        last = {key: r for key, r in found.last.items() if matches(key, options.only)}
        whole = {name for name, kind in kinds.items() if kind.whole}
        findings = compare(want, found.live, last, lambda key: key.kind in whole)
        told = tuple(_told(finding, found) for finding in findings)
        ours = {*found.want.state, *found.want.absent, *found.last}
        ours |= set(bookkeeping(spec, found.cluster))
        unmanaged, elsewhere = not_ours(found.live, ours | covered(found).keys(), found.document)
        ill, well = _health(found, want)
        managed = sum(key in found.live for key in {*found.want.state, *found.last})
        extra = undeclared(want, found.live)
        trouble = "; ".join(filter(None, (found.keeping.trouble, *unproven(found))))
        about = (found.cluster, found.session.cluster_id, managed, unmanaged, elsewhere)
        seen = Seen(*about, extra, trouble, well)
    return seen, (*told, *ill)


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


def _told(finding: Finding, found: Survey) -> Finding:
    """With the documents that ask for it, and what the ledger knows of who set it."""
    owned = found.keeping.book.own.get((finding.key.kind, finding.key.name))
    ours = owned is not None and finding.key in found.last
    note = f"last set by {when(owned)}" if ours and owned else "nobody recorded who set it"
    return replace(finding, sources=tuple(found.want.sources.get(finding.key, ())), note=note)
