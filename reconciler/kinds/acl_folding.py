"""Live bindings in, Acl documents out: folded into roles where the roles mean exactly these bindings, else raw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from reconciler.clients.acls import Binding
from reconciler.core.model import Json

# What one operation on one resource means as a role; everything else stays a raw binding.
FOLDED: Mapping[tuple[str, str], tuple[str, str]] = {
    ("topic", "Write"): ("producer", "topics"),
    ("transactional_id", "Write"): ("producer", "transactionalIds"),
    ("topic", "Read"): ("consumer", "topics"),
    ("group", "Read"): ("consumer", "groups"),
}
UNFIT = re.compile(r"[^A-Za-z0-9._:@=,+-]+")


def documents(bindings: Iterable[Binding]) -> Iterator[Mapping[str, Json]]:
    """One document for each principal and set of hosts, sorted."""
    by_principal: dict[str, dict[str, set[tuple[str, ...]]]] = {}
    for b in bindings:
        hosts = by_principal.setdefault(b.principal, {})
        hosts.setdefault(b.host, set()).add(
            (b.resource, b.name, b.pattern, b.operation, b.permission)
        )
    for principal, hosts in sorted(by_principal.items()):
        grouped: dict[frozenset[tuple[str, ...]], list[str]] = {}
        for host, own in hosts.items():
            grouped.setdefault(frozenset(own), []).append(host)
        for number, group in enumerate(sorted(grouped, key=lambda g: sorted(grouped[g]))):
            yield _document(principal, group, sorted(grouped[group]), number)


def _document(
    principal: str, own: frozenset[tuple[str, ...]], hosts: list[str], number: int
) -> Mapping[str, Json]:
    name = UNFIT.sub("-", principal.partition(":")[2]).strip("-._:@=,+") or "principal"
    spec: dict[str, Json] = {"principal": principal}
    if hosts != ["*"]:
        spec["hosts"] = hosts
    grants = list(_grants(own))
    raw = [_raw(one) for one in sorted(own) if not _folds(one)]
    spec |= {"grants": grants} if grants else {}
    spec |= {"bindings": raw} if raw else {}
    return {"name": f"{name}-{number + 1}" if number else name, "spec": spec}


def _folds(one: tuple[str, ...]) -> bool:
    resource, _, _, operation, permission = one
    return permission == "allow" and (resource, operation) in FOLDED


def _grants(own: frozenset[tuple[str, ...]]) -> Iterator[Json]:
    roles: dict[str, dict[str, list[Json]]] = {}
    for one in sorted(own):
        if _folds(one):
            resource, name, pattern, operation, _ = one
            role, field = FOLDED[resource, operation]
            entry: Json = {"prefix": name} if pattern == "prefixed" else name
            roles.setdefault(role, {}).setdefault(field, []).append(entry)
    for role, fields in sorted(roles.items()):
        yield {"role": role, **fields}


def _raw(one: tuple[str, ...]) -> Json:
    resource, name, pattern, operation, permission = one
    found: dict[str, Json] = {"resource": resource}
    if resource != "cluster":
        found["name"] = name
    if pattern != "literal":
        found["pattern"] = pattern
    return {**found, "operation": operation, "permission": permission}
