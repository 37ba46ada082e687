"""Apache Kafka (KRaft): every login librdkafka knows, everything by Kafka's own protocol."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from reconciler.clients import http
from reconciler.clients.kafka import Kafka, login
from reconciler.core.model import Platform, Session, Target
from reconciler.errors import BadUsage
from reconciler.platforms.session import KafkaSession, Opener
from reconciler.secrets.references import resolve


def _same(kafka: Kafka, _target: Target) -> object:
    return kafka


def _registry(_kafka: Kafka, target: Target) -> object:
    return http.registry(target)


def _connect(_kafka: Kafka, target: Target) -> object:
    return http.workers(target)


WIRES: Mapping[str, Opener] = {
    "kafka-admin": _same,
    "acl": _same,
    "ledger": _same,
    "scram": _same,
    "quota": _same,
    "registry": _registry,
    "connect": _connect,
}


OPEN = re.compile(r"\.(location|protocol|mechanisms?|username)$")


def _login(target: Target) -> Session:
    entries = _list(target.spec["bootstrap"])
    bootstrap = [resolve(str(entry), target.root, secret=False) for entry in entries]
    kafka: Kafka = login(target.name, ",".join(bootstrap), properties(target), target.timeout)
    return KafkaSession(target.name, kafka, WIRES, target)


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value)


def properties(target: Target) -> dict[str, str]:
    """librdkafka properties with their references resolved.

    A `file:` reference under a name that ends in `.location` stays a path: librdkafka opens that file itself.
    """
    given = cast("Mapping[str, object]", target.spec.get("kafka") or {})
    return {name: _named(name, value, target.root) for name, value in given.items()}


def _named(name: str, value: object, root: str) -> str:
    try:
        return _property(name, value, root)
    except BadUsage as error:
        raise BadUsage(f"spec.kafka.{name}: {error.message}", hint=error.hint) from error


def _property(name: str, value: object, root: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if name.endswith(".location") and text.startswith("file:"):
        return str(Path(root, text.removeprefix("file:")))
    # What is masked disappears from every plan and error, so no user's name and no file's may be.
    return resolve(text, root, secret=not OPEN.search(name))


PLATFORM = Platform(name="apache", title="Apache Kafka", login=_login, wires=frozenset(WIRES))
