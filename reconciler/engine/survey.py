"""One cluster, logged in to, in; what is there, what is wanted there and what the ledger says of it, out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace

from reconciler.core.book import claimed
from reconciler.core.desired import Desired, by_kind, with_unseen
from reconciler.core.estate import Live
from reconciler.core.events import Event, Say, Step
from reconciler.core.ignore import Hidden, hold, rules
from reconciler.core.model import (
    NOTHING,
    Body,
    Condition,
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
)
from reconciler.core.ownership import Keeping
from reconciler.core.silent import of_two
from reconciler.engine.clusters import (
    Options,
    asked,
    driver_of,
    fields_of,
    held_back,
    login,
    state_of,
)
from reconciler.engine.intent import Wanted, bookkeeping, connections, desired_of, ledger_of
from reconciler.engine.keeping import ledger_session, looking, names, store_on
from reconciler.engine.offline import RecordedSession
from reconciler.errors import Failed
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that planning and drift look at. `pruned` is ours and in no document any more, `tried` are secrets.

    `last` are the settings last applied. `hidden` is what ignore rules kept out of `want` and `last`, and `matched` are
    the names of those that speak of anything here. `begun` is what a killed apply made and nobody recorded yet.
    """

    document: Document
    platform: Platform
    want: Desired
    session: Session
    keeping: Keeping
    risks: tuple[Risk, ...]
    kinds: Mapping[str, Kind]
    drivers: Mapping[str, Driver]
    looks: Mapping[str, Scope]
    live: State
    pruned: Set[Key]
    tried: Mapping[Key, Condition]
    peers: Mapping[str, Body]
    spec: Spec
    last: State = field(default_factory=dict)
    hidden: tuple[Hidden, ...] = ()
    matched: frozenset[str] = frozenset()
    begun: Set[Key] = frozenset()

    @property
    def cluster(self) -> str:
        return self.document.name

    def by_itself(self, key: Key, path: Path, live: Json) -> bool:
        """Whether a live value came about without anybody having set it."""
        return self.kinds[key.kind].by_itself(path, live)


@contextmanager
def survey(
    spec: Spec, wanted: Wanted, options: Options, *, every_field: bool = False
) -> Iterator[Survey]:
    """Read a cluster, and stay logged in until the block ends. `every_field`: settings that nobody declared as well."""
    document, platform, want = wanted
    peers = connections(spec)
    waiting = held_back(options.say, document.name)
    target = Target(document.name, document.spec, options.root, options.timeout, peers, waiting)
    options.say(Event(Step.CONNECTING, document.name))
    with closing(login(platform, target)) as session:
        live, looks, keeping = _seen(spec, session, wanted, options, every_field=every_field)
        kinds, drivers = _drivers(platform, looks)
        raw = keeping.book.own
        keeping = replace(keeping, book=claimed(keeping.book, keeping.estate, live))
        begun = {Key(document.name, *at) for at in keeping.book.own.keys() - raw.keys()}
        pruned = keeping.prunes(document.name, want.state) - want.absent
        last = keeping.last(document.name)
        going = {key: want.unwanted.get(key) or last.get(key) for key in (*want.absent, *pruned)}
        known = {**_going(going, kinds), **_known(want.state, last, kinds)}
        tried = _tried(session, want.state, live, kinds) if options.verify else {}
        live = with_unseen(live, {**known, **_unfit(known, tried, kinds)}, kinds)
        found = (document, platform, want, session, keeping, tuple(_doubts(session, keeping)))
        surveyed = Survey(
            *found, kinds, drivers, looks, live, pruned, tried, peers, spec, last, begun=begun
        )
        if options.seen is not None:
            options.seen(_alive(surveyed, set(bookkeeping(spec, document.name))))
        yield _held(spec, surveyed, options)


def _held(spec: Spec, found: Survey, options: Options) -> Survey:
    """With what ignore rules leave as it is out of every comparison."""
    given = [rule for rule in rules(spec.ignores) if rule.holds(options.now.date().isoformat())]
    if not given:
        return found
    held = hold(given, found.want.state, found.last, found.live)
    want = replace(found.want, state=dict(held.want))
    return replace(found, want=want, last=held.last, hidden=held.hidden, matched=held.matched)


def _alive(found: Survey, own: Set[Key]) -> Iterator[Live]:
    """Everything that is there but what kstate keeps for itself, for a report that shows the estate."""
    managed = {*found.want.state, *found.last, *covered(found)}
    for key in sorted(found.live.keys() - own):
        resource = found.live[key]
        sources = tuple(found.want.sources.get(key, ()))
        owner = found.want.owners.get(key, "")
        yield Live(key, resource.settings, owner, sources, key in managed)


