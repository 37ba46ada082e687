"""A spec and live clusters in, a Plan out. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import cast

from reconciler import __version__
from reconciler.core.book import claimed
from reconciler.core.desired import NAME, Desired, desired, in_owned, with_unseen
from reconciler.core.diff import diff, flat, nest
from reconciler.core.model import (
    Body,
    Change,
    Document,
    Driver,
    Json,
    Key,
    Kind,
    Path,
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
from reconciler.core.ownership import Keeping, limits, marked
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan
from reconciler.core.risk import assess, destroying, protect, with_risks
from reconciler.engine.clusters import (
    Options,
    Say,
    driver_of,
    fields_of,
    login,
    side_by_side,
    stamp,
    state_of,
    vetted,
)
from reconciler.engine.keeping import TOPIC, ledger_session, look, names, store_on
from reconciler.errors import BadUsage, KstateError, Problem, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import MASK, is_reference, resolve
from reconciler.spec.folder import Spec
from reconciler.spec.literals import literal_secrets

LIFETIME = timedelta(hours=24)
LEDGER = ("spec", "ledger", "cluster")
Wanted = tuple[Document, Platform, Desired]
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
    risks: tuple[Risk, ...]
    records: tuple[Bookkeeping, ...]
    protected: tuple[Key, ...]
    notice: str


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


def check_references(spec: Spec, options: Options) -> None:
    """What the chosen clusters' connections refer to must be there. Raises SpecInvalid with every one that is not."""
    problems = []
    for document in chosen(spec, options):
        for path, value in _references(document.spec, ("spec",)):
            try:
                resolve(value, options.root, secret=False)
            except BadUsage as error:
                words = f"{'.'.join(path)}: {error.message}. {error.hint}".rstrip(". ")
                problems.append(Problem(document.file, *document.locate(path), words))
    if problems:
        raise SpecInvalid(problems)


