"""Topics on a real Kafka: what is planned is what happens, and then nothing is left."""

from __future__ import annotations

import time
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from tests.live.spec import Spec, topic


def live_config(kafka: Any, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = kafka.admin.describe_configs([resource])[resource].result()
    return {key: entry.value for key, entry in entries.items() if int(entry.source) == 1}


def set_by_hand(kafka: Any, name: str, key: str, value: str) -> None:
    entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    kafka.admin.incremental_alter_configs([resource])[resource].result()


def make(kafka: Any, name: str, partitions: int = 1) -> None:
    kafka.admin.create_topics([NewTopic(name, partitions, 1)])[name].result()
    deadline = time.monotonic() + 15
    while name not in kafka.admin.list_topics(timeout=5).topics:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def produce(kafka: Any, name: str, count: int) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    for number in range(count):
        producer.produce(name, str(number).encode(), key=str(number).encode())
    assert producer.flush(20) == 0


def test_from_nothing_to_nothing_left_to_do(kafka: Any, spec: Spec, name: str) -> None:
    config = {"retention.ms": "7d", "max.message.bytes": "2MiB", "cleanup.policy": "delete"}
    spec.write(topic(f"{name}a", partitions=3, replication=1, config=config), topic(f"{name}b"))
    first = spec.plan()
    assert first.code == 2
    assert "604800000 (7d)" in first.out
    assert spec.apply().code == 0
    assert live_config(kafka, f"{name}a") == {
        "retention.ms": "604800000",
        "max.message.bytes": "2097152",
        "cleanup.policy": "delete",
    }
    second = spec.plan()
    assert (second.code, "No changes" in second.out) == (0, True)


def test_values_are_compared_as_kafka_means_them(kafka: Any, spec: Spec, name: str) -> None:
    config = {
        "min.cleanable.dirty.ratio": "0.50",
        "cleanup.policy": "delete, compact",
        "preallocate": "true",
        "retention.bytes": "unlimited",
        "retention.ms": 604800000,
    }
    spec.write(topic(f"{name}a", partitions=1, replication=1, config=config))
    assert spec.apply().code == 0
    config |= {"cleanup.policy": ["compact", "delete"], "retention.ms": "7d", "preallocate": True}
    spec.write(topic(f"{name}a", partitions=1, replication=1, config=config))
    assert spec.plan().code == 0


def test_an_override_equal_to_the_default_is_still_an_override(
    kafka: Any, spec: Spec, name: str
) -> None:
    make(kafka, f"{name}a")
    spec.write(topic(f"{name}a", config={"retention.ms": "7d"}))  # 7d is the broker's default
    assert spec.plan().code == 2
    assert spec.apply().code == 0
    assert live_config(kafka, f"{name}a") == {"retention.ms": "604800000"}
    assert spec.plan().code == 0


def test_null_unsets_and_what_is_not_declared_is_left_alone(
    kafka: Any, spec: Spec, name: str
) -> None:
    make(kafka, f"{name}a")
    set_by_hand(kafka, f"{name}a", "retention.ms", "1000")
    set_by_hand(kafka, f"{name}a", "segment.ms", "60000")
    spec.write(topic(f"{name}a", config={"retention.ms": None}))
    assert "1000 (1s) -> (default)" in spec.plan().out
    assert spec.apply().code == 0
    assert live_config(kafka, f"{name}a") == {"segment.ms": "60000"}


def test_a_change_behind_our_back_is_found_and_put_back(kafka: Any, spec: Spec, name: str) -> None:
    spec.write(topic(f"{name}a", partitions=1, replication=1, config={"retention.ms": "1h"}))
    assert spec.apply().code == 0
    set_by_hand(kafka, f"{name}a", "retention.ms", "60000")
    found = spec.plan()
    assert "60000 (1m) -> 3600000 (1h)" in found.out
    assert spec.apply().code == 0
    assert live_config(kafka, f"{name}a") == {"retention.ms": "3600000"}


def test_partitions_grow_and_never_shrink(kafka: Any, spec: Spec, name: str) -> None:
    spec.write(topic(f"{name}a", partitions=2, replication=1))
    assert spec.apply().code == 0
    spec.write(topic(f"{name}a", partitions=4, replication=1))
    grown = spec.plan_json()
    assert grown.codes == {"KS111"}
    assert spec.apply().code == 0
    assert len(kafka.admin.list_topics(timeout=5).topics[f"{name}a"].partitions) == 4
    spec.write(topic(f"{name}a", partitions=3, replication=1))
    shrunk = spec.plan_json()
    assert (shrunk.code, shrunk.codes) == (3, {"KS911"})
    assert spec.apply().code == 3
    assert spec.apply("--approve", "KS911").code == 3


def test_replication_that_differs_or_cannot_be_is_never_silent(
    kafka: Any, spec: Spec, name: str
) -> None:
    make(kafka, f"{name}a")
    spec.write(topic(f"{name}a", replication=2), topic(f"{name}b", partitions=1, replication=3))
    found = spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS912", "KS913"})


def test_min_insync_replicas_above_replication_is_refused(spec: Spec, name: str) -> None:
    config = {"min.insync.replicas": 2}
    spec.write(topic(f"{name}a", partitions=1, replication=1, config=config))
    assert spec.plan_json().codes == {"KS914"}


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"leader.replication.throttled.replicas": "nonsense"}, "nonsense"),
        ({"no.such.key": "1"}, "no.such.key"),
        ({"min.compaction.lag.ms": "2d", "max.compaction.lag.ms": "1d"}, "compaction.lag.ms"),
    ],
)
def test_what_the_broker_refuses_shows_in_the_plan_in_its_words(
    kafka: Any, spec: Spec, name: str, config: dict[str, Any], words: str
) -> None:
    make(kafka, f"{name}live")
    spec.write(
        topic(f"{name}new", partitions=1, replication=1, config=config),
        topic(f"{name}live", config=config),
    )
    found = spec.plan_json()
    messages = [r["message"] for w in found.json["waves"] for c in w for r in c["risks"]]
    assert (found.code, found.codes) == (3, {"KS903"})
    assert len(messages) == 2
    assert all("INVALID_CONFIG" in message and words in message for message in messages)


