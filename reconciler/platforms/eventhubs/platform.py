"""Azure Event Hubs: hubs, consumer groups and access by Resource Manager, a look into hubs by Kafka."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

from reconciler.clients import http
from reconciler.clients.arm import Arm
from reconciler.clients.azure import Login
from reconciler.clients.event_hubs import EventHubs
from reconciler.clients.kafka import Kafka
from reconciler.clients.kafka import login as kafka_login
from reconciler.core.model import Body, Kind, Platform, Session, Target
from reconciler.errors import Failed
from reconciler.platforms.eventhubs.acl_driver import ACCESS
from reconciler.platforms.eventhubs.codes import CODES
from reconciler.platforms.eventhubs.consumergroup import groups
from reconciler.platforms.eventhubs.mirror import mirrors
from reconciler.platforms.eventhubs.place import Where, check, implied, settings, where_of
from reconciler.platforms.eventhubs.tiers import TIERS, Tier, found
from reconciler.platforms.eventhubs.topic_driver import KAFKA, WIRE, topics
from reconciler.platforms.properties import bootstrap, properties
from reconciler.platforms.session import Open, WireSession

WIRES = frozenset({WIRE, "registry", "connect"})
LACKS = {
    "user": "identities are made in Microsoft Entra ID; give them access with an Acl document",
    "quota": "throughput belongs to the namespace; application groups, which throttle clients, are not kept by kstate",
    "ledger": "transactions, which keep it whole, are a preview there, and not on every tier",
}
NO_REGISTRY = (
    "schema groups keep no versions that could be compared or taken away;"
    " name a registry with Confluent's API in `registry`, which Event Hubs clients can use as well"
)


def _login(target: Target) -> Session:
    """By Resource Manager; Kafka is logged in to when somebody wants to look into a hub."""
    where = where_of(target)
    what = f"cluster {target.name}"
    identity = Login(what, where.authority)
    manager = http.connect(what, {"url": where.manager}, target.root, target.timeout)
    manager.sign = partial(_bearer, identity, where.manager_scope)
    arm = Arm(manager, identity, where.manager_scope)
    hubs = EventHubs(arm, where.subscription, where.group, where.namespace)
    about = hubs.about()
    _agree(target, about)
    openers: dict[str, Open] = {
        WIRE: lambda: hubs,
        KAFKA: partial(_kafka, target, where, identity),
        "registry": partial(http.registry, target),
        "connect": partial(http.workers, target),
    }
    units = int((about.get("sku") or {}).get("capacity") or 1)
    session = WireSession(target.name, hubs.id, target, openers, facts={"units": units})
    # Open from the start, so that it is closed with the session whether or not anybody asks for it.
    session.client(WIRE)
    return session


def _bearer(identity: Login, scope: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {identity.token(scope)[0]}"}


def _agree(target: Target, about: Mapping[str, Any]) -> None:
    """Raises Failed where the namespace is of another tier than the spec says: its limits would be wrong."""
    own = about.get("properties") or {}
    sku = str((about.get("sku") or {}).get("name") or "")
    there = found(sku, in_a_cluster=bool(own.get("clusterArmId")))
    said = settings(target.spec)["tier"]
    if there != said:
        raise Failed(
            f"cluster {target.name}: the spec says tier {said}, and Azure says {there}",
            hint=f"Write `tier: {there}` in the Cluster document."
            if there in TIERS
            else "That tier speaks no Kafka; use Standard, Premium or Dedicated.",
        )


def _kafka(target: Target, where: Where, identity: Login) -> Kafka:
    """Raises Failed where it is not to be looked into, or cannot be."""
    if settings(target.spec).get("kafka") is False:
        raise Failed("`eventhubs.kafka` is false, so nobody looks into the hub")
    full = replace(target, spec=implied(target.spec))
    told = properties(full)
    mechanism = told.get("sasl.mechanism") or told["sasl.mechanisms"]
    by_token = mechanism.upper() == "OAUTHBEARER" and "sasl.oauthbearer.method" not in told
    token = partial(identity.token, where.kafka_scope) if by_token else None
    return kafka_login(target.name, bootstrap(full), told, target.timeout, token)


# --- what a cluster of each tier is


@cache
def _of(tier: str, *, registry: bool) -> Platform:
    return replace(
        PLATFORM,
        kinds=_kinds(TIERS[tier]),
        lacks=LACKS if registry else {**LACKS, "schema": NO_REGISTRY},
    )


def _fitted(spec: Body) -> Platform:
    return _of(str(settings(spec).get("tier") or "standard"), registry="registry" in spec)


def _kinds(tier: Tier) -> dict[str, Kind]:
    return {kind.name: kind for kind in (topics(tier), ACCESS, groups(tier), mirrors(tier))}


PLATFORM = Platform(
    name="eventhubs",
    title="Azure Event Hubs",
    login=_login,
    wires=WIRES,
    kinds=_kinds(TIERS["standard"]),
    lacks=LACKS,
    check=check,
    fitted=_fitted,
    implied=implied,
    tiers={name: {"eventhubs": {"tier": name}, "registry": {}} for name in TIERS},
    codes=CODES,
)