def _references(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """Every reference below, with its path. What is named `.location` is a file that librdkafka opens itself."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _references(inner, (*path, name))
    elif isinstance(value, (list, tuple)):
        for at, inner in enumerate(value):
            yield from _references(inner, (*path, str(at)))
    elif isinstance(value, str) and is_reference(value) and not path[-1].endswith(".location"):
        yield path, value


def plan(spec: Spec, options: Options) -> Planned:
    """Read every cluster, side by side, and say what would have to change. Nothing is written anywhere."""
    check(spec)
    check_references(spec, options)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    conflicts = [problem for _, _, want in wanted.values() for problem in _problems(want)]
    if conflicts:
        raise SpecInvalid(sorted(set(conflicts)))
    parts, failures = side_by_side(wanted, lambda name: _plan_cluster(spec, wanted[name], options))
    made = _plan(spec, options, [parts[name] for name in sorted(parts)])
    return Planned(made, failures, connections(spec))


def chosen(spec: Spec, options: Options) -> list[Document]:
    """The clusters this run is about. Raises BadUsage for one the spec does not have."""
    known = {document.name: document for document in spec.clusters}
    unknown = [name for name in options.clusters if name not in known]
    if unknown:
        raise BadUsage(
            f"no cluster {', '.join(unknown)} in the spec; it has {', '.join(sorted(known))}"
        )
    return [known[name] for name in sorted(set(options.clusters) or known)]


def desired_of(spec: Spec, document: Document) -> Wanted:
    platform = platforms_registry.load(str(document.spec["platform"]))
    kinds = kinds_registry.load()
    want = desired(
        document.name,
        spec.documents,
        kinds,
        platform,
        lambda kind: kinds_registry.offered(kind, platform, document.spec),
    )
    return document, platform, want


def _problems(want: Desired) -> Iterator[Problem]:
    for document, message in want.conflicts:
        yield Problem(document.file, *document.locate(NAME), message)


def _plan_cluster(spec: Spec, wanted: Wanted, options: Options) -> _Part:
    document, platform, want = wanted
    target = Target(document.name, document.spec, options.root, options.timeout)
    options.say(f"{document.name}: connecting")
    with closing(login(platform, target)) as session:
        keeping, risks = _keeping(spec, session, options)
        looks = _looks(document.name, want, keeping)
        kinds = {name: kinds_registry.load()[name] for name in looks}
        drivers = {name: driver_of(kind, platform) for name, kind in kinds.items()}
        live = _read(session, drivers, looks, options.say)
        keeping = replace(keeping, book=claimed(keeping.book, keeping.estate, live))
        live = with_unseen(live, _known(want.state, keeping.last(document.name), kinds), kinds)
        pruned = keeping.prunes(document.name, want.state.keys() | want.absent)
        aims = Aims(want.state, want.absent | pruned, keeping.last(document.name))
        found = _changes(session, drivers, looks, aims, live)
        changes = _select((_completed(c, want.state) for c in found), options.only)
        worlds = {name: _world(name, session, platform, want, live) for name in kinds}
        changes = list(marked(assess(changes, kinds, worlds), keeping, pruned))
        protected = frozenset(want.protected | keeping.protected(document.name))
        options.say(f"{document.name}: asking the servers about {len(changes)} changes")
        changes = protect(vetted(session, drivers, changes), protected, destroying(kinds.values()))
        changes += _select(_impossible(want, platform), options.only)
    owned = len(keeping.book.owned_by(keeping.estate))
    bounds = cast("Body", document.spec.get("limits") or {})
    changed = {change.key for change in changes}
    ours = {*changed, *want.state, *want.absent, *_bookkeeping(spec, document.name)}
    unmanaged, elsewhere = _not_ours(live, ours, document)
    return _Part(
        ClusterPlan(document.name, session.cluster_id, _masked(document)),
        tuple(replace(c, sources=tuple(want.sources.get(c.key, ()))) for c in changes),
        sum(key not in changed for key in want.state if _matches(key, options.only)),
        unmanaged,
        elsewhere,
        (*risks, *limits(document.name, changes, owned, bounds)),
        tuple(_records(want, keeping, live, options.only, document.name)),
        tuple(sorted(changed & want.protected)),
        "" if keeping.there or not keeping.estate else _first_apply(spec, document),
    )


def _keeping(spec: Spec, session: Session, options: Options) -> tuple[Keeping, list[Risk]]:
    """What the ledger says about this cluster, and what is wrong with it if anything is."""
    if spec.estate is None:
        return Keeping(), []
    ledger = ledger_of(spec)
    with ledger_session(ledger, session, connections(spec), options) as keeper:
        keeping = look(store_on(keeper, ledger), session.cluster_id, spec.estate.name)
    if not keeping.trouble:
        return keeping, []
    words = f"cluster {session.cluster}: {keeping.trouble}; nothing is deleted on its word"
    return keeping, [Risk("KS131", words)]


def ledger_of(spec: Spec) -> Body:
    """Where ownership is recorded: a topic, on the cluster itself unless `cluster` names another one."""
    if spec.estate is None:
        return {}
    given = cast("Body", spec.estate.spec.get("ledger") or {})
    other = given.get("cluster")
    documents = {document.name: document for document in spec.clusters}
    found: dict[str, Json] = {"topic": given.get("topic") or TOPIC}
    if other:
        if other not in documents:
            problem = Problem(
                spec.estate.file, *spec.estate.locate(LEDGER), f"no cluster `{other}` in the spec"
            )
            raise SpecInvalid([problem])
        found |= {"cluster": other, "spec": _masked(documents[str(other)])}
    return found


def connections(spec: Spec) -> dict[str, Body]:
    """Every cluster's connection as the spec has it."""
    return {document.name: document.spec for document in spec.clusters}


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


def _looks(cluster: str, want: Desired, keeping: Keeping) -> dict[str, Scope]:
    """What has to be read of each kind: what is declared, what is ours, and what a killed apply may have made."""
    last = keeping.last(cluster)
    intent = keeping.book.intents.get(keeping.estate)
    intended = intent.wanted if intent else {}
    looks = {}
    for kind in sorted(kinds_registry.load()):
        owned = {key.name: resource for key, resource in last.items() if key.kind == kind}
        found = want.names(kind) | owned.keys() | names(intended, kind)
        if found:
            fields = want.fields(kind) | fields_of(r.settings for r in owned.values())
            looks[kind] = Scope(frozenset(found), fields, others=True)
    return looks


def _records(
    want: Desired, keeping: Keeping, live: State, only: Sequence[str], cluster: str
) -> Iterator[Bookkeeping]:
    """Records that are no longer so: protection that was given or taken away, and what is gone for good."""
    for key in sorted(() if keeping.trouble else keeping.last(cluster)):
        if not _matches(key, only):
            continue
        if key not in want.state and key not in live:
            yield Bookkeeping(key, None)
        elif key in want.state and keeping.protects(key) != (key in want.protected):
            yield Bookkeeping(key, key in want.protected)


def _masked(document: Document) -> Body:
    """The connection as a plan may show it: a password in clear text, allowed on loopback only, is left out."""
    secret = {path[1:] for path in literal_secrets(document)}
    return nest((path, MASK if path in secret else value) for path, value in flat(document.spec))


def _read(
    session: Session, drivers: Mapping[str, Driver], looks: Mapping[str, Scope], say: Say
) -> State:
    say(f"{session.cluster}: reading {', '.join(sorted(drivers)) or 'nothing'}")
    with ThreadPoolExecutor(max(len(drivers), 1)) as pool:
        read = pool.map(lambda name: state_of(session, name, drivers[name], looks[name]), drivers)
        return {key: resource for state in read for key, resource in state.items()}


def _changes(
    session: Session,
    drivers: Mapping[str, Driver],
    looks: Mapping[str, Scope],
    aims: Aims,
    live: State,
) -> list[Change]:
    """The differences, with what preconditions need read for just those that differ."""
    kinds = kinds_registry.load()

    def differences(there: State) -> list[Change]:
        return diff(
            aims.state,
            there,
            last=aims.last,
            absent=aims.absent,
            whole=lambda k: kinds[k.kind].whole,
        )

    first = differences(live)
    closer: dict[Key, Resource] = {}
    for name, driver in drivers.items():
        found = frozenset(c.key.name for c in first if c.key.kind == name and c.before is not None)
        if found and kinds[name].facts:
            scope = Scope(found, looks[name].fields, facts=True)
            closer.update(state_of(session, name, driver, scope))
    return differences({**live, **closer}) if closer else first


def _known(wanted: State, last: State, kinds: Mapping[str, Kind]) -> dict[Key, Body]:
    """What stands for settings that no server tells: the record, or the wish itself where nobody recorded anything."""
    return {
        key: {
            name: (last[key].settings.get(name) if key in last else resource.settings[name])
            for name in kinds[key.kind].unseen & resource.settings.keys()
        }
        for key, resource in wanted.items()
        if key.kind in kinds and kinds[key.kind].unseen
    }


def _completed(change: Change, wanted: State) -> Change:
    """An update of what holds a secret carries all that is wanted: a server that stores secrets takes nothing less."""
    kind = kinds_registry.load()[change.key.kind]
    if not kind.secrets or change.before is None or change.after is None or kind.whole:
        return change
    whole = dict(flat(wanted[change.key].settings)) | dict(flat(change.after))
    return replace(change, after=nest(sorted(whole.items())))


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
            [Risk("KS901", _why_not(key, platform))],
        )
        for key, resource in want.impossible.items()
    ]


