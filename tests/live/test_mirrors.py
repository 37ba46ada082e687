"""Mirrors between two real clusters: what crosses, what is mended, what is seen before it hurts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from reconciler.sandbox import estate, ready
from tests.live import test_topics
from tests.live.conftest import Live, api
from tests.live.spec import Spec, topic

RECORDS = 1_000


def make(admin: AdminClient, name: str, partitions: int) -> None:
    test_topics.make(SimpleNamespace(admin=admin), name, partitions)


@pytest.fixture
def source(connected: Live) -> AdminClient:
    return ready.client(connected.sandbox.clusters[1].bootstrap)


@pytest.fixture
def two(
    connected: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> Iterator[Spec]:
    """A spec folder about both clusters: `live` is the target, `origin` the source."""
    spec = Spec(tmp_path, capfd)
    here, there = connected.sandbox.clusters[:2]
    spec.write(
        cluster("live", here.bootstrap, here.connect_url),
        cluster("origin", there.bootstrap, there.connect_url),
        file="cluster.yaml",
    )
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    yield spec
    for left in api(connected, "GET", "connectors"):
        if left.startswith(name):
            api(connected, "DELETE", f"connectors/{left}")


def cluster(name: str, bootstrap: str, connect: str) -> dict[str, Any]:
    spec = {"platform": "apache", "bootstrap": [bootstrap], "owns": {"topics": [""]}}
    workers = [{"name": "main", "url": connect}]
    return {"kind": "Cluster", "metadata": {"name": name}, "spec": spec | {"connect": workers}}


def mirror(name: str, **more: Any) -> dict[str, Any]:
    pattern = name.replace(".", r"\.")
    spec = {
        "source": "origin",
        "topics": [f"{pattern}.*"],
        "groups": [f"{pattern}.*"],
        "connect": "main",
        "replication": 1,
        "interval": "1s",
        "config": {"source": {"offset.lag.max": 0}},
    }
    metadata = {"name": f"{name}flow", "clusters": ["live"], **more.pop("metadata", {})}
    return {"kind": "Mirror", "metadata": metadata, "spec": spec | more}


def produce(bootstrap: str, name: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number in range(count):
        producer.produce(name, key=str(number), value=b"x" * 20)
    assert producer.flush(30) == 0


def commit(bootstrap: str, group: str, offsets: list[TopicPartition]) -> None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    consumer.commit(offsets=offsets, asynchronous=False)
    consumer.close()


def committed(bootstrap: str, group: str, wanted: list[TopicPartition]) -> list[int]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group})
    found = consumer.committed(wanted, timeout=10)
    consumer.close()
    return [partition.offset for partition in found]


def count(bootstrap: str, partitions: list[TopicPartition]) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "count"})
    try:
        ends = [consumer.get_watermark_offsets(p, timeout=10) for p in partitions]
    finally:
        consumer.close()
    return sum(high - low for low, high in ends)


def until(true: Callable[[], bool], seconds: float = 40.0) -> None:
    end = time.monotonic() + seconds
    while not _true(true):
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.3)


def _true(asked: Callable[[], bool]) -> bool:
    from confluent_kafka import KafkaException

    try:
        return asked()
    except KafkaException:  # a topic that is not there yet
        return False


def test_records_offsets_and_configs_cross_and_a_lost_connector_is_mended(
    connected: Live, source: AdminClient, two: Spec, name: str
) -> None:
    here, there = connected.sandbox.clusters[0].bootstrap, connected.sandbox.clusters[1].bootstrap
    orders = f"{name}orders"
    make(source, orders, 3)
    produce(there, orders, RECORDS)
    partitions = [TopicPartition(orders, number) for number in range(3)]
    ends = [TopicPartition(orders, p.partition, count(there, [p])) for p in partitions]
    commit(there, f"{name}group", ends)
    two.write(mirror(name))
    planned = two.plan()
    assert (planned.code, f"matches 1 topic of origin now: {orders}" in planned.out) == (2, True)
    said = two.apply()
    assert said.code == 0, said.out + said.err
    until(lambda: count(here, partitions) == RECORDS)
    until(lambda: committed(here, f"{name}group", partitions) == [p.offset for p in ends])
    assert two.plan().code == 0
    healthy = two.run("drift", str(two.folder))
    assert (healthy.code, "topics copied: 1, none behind" in healthy.out) == (0, True), healthy.out

    two.write(
        topic(
            orders, metadata={"clusters": ["origin"]}, partitions=3, config={"retention.ms": "3d"}
        ),
        file="t.yaml",
    )
    assert two.apply().code == 0
    until(lambda: "259200000" in str(configs(connected.admin, orders)))
    (two.folder / "t.yaml").unlink()

    api(connected, "DELETE", f"connectors/{name}flow-checkpoint")
    until(lambda: f"{name}flow-checkpoint" not in api(connected, "GET", "connectors"))
    drifted = two.run("drift", str(two.folder))
    assert (drifted.code, "checkpoint" in drifted.out) == (2, True), drifted.out
    assert "KS163" in two.plan_json("--only", "mirror/*").codes
    assert two.apply("--only", "mirror/*").code == 0
    assert f"{name}flow-checkpoint" in api(connected, "GET", "connectors")
    assert two.plan("--only", "mirror/*").code == 0


def configs(admin: AdminClient, name: str) -> dict[str, str]:
    from confluent_kafka.admin import ConfigResource, ResourceType

    asked = admin.describe_configs([ConfigResource(ResourceType.TOPIC, name)])
    return {k: v.value for future in asked.values() for k, v in future.result(10).items()}


def test_a_login_that_the_workers_look_up_themselves(
    connected: Live, source: AdminClient, two: Spec, name: str
) -> None:
    """The secret is in a file of the workers; neither the plan nor Connect's API has it."""
    here, there = connected.sandbox.clusters[:2]
    make(source, f"{name}orders", 1)
    produce(there.bootstrap, f"{name}orders", 10)
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{module} required username="{connected.user}" password="{connected.password}";'
    file = estate.files(connected.sandbox.options.name) / f"{name}properties"
    file.write_text(f"jaas={jaas}\n")
    lookup = f"${{file:{file}:jaas}}"
    login = {
        "bootstrap.servers": there.scram_bootstrap,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": lookup,
    }
    two.write(mirror(name, security={"source": login}))
    planned = two.plan_json()
    assert planned.codes == {"KS161"}, "nothing is sent in the open"
    said = two.apply()
    assert said.code == 0, said.out + said.err
    until(lambda: count(here.bootstrap, [TopicPartition(f"{name}orders", 0)]) == 10)
    config = api(connected, "GET", f"connectors/{name}flow-source/config")
    assert config["source.cluster.sasl.jaas.config"] == lookup
    assert connected.password not in planned.out + said.out + json.dumps(config)
    assert two.plan().code == 0


