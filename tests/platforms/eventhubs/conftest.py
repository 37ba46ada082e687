"""An Azure on loopback for each test, and a spec about its namespace; Kafka's side is the shared broker, by tokens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from reconciler.secrets import azure_kv
from tests.clusters import Live
from tests.fakes.azure import Azure, azure
from tests.fakes.azure_arm import GROUP, NAME, SUBSCRIPTION, Namespace
from tests.fakes.front import Front, bearer, fronting, plain
from tests.live.spec import Spec

HOST = f"https://{NAME}.servicebus.windows.net"
CONNECTION = f"Endpoint=sb://{NAME}.servicebus.windows.net/;SharedAccessKeyName=all;SharedAccessKey=canary-91d0"


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with azure(tmp_path_factory.mktemp("azure"), Namespace()) as found:
        yield found


@pytest.fixture
def cloud(running: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """Everything, with what a login needs in the environment; nobody may have asked for what is not documented."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    azure_kv.forget()
    running.reset()
    yield running
    azure_kv.forget()
    assert running.violations() == []


@dataclass
class Estate:
    """A spec folder with one cluster named `azure`. Without Kafka nobody looks into hubs."""

    spec: Spec
    cloud: Azure
    more: dict[str, Any] = field(default_factory=dict)

    def cluster(self, tier: str = "standard", **more: Any) -> None:
        """Its Cluster document, and the namespace of that tier."""
        self.cloud.namespace.tier = tier.title()
        own = {"subscription": SUBSCRIPTION, "resource_group": GROUP, "namespace": NAME}
        own |= {"tier": tier, "endpoints": self.cloud.endpoints, **more.pop("eventhubs", {})}
        spec = {"platform": "eventhubs", "eventhubs": own, **self.more, **more}
        document = {"kind": "Cluster", "metadata": {"name": "azure"}, "spec": spec}
        self.spec.write(document, file="azure.yaml")


@pytest.fixture
def estate(cloud: Azure, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Estate:
    """A namespace that nobody looks into by Kafka."""
    made = Estate(Spec(tmp_path, capfd), cloud)
    made.cluster(eventhubs={"kafka": False})
    return made


@pytest.fixture
def front(cloud: Azure, kafka: Live) -> Iterator[Front]:
    """The namespace's Kafka endpoint before the shared broker."""
    with endpoint(cloud, int(kafka.bootstrap.rpartition(":")[2])) as running:
        cloud.namespace.made = lambda name, count: make(kafka.admin, name, count)
        cloud.namespace.gone = lambda name: _wait(kafka.admin.delete_topics([name]))
        yield running


@contextmanager
def endpoint(cloud: Azure, port: int) -> Iterator[Front]:
    """A broker's port behind the namespace's logins: tokens for this namespace alone, or its connection string."""

    def known(user: str, password: str) -> bool:
        return (user, password) == ("$ConnectionString", CONNECTION)

    check = {"OAUTHBEARER": bearer(lambda token, _: cloud.tokens.fault(token, HOST))}
    with fronting(port, {**check, "PLAIN": plain(known)}) as running:
        yield running


@pytest.fixture
def seen(estate: Estate, front: Front) -> Estate:
    """The same namespace, looked into by Kafka."""
    estate.more = {
        "bootstrap": [front.bootstrap],
        "kafka": {"security.protocol": "SASL_PLAINTEXT"},
    }
    estate.cluster()
    return estate


def make(admin: AdminClient, name: str, partitions: int) -> None:
    """On the broker what is on the namespace."""
    there = admin.list_topics(timeout=10).topics.get(name)
    if there is None:
        _wait(admin.create_topics([NewTopic(name, partitions, 1)]))
    elif len(there.partitions) < partitions:
        _wait(admin.create_partitions([NewPartitions(name, partitions)]))


def _wait(futures: dict[str, Any]) -> None:
    for future in futures.values():
        try:
            future.result(10)
        except KafkaException as error:
            raise AssertionError(error) from error
