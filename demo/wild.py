"""Two clusters as people leave them: everything made with other clients and plain HTTP, nothing by kstate.

`python -m demo.wild` fills a sandbox of two clusters with registry and Connect, whose addresses are in the environment.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    NewTopic,
    ResourcePattern,
    ResourceType,
)

from reconciler.clients import quotas, users
from reconciler.clients.kafka import login

PASSWORD = "canary-of-somebody-4711"
EVENTS = {"retention.ms": "604800000", "min.insync.replicas": "1", "compression.type": "zstd"}
MONEY = """{
  "type": "record", "name": "Money", "namespace": "shop",
  "doc": "An amount, never a float.",
  "fields": [{"name": "cents", "type": "long"}, {"name": "currency", "type": "string"}]
}"""
ORDER = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [{"name": "id", "type": "string"}, {"name": "total", "type": "shop.Money"}],
}
CUSTOMER = """syntax = "proto3";

package shop;

// Somebody who bought something once.
message Customer {
  string id = 1;
  string name = 2; // as they write it
}
"""
MM2 = "org.apache.kafka.connect.mirror.Mirror"
SINK = {
    "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
    "tasks.max": "1",
    "topics": "orders.placed",
    "file": "/dev/null",
}


class Cluster(Protocol):
    """Where a cluster is, its registry and its Connect."""

    @property
    def bootstrap(self) -> str: ...

    @property
    def registry_url(self) -> str: ...

    @property
    def connect_url(self) -> str: ...


@dataclass(frozen=True)
class Address:
    """A cluster by its addresses."""

    bootstrap: str
    registry_url: str
    connect_url: str


def main() -> int:
    """Fill the sandbox that the environment names."""
    names = (
        "KSTATE_SANDBOX_BOOTSTRAP",
        "KSTATE_SANDBOX_REGISTRY_URL",
        "KSTATE_SANDBOX_CONNECT_URL",
    )
    eu = Address(*(os.environ[name] for name in names))
    second = (os.environ[name.replace("SANDBOX_", "SANDBOX_2_")] for name in (names[0], names[2]))
    bootstrap, connect = second
    fill(eu, Address(bootstrap, "", connect))
    print("made by hand: topics, ACLs, users, quotas, schemas, connectors and a mirror")
    return 0


def fill(eu: Cluster, us: Cluster) -> None:
    """Everything kstate has a kind for, as hands and other tools make it: all of it on `eu`, some of it on `us` too,
    which also copies from `eu`."""
    for cluster in (eu, us):
        admin = KafkaAdminClient(bootstrap_servers=cluster.bootstrap)
        with closing(admin):
            admin.create_topics([*_topics(everything=cluster is eu)])
            _wait(lambda admin=admin: "state.last" in set(admin.list_topics()))
            acls = [*_acls(everything=cluster is eu)]
            admin.create_acls(acls)
    _users(eu)
    _users(us)
    _quotas(eu)
    _registry(eu)
    _connectors(eu)
    _mirror(eu, us)


def _wait(done: Any) -> None:
    end = time.monotonic() + 30
    while not done():
        assert time.monotonic() < end
        time.sleep(0.05)


def _topics(*, everything: bool) -> Iterator[NewTopic]:
    def topic(name: str, partitions: int, config: dict[str, str] | None = None) -> NewTopic:
        return NewTopic(name, partitions, 1, topic_configs=config or {})

    yield topic("orders.placed", 6, EVENTS)
    yield topic("orders.shipped", 6, EVENTS)
    yield topic("orders.cancelled", 3, EVENTS)
    if everything:
        yield topic("orders.returned", 6, EVENTS)
        yield topic("orders.audit", 6, {**EVENTS, "retention.ms": "31536000000"})
        yield topic("payments.settled", 6, {**EVENTS, "message.timestamp.type": "LogAppendTime"})
        yield topic("payments_state", 1, {"cleanup.policy": "compact", "segment.ms": "3600000"})
        yield topic("payments_balances", 1, {"cleanup.policy": "compact", "segment.ms": "3600000"})
        yield topic("legacy-import", 1)
        yield topic("shop-enricher-store-changelog", 1, {"cleanup.policy": "compact"})
        yield topic("_hidden", 1)
    yield topic("state.last", 1)


TOPIC, GROUP, CLUSTER = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.CLUSTER
TRANSACTION = ResourceType.TRANSACTIONAL_ID
LITERAL, PREFIXED = ACLResourcePatternType.LITERAL, ACLResourcePatternType.PREFIXED
OP = ACLOperation


def _acls(*, everything: bool) -> Iterator[ACL]:
    """As `kafka-acls --producer`, `--consumer` and hands make them."""

    def acl(
        user: str,
        operations: str,
        on: tuple[Any, ...],
        permission: Any = ACLPermissionType.ALLOW,
        host: str = "*",
    ) -> Iterator[ACL]:
        resource, name, *pattern = on
        for word in operations.split():
            what = ResourcePattern(resource, name, *(pattern or [LITERAL]))
            yield ACL(f"User:{user}", host, OP[word], permission, what)

    yield from acl("shop-orders", "WRITE DESCRIBE CREATE", (TOPIC, "orders.placed"))
    yield from acl("shop-orders", "WRITE DESCRIBE CREATE", (TOPIC, "orders.shipped"))
    yield from acl("shop-orders", "READ DESCRIBE", (TOPIC, "orders.cancelled"))
    yield from acl("shop-orders", "READ", (GROUP, "shop-orders"))
    if not everything:
        return
    yield from acl("shop-orders", "WRITE", (TRANSACTION, "shop-orders-", PREFIXED))
    own = (TOPIC, "shop-enricher-", PREFIXED)
    yield from acl("shop-enricher", "CREATE DELETE READ WRITE DESCRIBE_CONFIGS", own)
    yield from acl("shop-enricher", "READ WRITE", (TOPIC, "orders.placed"))
    yield from acl("shop-enricher", "READ", (GROUP, "shop-enricher"))
    yield from acl("shop-enricher", "WRITE", (TRANSACTION, "shop-enricher", PREFIXED))
    yield from acl("ops", "CREATE DELETE ALTER ALTER_CONFIGS", (TOPIC, "orders.", PREFIXED))
    yield from acl("ops", "CREATE ALTER ALTER_CONFIGS", (CLUSTER, "kafka-cluster"))
    yield from acl("watch dog", "READ DESCRIBE_CONFIGS", (TOPIC, "*"))
    yield from acl("watch dog", "DESCRIBE", (GROUP, "*"))
    yield from acl("watch dog", "DESCRIBE DESCRIBE_CONFIGS", (CLUSTER, "kafka-cluster"))
    deny = ACLPermissionType.DENY
    yield from acl("guest", "READ", (TOPIC, "payments", PREFIXED), deny)
    yield from acl("guest", "READ", (TOPIC, "orders.shipped"), host="10.0.0.7")
    yield from acl("guest", "READ", (TOPIC, "orders.shipped"), host="10.0.0.8")
    yield from acl("shop.orders", "ALL", (TOPIC, "legacy-import"))
    yield from acl("ops", "DESCRIBE", (ResourceType.DELEGATION_TOKEN, "*"))


def _users(cluster: Cluster) -> None:
    with closing(login("wild", cluster.bootstrap, {}, 10.0)) as kafka:
        one = users.Credential("shop-orders", "SCRAM-SHA-256", 4096, PASSWORD)
        two = users.Credential("watch dog", "SCRAM-SHA-512", 8192, PASSWORD)
        assert not any(users.write(kafka, [one, two]).values())


def _quotas(cluster: Cluster) -> None:
    with closing(login("wild", cluster.bootstrap, {}, 10.0)) as kafka:
        rate = {"producer_byte_rate": 1048576.0}
        quotas.write(kafka, [quotas.Quota((("user", "shop-orders"),), rate)])
        quotas.write(kafka, [quotas.Quota((("client-id", None),), {"request_percentage": 12.5})])
        quotas.write(kafka, [quotas.Quota((("user", "watch dog"),), rate)])


def call(url: str, method: str, body: Any = None) -> Any:
    """A request as somebody with curl would make it."""
    data = None if body is None else json.dumps(body).encode()
    asked = Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(asked, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def _registry(cluster: Cluster) -> None:
    url = cluster.registry_url

    def register(subject: str, **body: Any) -> None:
        call(f"{url}/subjects/{subject}/versions", "POST", body)

    register("shop.Money", schema=MONEY)
    references = [{"name": "shop.Money", "subject": "shop.Money", "version": 1}]
    register("orders.placed-value", schema=json.dumps(ORDER), references=references)
    register("customers-value", schemaType="PROTOBUF", schema=CUSTOMER)
    person = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    register("customers-key", schemaType="JSON", schema=json.dumps(person))
    register("legacy-key", schema='"string"')
    call(f"{url}/config/orders.placed-value", "PUT", {"compatibility": "FULL"})


def _connectors(cluster: Cluster) -> None:
    secret = {"database.password": PASSWORD, "errors.tolerance": "all"}
    looked_up = {"some.token": "${env:CONNECT_TOKEN}"}
    for name, more in (("orders-archive", secret), ("orders-copy", looked_up)):
        call(f"{cluster.connect_url}/connectors/{name}/config", "PUT", {**SINK, **more})
    call(f"{cluster.connect_url}/connectors/orders-copy/pause", "PUT")


def _mirror(eu: Cluster, us: Cluster) -> None:
    """One flow as MirrorMaker 2's own names have it, and a source connector that stands alone."""
    base = {
        "source.cluster.alias": "eu",
        "target.cluster.alias": "us",
        "source.cluster.bootstrap.servers": eu.bootstrap,
        "target.cluster.bootstrap.servers": us.bootstrap,
        "replication.policy.class": "org.apache.kafka.connect.mirror.DefaultReplicationPolicy",
        "key.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "value.converter": "org.apache.kafka.connect.converters.ByteArrayConverter",
        "offset-syncs.topic.replication.factor": "1",
    }
    source = {
        "topics": "payments.*",
        "topics.exclude": r"mm2.*\.internal,.*\.replica,__.*",
        "tasks.max": "1",
        "replication.factor": "1",
        "refresh.topics.interval.seconds": "5",
        "sync.topic.configs.enabled": "true",
        "sync.topic.configs.interval.seconds": "5",
        "sync.topic.acls.enabled": "false",
    }
    check = {
        "groups": "payments-.*",
        "tasks.max": "1",
        "checkpoints.topic.replication.factor": "1",
        "emit.checkpoints.interval.seconds": "5",
        "refresh.groups.interval.seconds": "5",
        "sync.group.offsets.enabled": "true",
        "sync.group.offsets.interval.seconds": "5",
        "emit.offset-syncs.enabled": "true",
    }
    beat = {"tasks.max": "1", "heartbeats.topic.replication.factor": "1"}
    beat_base = {k: v for k, v in base.items() if not k.startswith("offset-syncs")}
    url = f"{us.connect_url}/connectors"
    roles = (("Source", base, source), ("Checkpoint", base, check), ("Heartbeat", beat_base, beat))
    for role, common, own in roles:
        body = {"connector.class": f"{MM2}{role}Connector", **common, **own}
        call(f"{url}/payments-to-us-{role.lower()}/config", "PUT", body)
    alone = {**base, **source, "topics": "nothing.at.all", "source.cluster.alias": "elsewhere"}
    call(f"{url}/lone-source/config", "PUT", {"connector.class": f"{MM2}SourceConnector", **alone})
    _wait(lambda: _running(us, "payments-to-us-source", "eu.payments.settled"))


def _running(us: Cluster, name: str, copy: str) -> bool:
    try:
        state = call(f"{us.connect_url}/connectors/{name}/status", "GET")
    except HTTPError:  # not seen by every worker yet
        return False
    tasks = [task["state"] for task in state["tasks"]]
    with closing(KafkaAdminClient(bootstrap_servers=us.bootstrap)) as admin:
        return tasks == ["RUNNING"] and copy in set(admin.list_topics())


if __name__ == "__main__":
    sys.exit(main())