def test_states_and_the_way_out(connected: Live, two: Spec, name: str) -> None:
    for state in ("running", "paused", "stopped", "running"):
        two.write(mirror(name, state=state))
        said = two.apply()
        assert said.code == 0, said.out + said.err
        own = [f"{name}flow-{role}" for role in ("source", "checkpoint", "heartbeat")]
        states = {
            api(connected, "GET", f"connectors/{one}/status")["connector"]["state"] for one in own
        }
        assert states == {state.upper()}
        assert two.plan().code == 0
    two.write(mirror(name, metadata={"ensure": "absent"}))
    assert two.plan_json().codes == {"KS261"}
    assert two.apply("--approve", "KS261").code == 0
    assert not [c for c in api(connected, "GET", "connectors") if c.startswith(name)]


def test_a_mirrored_topic_is_nobody_elses_to_manage(
    connected: Live, source: AdminClient, two: Spec, name: str
) -> None:
    make(source, f"{name}orders", 1)
    make(connected.admin, f"{name}orders", 1)
    make(connected.admin, f"other-{name}", 1)
    two.write(mirror(name), topic(f"own-{name}", metadata={"clusters": ["live"]}, partitions=1))
    planned = two.plan_json()
    assert f"live/topic/{name}orders" not in planned.json["unmanaged"]
    assert f"live/topic/other-{name}" in planned.json["unmanaged"]
    assert not [notice for notice in planned.json["notices"] if "keeps" in notice], "no noise"
    assert planned.codes == {"KS161", "KS262"}, "a collision under identity naming"
    assert two.apply("--approve", "KS262").code == 0
    told = two.run("drift", str(two.folder))
    assert f"live/mirror/main/{name}flow: keeps" in told.out, told.out
    assert f"unmanaged: live/topic/{name}orders" not in told.out


def test_a_topic_that_the_spec_also_declares(
    connected: Live, source: AdminClient, two: Spec, name: str
) -> None:
    for suffix in ("few", "many", "same"):
        make(source, f"{name}{suffix}", 3)
    own = {"metadata": {"clusters": ["live"]}}
    two.write(
        mirror(name),
        topic(f"{name}few", **own, partitions=2),
        topic(f"{name}many", **own, partitions=6),
        topic(f"{name}same", **own, partitions=3, config={"retention.ms": "1d"}),
    )
    found = two.plan()
    assert found.code == 3
    assert (
        f"KS962 impossible: {name}few: the spec says 2 partitions, the original has 3" in found.out
    )
    assert f"KS263 danger: {name}many: the spec says 6 partitions, the original has 3" in found.out
    assert (
        f"KS168 notice: {name}same: the spec sets retention.ms, and so does the mirror" in found.out
    )


