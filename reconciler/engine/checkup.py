"""A spec in, what is healthy about each cluster and which rights are missing out; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import cast

from reconciler.clients import about, rights
from reconciler.clients.http import Http, Workers
from reconciler.clients.kafka import Kafka
from reconciler.core.desired import Desired
from reconciler.core.diff import diff
from reconciler.core.model import (
    Action,
    Body,
    Document,
    Driver,
    Kind,
    Level,
    Platform,
    Scope,
    Session,
    State,
    Target,
)
from reconciler.core.rights import APPLY, CLUSTER, Need, folded
from reconciler.engine.clusters import Options, login, side_by_side, state_of
from reconciler.engine.intent import check, chosen, desired_of, doubles, ledger_of
from reconciler.engine.standing import Verdicts, needed, verdicts
from reconciler.errors import Failed, KstateError, LoginFailed, Unreachable
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and whether it is as it has to be; None where nobody can tell."""

    ok: bool | None
    text: str


@dataclass(frozen=True, slots=True)
class Health:
    """One cluster, by its `id`. `missing` are the rights to grant, by verb; `identity` is whom to grant them to."""

    findings: tuple[Finding, ...]
    identity: rights.Identity | None = None
    missing: Mapping[str, Sequence[Need]] = field(default_factory=dict)
    id: str = ""

    @property
    def well(self) -> bool:
        return all(finding.ok is not False for finding in self.findings)


def checkup(
    spec: Spec, options: Options, verbs: Sequence[str]
) -> tuple[Mapping[str, Health], Mapping[str, KstateError]]:
    """The health of every cluster that answered, and why the others did not. `verbs`: what rights are wanted for."""
    check(spec)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    found, failures = side_by_side(wanted, lambda name: _look(spec, wanted[name], options, verbs))
    told = {d.name: w for d, w in doubles(spec, {name: one.id for name, one in found.items()})}
    return {name: _with(one, told.get(name)) for name, one in found.items()}, failures


def _with(health: Health, wrong: str | None) -> Health:
    if wrong is None:
        return health
    return replace(health, findings=(*health.findings, Finding(False, wrong)))


def _look(
    spec: Spec,
    wanted: tuple[Document, Platform, Desired],
    options: Options,
    verbs: Sequence[str],
) -> Health:
    document, platform, want = wanted
    target = Target(document.name, document.spec, options.root, options.timeout)
    with closing(login(platform, target)) as session:
        findings = [*_logged_in(session, platform), *_unchecked(document), *_unseen(session)]
        findings += _beside(session, document.spec)
        for name, kind in sorted(kinds_registry.on(platform).items()):
            if want.names(name):
                findings += _of_kind(session, kind, platform, want)
        kafka = _kafka(session)
        if kafka is None:
            return Health(tuple(findings), id=session.cluster_id)
        identity = rights.by_key() if platform.keyed else rights.identity(kafka)
        kinds, ledger = kinds_registry.on(platform), _own_ledger(spec, document)
        needs = needed(kinds, want, ledger, session.operations)
        known = "" if identity.principal == rights.UNKNOWN else identity.principal
        found = verdicts(session, kafka, needs, known)
    asked = {need: verdict for need, verdict in found.items() if need.verb in verbs}
    findings += [Finding(None if identity.principal == rights.UNKNOWN else True, _who(identity))]
    findings += _told(asked)
    prefixes = cast(
        "Sequence[str]", cast("Body", document.spec.get("owns") or {}).get("topics") or ()
    )
    missing = {
        verb: folded([n for n, ok in asked.items() if ok is False and n.verb == verb], prefixes)
        for verb in verbs
    }
    missing = {v: own for v, own in missing.items() if own}
    return Health(tuple(findings), identity, missing, session.cluster_id)


def _logged_in(session: Session, platform: Platform) -> Iterator[Finding]:
    brokers = session.facts.get("brokers")
    many = "" if brokers is None else f" {brokers} broker{'s' * (brokers != 1)},"
    yield Finding(True, f"{platform.title}, id {session.cluster_id},{many} logged in")
    kafka = _kafka(session)
    if kafka is None:
        return
    if not kafka.has_lean:
        yield Finding(None, f"the brokers' version was not asked: {kafka.lean_lacks}")
        return
    try:
        versions = sorted(set(kafka.lean.versions(kafka.brokers).values()))
    except Failed as error:
        yield Finding(None, f"the brokers' version cannot be had: {error.message}")
        return
    mixed = "; the brokers do not agree" if len(versions) > 1 else ""
    yield Finding(True, f"Kafka {', '.join(versions)} by the requests it knows{mixed}")


def _kafka(session: Session) -> Kafka | None:
    """The brokers, where they are what is spoken to."""
    try:
        return cast("Kafka", session.client("kafka-admin"))
    except Failed:
        return None


