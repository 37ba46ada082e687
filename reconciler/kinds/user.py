"""Users with SCRAM credentials: a User document in, one credential out; a password goes in and never comes back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients import users
from reconciler.clients.kafka import LOST, Kafka, code, login, reason
from reconciler.clients.users import Credential
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Body,
    Change,
    Code,
    Condition,
    Document,
    Json,
    Key,
    Kind,
    Outcome,
    Path,
    Platform,
    Resource,
    Right,
    Risk,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.risk import each
from reconciler.errors import BadUsage, Failed, LoginFailed
from reconciler.secrets.references import is_reference

MECHANISM = "SCRAM-SHA-512"
ITERATIONS = 8192
UNSEEN = frozenset({"password", "rotation"})


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One user. `password` is the reference, never its value; it and `rotation` are known from the ledger only."""
    spec = document.spec
    mechanism = str(spec.get("mechanism") or MECHANISM)
    settings: dict[str, object] = {
        "credentials": {mechanism: spec.get("iterations") or ITERATIONS},
        "password": spec["password"],
    }
    if spec.get("rotation"):
        settings["rotation"] = spec["rotation"]
    yield Resource(document.name, cast("Body", settings))


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """Users with one credential, their passwords as references to be filled in: Kafka gives none away.

    What was applied last says which reference it was, where it is known.
    """
    for resource in live:
        credentials = _credentials(resource.settings)
        if len(credentials) == 1:
            [(mechanism, iterations)] = credentials.items()
            variable = re.sub(r"\W+", "_", resource.name).upper()
            spec: dict[str, Json] = {"mechanism": mechanism, "iterations": iterations}
            spec["password"] = f"env:{variable}_PASSWORD"
            spec |= {name: resource.settings[name] for name in UNSEEN & resource.settings.keys()}
            yield {"name": resource.name, "spec": spec}


def unsaid(resource: Resource) -> str:
    names = ", ".join(sorted(_credentials(resource.settings)))
    return f"it has several credentials ({names}), and a User document is for one"


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """A password in clear text is refused, and not shown."""
    if "password" not in document.spec:
        yield ("spec",), "the key `password` is missing"
    elif not is_reference(document.spec.get("password")):
        words = "must be a reference, such as `env:ORDERS_PW` or `file:secrets/orders`, never the password itself"
        yield ("spec", "password"), words


def verify(session: Session, wanted: Sequence[Resource]) -> Iterator[Condition]:
    """Log in as each user, on the listener that kstate itself uses."""
    kafka = cast("Kafka", session.client("scram"))
    protocol = kafka.properties.get("security.protocol", "PLAINTEXT").upper()
    for resource in wanted:
        if not protocol.startswith("SASL"):
            told = f"the password was not tried: the cluster is reached by {protocol}"
            yield Condition(resource.name, True, told)
        else:
            yield _tried(session, kafka, resource)


def _tried(session: Session, kafka: Kafka, resource: Resource) -> Condition:
    mechanism = next(iter(_credentials(resource.settings)))
    try:
        password = session.secret(str(resource.settings["password"]))
        own = {"username": resource.name, "password": password, "mechanism": mechanism}
        properties = {**kafka.properties, **{f"sasl.{k}": v for k, v in own.items()}}
        login(session.cluster, kafka.bootstrap, properties, kafka.timeout).close()
    except LoginFailed:
        return Condition(resource.name, False, "the password was tried and does not fit")
    except (Failed, BadUsage) as error:
        return Condition(resource.name, True, f"the password was not tried: {error.message}")
    return Condition(resource.name, True, "the password was tried and fits")


# --- what could hurt


def password_rule(change: Change, world: World) -> Iterator[Risk]:
    """Every update writes the password: Kafka stores nothing that could be kept while the rest changes."""
    if change.action is Action.UPDATE and _credentials(change.after):
        edited = {edit.path[0] for edit in change.edits}
        if edited & UNSEEN:
            yield Risk("KS171", "the password is set anew: clients with another one are refused")
        elif change.key.name in world.live:
            yield Risk(
                "KS271", "the password is set again with this: whoever uses another one is refused"
            )
    if change.action is Action.DELETE:
        yield Risk("KS272", f"User:{change.key.name} can no longer log in by SCRAM")


