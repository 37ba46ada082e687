"""Apache Kafka (KRaft): every login librdkafka knows, everything by Kafka's own protocol."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.clients.kafka import Kafka, login
from reconciler.core.model import Platform, Session, Target
from reconciler.platforms.properties import bootstrap, properties
from reconciler.platforms.session import (
    Opener,
    connect_of,
    kafka_session,
    needs_bootstrap,
    registry_of,
    same,
)

WIRES: Mapping[str, Opener] = {
    "kafka-admin": same,
    "acl": same,
    "ledger": same,
    "scram": same,
    "quota": same,
    "registry": registry_of,
    "connect": connect_of,
}


def _login(target: Target) -> Session:
    kafka: Kafka = login(target.name, bootstrap(target), properties(target), target.timeout)
    return kafka_session(kafka, WIRES, target)


PLATFORM = Platform(
    name="apache",
    title="Apache Kafka",
    login=_login,
    wires=frozenset(WIRES),
    check=needs_bootstrap,
    real=frozenset({"topic", "acl", "schema", "connector", "mirror", "user", "quota"}),
)
