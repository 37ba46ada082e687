"""One Event Hubs namespace by Resource Manager: its hubs, their consumer groups, and who may use them.

Paths, versions and bodies: Microsoft.EventHub 2026-01-01, Microsoft.Authorization 2022-04-01 (azure-rest-api-specs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from reconciler.clients.arm import Arm, refused
from reconciler.clients.http import Answer

HUBS = "2026-01-01"
ROLES = "2022-04-01"
AUTHORIZATION = ("providers", "Microsoft.Authorization")
Found = Mapping[str, Any]


@dataclass
class EventHubs:
    """A namespace by its three names."""

    arm: Arm
    subscription: str
    group: str
    namespace: str

    @property
    def path(self) -> tuple[str, ...]:
        where = ("subscriptions", self.subscription, "resourceGroups", self.group)
        return (*where, "providers", "Microsoft.EventHub", "namespaces", self.namespace)

    @property
    def id(self) -> str:
        """Its resource id, as it is written when compared: Azure tells no small letters from large ones."""
        return f"/{'/'.join(self.path)}".lower()

    def about(self) -> Found:
        """The namespace itself. Raises ServerRefused."""
        found = self.arm.get(self.path, HUBS)
        if not found.ok:
            raise refused(f"{self.arm.http.what}: namespace {self.namespace}", found)
        return cast("Found", found.body)

    # --- hubs

    def hubs(self) -> Iterator[Found]:
        return self.arm.listed(self.arm.get((*self.path, "eventhubs"), HUBS), "event hubs")

    def hub(self, name: str) -> Answer:
        return self.arm.get((*self.path, "eventhubs", name), HUBS)

    def put_hub(self, name: str, properties: Found) -> Answer:
        """Replaces whatever is there: what is left out goes back to Azure's default."""
        return self.arm.put((*self.path, "eventhubs", name), HUBS, {"properties": properties})

    def delete_hub(self, name: str) -> Answer:
        return self.arm.delete((*self.path, "eventhubs", name), HUBS)

    # --- consumer groups

    def groups(self, hub: str) -> list[Found] | None:
        """The consumer groups of a hub, None where there is no such hub."""
        found = self.arm.get((*self.path, "eventhubs", hub, "consumergroups"), HUBS)
        return None if found.status == 404 else list(self.arm.listed(found, "consumer groups"))

    def put_group(self, hub: str, name: str, properties: Found) -> Answer:
        path = (*self.path, "eventhubs", hub, "consumergroups", name)
        return self.arm.put(path, HUBS, {"properties": properties})

    def delete_group(self, hub: str, name: str) -> Answer:
        return self.arm.delete((*self.path, "eventhubs", hub, "consumergroups", name), HUBS)

    # --- role assignments

    def assignments(self) -> list[Found]:
        """Those on the namespace and below it; what is inherited from above is left out."""
        first = self.arm.get((*self.path, *AUTHORIZATION, "roleAssignments"), ROLES)
        listed = self.arm.listed(first, "role assignments")
        return [found for found in listed if self.inside(str(found["properties"]["scope"]))]

    def inside(self, scope: str) -> bool:
        return f"{scope.lower()}/".startswith(f"{self.id}/")

    def assign(self, scope: str, name: str, properties: Found) -> Answer:
        path = (*_steps(scope), *AUTHORIZATION, "roleAssignments", name)
        return self.arm.put(path, ROLES, {"properties": properties})

    def unassign(self, assignment: str) -> Answer:
        """By the assignment's own resource id."""
        return self.arm.delete(_steps(assignment), ROLES)

    def role(self, definition: str) -> str:
        """A built-in role of the subscription, by its GUID, as a resource id."""
        steps = ("subscriptions", self.subscription, *AUTHORIZATION, "roleDefinitions", definition)
        return f"/{'/'.join(steps)}"

    def close(self) -> None:
        self.arm.http.close()


def _steps(resource_id: str) -> list[str]:
    return resource_id.strip("/").split("/")