def taken_rule(change: Change, _world: World) -> Iterator[Risk]:
    for name, iterations in _credentials(change.after).items():
        if iterations is None:
            yield Risk("KS273", f"User:{change.key.name} can no longer log in by {name}")


def _credentials(body: Body | None) -> Mapping[str, int | None]:
    return cast("Mapping[str, int | None]", (body or {}).get("credentials") or {})


# --- reading and writing


class UserDriver:
    """SCRAM credentials by Kafka's admin protocol."""

    wire = "scram"
    batch = users.BATCH

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        kafka = cast("Kafka", session.client(self.wire))
        for user, found in users.read(kafka).items():
            if scope.names is None or user in scope.names:
                yield Resource(user, {"credentials": users.merged(found)})
            elif scope.others:
                yield Resource(user, {})

    def vet(self, _session: Session, _changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Kafka has no dry run for credentials."""
        return {}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """What is added first, then what is taken away, so that no user is without a credential in between."""
        kafka = cast("Kafka", session.client(self.wire))
        wanted = {change.key: list(_wanted(session, change)) for change in changes}
        every = [credential for own in wanted.values() for credential in own]
        answers = users.write(kafka, [c for c in every if c.iterations is not None])
        kept = {user for (user, _), error in answers.items() if error is not None}
        gone = [c for c in every if c.iterations is None and c.user not in kept]
        answers.update(users.write(kafka, gone))
        for key, own in wanted.items():
            yield _outcome(key, [answers.get((c.user, c.mechanism)) for c in own])


def _wanted(session: Session, change: Change) -> Iterator[Credential]:
    after = change.after or {}
    there = _credentials(change.before if change.after is None else after)
    for mechanism, iterations in there.items():
        if change.after is None or iterations is None:
            yield Credential(change.key.name, mechanism, None)
        else:
            password = session.secret(str(after["password"]))
            yield Credential(change.key.name, mechanism, int(iterations), password)


def _outcome(key: Key, answers: Sequence[BaseException | None]) -> Outcome:
    errors = [e for e in answers if e is not None and code(e) != users.MISSING]
    if not errors:
        return Outcome(key, Status.DONE)
    lost = any(code(error) in LOST for error in errors)
    words = "; ".join(reason(error) for error in errors)
    return Outcome(key, Status.UNKNOWN if lost else Status.FAILED, words)


CODES = (
    Code(
        "KS171",
        "Sets a password anew",
        "The reference of the password or its `rotation` differs from what was last applied, so the password is set."
        " Clients that are connected stay connected; whoever logs in with another password is refused from then on.",
        "Set the former password again.",
    ),
    Code(
        "KS271",
        "Sets a password along with something else",
        "Kafka keeps no password that could stay while the mechanism or the iterations change, so the password of the"
        " document is set again. If the user has another one now, its clients are refused.",
        "Set the former password again.",
    ),
    Code(
        "KS272",
        "Deletes a user",
        "The user's credentials go. Clients that are connected stay so until they have to log in again.",
        "Make the user again, with the same password.",
    ),
    Code(
        "KS273",
        "Takes a credential away",
        "The user loses the credential of one mechanism, and keeps another. Clients that use the former are refused.",
        "Store it again, with the same password.",
    ),
)

KIND = Kind(
    name="user",
    document="User",
    resources=resources,
    check=check,
    drivers=(UserDriver(),),
    documents=documents,
    unsaid=unsaid,
    unseen=UNSEEN,
    verify=verify,
    secrets=frozenset({"password"}),
    owns="principals",
    owned_as=lambda name: f"User:{name}",
    rights=(
        Right("Describe", "to see users", "plan"),
        Right("Alter", "to make and change them"),
    ),
    rules=(each(password_rule), each(taken_rule)),
    codes=CODES,
)