def test_names_that_collide_in_metrics_are_told(spec: Spec, name: str) -> None:
    spec.write(topic(f"{name}a.b", partitions=1), topic(f"{name}a_b", partitions=1))
    found = spec.plan_json()
    assert (found.code, found.codes) == (2, {"KS112"})


def test_a_name_that_collides_with_a_live_one_is_refused_by_the_broker(
    kafka: Any, spec: Spec, name: str
) -> None:
    make(kafka, f"{name}a.b")
    spec.write(topic(f"{name}a_b", partitions=1, replication=1))
    assert spec.plan_json().codes == {"KS112", "KS903"}


def test_internal_topics_are_never_touched(kafka: Any, spec: Spec, name: str) -> None:
    spec.write(topic("__consumer_offsets", metadata={"ensure": "absent"}))
    refused = spec.plan()
    assert refused.code == 64
    assert "internal to Kafka" in refused.err


def delete(spec: Spec, name: str, *arguments: str) -> Any:
    spec.write(topic(f"{name}a", metadata={"ensure": "absent"}))
    return spec.plan_json(*arguments)


def test_deleting_says_what_would_be_lost(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, f"{name}a", 2)
    assert delete(spec, name).codes == {"KS201"}
    produce(kafka, f"{name}a", 40)
    found = delete(spec, name)
    assert found.codes == {"KS202"}
    evidence = found.json["waves"][0][0]["risks"][0]["evidence"]
    assert evidence["records"] == 40
    assert evidence["bytes"] > 0
    assert evidence["last_write"].startswith("20")


def test_a_group_with_lag_is_named(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, f"{name}a")
    produce(kafka, f"{name}a", 10)
    group = f"{name}readers"
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, "group.id": group})
    consumer.commit(offsets=[TopicPartition(f"{name}a", 0, 4)], asynchronous=False)
    consumer.close()
    found = delete(spec, name)
    risk = found.json["waves"][0][0]["risks"][0]
    assert (risk["code"], risk["evidence"]["groups"]) == ("KS203", {group: 6})
    assert group in risk["message"]


def test_deletion_needs_its_code_and_then_happens(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, f"{name}a")
    produce(kafka, f"{name}a", 3)
    delete(spec, name)
    refused = spec.apply()
    assert refused.code == 3
    assert f"--approve KS202:live/topic/{name}a" in refused.err
    assert spec.apply("--approve", "KS201").code == 3
    assert f"{name}a" in kafka.admin.list_topics(timeout=5).topics
    assert spec.apply("--approve", f"KS202:live/topic/{name}a").code == 0
    assert f"{name}a" not in kafka.admin.list_topics(timeout=5).topics
    assert spec.plan().code == 0


def test_what_is_protected_is_never_deleted(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, f"{name}a")
    spec.write(topic(f"{name}a", metadata={"ensure": "absent", "protect": True}))
    assert spec.plan_json().codes == {"KS201", "KS902"}
    assert spec.apply("--approve", "KS201", "--approve", "KS902").code == 3


def test_more_than_a_controller_takes_at_once_is_cut_by_records(spec: Spec, name: str) -> None:
    # 40 topics x (1 + 300 partitions + 1 config) are over 12,000 records: one request would be refused as a whole.
    many = [
        topic(f"{name}{n}", partitions=300, replication=1, config={"retention.ms": "1h"})
        for n in range(40)
    ]
    spec.write(*many)
    found = spec.plan_json()
    assert (found.code, found.codes) == (2, set())
