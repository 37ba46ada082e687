"""Three brokers: what lags between them is no difference, a dead one is not in the way, the impossible is said."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from reconciler.sandbox import ready
from tests.live.spec import Spec, acl, topic

MANY = 20
# kafka-python leaves the socket of a connection that was refused to the garbage collector (3.0, net/inet.py).
pytestmark = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. <socket.socket:pytest.PytestUnraisableExceptionWarning"
)


@dataclass
class Everywhere(Spec):
    """A spec about three brokers, planned through one of them at a time."""

    brokers: tuple[str, ...] = ()

    def through(self, *numbers: int) -> None:
        """Know only these brokers, by their place from 0, in this order."""
        cluster = {
            "platform": "apache",
            "bootstrap": [self.brokers[number] for number in numbers],
            "owns": {"topics": ["__", "test-"]},
        }
        document = {"kind": "Cluster", "metadata": {"name": "live"}, "spec": cluster}
        self.write(document, file="cluster.yaml")

    def unsettled(self) -> str:
        """What a broker, asked first, still finds to do; empty when none does."""
        found = []
        for number in range(len(self.brokers)):
            self.through(number)
            said = self.plan()
            if said.code != 0:
                found.append(f"broker {number}: exit {said.code}\n{said.out}{said.err}")
        return "\n".join(found)


@pytest.fixture(scope="module")
def three(sandboxes: Callable[..., Any]) -> Any:
    return sandboxes(brokers=3)


@pytest.fixture
def spec(three: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Everywhere:
    made = Everywhere(tmp_path, capfd, tuple(three.bootstrap.split(",")))
    made.through(0, 1, 2)
    return made


def shape(three: Any, name: str) -> tuple[int, int]:
    found = three.admin.list_topics(timeout=10).topics[name].partitions
    return len(found), min(len(partition.replicas) for partition in found.values())


def test_right_after_an_apply_no_broker_sees_a_difference(
    three: Any, spec: Everywhere, name: str
) -> None:
    grants = [{"role": "consumer", "topics": [{"prefix": name}], "groups": [name]}]

    def wanted(partitions: int, retention: str) -> list[dict[str, Any]]:
        config = {"retention.ms": retention, "min.insync.replicas": 2}
        made = (
            topic(f"{name}{n}", partitions=partitions, replication=3, config=config)
            for n in range(MANY)
        )
        return [*made, acl(f"{name}acl", f"User:{name}", grants=grants)]

    for partitions, retention in ((2, "1d"), (2, "2d"), (3, "2d"), (4, "3d")):
        spec.through(2, 0, 1)
        spec.write(*wanted(partitions, retention))
        said = spec.apply("--approve", "KS111")
        assert said.code == 0, said.out + said.err
        assert spec.unsettled() == ""
    assert shape(three, f"{name}0") == (4, 3)


def test_right_after_a_deletion_no_broker_still_sees_the_topic(spec: Everywhere, name: str) -> None:
    estate = {"kind": "Estate", "metadata": {"name": name}, "spec": {}}
    spec.write(estate, *(topic(f"{name}{n}", replication=3) for n in range(5)))
    assert spec.apply().code == 0
    assert spec.unsettled() == ""
    spec.through(2, 1, 0)
    spec.write(estate, topic(f"{name}0", replication=3))
    codes = ("KS201", "KS231", "KS302", "KS303")
    said = spec.apply(*(word for code in codes for word in ("--approve", code)))
    assert said.code == 0, said.out + said.err
    assert spec.unsettled() == ""


def test_more_replicas_than_brokers_is_impossible_at_the_plan(
    three: Any, spec: Everywhere, name: str
) -> None:
    spec.write(topic(f"{name}a", partitions=1, replication=4), topic(f"{name}b", replication=3))
    said = spec.plan()
    assert said.code == 3
    assert "KS913" in said.out
    assert "4 replicas need 4 brokers; the cluster has 3" in said.out
    assert spec.apply().code == 3
    assert not {f"{name}a", f"{name}b"} & three.admin.list_topics(timeout=10).topics.keys()


def test_another_replication_factor_is_impossible_at_the_plan(
    three: Any, spec: Everywhere, name: str
) -> None:
    spec.write(topic(f"{name}a", partitions=1, replication=3))
    assert spec.apply().code == 0
    spec.write(topic(f"{name}a", partitions=1, replication=2))
    said = spec.plan()
    assert said.code == 3
    assert "KS912" in said.out
    assert "3 replicas cannot become 2" in said.out
    assert spec.apply().code == 3
    assert shape(three, f"{name}a") == (1, 3)


@pytest.fixture
def without_the_last(three: Any) -> Iterator[None]:
    """One of three brokers has just been killed; afterwards it is back."""
    last = three.cluster.nodes[2]
    last.kill()
    yield
    last.start()
    _until(lambda: _listed(three) == 3)


def _listed(three: Any) -> int:
    """How many brokers there are, asked by somebody who never knew the dead one."""
    servers = ",".join(three.bootstrap.split(",")[:2])
    admin = ready.client(servers)
    try:
        return len(admin.describe_cluster(request_timeout=2).result().nodes)
    except KafkaException:
        return 0


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_others_are_enough_when_one_broker_is_gone(
    three: Any, spec: Everywhere, name: str, without_the_last: None
) -> None:
    spec.through(2, 0, 1)  # the dead one is the first that is asked
    spec.write(topic(f"{name}a", partitions=3, replication=2))
    first = spec.plan()  # the others still list it, and send requests for the controller its way
    assert (first.code, first.err) == (2, "")
    _until(lambda: _listed(three) == 2)
    said = spec.apply()
    assert (said.code, said.err) == (0, "")
    assert spec.plan().code == 0
    assert shape(three, f"{name}a") == (3, 2)
    spec.write(topic(f"{name}b", partitions=1, replication=3))
    said = spec.plan()
    assert (said.code, "3 replicas need 3 brokers; the cluster has 2" in said.out) == (3, True)


def test_kafkas_own_topics_are_never_touched(three: Any, spec: Everywhere, name: str) -> None:
    spec.write(topic(f"{name}a", partitions=1, replication=3))
    assert spec.apply().code == 0
    _use(three, f"{name}a")
    internal = {"__consumer_offsets", "__transaction_state"}
    assert internal <= three.admin.list_topics(timeout=10).topics.keys()

    said = spec.plan_json()  # `owns` has all that begins with `__`
    assert said.code == 0
    assert not {f"live/topic/{found}" for found in internal} & {*said.json["unmanaged"]}
    for found in internal:
        spec.write(topic(found, config={"retention.ms": 1000}))
        said = spec.plan()
        assert said.code == 64
        assert f"`{found}` is internal to Kafka; kstate never touches it" in said.err
        assert "spec.yaml:4:9:" in said.err


def _use(three: Any, name: str) -> None:
    """Produce in a transaction and commit an offset, which is what makes Kafka's own topics."""
    servers = {"bootstrap.servers": three.bootstrap}
    producer = Producer({**servers, "transactional.id": name})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(name, b"x")
    producer.commit_transaction(30)
    consumer = Consumer({**servers, "group.id": name})
    consumer.commit(offsets=[TopicPartition(name, 0, 1)], asynchronous=False)
    consumer.close()


def test_names_that_meet_in_metrics_are_a_notice(spec: Everywhere, name: str) -> None:
    spec.write(*(topic(f"{name}orders{mark}eu", replication=3) for mark in "._"))
    said = spec.plan_json()
    codes = [{risk["code"] for risk in c["risks"]} for wave in said.json["waves"] for c in wave]
    assert [found & {"KS112"} for found in codes] == [{"KS112"}, {"KS112"}]
    spec.write(topic(f"{name}orders.eu", replication=3))
    assert spec.apply().code == 0
    assert spec.unsettled() == ""
    spec.write(*(topic(f"{name}orders{mark}eu", replication=3) for mark in "._"))
    said = spec.plan()
    assert f"KS112 notice: collides in metrics with {name}orders.eu" in said.out
    assert "KS903" in said.out  # Kafka goes further than a notice, and has its own words for it
    assert said.code == 3
