"""A spec and live clusters in, a Plan out. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from typing import cast

from reconciler import __version__
from reconciler.core.desired import NAME, Desired, in_owned
from reconciler.core.diff import diff, flat, nest
from reconciler.core.events import Event, Step
from reconciler.core.ignore import expired, rules, said, unmatched
from reconciler.core.model import (
    Body,
    Change,
    Document,
    Key,
    Resource,
    Risk,
    State,
    World,
)
from reconciler.core.order import order
from reconciler.core.ownership import caught_up, limits, marked
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan, Stage
from reconciler.core.risk import assess, destroying, doubted, protect, watching, with_risks
from reconciler.engine.clusters import (
    Options,
    side_by_side,
    stamp,
    state_of,
    vetted,
)
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
    masked,
    outside,
)
from reconciler.engine.intent import stages as stages_of
from reconciler.engine.offline import age, recorded, told
from reconciler.engine.reading import agreed
from reconciler.engine.survey import Survey, covered, nearby, survey, to_come
from reconciler.errors import KstateError, Problem, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.spec.folder import Spec

LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan of every cluster that answered, and what went wrong with the others.

    `connections` are the clusters' as the spec has them; the plan's own copies never hold a secret.
    """

    plan: Plan
    failures: Mapping[str, KstateError]
    connections: Mapping[str, Body]


@dataclass(frozen=True, slots=True)
class _Part:
    cluster: ClusterPlan
    changes: tuple[Change, ...]
    unchanged: int
    unmanaged: tuple[str, ...]
    out_of_scope: int
    risks: tuple[Risk, ...]
    records: tuple[Bookkeeping, ...]
    protected: tuple[Key, ...]
    notices: tuple[str, ...]
    matched: frozenset[str]
    called: str


View = Callable[[Survey], Survey]


def as_it_is(found: Survey) -> Survey:
    """The view of an ordinary plan: all of what is wanted."""
    return found


def plan(spec: Spec, options: Options, view: View = as_it_is) -> Planned:
    """Read every cluster, side by side, and say what would have to change. Nothing is written anywhere.

    `view` narrows what is wanted on a cluster, once it is known what is there.
    """
    check(spec)
    if options.snapshot is None:
        check_references(spec, options)
    wanted = {document.name: _wanted(spec, document, options) for document in chosen(spec, options)}
    conflicts = [problem for _, _, want in wanted.values() for problem in _problems(want)]
    if conflicts:
        raise SpecInvalid(sorted(set(conflicts)))
    parts, failures = side_by_side(
        wanted, lambda name: _plan_cluster(spec, wanted[name], options, view)
    )
    ids = {name: part.cluster.id for name, part in parts.items()}
    check_apart(spec, ids, {name: part.called for name, part in parts.items()})
    made = _plan(spec, options, [parts[name] for name in sorted(parts)])
    owners = {key: o for _, _, want in wanted.values() for key, o in want.owners.items()}
    made = replace(made, owners={c.key: owners[c.key] for c in made.changes if c.key in owners})
    return Planned(made, failures, connections(spec))


def _wanted(spec: Spec, document: Document, options: Options) -> Wanted:
    found, platform, want = desired_of(spec, document)
    if options.snapshot is not None:
        platform = recorded(platform, options.snapshot)
    return found, platform, want


def _problems(want: Desired) -> Iterator[Problem]:
    for document, message in want.conflicts:
        yield Problem(document.file, *document.locate(NAME), message)


def _plan_cluster(spec: Spec, wanted: Wanted, options: Options, view: View) -> _Part:
    """One cluster, read again as long as its servers say that it is not as it was read."""
    look = partial(_look, spec, wanted, options, view)
    return agreed(look, lambda part: doubted(part.changes), options.say)


def _look(spec: Spec, wanted: Wanted, options: Options, view: View) -> _Part:
    with survey(spec, wanted, options) as surveyed:
        found = view(surveyed)
        changes = _assessed(found, options)
    document, want, keeping = found.document, found.want, found.keeping
    owned = len(keeping.last(document.name))
    bounds = cast("Body", document.spec.get("limits") or {})
    changed = {change.key for change in changes}
    ours = want.state, changed, want.absent, set(bookkeeping(spec, document.name)), covered(found)
    unmanaged, elsewhere = not_ours(found.live, ours, document)
    return _Part(
        ClusterPlan(document.name, found.session.cluster_id, masked(document)),
        tuple(replace(c, sources=tuple(want.sources.get(c.key, ()))) for c in changes),
        _unchanged(want.state, changed, options.only),
        unmanaged,
        elsewhere,
        (*found.risks, *limits(document.name, changes, owned, bounds)),
        tuple(_records(found, changed, options.only)),
        tuple(sorted(changed & want.protected)),
        tuple(_notices(spec, found)),
        found.matched,
        keeping.called,
    )


def _unchanged(wanted: State, changed: Set[Key], only: Sequence[str]) -> int:
    if not only:
        return len(wanted) - len(changed & wanted.keys())
    return sum(key not in changed for key in wanted if matches(key, only))


