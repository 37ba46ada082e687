"""What lives beside a namespace: mirrors and connectors on workers elsewhere, schemas in a registry elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from reconciler.sandbox import ready
from tests.clusters import Live, api
from tests.fakes.azure import Azure
from tests.fakes.front import Front
from tests.live.spec import topic
from tests.live.test_mirrors import count, make, produce, until
from tests.platforms.eventhubs.conftest import CONNECTION, Estate, endpoint
from tests.platforms.eventhubs.conftest import make as made

PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule"
STRINGS = "org.apache.kafka.connect.storage.StringConverter"
SECURITY = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": {"env": "JAAS"},
}


@pytest.fixture
def gate(cloud: Azure, connected: Live) -> Iterator[Front]:
    """The namespace's Kafka endpoint before the broker of the workers."""
    with endpoint(cloud, int(connected.bootstrap.rpartition(":")[2])) as running:
        cloud.namespace.made = lambda name, number: made(connected.admin, name, number)
        yield running


@pytest.fixture
def beside(
    estate: Estate,
    gate: Front,
    connected: Live,
    prefix: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Estate]:
    """The namespace with workers and a registry, and a Kafka to mirror from."""
    here, there = connected.sandbox.clusters[:2]
    login = f'{PLAIN} required username="$ConnectionString" password="{CONNECTION}";'
    monkeypatch.setenv("JAAS", login)
    estate.more = {
        "bootstrap": [gate.bootstrap],
        "kafka": {"security.protocol": "SASL_PLAINTEXT"},
        "connect": [{"name": "main", "url": here.connect_url}],
        "registry": {"url": here.registry_url},
    }
    estate.cluster("premium")
    origin = {"platform": "apache", "bootstrap": [there.bootstrap]}
    document = {"kind": "Cluster", "metadata": {"name": "origin"}, "spec": origin}
    estate.spec.write(document, file="origin.yaml")
    yield estate
    for left in api(connected, "GET", "connectors"):
        if left.startswith(prefix):
            api(connected, "DELETE", f"connectors/{left}")


def mirror(prefix: str, **more: Any) -> dict[str, Any]:
    pattern = prefix.replace(".", r"\.")
    spec = {
        "source": "origin",
        "topics": [f"{pattern}.*"],
        "groups": [f"{pattern}.*"],
        "connect": "main",
        "replication": 1,
        "interval": "1s",
        "security": {"target": SECURITY},
        "config": {"source": {"offset.lag.max": 0}},
    }
    metadata = {"name": f"{prefix}flow", "clusters": ["azure"], **more.pop("metadata", {})}
    return {"kind": "Mirror", "metadata": metadata, "spec": spec | more}


def hubs(*names: str) -> list[dict[str, Any]]:
    return [topic(name, partitions=2, metadata={"clusters": ["azure"]}) for name in names]


def others(prefix: str, tasks: int, *fields: str, **metadata: Any) -> list[dict[str, Any]]:
    """A connector and a schema."""
    config = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "topics": f"{prefix}orders",
        "file": "/dev/null",
        **dict.fromkeys(("key.converter", "value.converter"), STRINGS),
        "tasks.max": tasks,
    }
    written = [{"name": name, "type": "string", "default": ""} for name in fields]
    record = {"type": "record", "name": "Order", "fields": written}
    about = {"clusters": ["azure"], **metadata}
    connector = {"connect": "main", "config": config}
    schema = {"type": "avro", "schema": json.dumps(record)}
    return [
        {"kind": "Connector", "metadata": {"name": f"{prefix}sink", **about}, "spec": connector},
        {"kind": "Schema", "metadata": {"name": f"{prefix}orders", **about}, "spec": schema},
    ]


def test_a_mirror_a_connector_and_a_schema(
    beside: Estate, gate: Front, connected: Live, prefix: str
) -> None:
    there, orders = connected.sandbox.clusters[1].bootstrap, f"{prefix}orders"
    make(ready.client(there), orders, 2)
    produce(there, orders, 500)
    beside.spec.write(mirror(prefix))
    said = beside.spec.plan()
    assert said.code == 3
    own = ["heartbeats", "origin.checkpoints.internal"]
    lacking = "there is no event hub, and no Topic document, for"
    assert f"{lacking} {', '.join(sorted([*own, orders]))}" in said.out
    stay = hubs(orders, *own)
    beside.spec.write(mirror(prefix), *others(prefix, 1, "id"), *stay)
    assert {"KS161", "KS169"} <= beside.spec.plan_json().codes
    done = beside.spec.apply()
    assert done.code == 0, done.out + done.err
    copies = [TopicPartition(orders, number) for number in range(2)]
    until(lambda: count(connected.bootstrap, copies) == 500)
    assert gate.seen["Produce"] > 0, "by the namespace's endpoint, not by the workers' own Kafka"
    assert CONNECTION not in done.out + done.err
    config = api(connected, "GET", f"connectors/{prefix}flow-source")["config"]
    assert config["sync.topic.configs.enabled"] == config["sync.topic.acls.enabled"] == "false"
    assert config["offset-syncs.topic.location"] == "source"
    assert config["producer.override.bootstrap.servers"] == gate.bootstrap
    healthy = beside.spec.run("drift", str(beside.spec.folder))
    assert healthy.code == 0, healthy.out + healthy.err
    beside.spec.write(mirror(prefix, tasks=2), *others(prefix, 2, "id", "note"), *stay)
    assert beside.spec.apply().code == 0
    assert beside.spec.plan().code == 0
    absent = {"ensure": "absent"}
    gone = mirror(prefix, tasks=2, metadata=absent)
    beside.spec.write(gone, *others(prefix, 2, "id", "note", **absent), *stay)
    codes = ["KS261", "KS251", "KS152", "KS241"]
    approved = [word for code in codes for word in ("--approve", code)]
    assert beside.spec.apply(*approved).code == 0
    assert beside.spec.plan().code == 0


def test_what_a_mirror_must_not_ask_for(beside: Estate, prefix: str) -> None:
    def told(**more: Any) -> str:
        beside.spec.write(mirror(prefix, **more))
        said = beside.spec.plan()
        return said.out + said.err

    assert "Event Hubs takes no configurations" in told(sync={"configs": True})
    assert "Event Hubs takes no ACLs" in told(sync={"acls": True})
    location = {"source": {"offset-syncs.topic.location": "target"}}
    assert "it must be `source`: Event Hubs cannot hold that topic" in told(config=location)
    lz4 = {"source": {"producer.override.compression.type": "lz4"}}
    assert "is lz4, and Premium takes none or gzip" in told(config=lz4)
    gzip = {"source": {"producer.override.compression.type": "gzip"}}
    assert "takes none or gzip" not in told(config=gzip)
    beside.cluster("standard")
    assert "is gzip, and Standard takes none" in told(config=gzip)


def test_a_mirror_whose_workers_have_no_login_for_the_namespace(
    beside: Estate, prefix: str
) -> None:
    """That clients log in is known of every namespace, whatever its Cluster document leaves unsaid."""
    beside.more.pop("kafka")
    beside.cluster("premium")
    open_flow = mirror(prefix)
    del open_flow["spec"]["security"]
    beside.spec.write(open_flow)
    said = beside.spec.plan()
    assert said.code == 64
    assert "`security.target` is missing: azure is reached by SASL_SSL" in said.err
