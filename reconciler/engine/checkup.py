"""A spec in, what is healthy about each of its clusters out; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from reconciler.core.desired import Desired
from reconciler.core.diff import diff
from reconciler.core.model import (
    Action,
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
from reconciler.engine.clusters import Options, login, side_by_side, state_of
from reconciler.engine.intent import check, chosen, desired_of
from reconciler.errors import Failed, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec

UNVETTED = "KS101"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and whether it is as it has to be."""

    ok: bool
    text: str


def checkup(
    spec: Spec, options: Options
) -> tuple[Mapping[str, list[Finding]], Mapping[str, KstateError]]:
    """Findings of every cluster that answered, and why the others did not."""
    check(spec)
    wanted = {document.name: desired_of(spec, document) for document in chosen(spec, options)}
    return side_by_side(wanted, lambda name: list(_look(*wanted[name], options)))


def _look(
    document: Document, platform: Platform, want: Desired, options: Options
) -> Iterator[Finding]:
    target = Target(document.name, document.spec, options.root, options.timeout)
    with closing(login(platform, target)) as session:
        brokers = session.facts.get("brokers")
        yield Finding(
            True, f"{platform.title}, id {session.cluster_id}, {brokers} brokers, logged in"
        )
        yield from _unchecked(document)
        for name, kind in sorted(kinds_registry.on(platform).items()):
            if want.names(name):
                yield from _of_kind(session, kind, platform, want)


def _unchecked(document: Document) -> Iterator[Finding]:
    """What the Cluster document asks not to look at: allowed, as a tunnel needs it, but never quietly."""
    given = document.spec.get("kafka")
    if isinstance(given, Mapping) and given.get("ssl.endpoint.identification.algorithm") == "none":
        yield Finding(True, "host names of brokers are not checked against their certificates")


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
        # A hint that sends people here would send them in a circle.
        hint = "" if not error.hint or "kstate doctor" in error.hint else f"; {error.hint}"
        yield Finding(False, f"{kind.document}: {error.message}{hint}")
    yield from _rights(session, kind)


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
            if risk.code == UNVETTED or risk.level is Level.IMPOSSIBLE:
                reasons.setdefault(risk.message, []).append(key.name)
    for reason, (first, *others) in reasons.items():
        more = f" and {len(others):,} more" if others else ""
        yield Finding(False, f"{kind.document} {first}{more}: {reason}")


def _rights(session: Session, kind: Kind) -> Iterator[Finding]:
    for operation, purpose in sorted(kind.rights.items()):
        text = f"{kind.document}: {operation} on the cluster, {purpose}"
        if session.operations is None and operation != "Describe":
            yield Finding(False, f"{text}: unknown to who may not Describe it; {_grant(operation)}")
        elif operation in (session.operations or ()):
            yield Finding(True, text)
        else:
            yield Finding(False, f"{text}; {_grant(operation)}")


def _grant(operation: str) -> str:
    return (
        f"grant it: kafka-acls --add --allow-principal User:THIS_LOGIN"
        f" --operation {operation} --cluster"
    )