def _assessed(found: Survey, options: Options) -> list[Change]:
    """What has to change, with everything that is known of what it costs and what stands in its way."""
    want, cluster = found.want, found.cluster
    differ = _changes(found, Aims(want.state, want.absent | found.pruned, found.last))
    changes = _select((_completed(c, found) for c in differ), options.only)
    kinds = {change.key.kind for change in changes}
    concerned = kinds | _watching(found, kinds)
    worlds = {name: _world(name, found) for name in found.kinds if name in concerned}
    assessed = assess(changes, found.kinds, worlds)
    changes = list(marked(assessed, found.keeping, found.pruned, found.by_itself))
    options.say(Event(Step.VETTING, cluster, total=len(changes)))
    changes = [replace(c, steps=tuple(found.kinds[c.key.kind].steps(c))) for c in changes]
    changes = vetted(found.session, found.drivers, changes)
    options.say(Event(Step.VETTED, cluster, total=len(changes)))
    protected = frozenset(want.protected | found.keeping.protected(cluster))
    changes = protect(changes, protected, destroying(found.kinds.values()))
    return changes + _select(_impossible(found), options.only)


def _watching(found: Survey, changed: Set[str]) -> set[str]:
    """The kinds whose rules look at what changes of others, as far as there is anything of them here."""
    wanted = {key.kind for key in found.want.state}
    return wanted & {name for name, _, _ in watching(found.kinds, changed)}


def _notices(spec: Spec, found: Survey) -> Iterator[str]:
    if found.keeping.estate and not found.keeping.there:
        yield _first_apply(spec, found.document)
    yield from told(found.session, masked(found.document))
    yield from unproven(found)
    yield from said(found.hidden)
    yield from (f"{key}: {tried.words}" for key, tried in sorted(found.tried.items()))


def unproven(found: Survey) -> Iterator[str]:
    """What could not be compared here, and was taken to be as wanted."""
    open_ = (key for key, resource in found.live.items() if resource.unproven)
    for key in sorted(key for key in open_ if key in found.want.state):
        yield from (f"{key}: {sentence}" for sentence in found.live[key].unproven)


def _first_apply(spec: Spec, document: Document) -> str:
    ledger = ledger_of(spec)
    where = ledger.get("cluster") or document.name
    return f"the first apply makes the topics {ledger['topic']} and {ledger['topic']}_journal on cluster {where}"


@dataclass(frozen=True, slots=True)
class Aims:
    """What a cluster is to become: wanted, unwanted, and what was applied before."""

    state: State
    absent: Set[Key]
    last: State


def _records(found: Survey, changed: Set[Key], only: Sequence[str]) -> list[Bookkeeping]:
    """Records that are not so: protection given or taken away, what is gone, what was accepted or never recorded."""
    keeping, want = found.keeping, found.want
    if keeping.trouble:
        return []
    last = keeping.last(found.cluster)
    unwanted = found.pruned | {key for key in want.absent if key in last}
    gone = [Bookkeeping(key, None) for key in unwanted if key not in found.live]
    turned = keeping.protected(found.cluster) ^ want.protected
    kept = (
        (key, None if key in changed else _unrecorded(found, key))
        for key in keeping.told_otherwise(want.state, turned | found.begun)
    )
    moved = [
        Bookkeeping(key, key in want.protected, settings)
        for key, settings in kept
        if settings is not None or key in turned
    ]
    mine = [record for record in (*gone, *moved) if matches(record.key, only)]
    return sorted(mine, key=lambda record: record.key)


def _unrecorded(found: Survey, key: Key) -> Body | None:
    """What of a wanted resource is to count as applied from now on; None where its record says it all."""
    last = found.keeping.last(found.cluster)
    if key in found.begun:
        return last[key].settings
    if key not in found.last or key not in found.live:
        return None
    taken = caught_up(found.want.state[key], found.live[key], found.last[key])
    return nest(sorted((dict(flat(last[key].settings)) | taken).items())) if taken else None


def _changes(found: Survey, aims: Aims) -> list[Change]:
    """The differences. What preconditions need is read for just those that differ, where the first look lacks it."""
    kinds = found.kinds

    def differences(there: State) -> list[Change]:
        whole = aims.state, there
        return diff(*whole, last=aims.last, absent=aims.absent, whole=lambda k: kinds[k.kind].whole)

    first = differences(found.live)
    closer: dict[Key, Resource] = {}
    for name, driver in found.drivers.items():
        moved = frozenset(
            c.key.name
            for c in first
            if c.key.kind == name and c.before is not None and not found.live[c.key].facts
        )
        if moved and kinds[name].facts:
            scope = replace(found.looks[name], names=moved, others=False, facts=True)
            closer.update(state_of(found.session, name, driver, scope))
    return differences({**found.live, **closer}) if closer else first


