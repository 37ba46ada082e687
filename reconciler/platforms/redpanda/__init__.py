"""Redpanda: Kafka's protocol with settings of its own, one credential a user, users by its Admin API if given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

from reconciler.clients import http
from reconciler.clients.kafka import Kafka, login
from reconciler.core.model import Body, Platform, Session, Target
from reconciler.platforms.properties import bootstrap, properties
from reconciler.platforms.redpanda.quotas import QUOTA
from reconciler.platforms.redpanda.topics import DROPPED, TOPIC
from reconciler.platforms.redpanda.users import ADMIN, USER, USER_BY_ADMIN
from reconciler.platforms.session import (
    Opener,
    connect_of,
    kafka_session,
    needs_bootstrap,
    registry_of,
    same,
)


def _admin(_kafka: Kafka, target: Target) -> object:
    spec = cast("Mapping[str, Body]", target.spec["redpanda"])["admin"]
    what = f"the Admin API of cluster {target.name}"
    return http.connect(what, spec, target.root, target.timeout)


WIRES: Mapping[str, Opener] = {
    "kafka-admin": same,
    "acl": same,
    "ledger": same,
    "scram": same,
    "quota": same,
    "registry": registry_of,
    "connect": connect_of,
    ADMIN: _admin,
}


def _login(target: Target) -> Session:
    kafka: Kafka = login(target.name, bootstrap(target), properties(target), target.timeout)
    return kafka_session(kafka, WIRES, target)


def _fitted(spec: Body) -> Platform:
    """With an Admin API, users are made there."""
    has_admin = "admin" in cast("Body", spec.get("redpanda") or {})
    return replace(PLATFORM, kinds={**KINDS, "user": USER_BY_ADMIN}) if has_admin else PLATFORM


KINDS = {"topic": TOPIC, "user": USER, "quota": QUOTA}

PLATFORM = Platform(
    name="redpanda",
    title="Redpanda",
    login=_login,
    wires=frozenset(WIRES),
    kinds=KINDS,
    dropped=DROPPED,
    check=needs_bootstrap,
    fitted=_fitted,
)
