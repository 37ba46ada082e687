"""Apache Kafka (KRaft): every login librdkafka knows, everything by Kafka's own protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from reconciler.clients.kafka import Kafka, login
from reconciler.core.model import Platform, Session, Target
from reconciler.platforms.session import KafkaSession
from reconciler.secrets.references import resolve


def _same(kafka: Kafka) -> object:
    return kafka


WIRES: Mapping[str, Callable[[Kafka], object]] = {
    "kafka-admin": _same,
    "acl": _same,
    "ledger": _same,
}


def _login(target: Target) -> Session:
    bootstrap = [resolve(str(entry), target.root) for entry in _list(target.spec["bootstrap"])]
    kafka: Kafka = login(target.name, ",".join(bootstrap), properties(target), target.timeout)
    return KafkaSession(target.name, kafka, WIRES)


def _list(value: object) -> Sequence[object]:
    return cast("Sequence[object]", value)


def properties(target: Target) -> dict[str, str]:
    """librdkafka properties with their references resolved.

    A `file:` reference under a name that ends in `.location` stays a path: librdkafka opens that file itself.
    """
    given = cast("Mapping[str, object]", target.spec.get("kafka") or {})
    return {name: _property(name, value, target.root) for name, value in given.items()}


def _property(name: str, value: object, root: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if not name.endswith(".location"):
        return resolve(text, root)
    if text.startswith("file:"):
        return str(Path(root, text.removeprefix("file:")))
    return resolve(text, root)


PLATFORM = Platform(name="apache", title="Apache Kafka", login=_login, wires=frozenset(WIRES))
