"""Live bindings in, Acl documents out: folded into roles where the roles mean exactly these bindings, else raw."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from reconciler.clients.acls import Binding
from reconciler.core.model import Json

UNFIT = re.compile(r"[^A-Za-z0-9._:@=,+-]+")
FIELDS = {"topic": "topics", "group": "groups", "transactional_id": "transactionalIds"}
Rights = Mapping[str, tuple[str, ...]]
# (resource, name, pattern): the operations that are allowed on it and not told yet.
Allowed = dict[tuple[str, str, str], set[str]]
One = tuple[str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The roles of an Acl, the most telling first, and what a Streams application has for itself under its id.

    `marks` are the fields of which a role must have one: a group that somebody may describe makes no reader of all.
    """

    roles: Mapping[str, Rights]
    streams_own: Rights
    marks: Mapping[str, frozenset[str]]


def documents(bindings: Iterable[Binding], words: Vocabulary) -> Iterator[Mapping[str, Json]]:
    """One document for each principal and set of hosts, sorted."""
    by_principal: dict[str, dict[str, set[One]]] = {}
    for b in bindings:
        hosts = by_principal.setdefault(b.principal, {})
        own = (b.resource, b.name, b.pattern, b.operation, b.permission)
        hosts.setdefault(b.host, set()).add(own)
    for principal, hosts in sorted(by_principal.items()):
        grouped: dict[frozenset[One], list[str]] = {}
        for host, own_of_host in hosts.items():
            grouped.setdefault(frozenset(own_of_host), []).append(host)
        for number, group in enumerate(sorted(grouped, key=lambda g: sorted(grouped[g]))):
            body = {"principal": principal, **_hosts(sorted(grouped[group])), **_told(group, words)}
            yield {"name": _name(principal, number), "spec": body}


def _name(principal: str, number: int) -> str:
    name = UNFIT.sub("-", principal.partition(":")[2]).strip("-._:@=,+") or "principal"
    return f"{name}-{number + 1}" if number else name


def _hosts(hosts: list[str]) -> dict[str, Json]:
    return {} if hosts == ["*"] else {"hosts": hosts}


def _told(own: frozenset[One], words: Vocabulary) -> Mapping[str, Json]:
    """Grants for what roles mean, bindings for the rest."""
    allowed: Allowed = {}
    for resource, name, pattern, operation, permission in sorted(own):
        if permission == "allow":
            allowed.setdefault((resource, name, pattern), set()).add(operation)
    grants = list(_grants(allowed, words))
    left = {(*at, operation, "allow") for at, rest in allowed.items() for operation in rest}
    raw = [_raw(one) for one in sorted(own) if one[4] == "deny" or one in left]
    return {**({"grants": grants} if grants else {}), **({"bindings": raw} if raw else {})}


def _grants(allowed: Allowed, words: Vocabulary) -> Iterator[Json]:
    """What is told is taken out of `allowed`."""
    for application in _applications(allowed, words):
        yield _streams(application, allowed, words)
    for role, marks in words.marks.items():
        found = _entries(allowed, words.roles[role])
        if marks & found.keys():
            _take(allowed, words.roles[role], found)
            told = {field: _patterns(own) for field, own in found.items() if field != "cluster"}
            yield {"role": role, **told, **({"cluster": True} if "cluster" in found else {})}


def _entries(allowed: Allowed, rights: Rights) -> dict[str, list[tuple[str, str, str]]]:
    """By field of a grant: the resources on which all is allowed that the role means there."""
    found = {
        field: [
            at
            for at, operations in sorted(allowed.items())
            if FIELDS.get(at[0], at[0]) == field and operations.issuperset(needed)
        ]
        for field, needed in rights.items()
    }
    return {field: own for field, own in found.items() if own}


def _take(
    allowed: Allowed, rights: Rights, found: Mapping[str, list[tuple[str, str, str]]]
) -> None:
    for field, own in found.items():
        for at in own:
            allowed[at] -= set(rights[field])


def _patterns(own: Iterable[tuple[str, str, str]]) -> list[Json]:
    return [{"prefix": name} if pattern == "prefixed" else name for _, name, pattern in own]


def _applications(allowed: Allowed, words: Vocabulary) -> list[str]:
    """Application ids under which everything is allowed that a Streams application needs for itself."""
    ids = (
        n[:-1] for r, n, p in sorted(allowed) if (r, p) == ("topic", "prefixed") and n[-1] == "-"
    )
    return [
        application
        for application in ids
        if application
        and all(
            allowed.get(at, set()).issuperset(operations)
            for at, operations in _own(application, words).items()
        )
    ]


def _own(application: str, words: Vocabulary) -> Mapping[tuple[str, str, str], tuple[str, ...]]:
    own = words.streams_own
    return {
        ("topic", f"{application}-", "prefixed"): own["topics"],
        ("group", application, "literal"): own["groups"],
        ("transactional_id", application, "prefixed"): own["transactionalIds"],
    }


def _streams(application: str, allowed: Allowed, words: Vocabulary) -> Json:
    """The application's own things, and the topics that it both reads and writes."""
    for at, operations in _own(application, words).items():
        allowed[at] -= set(operations)
    rights = {"topics": words.roles["streams"]["topics"]}
    found = _entries(allowed, rights)
    _take(allowed, rights, found)
    topics: dict[str, Json] = {"topics": _patterns(found["topics"])} if found else {}
    return {"role": "streams", "applicationId": application, **topics}


def _raw(one: One) -> Json:
    resource, name, pattern, operation, permission = one
    found: dict[str, Json] = {"resource": resource}
    if resource != "cluster":
        found["name"] = name
    if pattern != "literal":
        found["pattern"] = pattern
    found["operation"] = operation
    # An allow goes without saying.
    return found if permission == "allow" else {**found, "permission": permission}
