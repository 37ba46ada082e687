"""Users on Redpanda: one credential each, by Kafka's protocol, or by the Admin API, which tells nothing but names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.clients import redpanda
from reconciler.clients.http import Answer, Http
from reconciler.clients.lean import LostAnswer
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Code,
    Document,
    Key,
    Outcome,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.risk import each
from reconciler.errors import BadUsage, Failed
from reconciler.kinds.user import KIND, MECHANISM

ADMIN = "redpanda-admin"
# What the Admin API gives every credential (`scram_sha256::min_iterations` and its sister).
ITERATIONS = 4096


def _credentials(body: Body | None) -> Mapping[str, int | None]:
    return cast("Mapping[str, int | None]", (body or {}).get("credentials") or {})


def one_rule(change: Change, world: World) -> Iterator[Risk]:
    """Another mechanism takes the place of the one that is there."""
    there = world.live.get(change.key.name)
    if change.action is not Action.UPDATE or there is None:
        return
    wanted = {name for name, kept in _credentials(change.after).items() if kept is not None}
    for name in sorted(_credentials(there.settings).keys() - wanted) if wanted else ():
        yield Risk("KS248", f"Redpanda keeps one credential a user: the one for {name} goes")


USER = replace(
    KIND,
    rules=(*KIND.rules, each(one_rule)),
    codes=(
        *KIND.codes,
        Code(
            "KS248",
            "Takes the place of another credential",
            "Redpanda keeps one SCRAM credential for each user. The new mechanism replaces the other one: clients that"
            " use that are refused.",
            "Set the former mechanism again, with the same password.",
        ),
        Code(
            "KS939",
            "The Admin API sets the iterations",
            "Redpanda's Admin API makes every credential with 4,096 iterations. Leave `iterations` out, or take"
            " `spec.redpanda.admin` out of the Cluster document, so that users are made by Kafka's protocol.",
        ),
    ),
)


# --- by the Admin API


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One user, all of it known from the ledger only."""
    spec = document.spec
    mechanism = str(spec.get("mechanism") or MECHANISM)
    settings: dict[str, object] = {
        "credentials": {mechanism: spec.get("iterations") or ITERATIONS},
        "password": spec["password"],
    }
    if spec.get("rotation"):
        settings["rotation"] = spec["rotation"]
    yield Resource(document.name, cast("Body", settings))


def iterations_rule(change: Change, _world: World) -> Iterator[Risk]:
    for name, iterations in _credentials(change.after).items():
        if iterations not in (None, ITERATIONS):
            yield Risk("KS939", f"{name}: {iterations} iterations, but the Admin API sets 4096")


class AdminUsers:
    """Users by the Admin API."""

    wire = ADMIN
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        admin = cast("Http", session.client(self.wire))
        for name in sorted(redpanda.users(admin)):
            if scope.names is None or scope.others or name in scope.names:
                yield Resource(name, {})

    def vet(self, _session: Session, _changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """The Admin API has no dry run."""
        return {}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        admin = cast("Http", session.client(self.wire))
        for change in changes:
            try:
                answer = _written(admin, session, change)
            except LostAnswer as lost:
                yield Outcome(change.key, Status.UNKNOWN, lost.message)
            except (Failed, BadUsage) as error:
                yield Outcome(change.key, Status.FAILED, error.message)
            else:
                status = Status.DONE if answer.ok else Status.FAILED
                yield Outcome(change.key, status, "" if answer.ok else answer.words)


def _written(admin: Http, session: Session, change: Change) -> Answer:
    name = change.key.name
    if change.after is None:
        return redpanda.remove(admin, name)
    [mechanism] = (m for m, kept in _credentials(change.after).items() if kept is not None)
    password = session.secret(str(change.after["password"]))
    act = redpanda.make if change.action is Action.CREATE else redpanda.change
    return act(admin, name, password, mechanism)


USER_BY_ADMIN = replace(
    USER,
    resources=resources,
    drivers=(AdminUsers(),),
    unseen=KIND.unseen | {"credentials"},
    rights=(),
    rules=(*KIND.rules, each(iterations_rule)),
)
