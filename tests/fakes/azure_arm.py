"""Resource Manager with one Event Hubs namespace: hubs that a PUT replaces, consumer groups, role assignments.

Forms, limits and refusals: Microsoft.EventHub 2026-01-01, Microsoft.Authorization 2022-04-01 (azure-rest-api-specs),
"Event Hubs quotas and limits", "Configure properties for an event hub", "Troubleshoot Azure RBAC".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from tests.fakes.server import Call, Reply, Route, Service

SUBSCRIPTION = "99999999-8888-7777-6666-555555555555"
GROUP, NAME = "rg-streams", "acme-streams"
HUBS, ROLES = "2026-01-01", "2022-04-01"
NAMESPACES = (
    "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.EventHub/namespaces"
)
ID = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.EventHub/namespaces/{NAME}"
PAGE = 2
ENTITY = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,254}[A-Za-z0-9])?")
WRITABLE = {
    "messageRetentionInDays",
    "partitionCount",
    "status",
    "captureDescription",
    "retentionDescription",
    "messageTimestampDescription",
    "userMetadata",
}
RETENTION = {
    "cleanupPolicy",
    "retentionTimeInHours",
    "minCompactionLagTimeInMinutes",
    "tombstoneRetentionTimeInHours",
}
KNOWN_ROLES = {
    "f526a384-b230-433a-b45c-95f59c4a2dec",
    "a638d3c7-ab3a-418d-83e6-5f17a39d4fde",
    "2b629674-e913-4c01-ae53-ef4638d8f975",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7",  # Reader
}
# Of each tier: hubs, partitions of a hub, hours, consumer groups.
LIMITS = {
    "Standard": (10, 32, 168, 20),
    "Premium": (100, 100, 2160, 100),
    "Dedicated": (1000, 1024, 2160, 1000),
}
Properties = dict[str, Any]
LARGEST = 2**63 - 1


class Refused(Exception):
    """A reply that ends the handling of a call."""

    def __init__(self, status: int, code: str, words: str, *details: str) -> None:
        super().__init__(words)
        told = [{"code": "BadRequest", "message": text} for text in details]
        error = {"code": code, "message": words, **({"details": told} if told else {})}
        self.reply = Reply(status, {"error": error})


@dataclass
class Namespace:
    """One namespace. `late`: how many listings of hubs still show what was there before the last write.

    `slow`: writes are accepted, and over after so many looks at their operation; `location`: told by that header.
    `made` and `gone` are told of hubs, so that a real broker can have them too. `forever`: how an unlimited
    retention is told.
    """

    tier: str = "Standard"
    units: int = 1
    late: int = 0
    slow: int = 0
    location: bool = False
    forever: int = -1
    hubs: dict[str, Properties] = field(default_factory=dict)
    groups: dict[str, dict[str, Properties]] = field(default_factory=dict)
    assignments: dict[str, Properties] = field(default_factory=dict)
    principals: set[str] = field(default_factory=set)
    made: Callable[[str, int], None] = lambda _name, _partitions: None
    gone: Callable[[str], None] = lambda _name: None
    operations: dict[str, tuple[int, Callable[[], Reply]]] = field(default_factory=dict)
    _seen: list[dict[str, Properties]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def listed(self) -> dict[str, Properties]:
        return self._seen.pop(0) if self._seen else self.hubs

    def before_a_write(self) -> None:
        self._seen = [deepcopy(self.hubs)] * self.late

    def hub(self, name: str) -> tuple[str, Properties] | None:
        """By its name in whatever letters."""
        return next(((n, p) for n, p in self.hubs.items() if n.lower() == name.lower()), None)

    def put(self, name: str, given: Properties) -> Properties:
        """A hub made by a hand, so to say: for stories."""
        return _put_hub(self, name, given)


def resource_manager(namespace: Namespace, fault: Callable[[str], str | None]) -> Service:
    """The service. `fault` says what is wrong with a token."""

    def login(call: Call) -> Reply | None:
        why = fault(call.header("Authorization").removeprefix("Bearer "))
        if why is None:
            return None
        expired = "expired" in why
        code = "ExpiredAuthenticationToken" if expired else "InvalidAuthenticationToken"
        return Reply(401, {"error": {"code": code, "message": why}})

    api = _Api(namespace)
    api.service = Service("Azure Resource Manager", api.routes(), login, _unknown, _version)
    return api.service


def _version(call: Call) -> str:
    return call.query.get("api-version", "")


def _unknown(_call: Call, why: str) -> Reply:
    return Reply(404, {"error": {"code": "InvalidResourceType", "message": why}})


class _Api:
    """The handlers of one service."""

    service: Service

    def __init__(self, namespace: Namespace) -> None:
        self.namespace = namespace

    def routes(self) -> tuple[Route, ...]:
        one, hub = NAMESPACES + "/{namespace}", NAMESPACES + "/{namespace}/eventhubs/{hub}"
        group = hub + "/consumergroups/{name}"
        roles = "/{scope*}/providers/Microsoft.Authorization/roleAssignments"
        hubs = "https://learn.microsoft.com/rest/api/eventhub/event-hubs"
        groups = "https://learn.microsoft.com/rest/api/eventhub/consumer-groups"
        rbac = "https://learn.microsoft.com/rest/api/authorization/role-assignments"
        names = "https://learn.microsoft.com/rest/api/eventhub/namespaces/get"
        ended = (
            "https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations"
        )
        operation = "/subscriptions/{subscription}/providers/Microsoft.EventHub/operations/{id}"
        return (
            self._route("GET", one, HUBS, self.about, names),
            self._route("GET", one + "/eventhubs", HUBS, self.list_hubs, hubs),
            self._route("GET", hub, HUBS, self.get_hub, hubs),
            self._route("PUT", hub, HUBS, self.put_hub, hubs),
            self._route("DELETE", hub, HUBS, self.delete_hub, hubs),
            self._route("GET", hub + "/consumergroups", HUBS, self.list_groups, groups),
            self._route("PUT", group, HUBS, self.put_group, groups),
            self._route("DELETE", group, HUBS, self.delete_group, groups),
            self._route("GET", operation, HUBS, self.operation, ended),
            self._route("GET", roles, ROLES, self.list_roles, rbac),
            self._route("PUT", roles + "/{name}", ROLES, self.put_role, rbac),
            self._route("DELETE", roles + "/{name}", ROLES, self.delete_role, rbac),
        )

    def _route(
        self, method: str, template: str, version: str, handle: Callable[[Call], Reply], where: str
    ) -> Route:
        def strict(call: Call) -> Reply:
            given = call.query.get("api-version")
            if given != version:
                self.service.violations.append(f"api-version {given} at {call.url}")
                words = f"The api-version '{given}' is not supported; it is '{version}'."
                code = "MissingApiVersionParameter" if given is None else "InvalidApiVersion"
                return Reply(400, {"error": {"code": code, "message": words}})
            self._known(call)
            try:
                found = handle(call)
            except Refused as refused:
                found = refused.reply
            left = "writes" if method == "PUT" else "deletes" if method == "DELETE" else "reads"
            limit = {f"x-ms-ratelimit-remaining-subscription-{left}": "199"}
            return Reply(found.status, found.body, {**limit, **found.headers}, found.cut)

        query = frozenset({"api-version", "$skip", "$top", "$skipToken", "$filter"})
        return Route(method, template, strict, query=query, document=where)

    def _known(self, call: Call) -> None:
        """Fields of a body that nobody documented."""
        sent = call.json or {}
        extra = set(sent) - {"properties"}
        extra |= (
            set(sent.get("properties") or {})
            - WRITABLE
            - {"userMetadata", "roleDefinitionId", "principalId", "principalType", "description"}
        )
        extra |= set((sent.get("properties") or {}).get("retentionDescription") or {}) - RETENTION
        if extra:
            self.service.violations.append(f"unknown fields {sorted(extra)} at {call.url}")

    # --- the namespace

    def about(self, call: Call) -> Reply:
        self._mine(call)
        sku = "Standard" if self.namespace.tier == "Dedicated" else self.namespace.tier
        own: Properties = {
            "kafkaEnabled": True,
            "status": "Active",
            "provisioningState": "Succeeded",
        }
        if self.namespace.tier == "Dedicated":
            own["clusterArmId"] = f"{ID.rpartition('/namespaces')[0]}/clusters/acme"
        told = {"name": sku, "tier": sku, "capacity": self.namespace.units}
        return Reply(
            body={"id": ID, "name": NAME, "location": "West Europe", "sku": told, "properties": own}
        )

    def _mine(self, call: Call) -> None:
        there = (
            call.path["subscription"],
            call.path["group"].lower(),
            call.path["namespace"].lower(),
        )
        if there != (SUBSCRIPTION, GROUP, NAME):
            what = f"The Resource 'Microsoft.EventHub/namespaces/{call.path['namespace']}' under resource group"
            raise Refused(404, "ResourceNotFound", f"{what} '{call.path['group']}' was not found.")

    def _hub(self, call: Call) -> tuple[str, Properties]:
        self._mine(call)
        found = self.namespace.hub(call.path["hub"])
        if found is None:
            words = f"The requested resource {call.path['hub']} does not exist."
            raise Refused(404, "ResourceNotFound", words)
        return found

    # --- hubs

    def list_hubs(self, call: Call) -> Reply:
        self._mine(call)
        start = int(call.query.get("$skip", 0))
        there = sorted(
            self.namespace.listed().items() if not start else self.namespace.hubs.items()
        )
        body: Properties = {"value": [_hub_body(n, p) for n, p in there[start : start + PAGE]]}
        if len(there) > start + PAGE:
            own = f"{self.service.url}{ID}/eventhubs?api-version={HUBS}&$skip={start + PAGE}"
            body["nextLink"] = own
        return Reply(body=body)

    def get_hub(self, call: Call) -> Reply:
        return Reply(body=_hub_body(*self._hub(call)))

    def put_hub(self, call: Call) -> Reply:
        self._mine(call)
        given = dict((call.json or {}).get("properties") or {})
        name = call.path["hub"]
        _check_hub(self.namespace, name, given)
        self.namespace.before_a_write()
        return self._accepted(
            lambda: Reply(body=_hub_body(name, _put_hub(self.namespace, name, given)))
        )

    def delete_hub(self, call: Call) -> Reply:
        self._mine(call)
        found = self.namespace.hub(call.path["hub"])
        if found is None:
            return Reply(204)
        self.namespace.before_a_write()

        def act() -> Reply:
            self.namespace.hubs.pop(found[0], None)
            self.namespace.groups.pop(found[0].lower(), None)
            self.namespace.gone(found[0])
            return Reply(200)

        return self._accepted(act)

    def _accepted(self, act: Callable[[], Reply]) -> Reply:
        """Done at once, or a long-running operation."""
        if not self.namespace.slow:
            return act()
        number = str(next(self.namespace._numbers))
        self.namespace.operations[number] = (self.namespace.slow, act)
        base = f"{self.service.url}/subscriptions/{SUBSCRIPTION}/providers/Microsoft.EventHub"
        header = "Location" if self.namespace.location else "Azure-AsyncOperation"
        where = f"{base}/operations/{number}?api-version={HUBS}"
        return Reply(202, None, {header: where, "Retry-After": "0"})

    def operation(self, call: Call) -> Reply:
        left, act = self.namespace.operations[call.path["id"]]
        if left > 0:
            self.namespace.operations[call.path["id"]] = (left - 1, act)
            by_status = {"status": "InProgress"} if not self.namespace.location else None
            return Reply(202 if self.namespace.location else 200, by_status, {"Retry-After": "0"})
        try:
            found = act()
        except Refused as refused:
            return Reply(200, {"status": "Failed", **refused.reply.body})
        self.namespace.operations[call.path["id"]] = (0, lambda: found)
        return found if self.namespace.location else Reply(200, {"status": "Succeeded"})

    # --- consumer groups

    def list_groups(self, call: Call) -> Reply:
        name, _ = self._hub(call)
        own = {"$Default": {}, **self.namespace.groups.get(name.lower(), {})}
        return Reply(body={"value": [{"name": n, "properties": p} for n, p in sorted(own.items())]})

    def put_group(self, call: Call) -> Reply:
        name, _ = self._hub(call)
        own = self.namespace.groups.setdefault(name.lower(), {})
        group = call.path["name"]
        if not ENTITY.fullmatch(group) or len(group) > 50:
            raise Refused(400, "BadRequest", f"'{group}' is not a valid consumer group name.")
        most = LIMITS[self.namespace.tier][3]
        if group not in own and len(own) + 2 > most:
            words = f"The maximum number of consumer groups ({most}) was reached."
            raise Refused(403, "MessagingGatewayForbidden", words)
        own[group] = dict((call.json or {}).get("properties") or {})
        return Reply(body={"name": group, "properties": own[group]})

    def delete_group(self, call: Call) -> Reply:
        name, _ = self._hub(call)
        found = self.namespace.groups.get(name.lower(), {}).pop(call.path["name"], None)
        return Reply(204 if found is None else 200)

    # --- role assignments

    def list_roles(self, call: Call) -> Reply:
        scope = f"/{call.path['scope']}".lower()
        start = int(call.query.get("$skipToken", 0))
        own = [a for _, a in sorted(self.namespace.assignments.items()) if _concerns(a, scope)]
        body: Properties = {"value": own[start : start + PAGE]}
        if len(own) > start + PAGE:
            path = f"{self.service.url}{ID}/providers/Microsoft.Authorization/roleAssignments"
            body["nextLink"] = f"{path}?api-version={ROLES}&$skipToken={start + PAGE}"
        return Reply(body=body)

    def put_role(self, call: Call) -> Reply:
        scope, name = f"/{call.path['scope']}", call.path["name"]
        given = dict((call.json or {}).get("properties") or {})
        _check_role(self.namespace, scope, name, given)
        found = {
            "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "name": name,
            "type": "Microsoft.Authorization/roleAssignments",
            "properties": {"condition": None, **given, "scope": scope},
        }
        fresh = name not in self.namespace.assignments
        self.namespace.assignments[name] = found
        return Reply(201 if fresh else 200, found)

    def delete_role(self, call: Call) -> Reply:
        found = self.namespace.assignments.pop(call.path["name"], None)
        return Reply(204) if found is None else Reply(200, found)


def _concerns(assignment: Mapping[str, Any], scope: str) -> bool:
    """Role Assignments - List For Scope, without a filter: at the scope, above it and below it."""
    own = str(assignment["properties"]["scope"]).lower()
    return own.startswith(scope) or scope.startswith(own)


def _check_role(namespace: Namespace, scope: str, name: str, given: Properties) -> None:
    try:
        UUID(name)
    except ValueError as error:
        words = f"The role assignment ID '{name}' is not valid."
        raise Refused(400, "InvalidRoleAssignmentId", words) from error
    if str(given.get("roleDefinitionId")).rpartition("/")[2] not in KNOWN_ROLES:
        words = "The specified role definition does not exist."
        raise Refused(400, "RoleDefinitionDoesNotExist", words)
    if namespace.principals and given.get("principalId") not in namespace.principals:
        words = f"Principal {given.get('principalId')} does not exist in the directory."
        raise Refused(400, "PrincipalNotFound", words)
    for other, found in namespace.assignments.items():
        own = found["properties"]
        same = (own["scope"].lower(), own["roleDefinitionId"], own["principalId"]) == (
            scope.lower(),
            given["roleDefinitionId"],
            given["principalId"],
        )
        if same and other != name:
            words = f"The role assignment already exists. The ID of the existing one is {other}."
            raise Refused(409, "RoleAssignmentExists", words)
        if other == name and not same:
            words = (
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated."
            )
            raise Refused(400, "RoleAssignmentUpdateNotPermitted", words)


def _hub_body(name: str, properties: Properties) -> Properties:
    own = f"{ID}/eventhubs/{name}"
    return {
        "id": own,
        "name": name,
        "type": "Microsoft.EventHub/namespaces/eventhubs",
        "properties": properties,
    }


def _check_hub(namespace: Namespace, name: str, given: Properties) -> None:
    """Refuses what Azure documents that it refuses; the cause stands in `details`."""
    hubs, partitions, hours, _ = LIMITS[namespace.tier]
    told = []
    there = namespace.hub(name)
    before = there[1] if there else None
    asked = given.get("partitionCount", before["partitionCount"] if before else 4)
    retention = given.get("retentionDescription") or {}
    policy = retention.get("cleanupPolicy", "Delete")
    if not ENTITY.fullmatch(name):
        told.append(f"The entity name '{name}' is not valid.")
    if not 1 <= asked <= partitions:
        told.append(f"PartitionCount must be between 1 and {partitions}.")
    if before and asked != before["partitionCount"]:
        if namespace.tier == "Standard":
            told.append("The partition count of an event hub cannot be changed in this tier.")
        elif asked < before["partitionCount"]:
            told.append("The partition count cannot be decreased.")
    if (
        before
        and "cleanupPolicy" in retention
        and policy != before["retentionDescription"]["cleanupPolicy"]
    ):
        told.append("CleanupPolicy cannot be updated.")
    told += _check_retention(retention, policy, hours)
    if told:
        raise Refused(400, "BadRequest", "The request was not valid.", *told)
    if not before and len(namespace.hubs) + 1 > hubs * (
        namespace.units if namespace.tier == "Premium" else 1
    ):
        words = f"Namespace {NAME} has reached the maximum number of event hubs."
        raise Refused(403, "MessagingGatewayForbidden", words)


def _check_retention(retention: Properties, policy: str, hours: int) -> list[str]:
    told = []
    kept = retention.get("retentionTimeInHours")
    if policy not in ("Delete", "Compact", "DeleteOrCompact"):
        told.append(f"'{policy}' is no CleanupPolicy.")
    if kept is not None and policy == "Compact":
        told.append("RetentionTimeInHours cannot be set for a compacted event hub.")
    elif kept is not None and not 1 <= kept <= hours:
        told.append(f"RetentionTimeInHours must be between 1 and {hours}.")
    if (
        policy == "Delete"
        and (RETENTION - {"cleanupPolicy", "retentionTimeInHours"}) & retention.keys()
    ):
        told.append("Compaction settings need CleanupPolicy Compact or DeleteOrCompact.")
    return told


def _put_hub(namespace: Namespace, name: str, given: Properties) -> Properties:
    """Replaced: what was not sent is at its default again."""
    there = namespace.hub(name)
    retention = {"cleanupPolicy": "Delete", **(given.get("retentionDescription") or {})}
    if retention["cleanupPolicy"] == "Compact":
        retention["retentionTimeInHours"] = namespace.forever
    elif "retentionTimeInHours" not in retention:
        retention["retentionTimeInHours"] = 24 * given.get("messageRetentionInDays", 7)
    partitions = given.get("partitionCount", there[1]["partitionCount"] if there else 4)
    found = {
        "messageTimestampDescription": {"timestampType": "LogAppend"},
        "status": "Active",
        **{name: value for name, value in given.items() if name != "messageRetentionInDays"},
        "partitionCount": partitions,
        "partitionIds": [str(n) for n in range(partitions)],
        "retentionDescription": retention,
        "messageRetentionInDays": max(min(retention["retentionTimeInHours"] // 24, 90), 1),
        "createdAt": "2026-11-24T10:00:00Z",
        "updatedAt": "2026-11-24T10:00:00Z",
        "identifier": there[1]["identifier"] if there else str(uuid4()),
    }
    if there is None or there[1]["partitionCount"] != partitions:
        namespace.made(name, partitions)
    namespace.hubs[there[0] if there else name] = found
    return found