def _seen(
    spec: Spec, session: Session, wanted: Wanted, options: Options, *, every_field: bool
) -> tuple[State, dict[str, Scope], Keeping]:
    """What is there, what was asked for it, and what the ledger says of it.

    The ledger is read at the same time, as it was before anything else was looked at: what it calls ours and is not
    there is gone. What it knows and the spec does not is read after that.
    """
    _, platform, want = wanted
    bodies = by_kind(want.state)
    first = _looks(want, bodies, Keeping(), every_field=every_field)
    with ExitStack() as stack:
        finish = _ledger(spec, session, options, stack)
        reading = stack.enter_context(ThreadPoolExecutor(1)).submit(finish)
        live = _read(session, platform, first, options.say)
        keeping = reading.result()
    looks = _looks(want, bodies, keeping, every_field=every_field)
    if rest := dict(_rest(first, looks, keeping)):
        live = {**live, **_read(session, platform, rest, options.say)}
    return live, looks, keeping


def _ledger(
    spec: Spec, session: Session, options: Options, stack: ExitStack
) -> Callable[[], Keeping]:
    """The reading of the ledger, begun; open until the stack is closed."""
    if spec.estate is None:
        return Keeping
    ledger = ledger_of(spec)
    keeper = stack.enter_context(ledger_session(ledger, session, connections(spec), options))
    return looking(store_on(keeper, ledger), session.cluster_id, spec.estate.name)


def _doubts(session: Session, keeping: Keeping) -> Iterator[Risk]:
    """What is wrong with the ledger, if anything is."""
    if keeping.trouble:
        words = f"cluster {session.cluster}: {keeping.trouble}; nothing is deleted on its word"
        yield Risk("KS131", words)


def _drivers(platform: Platform, looks: Iterable[str]) -> tuple[dict[str, Kind], dict[str, Driver]]:
    kinds = {name: kinds_registry.on(platform)[name] for name in looks}
    return kinds, {name: driver_of(kind, platform) for name, kind in kinds.items()}


Bodies = Mapping[str, Mapping[str, Body]]


def _looks(
    want: Desired, wanted: Bodies, keeping: Keeping, *, every_field: bool
) -> dict[str, Scope]:
    """What has to be read of each kind: what is declared, what is ours, and what a killed apply may have made."""
    last = keeping.applied
    intent = keeping.book.intents.get(keeping.estate)
    intended = intent.wanted if intent else {}
    looks = {}
    for kind in sorted(kinds_registry.load()):
        known, bodies = last.get(kind, {}), wanted.get(kind, {})
        absent = (key.name for key in want.absent if key.kind == kind)
        found = frozenset((*bodies, *known, *absent, *names(intended, kind)))
        if found:
            fields = fields_of(bodies.values()) | fields_of(known.values())
            going = {k.name: r.settings for k, r in want.unwanted.items() if k.kind == kind}
            known = {**known, **going}
            looks[kind] = Scope(
                found,
                None if every_field else fields,
                others=True,
                wanted=_over(known, bodies),
            )
    return looks


def _rest(
    first: Mapping[str, Scope], looks: Mapping[str, Scope], keeping: Keeping
) -> Iterator[tuple[str, Scope]]:
    """What is still to be read once the ledger has been: what it knows beyond what was asked for already."""
    for kind, scope in looks.items():
        before = first.get(kind)
        if before is None:
            yield kind, scope
            continue
        if before == scope:  # as nearly always
            continue
        known = keeping.applied.get(kind, {})
        fields = (scope.fields or frozenset()) - (before.fields or frozenset())
        left = frozenset(
            name
            for name in scope.names or ()
            if name not in (before.names or ())
            or scope.wanted.get(name, NOTHING) != before.wanted.get(name, NOTHING)
            or (fields and not fields.isdisjoint(fields_of([known.get(name, NOTHING)])))
        )
        if left:
            yield kind, replace(scope, names=left, others=False)


def _over(known: Mapping[str, Body], wanted: Mapping[str, Body]) -> Mapping[str, Body]:
    """What is wanted; None for what was applied before and is wanted no more: to be taken back it has to be read."""
    if not (any(known.values()) or any(wanted.values())):
        return {}  # their names say it all
    return {**known, **{name: asked(known.get(name, {}), body) for name, body in wanted.items()}}


