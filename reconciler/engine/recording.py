"""A spec and live clusters in, a Snapshot for planning without them out. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import replace

from reconciler import __version__
from reconciler.core.book import fold
from reconciler.core.desired import Desired
from reconciler.core.events import Event, Step
from reconciler.core.model import Driver, Resource, Scope, Session, Target
from reconciler.core.snapshot import RecordedCluster, RecordedKind, RecordedLedger, Snapshot
from reconciler.engine.clusters import Options, driver_of, login, side_by_side, stamp
from reconciler.engine.intent import (
    Wanted,
    check,
    check_apart,
    check_references,
    chosen,
    connections,
    desired_of,
    ledger_of,
    masked,
)
from reconciler.engine.keeping import ledger_session, names, store_on
from reconciler.engine.planning import LIFETIME
from reconciler.errors import Failed, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec

# What a plan reads of a ledger; locks and the journal's end are of the moment.
RECORDS = ("own|", "head|", "intent|")


def snapshot(spec: Spec, options: Options) -> tuple[Snapshot, Mapping[str, KstateError]]:
    """Everything that a plan of this spec, or of a later one, would read; clusters side by side."""
    check(spec)
    check_references(spec, options)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    found, failures = side_by_side(wanted, lambda name: _record(spec, wanted[name], options))
    check_apart(spec, {name: one.id for name, one in found.items()})
    made = Snapshot(
        taken=stamp(options.now),
        expires=stamp(options.now + LIFETIME),
        kstate=__version__,
        clusters=tuple(found[name] for name in sorted(found)),
        estate=spec.estate.name if spec.estate else "",
        commit=options.commit,
        failures={name: error.message for name, error in failures.items()},
    )
    return made, failures


def _record(spec: Spec, wanted: Wanted, options: Options) -> RecordedCluster:
    document, platform, want = wanted
    target = Target(document.name, document.spec, options.root, options.timeout, connections(spec))
    options.say(Event(Step.CONNECTING, document.name))
    with closing(login(platform, target)) as session:
        ledger = _ledger(spec, session, options)
        kinds = {}
        for kind in kinds_registry.on(platform).values():
            if kinds_registry.offered(kind, platform, document.spec):
                options.say(Event(Step.READING, document.name, kind.name))
                asked = want.names(kind.name) | _recorded_names(ledger, session, kind.name)
                found = _kind(session, driver_of(kind, platform), want, asked, kind.name)
                kinds[kind.name] = found
                options.say(Event(Step.READ, document.name, kind.name, done=len(found.resources)))
        cluster_id, facts = session.cluster_id, dict(session.facts)
    return RecordedCluster(document.name, cluster_id, masked(document), facts, kinds, ledger)


def _ledger(spec: Spec, session: Session, options: Options) -> RecordedLedger | None:
    """The records about this cluster, wherever they are kept."""
    if spec.estate is None:
        return None
    ledger = ledger_of(spec)
    name = str(ledger["topic"])
    with ledger_session(ledger, session, connections(spec), options) as keeper:
        try:
            store = store_on(keeper, ledger)
            there = store.exists()
            if not there and (lost := store.lost()):
                return RecordedLedger(name, trouble=lost)
            entries = list(store.entries()) if there else []
        except Failed as error:
            return RecordedLedger(name, trouble=error.message)
    latest: dict[str, str] = {}
    for entry in entries:
        kind, _, rest = entry.key.partition("|")
        about = rest.partition("|")[0] == session.cluster_id
        latest.pop(entry.key, None)
        if about and f"{kind}|" in RECORDS and entry.value is not None:
            latest[entry.key] = entry.value.decode("utf-8", "replace")
    return RecordedLedger(name, there, records=tuple(latest.items()))


def _recorded_names(ledger: RecordedLedger | None, session: Session, kind: str) -> frozenset[str]:
    """What the ledger owns or meant to make, whosever it is: a plan would look for it by name."""
    records = ((key, value.encode()) for key, value in ledger.records) if ledger else ()
    book = fold(records, session.cluster_id)
    intended = (intent.wanted for intent in book.intents.values())
    owned = frozenset(name for found, name in book.own if found == kind)
    return owned.union(*(names(wanted, kind) for wanted in intended))


def _kind(
    session: Session, driver: Driver, want: Desired, asked: frozenset[str], kind: str
) -> RecordedKind:
    """All of a kind, and by name what was not listed: a listing is shorter where rights are missing."""
    scope = Scope(facts=True, wanted=want.bodies(kind))
    try:
        found = {resource.name: resource for resource in driver.read(session, scope)}
        if missing := asked - found.keys():
            found |= _named(driver.read(session, replace(scope, names=missing)))
    except Failed as error:
        return RecordedKind(unread=error.message)
    return RecordedKind({name: _bare(resource) for name, resource in found.items()})


def _named(found: Iterable[Resource]) -> dict[str, Resource]:
    return {resource.name: resource for resource in found}


def _bare(resource: Resource) -> Resource:
    """Without the text of a schema, which its settings hold already."""
    facts = {name: value for name, value in resource.facts.items() if name != "text"}
    return replace(resource, facts=facts)
