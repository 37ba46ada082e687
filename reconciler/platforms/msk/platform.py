"""PLATFORM of Amazon MSK, and what of it one cluster has: by its kind, the way it is reached, and what is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import cast

from reconciler.core.model import Body, Document, Path, Platform
from reconciler.platforms.msk.access import CODES as ACCESS
from reconciler.platforms.msk.access import acl_kind
from reconciler.platforms.msk.limits import CODES as LIMITS
from reconciler.platforms.msk.login import WAYS_IN, log_in
from reconciler.platforms.msk.settings import SERVERLESS, STANDARD, Settings, settings
from reconciler.platforms.msk.topic_api import CODES as TOPIC_API
from reconciler.platforms.msk.topics import topic_kind
from reconciler.platforms.msk.users import CODES as USERS
from reconciler.platforms.msk.users import user_kind

GLUE = (
    "the Glue Schema Registry is not offered, as it has no Confluent-compatible API: run Apicurio, Karapace or"
    " Confluent's registry, and name it in `registry`"
)
MSK_CONNECT = (
    "MSK Connect is not offered: run Connect workers beside the cluster, and name them in `connect`"
)
REPLICATOR = "MSK Replicator is not offered: run MirrorMaker 2 on Connect workers, and name them in `connect`"
BROKERS = "that goes by Kafka's protocol, and with `via: api` no broker is in reach"
NO_KEY = (
    "MSK keeps users as secrets in AWS Secrets Manager: name the key that encrypts them, `users: {kmsKey: ...}` in"
    " `spec.msk`"
)
IAM_ONLY = "MSK Serverless knows only IAM: make a role, and say what it may do by an Acl with `access: iam`"
NO_QUOTAS = "MSK Serverless has limits of its own for every client, and takes no others"
NO_LEDGER = (
    "it takes no `min.compaction.lag.ms`, without which a lock in a compacted topic is no lock"
)
WIRES = frozenset({"kafka-admin", "acl", "ledger", "quota", "registry", "connect"})
BESIDE = frozenset({"iam-policy", "aws-scram"})
# AWS's own services that look like what these members are for.
NOT_THESE = (
    ("registry", re.compile(r"://glue\.[a-z0-9-]+\.amazonaws\."), GLUE),
    ("connect", re.compile(r"://kafkaconnect\.[a-z0-9-]+\.amazonaws\."), MSK_CONNECT),
)


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say about a Cluster document."""
    spec = document.spec
    if "msk" not in spec:
        yield ("spec",), "the key `msk` is missing: `msk: {arn: ...}` says which cluster it is"
        return
    yield from _combinations(settings(spec))
    for member, address, told in NOT_THESE:
        if address.search(str(spec.get(member) or "")):
            yield ("spec", member), told


def _combinations(own: Settings) -> Iterator[tuple[Path, str]]:
    if own.kind == SERVERLESS and own.auth != "iam":
        yield ("spec", "msk", "auth"), f"`{own.auth}`: MSK Serverless knows only `iam`"
    if own.kind == SERVERLESS and own.via == "api":
        yield ("spec", "msk", "via"), "`api`: MSK has no topic API for Serverless clusters"
    if own.key and f":kms:{own.arn.region}:{own.arn.account}:" not in own.key:
        where = f"{own.arn.region}, {own.arn.account}"
        words = (
            f"`kmsKey` is not in the region and account of the cluster ({where}), as MSK needs it"
        )
        yield ("spec", "msk", "users", "kmsKey"), words


def fitted(spec: Body) -> Platform:
    """The platform as one cluster has it."""
    there = frozenset(name for name in ("registry", "connect") if name in spec)
    return _fitted(settings(spec), there) if "msk" in spec else PLATFORM


@cache
def _fitted(own: Settings, there: frozenset[str]) -> Platform:
    """One and the same for clusters of the same settings: kinds are compared as the objects they are."""
    lacks = dict(_lacks(own, there))
    made = {
        "topic": topic_kind(own),
        "acl": acl_kind(own),
        "user": user_kind(own),
    }
    wires = {"registry", "connect", "msk-api"} if own.via == "api" else WIRES
    if own.kind == SERVERLESS:
        wires = wires - {"acl", "ledger", "quota"}
    title = PLATFORM.title if own.kind == STANDARD else f"{PLATFORM.title} {own.kind.title()}"
    wired = frozenset(wires) | BESIDE
    return replace(PLATFORM, title=title, kinds=made, lacks=lacks, wires=wired)


def implied(spec: Body) -> Body:
    """With what MSK's listeners speak, so that whoever else has to log in there knows that a login is needed."""
    given = cast("Body", spec.get("kafka") or {})
    return {**spec, "kafka": {**WAYS_IN[settings(spec).auth], **given}}


def _lacks(own: Settings, there: frozenset[str]) -> Iterator[tuple[str, str]]:
    if own.kind == SERVERLESS:
        yield from (("ledger", NO_LEDGER), ("quota", NO_QUOTAS), ("user", IAM_ONLY))
    elif not own.key:
        yield "user", NO_KEY
    if own.via == "api":
        yield from ((kind, BROKERS) for kind in ("ledger", "mirror", "quota"))
    if "registry" not in there:
        yield "schema", GLUE
    if "connect" not in there:
        yield from (("connector", MSK_CONNECT), ("mirror", REPLICATOR))


def _tier(**more: str) -> Body:
    """A Cluster document's `spec` that has everything a cluster of the kind can have."""
    place = "eu-west-1:111122223333"
    msk: Mapping[str, object] = {
        "arn": f"arn:aws:kafka:{place}:cluster/demo/11111111-2222-3333-4444-555555555555-1",
        "policies": "iam",
        "users": {"kmsKey": f"arn:aws:kms:{place}:key/11111111-2222-3333-4444-555555555555"},
        **more,
    }
    url = "https://localhost:1"
    return {
        "platform": "msk",
        "msk": msk,  # type: ignore[dict-item]  # plain JSON
        "registry": {"url": url},
        "connect": [{"name": "main", "url": url}],
    }


PLATFORM = Platform(
    name="msk",
    title="Amazon MSK",
    login=log_in,
    wires=WIRES | BESIDE,
    check=check,
    fitted=fitted,
    tiers={
        "standard": _tier(type="standard"),
        "express": _tier(type="express"),
        "serverless": _tier(type="serverless"),
        "via api": _tier(via="api"),
    },
    implied=implied,
    codes=(*LIMITS, *TOPIC_API, *ACCESS, *USERS),
)