def _why_not(key: Key, platform: Platform) -> str:
    driver = kinds_registry.driver(kinds_registry.load()[key.kind], platform)
    if driver is None:
        return f"{platform.title} does not offer {key.kind}"
    return f"the Cluster document has no `{driver.wire}`, so nobody knows where its {key.kind}s are"


def _matches(key: Key, only: Sequence[str]) -> bool:
    return not only or any(fnmatchcase(f"{key.kind}/{key.name}", glob) for glob in only)


def _select(changes: Iterable[Change], only: Sequence[str]) -> list[Change]:
    return [change for change in changes if _matches(change.key, only)]


def _bookkeeping(spec: Spec, cluster: str) -> Iterator[Key]:
    """The topics kstate keeps for itself: nobody's to manage, so never reported."""
    if topic := ledger_of(spec).get("topic"):
        yield from (Key(cluster, "topic", name) for name in (str(topic), f"{topic}_journal"))


def _not_ours(live: State, ours: Set[Key], document: Document) -> tuple[tuple[str, ...], int]:
    """What nobody declared and is not kstate's own: named when it is inside `owns`, else only counted."""
    kinds = kinds_registry.load()
    owns = cast("Body", document.spec.get("owns") or {})
    others = [key for key in live if key not in ours]
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
        notices=tuple(part.notice for part in parts if part.notice) if estate else (no_estate,),
        ledger=ledger_of(spec),
        protected=tuple(key for part in parts for key in part.protected),
        records=tuple(record for part in parts for record in part.records),
        risks=tuple(risk for part in parts for risk in part.risks),
    )
