"""Client quotas: a Quota document in, the limits of one entity out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast
from urllib.parse import quote, unquote

from reconciler.clients import quotas
from reconciler.clients.kafka import Kafka, opinion, reason
from reconciler.clients.lean import LostAnswer
from reconciler.clients.quotas import Entity, Quota
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Body,
    Change,
    Code,
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
from reconciler.core.units import size_bytes

DEFAULT = "*"
UNFIT = re.compile(r"[^A-Za-z0-9._:@=,+-]+")


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One entity. Limits are canonical numbers as text; what is not named is not compared."""
    limits = cast("Mapping[str, Json]", document.spec["limits"])
    values = {name: _canonical(name, value) for name, value in sorted(limits.items())}
    yield Resource(encode(_entity(document.spec["entity"])), {"limits": values})


def _entity(given: Json) -> Entity:
    parts = cast("Mapping[str, Json]", given)
    return tuple(sorted((t, None if isinstance(v, Mapping) else str(v)) for t, v in parts.items()))


def _canonical(name: str, value: Json) -> str | None:
    if value is None:
        return None
    if name.endswith("_byte_rate"):
        return str(size_bytes(cast("str | int", value)))
    return _text(float(cast("float", value)))


def _text(number: float) -> str:
    return str(int(number)) if number == int(number) else repr(number)


def encode(entity: Entity) -> str:
    """`client-id=app,user=*`: sorted, `*` for the default, everything else percent-encoded where it must be."""
    return ",".join(
        f"{kind}={DEFAULT if name is None else quote(name, safe='')}" for kind, name in entity
    )


def decode(name: str) -> Entity:
    """The reverse of `encode`."""
    parts = (part.partition("=") for part in name.split(","))
    return tuple((kind, None if value == DEFAULT else unquote(value)) for kind, _, value in parts)


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document for each entity."""
    for resource in live:
        entity: dict[str, Json] = {
            kind: {"default": True} if name is None else name
            for kind, name in decode(resource.name)
        }
        limits = {
            name: float(value or 0) if "." in str(value) else int(value or 0)
            for name, value in _limits(resource.settings).items()
        }
        yield {"name": _title(decode(resource.name)), "spec": {"entity": entity, "limits": limits}}


def _title(entity: Entity) -> str:
    """A user's quota is called after the user; every other one says what it is about."""
    parts = [part for kind, name in entity for part in (kind, name or "default")]
    alone = [name for kind, name in entity if kind == "user" and name and len(entity) == 1]
    title = alone[0] if alone else "-".join(parts)
    return UNFIT.sub("-", title).strip("-._:@=,+") or "quota"


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say: units, and which limits go with which entity."""
    limits = cast("Mapping[str, Json]", document.spec["limits"])
    of_address = "ip" in cast("Mapping[str, Json]", document.spec["entity"])
    for name, value in limits.items():
        where = ("spec", "limits", name)
        if (name == "connection_creation_rate") != of_address:
            whom = "an `ip`" if name == "connection_creation_rate" else "users and client ids"
            yield where, f"`{name}` is a limit of {whom}"
        try:
            _canonical(name, value)
        except ValueError as error:
            yield where, str(error)


def limits_rule(change: Change, _world: World) -> Iterator[Risk]:
    """Less than before slows somebody down; nothing is ever lost by it."""
    if change.action is Action.DELETE:
        yield Risk("KS281", "there is no limit any more")
        return
    for name, value in _limits(change.after).items():
        before = _limits(change.before).get(name)
        if value is None:
            yield Risk("KS281", f"{name}: there is no limit any more")
        elif before is not None and float(value) < float(before):
            yield Risk("KS181", f"{name}: {before} -> {value}: clients above it are slowed down")


def _limits(body: Body | None) -> Mapping[str, str | None]:
    return cast("Mapping[str, str | None]", (body or {}).get("limits") or {})


class QuotaDriver:
    """Quotas by Kafka's admin protocol."""

    wire = "quota"
    batch = quotas.BATCH

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        kafka = cast("Kafka", session.client(self.wire))
        for entity, limits in quotas.read(kafka).items():
            name = encode(entity)
            if scope.names is None or name in scope.names:
                values: Body = {key: _text(value) for key, value in sorted(limits.items())}
                yield Resource(name, {"limits": values})
            elif scope.others:
                yield Resource(name, {})

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """The broker's own opinion."""
        kafka = cast("Kafka", session.client(self.wire))
        wanted = {_quota(change).entity: change for change in changes}
        found: dict[Key, Sequence[Risk]] = {}
        answers = quotas.write(kafka, [_quota(change) for change in changes], validate=True)
        for entity, error in answers.items():
            if error is not None:
                key = wanted[entity].key
                found[key] = [opinion(key, error)]
        return found

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        kafka = cast("Kafka", session.client(self.wire))
        try:
            answers = quotas.write(kafka, [_quota(change) for change in changes])
        except LostAnswer as lost:
            yield from (Outcome(c.key, Status.UNKNOWN, lost.message) for c in changes)
            return
        for change in changes:
            entity = decode(change.key.name)
            if entity not in answers:
                yield Outcome(change.key, Status.UNKNOWN, "the server gave no answer for it")
            elif (error := answers[entity]) is None:
                yield Outcome(change.key, Status.DONE)
            else:
                yield Outcome(change.key, Status.FAILED, reason(error))


def _quota(change: Change) -> Quota:
    entity = decode(change.key.name)
    if change.after is None:
        return Quota(entity, dict.fromkeys(_limits(change.before)))
    wanted = _limits(change.after).items()
    return Quota(entity, {name: None if v is None else float(v) for name, v in wanted})


CODES = (
    Code(
        "KS181",
        "Lowers a limit",
        "Clients above the new limit are slowed down by the brokers; nothing is lost.",
        "Raise it again.",
    ),
    Code(
        "KS281",
        "Takes a limit away",
        "Whoever it held back may take all that the brokers have, at the cost of everybody else.",
        "Set it again.",
    ),
)

KIND = Kind(
    name="quota",
    document="Quota",
    resources=resources,
    check=check,
    drivers=(QuotaDriver(),),
    documents=documents,
    after=("user",),
    free_name=True,
    owns="principals",
    owned_as=lambda name: f"User:{dict(decode(name)).get('user') or ''}",
    rights=(
        Right("DescribeConfigs", "to see quotas", "plan"),
        Right("AlterConfigs", "to set them"),
    ),
    rules=(each(limits_rule),),
    codes=CODES,
)