def test_topics_of_both_ends_that_are_only_to_come(two: Spec, name: str) -> None:
    """Made by the same plan as the mirror, and declared once it runs already: both are told before anything is."""
    there, here = ({"metadata": {"clusters": [where]}} for where in ("origin", "live"))
    both = (topic(f"{name}t", **there, partitions=4), topic(f"{name}t", **here, partitions=1))
    told = f"KS962 impossible: {name}t: the spec says 1 partition, the original has 4"
    halted = mirror(name, state="stopped")
    two.write(halted, *both)
    found = two.plan()
    assert (found.code, told in found.out) == (3, True), found.out
    assert f"matches 1 topic of origin now: {name}t (to come)" in found.out
    two.write(halted)
    assert two.apply().code == 0
    two.write(halted, *both)
    found = two.plan_json()
    assert (found.code, found.codes) == (3, {"KS962"})
    two.write(halted, both[0], topic(f"{name}t", **here, partitions=4))
    assert two.plan_json().codes == set()


def test_more_replicas_than_brokers_is_seen_before_the_tasks_fail(two: Spec, name: str) -> None:
    two.write(mirror(name, replication=3))
    found = two.plan()
    assert (found.code, "KS963" in found.out, "say `replication: 1`" in found.out) == (
        3,
        True,
        True,
    )


def test_what_does_not_arrive_is_drift_though_every_worker_says_running(
    connected: Live, source: AdminClient, two: Spec, name: str
) -> None:
    """A filter that drops a whole topic: nothing fails, nothing arrives."""
    there = connected.sandbox.clusters[1].bootstrap
    make(source, f"{name}orders", 1)
    make(connected.admin, f"{name}orders", 1)
    produce(there, f"{name}orders", 50)
    drop = {
        "offset.lag.max": 0,
        "transforms": "drop",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter",
    }
    two.write(mirror(name, config={"source": drop}))
    assert two.apply("--approve", "KS262").code == 0
    found = two.run("drift", str(two.folder))
    assert found.code == 2, found.out
    assert f"behind, and not catching up: {name}orders by 50 records" in found.out
    report = two.run("drift", str(two.folder), "--format", "json").json
    assert report["summary"]["unhealthy"] == 1


def test_a_dead_source_is_told_and_its_mirror_can_still_be_stopped(
    connected: Live, two: Spec, name: str
) -> None:
    two.write(mirror(name))
    assert two.apply().code == 0
    here = connected.sandbox.clusters[0]
    two.write(
        cluster("live", here.bootstrap, here.connect_url),
        cluster("origin", "127.0.0.1:1", "http://127.0.0.1:1"),
        file="cluster.yaml",
    )
    source_is_elsewhere = {"source": {"bootstrap.servers": connected.sandbox.clusters[1].bootstrap}}
    two.write(mirror(name, state="stopped", security=source_is_elsewhere))
    planned = two.plan_json("-c", "live", "--timeout", "2s")
    assert planned.codes == {"KS162", "KS164"}, planned.err
    assert two.apply("-c", "live", "--timeout", "2s").code == 0


# --- what is wrong before anything is opened


def test_loops_are_refused_with_the_way_round(two: Spec, name: str) -> None:
    back = mirror(name, source="live", metadata={"name": "back", "clusters": ["origin"]})
    two.write(mirror(name), back)
    found = two.plan()
    assert found.code == 64
    assert "a record would go round for ever: " in found.err
    apart = mirror(
        name,
        source="live",
        topics=["elsewhere.*"],
        metadata={"name": "back", "clusters": ["origin"]},
    )
    two.write(mirror(name), apart)
    assert two.run("validate", str(two.folder)).code == 0
    prefixed = {"name": "back", "clusters": ["origin"]}
    two.write(
        mirror(name, naming="prefixed"),
        mirror(name, source="live", naming="prefixed", metadata=prefixed),
    )
    assert two.run("validate", str(two.folder)).code == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "orign"}, "there is no Cluster `orign`"),
        ({"source": "live"}, "the source is live, and so is the target"),
        ({"topics": ["a,b"]}, "a pattern cannot hold a comma"),
        ({"topics": ["a("]}, "this is no regular expression"),
        ({"interval": "soon"}, "expected a duration such as"),
        ({"connect": "mian"}, "did you mean `main`"),
        ({"security": {"source": {"sasl.jaas.config": "secret"}}}, "holds a secret in the open"),
        ({"naming": "same"}, "`identity`"),
    ],
)
def test_a_wrong_mirror_is_told_with_its_place(
    two: Spec, name: str, change: dict[str, Any], words: str
) -> None:
    two.write(mirror(name, **change))
    found = two.plan()
    assert (found.code, words in found.err) == (64, True), found.err


def test_an_end_with_a_login_needs_one_for_the_workers(
    two: Spec, name: str, connected: Live
) -> None:
    here = connected.sandbox.clusters[0]
    secure = cluster("origin", "127.0.0.1:1", "http://127.0.0.1:1")
    secure["spec"]["kafka"] = {"security.protocol": "SASL_SSL"}
    two.write(cluster("live", here.bootstrap, here.connect_url), secure, file="cluster.yaml")
    two.write(mirror(name))
    found = two.plan("-c", "live")
    assert (found.code, "`security.source` is missing" in found.err) == (64, True), found.err
