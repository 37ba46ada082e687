"""A spec and live clusters in, a Plan out. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import cast

from reconciler import __version__
from reconciler.core.desired import NAME, Desired, desired, in_owned
from reconciler.core.diff import diff, flat, nest
from reconciler.core.model import (
    Body,
    Change,
    Document,
    Driver,
    Key,
    Kind,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
    State,
    Target,
    World,
)
from reconciler.core.order import order
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.risk import assess, protect, with_risks
from reconciler.engine.clusters import (
    Options,
    Say,
    driver_of,
    login,
    side_by_side,
    stamp,
    state_of,
    vetted,
)
from reconciler.errors import BadUsage, KstateError, Problem, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import MASK
from reconciler.spec.folder import Spec
from reconciler.spec.literals import literal_secrets

LIFETIME = timedelta(hours=24)
PLATFORM = ("spec", "platform")


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


def check(spec: Spec) -> None:
    """What kinds and platforms themselves have to say about their documents. Raises SpecInvalid with all of it."""
    kinds = {kind.document: kind for kind in kinds_registry.load().values()}
    problems = [
        Problem(document.file, *document.locate(path), message)
        for document in spec.documents
        if document.kind in kinds
        for path, message in kinds[document.kind].check(document)
    ]
    known = platforms_registry.names()
    for document in spec.clusters:
        if (found := document.spec["platform"]) not in known:
            words = f"platform `{found}` is not known; there is {', '.join(known)}"
            problems.append(Problem(document.file, *document.locate(PLATFORM), words))
    if problems:
        raise SpecInvalid(problems)


def plan(spec: Spec, options: Options) -> Planned:
    """Read every cluster, side by side, and say what would have to change. Nothing is written anywhere."""
    check(spec)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    conflicts = [problem for _, _, want in wanted.values() for problem in _problems(want)]
    if conflicts:
        raise SpecInvalid(sorted(set(conflicts)))
    parts, failures = side_by_side(wanted, lambda name: _plan_cluster(*wanted[name], options))
    made = _plan(spec, options, [parts[name] for name in sorted(parts)])
    return Planned(made, failures, {name: found[0].spec for name, found in wanted.items()})


def chosen(spec: Spec, options: Options) -> list[Document]:
    """The clusters this run is about. Raises BadUsage for one the spec does not have."""
    known = {document.name: document for document in spec.clusters}
    unknown = [name for name in options.clusters if name not in known]
    if unknown:
        raise BadUsage(
            f"no cluster {', '.join(unknown)} in the spec; it has {', '.join(sorted(known))}"
        )
    return [known[name] for name in sorted(set(options.clusters) or known)]


def desired_of(spec: Spec, document: Document) -> tuple[Document, Platform, Desired]:
    platform = platforms_registry.load(str(document.spec["platform"]))
    kinds = kinds_registry.load()
    want = desired(
        document.name,
        spec.documents,
        kinds,
        platform,
        lambda kind: kinds_registry.driver(kind, platform) is not None,
    )
    return document, platform, want


def _problems(want: Desired) -> Iterator[Problem]:
    for document, message in want.conflicts:
        yield Problem(document.file, *document.locate(NAME), message)


def _plan_cluster(document: Document, platform: Platform, want: Desired, options: Options) -> _Part:
    target = Target(document.name, document.spec, options.root, options.timeout)
    options.say(f"{document.name}: connecting")
    with closing(login(platform, target)) as session:
        kinds = {name: kind for name, kind in kinds_registry.load().items() if want.names(name)}
        drivers = {name: driver_of(kind, platform) for name, kind in kinds.items()}
        live = _read(session, drivers, want, options.say)
        changes = _select(_changes(session, drivers, want, live), options.only)
        worlds = {name: _world(name, session, platform, want, live) for name in kinds}
        changes = protect(assess(changes, kinds, worlds), frozenset(want.protected))
        options.say(f"{document.name}: asking the servers about {len(changes)} changes")
        changes = vetted(session, drivers, changes) + _select(
            _impossible(want, platform), options.only
        )
    chosen_keys = [key for key in want.state if _matches(key, options.only)]
    changed = {change.key for change in changes}
    unmanaged, elsewhere = _not_ours(live, want, kinds, document)
    return _Part(
        ClusterPlan(document.name, session.cluster_id, _masked(document)),
        tuple(replace(c, sources=tuple(want.sources.get(c.key, ()))) for c in changes),
        sum(key not in changed for key in chosen_keys),
        unmanaged,
        elsewhere,
    )


def _masked(document: Document) -> Body:
    """The connection as a plan may show it: a password in clear text, allowed on loopback only, is left out."""
    secret = {path[1:] for path in literal_secrets(document)}
    return nest((path, MASK if path in secret else value) for path, value in flat(document.spec))


def _read(session: Session, drivers: Mapping[str, Driver], want: Desired, say: Say) -> State:
    scopes = {name: Scope(want.names(name), want.fields(name), others=True) for name in drivers}
    say(f"{session.cluster}: reading {', '.join(sorted(drivers)) or 'nothing'}")
    with ThreadPoolExecutor(max(len(drivers), 1)) as pool:
        read = pool.map(lambda name: state_of(session, name, drivers[name], scopes[name]), drivers)
        return {key: resource for state in read for key, resource in state.items()}


def _changes(
    session: Session, drivers: Mapping[str, Driver], want: Desired, live: State
) -> list[Change]:
    """The differences, with what preconditions need read for just those that differ."""
    kinds = kinds_registry.load()

    def whole(key: Key) -> bool:
        return kinds[key.kind].whole

    first = diff(want.state, live, absent=want.absent, whole=whole)
    closer: dict[Key, Resource] = {}
    for name, driver in drivers.items():
        names = frozenset(c.key.name for c in first if c.key.kind == name and c.before is not None)
        if names and kinds[name].facts:
            scope = Scope(names, want.fields(name), facts=True)
            closer.update(state_of(session, name, driver, scope))
    if not closer:
        return first
    return diff(want.state, {**live, **closer}, absent=want.absent, whole=whole)


def _world(kind: str, session: Session, platform: Platform, want: Desired, live: State) -> World:
    return World(
        platform,
        session.facts,
        {key.name: resource for key, resource in live.items() if key.kind == kind},
        {key.name: resource for key, resource in want.state.items() if key.kind == kind},
    )


def _impossible(want: Desired, platform: Platform) -> list[Change]:
    return [
        with_risks(
            Change(key, None, resource.settings),
            [Risk("KS901", f"{platform.title} does not offer {key.kind}")],
        )
        for key, resource in want.impossible.items()
    ]


def _matches(key: Key, only: Sequence[str]) -> bool:
    return not only or any(fnmatchcase(f"{key.kind}/{key.name}", glob) for glob in only)


def _select(changes: Iterable[Change], only: Sequence[str]) -> list[Change]:
    return [change for change in changes if _matches(change.key, only)]


def _not_ours(
    live: State, want: Desired, kinds: Mapping[str, Kind], document: Document
) -> tuple[tuple[str, ...], int]:
    """What nobody declared: named when it is inside `owns`, else only counted."""
    owns = cast("Body", document.spec.get("owns") or {})
    others = [key for key in live if key not in want.state and key not in want.absent]
    inside = [key for key in others if in_owned(kinds[key.kind], key.name, owns)]
    return tuple(sorted(map(str, inside))), len(others) - len(inside)


def _plan(spec: Spec, options: Options, parts: Sequence[_Part]) -> Plan:
    estate = spec.estate.name if spec.estate else ""
    changes = [change for part in parts for change in part.changes]
    no_estate = (
        "no Estate document: kstate records no ownership and proposes no deletions on its own"
    )
    return Plan(
        clusters=tuple(part.cluster for part in parts),
        waves=order(changes, kinds_registry.load()),
        created=stamp(options.now),
        expires=stamp(options.now + LIFETIME),
        kstate=__version__,
        estate=estate,
        commit=options.commit,
        root=options.root,
        partial=bool(options.clusters or options.only),
        only=tuple(sorted(options.only)),
        unchanged=sum(part.unchanged for part in parts),
        out_of_scope=sum(part.out_of_scope for part in parts),
        unmanaged=tuple(name for part in parts for name in part.unmanaged),
        notices=() if estate else (no_estate,),
    )
