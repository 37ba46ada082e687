"""Ownership without a change to any resource: adopt, release, history, unlock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass

from reconciler.core import journal
from reconciler.core.book import Owned, Record
from reconciler.core.desired import with_unseen
from reconciler.core.diff import flat, nest
from reconciler.core.journal import Link
from reconciler.core.model import Body, Document, Key, Resource, Scope, Session, State, Target
from reconciler.engine.clusters import (
    Options,
    driver_of,
    login,
    side_by_side,
    stamp,
    state_of,
)
from reconciler.engine.intent import (
    Wanted,
    check,
    check_apart,
    chosen,
    connections,
    desired_of,
    ledger_of,
)
from reconciler.engine.keeping import Keeper, followed, ledger_session, look, read, store_on
from reconciler.errors import BadUsage, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.ledger import lock
from reconciler.ledger.store import Store
from reconciler.platforms import registry as platforms_registry
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Claim:
    """What an adoption would record on one cluster, what another estate keeps, and what cannot be read any more.

    `cluster` is its name, `id` its own, and `called` what the ledger calls it. `repair`: the ledger's count is wrong,
    and adopting writes it anew.
    """

    cluster: str
    id: str
    new: Mapping[Key, Owned]
    foreign: Mapping[Key, str]
    dropped: Mapping[str, str]
    repair: bool
    called: str


def adoptable(spec: Spec, options: Options) -> tuple[dict[str, Claim], dict[str, KstateError]]:
    """What is declared, live and not owned by this estate yet, by cluster."""
    check(spec)
    estate_of(spec)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    found, failures = side_by_side(wanted, lambda name: _claim(spec, wanted[name], options))
    ids = {name: claim.id for name, claim in found.items()}
    check_apart(spec, ids, {name: claim.called for name, claim in found.items()})
    return found, failures


def adopt(spec: Spec, claims: Mapping[str, Claim], options: Options) -> dict[str, KstateError]:
    """Record the claims, under the lock of each cluster; the clusters on which that failed."""
    documents = {document.name: document for document in spec.clusters}
    _, failures = side_by_side(
        claims, lambda name: _adopt(spec, documents[name], claims[name], options)
    )
    return failures


def estate_of(spec: Spec) -> Document:
    """The Estate document. Raises BadUsage without one: nothing can be owned then."""
    if spec.estate is None:
        raise BadUsage(
            "the spec has no Estate document, so nothing is owned",
            hint="Add one: {apiVersion: kstate/v1, kind: Estate, metadata: {name: ...}, spec: {}}",
        )
    return spec.estate


def _claim(spec: Spec, wanted: Wanted, options: Options) -> Claim:
    document, _, want = wanted
    estate = estate_of(spec).name
    with _opened(spec, document, options) as (session, store):
        wishes = {key: resource.settings for key, resource in want.state.items()}
        # What no server tells is taken at the document's word: nobody could know better.
        live = with_unseen(_declared(session, wanted), wishes, kinds_registry.on(wanted[1]))
        keeping = look(store, session.cluster_id, estate)
    by = Owned(
        estate, {}, "adopted", apply=options.apply_id, commit=options.commit, at=stamp(options.now)
    )
    new: dict[Key, Owned] = {}
    foreign: dict[Key, str] = {}
    for key, resource in live.items():
        owned = keeping.book.own.get((key.kind, key.name))
        if owned is None:
            new[key] = _as_found(want.state[key], resource, by, protect=key in want.protected)
        elif owned.estate != estate:
            foreign[key] = owned.estate
    dropped = {key: why for key, why in keeping.book.damage.items() if why == "not readable"}
    found = (new, foreign, dropped, bool(keeping.trouble))
    return Claim(document.name, session.cluster_id, *found, keeping.called)


def _as_found(want: Resource, live: Resource, by: Owned, *, protect: bool) -> Owned:
    """What is recorded as last applied: what the document speaks of, as it is now."""
    there = dict(flat(live.settings))
    found = nest((path, there[path]) for path, _ in flat(want.settings) if path in there)
    return Owned(by.estate, found, by.origin, protect, by.apply, by.commit, by.at)


def _declared(session: Session, wanted: Wanted) -> State:
    _, platform, want = wanted
    state: dict[Key, Resource] = {}
    for name, kind in kinds_registry.on(platform).items():
        declared = frozenset(key.name for key in want.state if key.kind == name)
        if declared:
            scope = Scope(declared, want.fields(name), wanted=want.bodies(name))
            state.update(state_of(session, name, driver_of(kind, platform), scope))
    return {key: resource for key, resource in state.items() if key in want.state}


def _adopt(spec: Spec, document: Document, claim: Claim, options: Options) -> None:
    with _kept(spec, document, options) as keeper:
        found = {(key.kind, key.name): owned for key, owned in claim.new.items()}
        # What cannot be read goes first: an adopted resource may take the place of its own damaged record.
        records: list[Record] = [(key, None) for key in claim.dropped]
        records += [keeper.owns(at, owned) for at, owned in found.items()]
        # Only here may the count be written over damage: a person has looked at what is claimed.
        keeper.counts = True
        keeper.note(records, "adopt", {"changes": [str(key) for key in sorted(claim.new)]})


def release(spec: Spec, keys: Sequence[Key], options: Options) -> dict[str, KstateError]:
    """Let go of resources: they stay as they are, and nobody owns them any more."""
    estate_of(spec)
    known = {document.name: document for document in spec.clusters}
    by_cluster: dict[str, list[Key]] = {}
    for key in keys:
        if key.cluster not in known:
            raise BadUsage(
                f"no cluster {key.cluster} in the spec; it has {', '.join(sorted(known))}"
            )
        by_cluster.setdefault(key.cluster, []).append(key)
    _, failures = side_by_side(
        by_cluster, lambda name: _release(spec, known[name], by_cluster[name], options)
    )
    return failures


def _release(spec: Spec, document: Document, keys: Sequence[Key], options: Options) -> None:
    estate = estate_of(spec).name
    with _kept(spec, document, options) as keeper:
        mine = keeper.book.owned_by(estate)
        strange = [str(key) for key in keys if (key.kind, key.name) not in mine]
        if strange:
            raise BadUsage(f"estate {estate} does not own {', '.join(strange)}")
        records = [keeper.owns((key.kind, key.name), None) for key in keys]
        keeper.note(records, "release", {"changes": [str(key) for key in keys]})


@dataclass(frozen=True, slots=True)
class History:
    """The journal of one cluster, and what is wrong with its chain."""

    links: tuple[Link, ...]
    problems: tuple[str, ...]


def history(spec: Spec, options: Options) -> tuple[dict[str, History], dict[str, KstateError]]:
    """Everything that was applied, adopted and released, cluster by cluster."""
    estate_of(spec)
    documents = {document.name: document for document in chosen(spec, options)}
    return side_by_side(documents, lambda name: _history(spec, documents[name], options))


def _history(spec: Spec, document: Document, options: Options) -> History:
    with _opened(spec, document, options) as (session, store):
        if not store.exists():
            lost = store.lost()
            return History((), (lost,) if lost else ())
        return chronicle(store, session.cluster_id)


def chronicle(store: Store, cluster_id: str) -> History:
    """The journal between two looks at the ledger: somebody may be writing both at this moment."""
    end = read(store, cluster_id).tip
    links = tuple(journal.read((e.value for e in store.journal()), cluster_id))
    on = bool(links) and links[-1].seq > end.seq
    later = read(store, cluster_id).tip if on else end
    return History(links, tuple(journal.verify(links, end, later)))


def unlock(
    spec: Spec, lock_id: str, options: Options
) -> tuple[dict[str, str], dict[str, KstateError]]:
    """Break the lock with this id wherever it is held; who held it, by cluster."""
    estate_of(spec)
    documents = {document.name: document for document in chosen(spec, options)}
    found, failures = side_by_side(
        documents, lambda name: _unlock(spec, documents[name], lock_id, options)
    )
    return {name: who for name, who in found.items() if who}, failures


def _unlock(spec: Spec, document: Document, lock_id: str, options: Options) -> str:
    with _opened(spec, document, options) as (session, store):
        if not store.exists():
            return ""
        broken = lock.unlock(store, session.cluster_id, lock_id)
    return broken.who if broken else ""


@contextmanager
def _opened(spec: Spec, document: Document, options: Options) -> Iterator[tuple[Session, Store]]:
    """A cluster and the ledger that speaks of it."""
    platform = platforms_registry.of(document.spec)
    target = Target(document.name, document.spec, options.root, options.timeout)
    ledger: Body = ledger_of(spec)
    with ExitStack() as stack:
        session = stack.enter_context(closing(login(platform, target)))
        home = stack.enter_context(ledger_session(ledger, session, connections(spec), options))
        yield session, store_on(home, ledger)


@contextmanager
def _kept(spec: Spec, document: Document, options: Options) -> Iterator[Keeper]:
    """The same with the lock held, ready to be written."""
    estate = estate_of(spec).name
    with _opened(spec, document, options) as (session, store):
        if not store.exists():
            store.create()
        with lock.acquire(store, session.cluster_id, options.who, wait=options.wait) as held:
            keeping = followed(held.tail, estate)
            by = Owned(
                estate, {}, apply=options.apply_id, commit=options.commit, at=stamp(options.now)
            )
            counts = not keeping.trouble or keeping.book.is_new(estate)
            at = session.cluster, session.cluster_id
            yield Keeper(held, *at, estate, keeping.book, {"who": options.who}, by, counts)
