"""A name in; the estate of one cell out: what is there before, what its spec wants, and what is there by now."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from ruamel.yaml import YAML

DAY_MS = 86_400_000
# By `metadata.name` of a topic or by the words of an ACL: what it is, None for absent.
Live = Mapping[str, object]
APPROVED = ("KS201", "KS221")


@dataclass(frozen=True)
class Story:
    """Two topics and two bindings to make, a topic to change in two ways, a topic and a binding to delete, bystanders.

    Everything of one story begins with `prefix`, as nothing of another one does.
    """

    prefix: str

    @cached_property
    def before(self) -> Live:
        """What is there before the first apply."""
        return {
            self._topic("old"): (1, {}),
            self._topic("gone"): (1, {}),
            self._topic("bystander"): (1, {"retention.ms": "1000"}),
            self._read("gone"): True,
            self._read("bystander"): True,
        }

    @cached_property
    def wanted(self) -> Live:
        """What is there when the spec is applied: the bystanders are as they were."""
        return {
            self._topic("one"): (2, {"retention.ms": str(9 * DAY_MS), "cleanup.policy": "delete"}),
            self._topic("two"): (1, {}),
            self._topic("old"): (3, {"retention.ms": str(8 * DAY_MS)}),
            self._topic("bystander"): (1, {"retention.ms": "1000"}),
            self._read("one"): True,
            self._read("two"): True,
            self._read("bystander"): True,
        }

    @cached_property
    def bystanders(self) -> frozenset[str]:
        return frozenset({self._topic("bystander"), self._read("bystander")})

    @cached_property
    def ours(self) -> frozenset[str]:
        """What the estate owns when the spec is applied."""
        return frozenset(self.wanted) - self.bystanders

    def write(self, folder: Path, bootstrap: str) -> None:
        """The spec in `folder`/spec, and in `folder`/empty the same estate without anything in it."""
        estate = [self._estate(), self._cluster(bootstrap)]
        for name, documents in (("spec", [*estate, *self._documents()]), ("empty", estate)):
            (folder / name).mkdir()
            with (folder / name / "all.yaml").open("w") as stream:
                full = [{"apiVersion": "kstate/v1", **document} for document in documents]
                YAML(typ="safe").dump_all(full, stream)

    def set_up(self, admin: AdminClient) -> None:
        """Make what is there before, by other hands than kstate's."""
        topics = [
            NewTopic(name.removeprefix("topic/"), shape[0], 1, config=shape[1])
            for name, shape in self.before.items()
            if isinstance(shape, tuple)
        ]
        _all(admin.create_topics(topics).values())
        bindings = [self._binding(name) for name in ("gone", "bystander")]
        _all(admin.create_acls(bindings).values())
        self.await_(admin, self.before)

    def live(self, admin: AdminClient) -> Live:
        """What there is of this story, asked of the broker itself."""
        listed = admin.list_topics(timeout=10).topics
        names = sorted(name for name in listed if name.startswith(self.prefix))
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        configs = admin.describe_configs(resources) if resources else {}
        topics = {
            f"topic/{resource.name}": (
                len(listed[resource.name].partitions),
                {k: e.value for k, e in future.result().items() if int(e.source) == 1},
            )
            for resource, future in configs.items()
        }
        return {**topics, **dict.fromkeys(self._bindings(admin), True)}

    def identities(self, admin: AdminClient) -> Live:
        """The ids of the bystanding topics: one that was deleted and made again is another one."""
        names = [at.removeprefix("topic/") for at in self.bystanders if at.startswith("topic/")]
        found = admin.describe_topics(TopicCollection(names))
        return {name: str(future.result().topic_id) for name, future in found.items()}

    def await_(self, admin: AdminClient, wanted: Live) -> Live:
        """What is live, once it is `wanted` or has not become so for ten seconds."""
        end = time.monotonic() + 10
        while True:
            try:
                live = self.live(admin)
            except KafkaException:
                live = {}  # a topic of a moment ago may not be readable yet, nor a broker that has just started
            if live == wanted or time.monotonic() > end:
                return live
            time.sleep(0.1)

    def clear(self, admin: AdminClient) -> None:
        """Away with everything of it, the ledger too."""
        listed = admin.list_topics(timeout=10).topics
        names = [name for name in listed if name.removeprefix("__").startswith(self.prefix)]
        _all(admin.delete_topics(names).values() if names else ())
        _all(admin.delete_acls([self._any_binding()]).values())

    # --- the words of the story

    def _topic(self, name: str) -> str:
        return f"topic/{self.prefix}{name}"

    def _read(self, name: str) -> str:
        """The key of a binding: kstate's own encoding."""
        return f"acl/{self._principal}|topic|{self.prefix}{name}|literal|Read|allow|*"

    @property
    def _principal(self) -> str:
        return f"User:{self.prefix}app"

    def _binding(self, name: str) -> AclBinding:
        return AclBinding(
            ResourceType.TOPIC,
            f"{self.prefix}{name}",
            ResourcePatternType.LITERAL,
            self._principal,
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )

    def _any_binding(self) -> AclBindingFilter:
        anything: Any = None  # annotated as str, but None is what means "any"
        return AclBindingFilter(
            ResourceType.ANY,
            anything,
            ResourcePatternType.ANY,
            self._principal,
            anything,
            AclOperation.ANY,
            AclPermissionType.ANY,
        )

    def _bindings(self, admin: AdminClient) -> Iterable[str]:
        for acl in admin.describe_acls(self._any_binding()).result():
            operation, permission = acl.operation.name.title(), acl.permission_type.name.lower()
            kind, pattern = acl.restype.name.lower(), acl.resource_pattern_type.name.lower()
            parts = [acl.principal, kind, acl.name, pattern, operation, permission, acl.host]
            yield "acl/" + "|".join(parts)

    # --- its documents

    def _estate(self) -> dict[str, Any]:
        ledger = {"topic": f"__{self.prefix}ledger"}
        return {"kind": "Estate", "metadata": {"name": "crash"}, "spec": {"ledger": ledger}}

    def _cluster(self, bootstrap: str) -> dict[str, Any]:
        spec = {"platform": "apache", "bootstrap": [bootstrap]}
        return {"kind": "Cluster", "metadata": {"name": "live"}, "spec": spec}

    def _documents(self) -> Iterable[dict[str, Any]]:
        for name in ("one", "two", "old"):
            shape: Any = self.wanted[self._topic(name)]
            spec = {"partitions": shape[0], "config": shape[1]}
            yield {"kind": "Topic", "metadata": {"name": f"{self.prefix}{name}"}, "spec": spec}
        gone = {"name": f"{self.prefix}gone", "ensure": "absent"}
        yield {"kind": "Topic", "metadata": gone, "spec": {}}
        yield self._acl("readers", ["one", "two"])
        yield self._acl("former", ["gone"], ensure="absent")

    def _acl(self, name: str, topics: list[str], **more: str) -> dict[str, Any]:
        bindings = [
            {"resource": "topic", "name": f"{self.prefix}{topic}", "operation": "Read"}
            for topic in topics
        ]
        spec = {"principal": self._principal, "bindings": bindings}
        return {"kind": "Acl", "metadata": {"name": name, **more}, "spec": spec}


def _all(futures: Iterable[Any]) -> None:
    for future in futures:
        future.result()
