"""Live clusters in, documents that mean what is there out. Nothing is written to any cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import closing
from dataclasses import dataclass, replace
from typing import cast

from reconciler.core import silent
from reconciler.core.desired import with_unseen
from reconciler.core.drafts import Draft, merged, renamed, with_own_variables
from reconciler.core.events import Event, Step
from reconciler.core.model import (
    Around,
    Body,
    Document,
    Json,
    Key,
    Kind,
    Place,
    Resource,
    Scope,
    Session,
    State,
    Target,
)
from reconciler.engine.clusters import Options, driver_of, login, side_by_side
from reconciler.engine.intent import (
    Wanted,
    bookkeeping,
    check,
    check_references,
    chosen,
    connections,
    desired_of,
    ledger_of,
)
from reconciler.engine.keeping import ledger_session, look, store_on
from reconciler.engine.planning import matches
from reconciler.errors import BadUsage, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.spec.folder import Spec


@dataclass(frozen=True, slots=True)
class Gathered:
    """What is live on one cluster and has no document yet, as drafts.

    `live` is all of it, with why there would be no document for it. `kept` is what one of them keeps on its own, with
    its name; `declared` is how many have a document already.
    """

    cluster: str
    drafts: tuple[Draft, ...]
    live: Mapping[Key, str]
    kept: Mapping[Key, Key]
    declared: int


def gathered(spec: Spec, options: Options) -> tuple[dict[str, Gathered], dict[str, KstateError]]:
    """Everything on the chosen clusters that the kinds can say and the spec does not."""
    check(spec)
    check_references(spec, options)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    return side_by_side(wanted, lambda name: _gather(spec, wanted[name], options))


def tidied(
    found: Mapping[str, Gathered], taken: Set[tuple[str, str, str]] = frozenset()
) -> list[Draft]:
    """The drafts of all clusters as one spec has them: the same said once, every name and variable its own."""
    kinds = kinds_registry.load()
    drafts = merged(draft for name in sorted(found) for draft in found[name].drafts)
    drafts = renamed(drafts, lambda draft: kinds[draft.kind].free_name, taken)
    return with_own_variables(drafts, several=len(found) > 1)


def _gather(spec: Spec, wanted: Wanted, options: Options) -> Gathered:
    document, platform, want = wanted
    kinds = kinds_registry.on(platform)
    target = Target(document.name, document.spec, options.root, options.timeout, connections(spec))
    with closing(login(platform, target)) as session:
        around = Around(document.name, dict(_addresses(spec, session)))
        everything = _everything(session, wanted, set(bookkeeping(spec, document.name)), options)
        last = _applied(spec, session, options)
    every = {Key(document.name, kind, r.name): r for kind, own in everything.items() for r in own}
    said = every.keys() & {*want.state, *want.absent}
    live = with_unseen({k: r for k, r in every.items() if k not in said}, last, kinds)
    drafts = list(_drafts(spec, document, live, around))
    kept = dict(_kept(spec, document, drafts, every.keys()))
    # What a mirror keeps is its own business: a document for it would be a second hand on it.
    own = tuple(draft for draft in drafts if not draft.keys or not draft.keys <= kept.keys())
    reasons = {k: kinds[k.kind].unsaid(r) for k, r in live.items()}
    return Gathered(document.name, own, reasons, kept, len(said))


def _applied(spec: Spec, session: Session, options: Options) -> Mapping[Key, Body]:
    """What the ledger says was applied last, for what no server tells: by which reference a password was set."""
    if spec.estate is None:
        return {}
    ledger = ledger_of(spec)
    with ledger_session(ledger, session, connections(spec), options) as home:
        keeping = look(store_on(home, ledger), session.cluster_id, spec.estate.name)
    return {key: resource.settings for key, resource in keeping.last(session.cluster).items()}


def _addresses(spec: Spec, session: Session) -> Iterator[tuple[str, str]]:
    """Where each cluster of the spec is, as far as that can be known here."""
    for cluster in map(platforms_registry.completed, spec.clusters):
        entries = cast("Sequence[Json]", cluster.spec.get("bootstrap") or ())
        try:
            yield cluster.name, ",".join(session.plain(str(entry)) for entry in entries)
        except BadUsage:
            continue


def _everything(
    session: Session, wanted: Wanted, mine: Set[Key], options: Options
) -> dict[str, list[Resource]]:
    """Of every kind that the cluster can hold and `--only` leaves in, in the order of the names."""
    document, platform, _ = wanted
    found = {}
    for kind in kinds_registry.on(platform).values():
        if kinds_registry.offered(kind, platform, document.spec) and _asked(kind, options):
            options.say(Event(Step.READING, document.name, kind.name))
            read = driver_of(kind, platform).read(session, Scope(facts=True))
            keys = {Key(document.name, kind.name, r.name): r for r in read}
            own = (key for key in sorted(keys.keys() - mine) if matches(key, options.only))
            found[kind.name] = [keys[key] for key in own]
            options.say(Event(Step.READ, document.name, kind.name, done=len(found[kind.name])))
    return found


def _asked(kind: Kind, options: Options) -> bool:
    """Whether anything of a kind can be wanted: what is not asked for need not be readable."""
    from fnmatch import fnmatchcase

    return not options.only or any(
        fnmatchcase(kind.name, glob.partition("/")[0]) for glob in options.only
    )


def _drafts(spec: Spec, cluster: Document, live: State, around: Around) -> Iterator[Draft]:
    place = _place(spec, cluster)
    for name, kind in _kinds(place).items():
        own = [resource for key, resource in live.items() if key.kind == name]
        for body in kind.documents(own, around):
            draft = Draft(
                kind.name,
                kind.document,
                str(body["name"]),
                (cluster.name,),
                cast("Body", body["spec"]),
                cast("Mapping[str, str]", body.get("texts") or {}),
                kind.secrets,
            )
            keys = frozenset(_meant(kind, draft, place))
            known = frozenset(_recorded(kind, live, keys))
            yield replace(draft, keys=keys, known=known)


def _recorded(kind: Kind, live: State, keys: Set[Key]) -> Iterator[str]:
    """Variables that the ledger or the server knows: somebody chose them."""
    for key in keys & live.keys():
        told = (live[key].settings.get(name) for name in kind.secrets)
        yield from (text.removeprefix("env:") for text in told if isinstance(text, str))


def _place(spec: Spec, cluster: Document) -> Place:
    every = (*map(platforms_registry.completed, spec.clusters), *spec.documents)
    known = {(document.kind, document.name): document for document in every}
    return Place(platforms_registry.completed(cluster), known)


def _kinds(place: Place) -> Mapping[str, Kind]:
    return kinds_registry.on(platforms_registry.of(place.cluster.spec))


def _meant(kind: Kind, draft: Draft, place: Place) -> Iterator[Key]:
    for resource in _resources(kind, draft, place):
        yield Key(place.cluster.name, kind.name, resource.name)


def _resources(kind: Kind, draft: Draft, place: Place) -> Iterator[Resource]:
    platform = platforms_registry.of(place.cluster.spec)
    spec = {**draft.spec, **_inlined(draft)}
    metadata: Body = {"name": draft.name, "clusters": list(draft.clusters)}
    document = Document(draft.document, draft.name, metadata, spec, "", 1, lambda _path: (1, 1))
    yield from kind.resources(kind.placed(document, place), platform)


def _inlined(draft: Draft) -> Body:
    """The texts of files under the members they will be read into."""
    from reconciler.spec.inlined import read_in

    return read_in(draft.document, draft.texts)


def _kept(
    spec: Spec, cluster: Document, drafts: Sequence[Draft], live: Set[Key]
) -> Iterator[tuple[Key, Key]]:
    """What resources among the drafts keep on their own, each with the one that does."""
    place, keys = _place(spec, cluster), sorted(live)
    for draft in drafts:
        kind = _kinds(place)[draft.kind]
        if kind.covers is silent.of_two:
            continue
        for resource in _resources(kind, draft, place):
            owner = Key(cluster.name, kind.name, resource.name)
            yield from ((key, owner) for key in kind.covers(resource, keys) if key in live)
