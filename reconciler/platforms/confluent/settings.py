"""`spec.confluent` of a Cluster document in; what follows from it for the kinds, and what is wrong with it, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.core.model import Body, Document, Path

MEMBER = "confluent"
CONTROL_PLANE = "https://api.confluent.cloud"
TYPES = ("basic", "standard", "enterprise", "dedicated", "freight")
# Granular roles: "supported only on Standard, Enterprise, Dedicated, and Freight clusters" (predefined-rbac-roles).
GRANULAR_ROLES = frozenset(TYPES) - {"basic"}
# "Client Quotas: No No No Yes", "Cluster Linking: source only" on Basic and Standard (clusters/cluster-types).
CLIENT_QUOTAS = frozenset({"dedicated"})
LINK_TARGETS = frozenset({"enterprise", "dedicated"})
# "Freight clusters do not support: idempotent producer, transactions" (cluster-types): the ledger needs both.
TRANSACTIONS = frozenset(TYPES) - {"freight"}
OAUTH = frozenset(TYPES) - {"basic"}


@dataclass(frozen=True, slots=True)
class Settings:
    """What the kinds have to know of a cluster; hashable, so that equal clusters share their kinds.

    `oidc`: librdkafka gets its tokens itself, so that no other client has them.
    """

    type: str = "standard"
    via: str = "kafka"
    rest: bool = False
    cloud: bool = False
    organization: bool = False
    oidc: bool = False
    connect: bool = False
    partitions: int | None = None

    @classmethod
    def of(cls, spec: Body) -> Settings:
        """Lenient: what is missing or wrong is told by `check`."""
        own = member(spec)
        return cls(
            type=str(own.get("type", "standard")),
            via=str(own.get("via") or "kafka"),
            rest="rest" in own,
            cloud="cloud" in own and "environment" in own,
            organization="organization" in own,
            oidc=by_token(spec) and "token" not in own,
            connect="connect" in spec,
            partitions=cast("int | None", own.get("partitions")),
        )

    @property
    def by_rest(self) -> bool:
        """No broker is spoken to at all."""
        return self.via == "rest"

    @property
    def no_roles(self) -> str:
        """Why role bindings cannot be had; empty where they can."""
        if self.type not in GRANULAR_ROLES:
            return "a Basic cluster has no roles on topics, groups or transactional ids"
        if not (self.cloud and self.organization):
            need = "`confluent.organization`, `environment` and `cloud` in its Cluster document"
            return f"role bindings need {need}"
        return ""


def member(spec: Body) -> Body:
    """`spec.confluent`, empty where there is none."""
    found = spec.get(MEMBER)
    return found if isinstance(found, Mapping) else {}


def by_token(spec: Body) -> bool:
    """Whether the login to Kafka is a token: an identity pool, or OAUTHBEARER in so many words."""
    kafka = cast("Body", spec.get("kafka") or {})
    named = kafka.get("sasl.mechanism") or kafka.get("sasl.mechanisms")
    return "identity_pool" in member(spec) or str(named).upper() == "OAUTHBEARER"


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say of a Cluster document."""
    spec, own = document.spec, member(document.spec)
    if not own:
        told = "say which cluster this is, `confluent: {cluster: lkc-..., type: standard, ...}`"
        yield ("spec",), f"the key `{MEMBER}` is missing: {told}"
        return
    here = ("spec", MEMBER)
    if own.get("via") == "rest":
        yield from _by_rest(spec, own, here)
    else:
        yield from _by_kafka(spec, own, here)
    if "cloud" in own and "environment" not in own:
        yield here, "`cloud` needs `environment`: the control plane asks for it"
    if "token" in own and "identity_pool" not in own:
        yield here, "`token` needs `identity_pool`: Confluent Cloud takes a token as that of a pool"
    if by_token(spec) and own.get("type") not in OAUTH:
        yield here, "a Basic cluster takes no tokens (OAuth): log in by `key` and `secret`"


def _by_rest(spec: Body, own: Body, here: Path) -> Iterator[tuple[Path, str]]:
    for name in ("rest", "key", "secret"):
        if name not in own:
            yield here, f"`via: rest` needs `{name}`"
    for name in ("bootstrap", "kafka"):
        if name in spec:
            yield ("spec", name), f"`via: rest` speaks to no broker; leave `{name}` out"


def _by_kafka(spec: Body, own: Body, here: Path) -> Iterator[tuple[Path, str]]:
    if "bootstrap" not in spec:
        told = "or say `via: rest` where no broker can be reached"
        yield ("spec",), f"the key `bootstrap` is missing, {told}"
    keyed = {"key", "secret"} & own.keys()
    if len(keyed) == 1 or (not keyed and not _own_login(spec)):
        yield here, "`key` and `secret` of a cluster API key are missing"
    if "rest" in own and not keyed:
        yield here, "`rest` needs `key` and `secret`: REST v3 is asked with a cluster API key"


def _own_login(spec: Body) -> bool:
    """Whether `kafka` or an identity pool says how to log in."""
    kafka: Sequence[str] = tuple(cast("Body", spec.get("kafka") or {}))
    return by_token(spec) or "sasl.username" in kafka
