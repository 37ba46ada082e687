"""Access as role assignments: what an Acl document means here, named `PRINCIPAL|ROLE|SCOPE`.

A principal is `ServicePrincipal:OBJECT-ID` (managed identities too), `User:` or `Group:`; a scope is `namespace`,
`eventhubs/HUB` or `eventhubs/HUB/consumergroups/GROUP`. Roles: "Authorize access to Event Hubs resources using
Microsoft Entra ID", and Azure's built-in roles for their GUIDs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast
from uuid import NAMESPACE_URL, uuid5

from reconciler.core.model import NOWHERE, Around, Body, Document, Json, Path, Platform, Resource

ROLES: Mapping[str, str] = {
    "Data Owner": "f526a384-b230-433a-b45c-95f59c4a2dec",
    "Data Receiver": "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "Data Sender": "2b629674-e913-4c01-ae53-ef4638d8f975",
}
SENDER, RECEIVER, OWNER = "Data Sender", "Data Receiver", "Data Owner"
# What each role of a document needs of its topics. Kafka's rights on groups and transactional ids have no counterpart:
# who may receive may do so in any group.
NEEDS: Mapping[str, tuple[str, ...]] = {
    "producer": (SENDER,),
    "consumer": (RECEIVER,),
    "connect": (SENDER, RECEIVER),
    "read-only": (RECEIVER,),
    "admin": (OWNER,),
}
OPERATIONS: Mapping[str, str] = {"Write": SENDER, "Read": RECEIVER, "All": OWNER}
NAMESPACE = "namespace"
TYPES = ("ServicePrincipal", "User", "Group")
PRINCIPAL = re.compile(
    rf"({'|'.join(TYPES)}):[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}"
)
Grant = Mapping[str, object]


class Assignment(NamedTuple):
    """Who has which role where."""

    principal: str
    role: str
    scope: str

    @property
    def name(self) -> str:
        return "|".join(self)

    @property
    def hub(self) -> str:
        """The hub it is on or below, empty for the whole namespace."""
        return self.scope.split("/")[1] if "/" in self.scope else ""


def decode(name: str) -> Assignment:
    """The reverse of `Assignment.name`."""
    return Assignment(*name.split("|", 2))


def guid(resource_id: str, definition: str, principal_id: str) -> str:
    """An assignment's name: always the same for the same scope, role and principal, so that twice is once."""
    return str(uuid5(NAMESPACE_URL, "|".join((resource_id, definition, principal_id)).lower()))


# --- what a document means


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """Every assignment once. A condition would make it a narrower one, so there must be none."""
    for name in sorted({found.name for found in _assignments(document.spec)}):
        yield Resource(name, {"condition": None})


def _assignments(spec: Body) -> Iterator[Assignment]:
    principal = _principal(str(spec["principal"]))
    for grant in cast("Sequence[Grant]", spec.get("grants") or ()):
        for role, scope in _granted(grant):
            yield Assignment(principal, role, scope)
    for raw in cast("Sequence[Grant]", spec.get("bindings") or ()):
        kind, name = str(raw["resource"]), str(raw.get("name", ""))
        scope = _scope(name) if kind == "topic" else _group(name) if kind == "group" else NAMESPACE
        yield Assignment(principal, OPERATIONS[str(raw["operation"])], scope)


def _principal(text: str) -> str:
    kind, _, name = text.partition(":")
    return f"{kind}:{name.lower()}"


def _granted(grant: Grant) -> Iterator[tuple[str, str]]:
    roles = NEEDS[str(grant["role"])]
    for topic in cast("Sequence[str]", grant.get("topics") or ()):
        yield from ((role, _scope(topic)) for role in roles)
    for group in cast("Sequence[object]", grant.get("groups") or ()):
        if isinstance(group, str) and "/" in group:
            yield RECEIVER, _group(group)
    if grant.get("cluster"):
        yield OWNER, NAMESPACE


def _scope(topic: str) -> str:
    return NAMESPACE if topic == "*" else f"eventhubs/{topic}"


def _group(name: str) -> str:
    hub, _, group = name.partition("/")
    return f"eventhubs/{hub}/consumergroups/{group}"