def _read(session: Session, platform: Platform, looks: Mapping[str, Scope], say: Say) -> State:
    _, drivers = _drivers(platform, looks)

    def read(kind: str) -> State:
        found = state_of(session, kind, drivers[kind], looks[kind])
        say(Event(Step.READ, session.cluster, kind, done=len(found)))
        return found

    for kind in drivers:
        say(Event(Step.READING, session.cluster, kind))
    with ThreadPoolExecutor(max(len(drivers), 1)) as pool:
        found: dict[Key, Resource] = {}
        for state in pool.map(read, drivers):
            found.update(state)
        return found


def _known(wanted: State, last: State, kinds: Mapping[str, Kind]) -> dict[Key, Body]:
    """What stands for settings that no server tells: the record, or the wish itself where nobody recorded anything."""
    hidden = {name: kind.unseen for name, kind in kinds.items() if kind.unseen}
    return {
        key: {
            name: (last[key].settings.get(name) if key in last else resource.settings[name])
            for name in hidden[key.kind] & resource.settings.keys()
        }
        for key, resource in wanted.items()
        if key.kind in hidden
    }


def _tried(
    session: Session, wanted: State, live: State, kinds: Mapping[str, Kind]
) -> dict[Key, Condition]:
    """Whether the secrets of what is there are those in use, as far as the kinds can try them."""
    found: dict[Key, Condition] = {}
    for name, kind in kinds.items():
        own = {k.name: r for k, r in wanted.items() if k.kind == name and k in live}
        for condition in kind.verify(session, [own[n] for n in sorted(own)]) if own else ():
            found[Key(session.cluster, name, condition.name)] = condition
    return found


def _unfit(
    known: Mapping[Key, Body], tried: Mapping[Key, Condition], kinds: Mapping[str, Kind]
) -> dict[Key, Body]:
    """What is known no longer: a secret that does not fit, whatever was applied last."""
    return {
        key: {**known.get(key, {}), **dict.fromkeys(kinds[key.kind].secrets)}
        for key, condition in tried.items()
        if not condition.well
    }


def _going(going: Mapping[Key, Resource | None], kinds: Mapping[str, Kind]) -> dict[Key, Body]:
    """The same of what is to be deleted: how, say."""
    return {
        key: {name: resource.settings[name] for name in unseen & resource.settings.keys()}
        for key, resource in going.items()
        if resource is not None and key.kind in kinds and (unseen := kinds[key.kind].unseen)
    }


Nearby = Mapping[tuple[str, str], Mapping[str, Resource]]


def nearby(found: Survey, kind: str) -> Nearby:
    """What the rules of a kind have to look at elsewhere. A cluster that cannot be read is left out."""
    read: dict[tuple[str, str], Mapping[str, Resource]] = {}
    for cluster, name in _around(found, kind):
        try:
            read[cluster, name] = _everything(found, cluster, name)
        except Failed:
            continue
    return read


def to_come(found: Survey, kind: str) -> Nearby:
    """What the spec wants in those places, on whichever cluster."""
    clusters = {document.name: document for document in found.spec.clusters}
    around = _around(found, kind)
    states = {
        name: desired_of(found.spec, clusters[name])[2].state
        for name in {cluster for cluster, _ in around}
    }
    return {
        (cluster, other): {k.name: r for k, r in states[cluster].items() if k.kind == other}
        for cluster, other in around
    }


def _around(found: Survey, kind: str) -> list[tuple[str, str]]:
    pairs = {
        pair
        for key, resource in found.want.state.items()
        if key.kind == kind
        for pair in found.kinds[kind].nearby(resource, found.cluster)
    }
    return sorted(pairs)


def _everything(found: Survey, cluster: str, kind: str) -> dict[str, Resource]:
    """All of a kind on a cluster, without configurations that nobody asked for."""
    session = found.session
    at = session if cluster == session.cluster else session.peer(cluster)
    if isinstance(at, RecordedSession):
        driver: Driver = at.driver(kind)
    else:
        platform = platforms_registry.of(found.peers[cluster])
        driver = driver_of(kinds_registry.on(platform)[kind], platform)
    return {r.name: r for r in driver.read(at, Scope(names=None, fields=frozenset()))}


def covered(found: Survey) -> dict[Key, Key]:
    """What wanted resources keep on their own, each with the resource that does."""
    keep = {name: kind.covers for name, kind in found.kinds.items() if kind.covers is not of_two}
    return {
        key: owner
        for owner, resource in (found.want.state.items() if keep else ())
        if owner.kind in keep
        for key in keep[owner.kind](resource, found.live.keys())
        if key in found.live and key not in found.want.state
    }