def _unchecked(document: Document) -> Iterator[Finding]:
    """What the Cluster document asks not to look at: allowed, as a tunnel needs it, but never quietly."""
    given = document.spec.get("kafka")
    if isinstance(given, Mapping) and given.get("ssl.endpoint.identification.algorithm") == "none":
        yield Finding(True, "host names of brokers are not checked against their certificates")


def _beside(session: Session, spec: Body) -> Iterator[Finding]:
    """The registry and Connect, where the Cluster document has them."""
    for wire, look in (("registry", _registry), ("connect", _connect)):
        if wire in spec:
            try:
                yield from (Finding(fact.ok, f"{wire}: {fact.text}") for fact in look(session))
            except KstateError as error:
                yield Finding(False, f"{wire}: {error.message}")


def _registry(session: Session) -> Iterator[about.Fact]:
    yield from about.registry(cast("Http", session.client("registry")))


def _connect(session: Session) -> Iterator[about.Fact]:
    workers = cast("Workers", session.client("connect"))
    for _, http in sorted(workers.by_name.items()):
        yield from about.connect(http)


def _unseen(session: Session) -> Iterator[Finding]:
    """Whether what deletions would cost can be looked at, where Kafka is not what the platform is logged in to by."""
    try:
        session.client("kafka-admin")
    except Failed as error:
        meant = not isinstance(error, (Unreachable, LoginFailed))
        told = "what a deletion would cost cannot be seen"
        yield Finding(meant, f"{told}: {error.message}")


def _of_kind(session: Session, kind: Kind, platform: Platform, want: Desired) -> Iterator[Finding]:
    bodies = want.bodies(kind.name)
    scope = Scope(want.names(kind.name), want.fields(kind.name), others=True, wanted=bodies)
    driver = kinds_registry.driver(kind, platform)
    if driver is None:
        yield Finding(False, f"{kind.document}: not offered by {platform.title}")
        return
    try:
        live = state_of(session, kind.name, driver, scope)
        yield Finding(True, f"{kind.document}: {len(live):,} can be read")
        yield from _refusals(session, kind, driver, (want, live))
    except Failed as error:
        # What is missing is printed below; a hint that sends people here would send them in a circle.
        yield Finding(False, f"{kind.document}: {error.message}")


def _refusals(
    session: Session, kind: Kind, driver: Driver, states: tuple[Desired, State]
) -> Iterator[Finding]:
    """What the servers would refuse of that which is still to be made or changed, each reason once."""
    want, live = states
    wanted = {key: resource for key, resource in want.state.items() if key.kind == kind.name}
    changes = [change for change in diff(wanted, live) if change.action is not Action.DELETE]
    reasons: dict[str, list[str]] = {}
    for key, risks in sorted(driver.vet(session, changes).items()):
        for risk in risks:
            if risk.level is Level.IMPOSSIBLE:
                reasons.setdefault(risk.message, []).append(key.name)
    for reason, names in reasons.items():
        yield Finding(False, f"{kind.document} {_some(names)}: {reason}")


def _own_ledger(spec: Spec, document: Document) -> Body:
    """Where this cluster's login has to keep a ledger: its own, or that of others who name it."""
    ledger = ledger_of(spec)
    return ledger if ledger and ledger.get("cluster") in (None, document.name) else {}


def _who(identity: rights.Identity) -> str:
    if identity.principal == rights.UNKNOWN:
        return f"which principal this login is cannot be told ({identity.how}); ACLs name it"
    return f"this login is {identity.principal} ({identity.how})"


def _told(found: Verdicts) -> Iterator[Finding]:
    """One line for each operation and purpose, whatever it is on."""
    grouped: dict[tuple[str, str, str, bool | None], list[Need]] = {}
    for need, verdict in found.items():
        at = (need.purpose, need.operation, need.resource, verdict)
        grouped.setdefault(at, []).append(need)
    for (purpose, operation, _, verdict), own in sorted(grouped.items(), key=lambda g: g[0][:3]):
        where = "the cluster" if own[0].resource == CLUSTER else _where(own)
        aside = " (only to apply)" if own[0].verb == APPLY else ""
        unseen = "; this login may not see whether it has it" if verdict is None else ""
        yield Finding(verdict, f"{operation} on {where}, for {purpose}{aside}{unseen}")


def _where(needs: Sequence[Need]) -> str:
    names = [f"{n.name}*" if n.pattern == "prefixed" else n.name for n in needs]
    return f"{needs[0].resource.replace('_', ' ')} {_some(names)}"


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - SHOWN:,} more" if len(listed) > SHOWN else ""
    return ", ".join(listed[:SHOWN]) + more
