"""What a login needs on a cluster, in; what of it is missing and the fewest ACLs that grant just that, out. Pure."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reconciler.core.model import Json

PLAN, APPLY = "plan", "apply"
CLUSTER, TOPIC, GROUP, TRANSACTION = "cluster", "topic", "group", "transactional_id"
ANYBODY = "User:*"
# Kafka's authorizer implies the first by each of the others (AclAuthorizer, KIP-11).
IMPLIED = {
    "Describe": frozenset({"Read", "Write", "Delete", "Alter"}),
    "DescribeConfigs": frozenset({"AlterConfigs"}),
}
OPTIONS = {
    CLUSTER: "--cluster",
    TOPIC: "--topic",
    GROUP: "--group",
    TRANSACTION: "--transactional-id",
}


class Need(NamedTuple):
    """One operation on one resource, for planning or only for applying. `pattern` is literal or prefixed.

    `block` names what stands and falls together: of a topic that may not even be described nothing else can be known.
    """

    verb: str
    resource: str
    name: str
    pattern: str
    operation: str
    purpose: str
    block: str


class Allowed(NamedTuple):
    """One ACL, as far as an authorizer looks at it."""

    principal: str
    resource: str
    name: str
    pattern: str
    operation: str
    permission: str
    host: str


def granted(need: Need, principal: str, acls: Iterable[Allowed]) -> bool:
    """What Kafka's own authorizer would say of a request from anywhere: a deny wins, an allow has to be there."""
    own = [a for a in acls if a.principal in (principal, ANYBODY) and _about(a, need)]
    if any(a.permission == "deny" and a.operation in (need.operation, "All") for a in own):
        return False
    enough = {need.operation, "All"} | IMPLIED.get(need.operation, frozenset())
    return any(a.permission == "allow" and a.host == "*" and a.operation in enough for a in own)


def _about(acl: Allowed, need: Need) -> bool:
    """Whether an ACL speaks of all that is needed: for a prefix a longer prefix is not enough."""
    if acl.resource != need.resource:
        return False
    if acl.pattern == "prefixed":
        return need.name.startswith(acl.name)
    return acl.name == "*" or (need.pattern == "literal" and acl.name == need.name)


def presumed(verdicts: Mapping[Need, bool | None]) -> dict[Need, bool | None]:
    """What cannot be known is missing where something else of its block is; otherwise it stays unknown."""
    lacking = {need.block for need, verdict in verdicts.items() if verdict is False}
    return {
        need: False if verdict is None and need.block in lacking else verdict
        for need, verdict in verdicts.items()
    }


def folded(missing: Iterable[Need], prefixes: Sequence[str]) -> list[Need]:
    """With a prefix of the Cluster's `owns` in place of the topics that begin with it; each once, in order."""
    found: dict[tuple[str, ...], Need] = {}
    for need in missing:
        own = next((p for p in prefixes if need.resource == TOPIC and need.name.startswith(p)), "")
        told = need._replace(name=own, pattern="prefixed") if own else need
        found.setdefault(told[1:5], told)
    return sorted(found.values(), key=lambda n: (n.resource, n.name, n.pattern, n.operation))


def bindings(needs: Iterable[Need]) -> list[Json]:
    """As the raw bindings of an Acl document."""
    return [dict(_binding(need)) for need in needs]


def _binding(need: Need) -> Iterator[tuple[str, str]]:
    yield "resource", need.resource
    if need.resource != CLUSTER:
        yield "name", need.name
    if need.pattern != "literal":
        yield "pattern", need.pattern
    yield "operation", need.operation


def commands(needs: Iterable[Need], principal: str) -> list[str]:
    """As lines for Kafka's own `kafka-acls`; one for each resource."""
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for need in needs:
        at = (need.resource, need.name, need.pattern)
        grouped.setdefault(at, []).append(f"--operation {need.operation}")
    who = f"kafka-acls --add --allow-principal {shlex.quote(principal)}"
    return [" ".join([who, *operations, *_on(*at)]) for at, operations in grouped.items()]


def _on(resource: str, name: str, pattern: str) -> Iterator[str]:
    yield OPTIONS[resource]
    if resource != CLUSTER:
        yield shlex.quote(name)
    if pattern != "literal":
        yield f"--resource-pattern-type {pattern}"