def _completed(change: Change, found: Survey) -> Change:
    """An update of what holds a secret carries all that is wanted: a server that stores secrets takes nothing less."""
    kind, wanted = found.kinds[change.key.kind], found.want.state
    least = kind.secrets or kind.complete
    if not least or change.before is None or change.after is None or kind.whole:
        return change
    whole = dict(flat(wanted[change.key].settings)) | dict(flat(change.after))
    return replace(change, after=nest(sorted(whole.items())))


def _world(kind: str, found: Survey) -> World:
    return World(
        found.platform,
        found.session.facts,
        {key.name: resource for key, resource in found.live.items() if key.kind == kind},
        {key.name: resource for key, resource in found.want.state.items() if key.kind == kind},
        found.want.state,
        nearby(found, kind),
        to_come(found, kind),
    )


def _impossible(found: Survey) -> list[Change]:
    return [
        with_risks(Change(key, None, resource.settings), [Risk("KS901", _why_not(key, found))])
        for key, resource in found.want.impossible.items()
    ]


def _why_not(key: Key, found: Survey) -> str:
    kind = kinds_registry.on(found.platform)[key.kind]
    return kinds_registry.why_not(kind, found.platform, found.document.spec)


def matches(key: Key, only: Sequence[str]) -> bool:
    """Whether `--only` leaves a resource in."""
    return not only or any(fnmatchcase(f"{key.kind}/{key.name}", glob) for glob in only)


def _select(changes: Iterable[Change], only: Sequence[str]) -> list[Change]:
    return [change for change in changes if matches(change.key, only)]


def not_ours(
    live: State, ours: Iterable[Container[Key]], document: Document
) -> tuple[tuple[str, ...], int]:
    """What nobody declared and is not kstate's own: named when it is inside `owns`, else only counted."""
    kinds = kinds_registry.on(platforms_registry.of(document.spec))
    owns = cast("Body", document.spec.get("owns") or {})
    others = list(live)
    for known in ours:
        others = [key for key in others if key not in known]
    inside = [key for key in others if in_owned(kinds[key.kind], key.name, owns)]
    return tuple(sorted(map(str, inside))), len(others) - len(inside)


def _plan(spec: Spec, options: Options, parts: Sequence[_Part]) -> Plan:
    estate = spec.estate.name if spec.estate else ""
    changes = [change for part in parts for change in part.changes]
    no_estate = (
        "no Estate document: kstate records no ownership and proposes no deletions on its own"
    )
    stages, left = _answered(spec, options, parts), outside(spec, options)
    return Plan(
        clusters=tuple(part.cluster for part in parts),
        waves=order(changes, kinds_registry.load(), platforms_registry.kind_of(connections(spec))),
        created=stamp(options.now),
        expires=options.snapshot.expires if options.snapshot else stamp(options.now + LIFETIME),
        kstate=__version__,
        estate=estate,
        commit=options.commit,
        root=options.root,
        partial=bool(options.clusters or options.labels or options.only or left),
        only=tuple(sorted(options.only)),
        unchanged=sum(part.unchanged for part in parts),
        out_of_scope=sum(part.out_of_scope for part in parts),
        unmanaged=tuple(name for part in parts for name in part.unmanaged),
        notices=(
            *(() if estate else (no_estate,)),
            *_order(stages, left),
            *(n for part in parts for n in part.notices),
            *unheeded(spec, options, (part.matched for part in parts)),
        ),
        ledger=ledger_of(spec),
        protected=tuple(key for part in parts for key in part.protected),
        records=tuple(record for part in parts for record in part.records),
        risks=(
            *expired(rules(spec.ignores), today(options)),
            *age(options.snapshot, options.now, changes),
            *(risk for part in parts for risk in part.risks),
        ),
        snapshot=options.snapshot.taken if options.snapshot else "",
        stages=stages,
    )


def today(options: Options) -> str:
    return options.now.date().isoformat()


def unheeded(spec: Spec, options: Options, matched: Iterable[frozenset[str]]) -> Iterator[str]:
    """Ignore rules that hold and speak of nothing, where everything was looked at."""
    if not (options.clusters or options.labels or options.only):
        holding = [rule for rule in rules(spec.ignores) if rule.holds(today(options))]
        yield from unmatched(holding, frozenset().union(*matched))


def _answered(spec: Spec, options: Options, parts: Sequence[_Part]) -> tuple[Stage, ...]:
    """The stages as far as their clusters are in the plan."""
    there = {part.cluster.name for part in parts}
    found = stages_of(spec, options) if options.waves else ()
    short = (Stage(s.label, tuple(n for n in s.clusters if n in there)) for s in found)
    return tuple(stage for stage in short if stage.clusters)


def _order(stages: Sequence[Stage], left: Sequence[str]) -> Iterator[str]:
    if stages:
        told = (f"{stage.label} ({', '.join(stage.clusters)})" for stage in stages)
        yield f"one after the other, each once the one before came out right: {', then '.join(told)}"
    if left:
        yield f"in no wave, so left as they are: {', '.join(left)}"