# --- what a document must not ask for


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What Azure cannot grant, each with what to do instead."""
    spec = document.spec
    if not PRINCIPAL.fullmatch(str(spec["principal"])):
        told = "on Event Hubs a principal is `ServicePrincipal:`, `User:` or `Group:` and the"
        yield ("spec", "principal"), f"{told} object id (a UUID) that Microsoft Entra ID gave it"
    if list(cast("Sequence[object]", spec.get("hosts") or ["*"])) != ["*"]:
        told = "Azure grants to identities, not to addresses"
        yield ("spec", "hosts"), f"{told}; restrict those with the namespace's network rules"
    for at, grant in enumerate(cast("Sequence[Grant]", spec.get("grants") or ())):
        yield from _grant_problems(grant, ("spec", "grants", str(at)))
    for at, raw in enumerate(cast("Sequence[Grant]", spec.get("bindings") or ())):
        yield from _raw_problems(raw, ("spec", "bindings", str(at)))


def _grant_problems(grant: Grant, where: Path) -> Iterator[tuple[Path, str]]:
    role = str(grant["role"])
    if role == "streams":
        told = "a Streams application needs rights on every topic that begins with its id, and"
        yield (*where, "role"), f"{told} Azure grants on single hubs or on the whole namespace"
        return
    for field in ("topics", "groups"):
        for at, entry in enumerate(cast("Sequence[object]", grant.get(field) or ())):
            if isinstance(entry, Mapping) and field == "topics":
                told = "Azure has no prefixes: name each hub, or grant on the namespace with `*`"
                yield (*where, field, str(at)), told
    if grant.get("cluster") and role != "admin":
        told = f"role `{role}` has no rights on a namespace by itself; name hubs, or `*` for all"
        yield (*where, "cluster"), told
    if role in NEEDS and not list(_granted_at_all(grant)):
        told = f"role `{role}` grants nothing here: name `topics`"
        yield where, f"{told}, or consumer groups of a hub as `HUB/GROUP`"


def _granted_at_all(grant: Grant) -> Iterator[object]:
    yield from cast("Sequence[object]", grant.get("topics") or ())
    if grant.get("cluster"):
        yield "cluster"
    groups = cast("Sequence[object]", grant.get("groups") or ())
    yield from (g for g in groups if isinstance(g, str) and "/" in g)


def _raw_problems(raw: Grant, where: Path) -> Iterator[tuple[Path, str]]:
    kind, operation = str(raw["resource"]), str(raw["operation"])
    if raw.get("permission") == "deny":
        yield (*where, "permission"), "nobody but Azure itself can deny; grant less instead"
    if raw.get("pattern") == "prefixed":
        yield (*where, "pattern"), "Azure has no prefixes: name each hub, or `*` for all"
    if kind not in ("topic", "group", "cluster"):
        yield (*where, "resource"), f"Azure grants nothing on a {kind}"
    elif kind == "group" and ("/" not in str(raw.get("name", "")) or operation != "Read"):
        told = "only Read can be granted on a consumer group, and its name is `HUB/GROUP`"
        yield where, told
    elif operation not in OPERATIONS:
        told = f"there is no role for {operation} alone; there is Write (Data Sender), Read (Data"
        yield (*where, "operation"), f"{told} Receiver) and All (Data Owner)"


# --- and back


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document a principal; what kstate has no words for is left out."""
    by_principal: dict[str, list[Assignment]] = {}
    for resource in live:
        found = decode(resource.name)
        if found.role in ROLES and not resource.settings.get("condition"):
            by_principal.setdefault(found.principal, []).append(found)
    for principal, own in sorted(by_principal.items()):
        bindings: list[Json] = [_raw(found) for found in sorted(own)]
        spec: Mapping[str, Json] = {"principal": principal, "bindings": bindings}
        yield {"name": principal.replace(":", "-"), "spec": spec}


def _raw(found: Assignment) -> Json:
    operation = next(name for name, role in OPERATIONS.items() if role == found.role)
    if found.scope == NAMESPACE:
        return {"resource": "topic", "name": "*", "operation": operation}
    _, hub, *below = found.scope.split("/")
    if below:
        return {"resource": "group", "name": f"{hub}/{below[1]}", "operation": operation}
    return {"resource": "topic", "name": hub, "operation": operation}
