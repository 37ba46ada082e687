"""A spec in, what is healthy about each of its clusters out; nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from reconciler.core.desired import Desired
from reconciler.core.model import Document, Kind, Platform, Scope, Session, Target
from reconciler.engine.clusters import Options, login, side_by_side
from reconciler.engine.planning import check, chosen, desired_of
from reconciler.errors import Failed, KstateError
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec


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
        for name, kind in sorted(kinds_registry.load().items()):
            if want.names(name):
                yield from _of_kind(session, kind, platform, want)


def _of_kind(session: Session, kind: Kind, platform: Platform, want: Desired) -> Iterator[Finding]:
    scope = Scope(want.names(kind.name), want.fields(kind.name), others=True)
    driver = kinds_registry.driver(kind, platform)
    if driver is None:
        yield Finding(False, f"{kind.document}: not offered by {platform.title}")
        return
    try:
        count = sum(1 for _ in driver.read(session, scope))
        yield Finding(True, f"{kind.document}: {count:,} can be read")
    except Failed as error:
        yield Finding(False, f"{kind.document}: {error.message}")
    yield from _rights(session, kind)


def _rights(session: Session, kind: Kind) -> Iterator[Finding]:
    for operation, purpose in sorted(kind.rights.items()):
        held = operation in (session.operations or ())
        text = f"{kind.document}: {operation} on the cluster, {purpose}"
        grant = "" if held else f"; grant it: {_grant(operation)}"
        yield Finding(held, text + grant)


def _grant(operation: str) -> str:
    return f"kafka-acls --add --allow-principal User:THIS_LOGIN --operation {operation} --cluster"
