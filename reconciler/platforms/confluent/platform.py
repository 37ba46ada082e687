"""Confluent Cloud as a platform: what each type of cluster has, and by which way it is reached."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from reconciler.core.model import Body, Json, Kind, Platform
from reconciler.platforms.confluent.accounts import USER, no_users
from reconciler.platforms.confluent.acl import acl_kind
from reconciler.platforms.confluent.link import LINK, no_links
from reconciler.platforms.confluent.login import BY_KAFKA, login, no_ledger
from reconciler.platforms.confluent.quota import QUOTA, no_quotas
from reconciler.platforms.confluent.settings import (
    LINK_TARGETS,
    TYPES,
    Settings,
    check,
)
from reconciler.platforms.confluent.topic import topic_kind

WIRES = frozenset(BY_KAFKA)
NO_BROKER = frozenset({"kafka-admin", "acl", "ledger"})
MANAGED = "those that Confluent Cloud runs itself are not offered; run Connect yourself and name it under `connect`"


def fitted(spec: Body) -> Platform:
    """The platform as the cluster of a Cluster document has it."""
    return _fitted(Settings.of(spec))


@cache
def _fitted(settings: Settings) -> Platform:
    kinds: dict[str, Kind] = {
        "topic": topic_kind(settings),
        "acl": acl_kind(settings),
        "user": USER,
        "quota": QUOTA,
    }
    reasons = {"user": no_users(settings), "quota": no_quotas(settings)}
    reasons["connector"] = "" if settings.connect else MANAGED
    reasons["ledger"] = no_ledger(settings)
    no_link = no_links(settings)
    if not no_link:
        kinds["mirror"] = LINK
    elif settings.by_rest or settings.type in LINK_TARGETS:
        reasons["mirror"] = no_link
    # Where no link leads MirrorMaker 2 still does, on workers of one's own.
    wires = WIRES - (NO_BROKER if settings.by_rest else set())
    wires -= {"ledger"} if reasons["ledger"] else set()
    lacks = {kind: reason for kind, reason in reasons.items() if reason}
    return replace(PLATFORM, kinds=kinds, lacks=lacks, wires=wires)


def _form(type_: str, via: str) -> Body:
    """A Cluster document with everything that Confluent Cloud could be asked for."""
    key: dict[str, Json] = {"key": "env:KEY", "secret": "env:SECRET"}
    own: dict[str, Json] = {
        "cluster": "lkc-00000",
        "type": type_,
        "environment": "env-00000",
        "organization": "00000000-0000-0000-0000-000000000000",
        "via": via,
        "rest": {"url": "https://pkc-00000.region.provider.confluent.cloud"},
        "cloud": key,
        **key,
    }
    where: dict[str, Json] = (
        {} if via == "rest" else {"bootstrap": ["pkc-00000.region.provider.confluent.cloud:9092"]}
    )
    workers: dict[str, Json] = {"name": "main", "url": "https://connect"}
    registry: dict[str, Json] = {"url": "https://psrc-00000"}
    addressed: dict[str, Json] = {
        "registry": registry,
        "connect": [workers],
    }
    return {"platform": "confluent", "confluent": own, **where, **addressed}


_EVERYTHING = Settings("dedicated", rest=True, cloud=True, organization=True, connect=True)
PLATFORM = Platform(
    name="confluent",
    title="Confluent Cloud",
    login=login,
    wires=WIRES,
    keyed=True,
    kinds={
        "topic": topic_kind(_EVERYTHING),
        "acl": acl_kind(_EVERYTHING),
        "user": USER,
        "quota": QUOTA,
        "mirror": LINK,
    },
    check=check,
    fitted=fitted,
    tiers={
        **{type_: _form(type_, "kafka") for type_ in TYPES},
        "dedicated via rest": _form("dedicated", "rest"),
    },
)
