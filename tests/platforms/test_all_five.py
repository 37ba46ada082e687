"""The example estate on all five platforms in one run: planned, applied, empty, changed by hand on each, put back."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from ruamel.yaml import YAML

from tests.clusters import Live
from tests.fakes import msk as aws_msk
from tests.fakes.aws import Cloud, cloud
from tests.fakes.azure import Azure, azure
from tests.fakes.azure_arm import Namespace
from tests.fakes.confluent import Organization
from tests.fakes.confluent_rest import Cluster as Confluent
from tests.fakes.redpanda import AdminApi, Brokers, admin_api, brokers
from tests.fakes.server import serving
from tests.live.spec import Spec

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "specs-example" / "_five-platforms"
CANARY = "five-canary-a117"
EVERYWHERE = {"home", "cloud", "aws", "azure", "edge"}
TOPICS = {"orders.placed", "orders.shipped"}


@dataclass
class Five:
    """The five clusters as their owners see them, and the spec about them."""

    spec: Spec
    home: AdminClient
    confluent: Confluent
    organization: Organization
    msk: aws_msk.Msk
    azure: Azure
    redpanda: AdminApi
    edge: AdminClient


@pytest.fixture
def five(
    sandboxes: Callable[..., Live],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Five]:
    live = sandboxes(clusters=2)
    home, edge = live.sandbox.clusters
    with ExitStack() as stack:
        organization = Organization()
        confluent = Confluent(organization=organization)
        control = stack.enter_context(serving(organization.service()))
        rest = stack.enter_context(serving(confluent.service()))
        organization.clusters[confluent.id] = "Dedicated"
        msk = aws_msk.Msk()
        amazon = stack.enter_context(cloud(aws_msk.door(msk)))
        microsoft = stack.enter_context(azure(tmp_path, Namespace(tier="Premium")))
        api = AdminApi()
        admin = stack.enter_context(admin_api(api))
        port = int(edge.bootstrap.rpartition(":")[2])
        bootstrap = stack.enter_context(brokers(port, Brokers()))
        _environment(monkeypatch, home.bootstrap, bootstrap, admin.url, amazon, microsoft)
        folder = tmp_path / "spec"
        shutil.copytree(EXAMPLE, folder)
        _at(folder / "clusters" / "cloud.yaml", "confluent", "rest", url=rest.url)
        _at(folder / "clusters" / "cloud.yaml", "confluent", "cloud", url=control.url)
        _at(folder / "clusters" / "azure.yaml", "eventhubs", "endpoints", **microsoft.endpoints)
        clients = [AdminClient({"bootstrap.servers": b.bootstrap}) for b in (home, edge)]
        yield Five(
            Spec(folder, capfd),
            clients[0],
            confluent,
            organization,
            msk,
            microsoft,
            api,
            clients[1],
        )
        said = [control.violations, rest.violations, amazon.violations, microsoft.violations()]
        assert [*said, admin.violations] == [[]] * 5


def _environment(
    patch: pytest.MonkeyPatch, home: str, edge: str, admin: str, amazon: Cloud, microsoft: Azure
) -> None:
    for name in [n for n in os.environ if n.startswith(("AWS_", "AZURE_"))]:
        patch.delenv(name)
    given = {
        "HOME_BOOTSTRAP": home,
        "EDGE_BOOTSTRAP": edge,
        "EDGE_ADMIN": admin,
        "EDGE_ADMIN_PASSWORD": AdminApi.password,
        "ORDERS_PW": CANARY,
        "CC_KEY": "KEY",
        "CC_SECRET": "cluster-secret",
        "CC_CLOUD_KEY": "CLOUDKEY",
        "CC_CLOUD_SECRET": "cloud-secret",
    }
    for name, value in {**given, **amazon.environment, **microsoft.environment}.items():
        patch.setenv(name, value)


def _at(file: Path, *path: str, **addresses: Any) -> None:
    """The one thing that differs from the example: where the vendors are."""
    yaml = YAML()
    document = yaml.load(file)
    inner = document["spec"]
    for step in path:
        inner = inner.setdefault(step, {})
    inner.update(addresses)
    yaml.dump(document, file)


def test_from_nothing_to_converged_and_back_from_every_hand(five: Five) -> None:
    planned = five.spec.plan_json()
    assert planned.code == 2, planned.err
    clusters = {c["key"].partition("/")[0] for wave in planned.json["waves"] for c in wave}
    assert clusters == EVERYWHERE
    made = five.spec.apply()
    assert made.code == 0, made.out + made.err
    left = five.spec.plan()
    assert left.code == 0, left.out + left.err
    calm = five.spec.run("drift", str(five.spec.folder))
    assert calm.code == 0, calm.out
    assert _topics(five) == {name: TOPICS for name in EVERYWHERE}
    assert "orders-service" in five.redpanda.users
    [policy] = (five.spec.folder / "iam").rglob("*.json")
    assert "kafka-cluster:WriteData" in policy.read_text()
    _by_hand(five, policy)
    drifted = five.spec.run("drift", str(five.spec.folder))
    assert drifted.code == 2
    for cluster in EVERYWHERE:
        assert f"cluster {cluster} " in drifted.out
    back = five.spec.apply()
    assert back.code == 0, back.out + back.err
    assert five.spec.plan().code == 0
    assert _topics(five) == {name: TOPICS for name in EVERYWHERE}
    for said in (planned, made, left, drifted, back):
        assert not any(secret in said.out + said.err for secret in (CANARY, "cloud-secret"))


def _by_hand(five: Five, policy: Path) -> None:
    """Something is taken away on each of them, with each one's own means."""
    five.confluent.topics.pop("orders.placed")
    five.msk.put("orders.placed", None)
    five.azure.namespace.hubs.pop("orders.shipped")
    five.redpanda.users.pop("orders-service")
    policy.unlink()
    for client in (five.home, five.edge):
        for future in client.delete_topics(["orders.shipped"]).values():
            future.result(10)


def _topics(five: Five) -> dict[str, set[str]]:
    ours = TOPICS
    return {
        "home": ours & five.home.list_topics(timeout=10).topics.keys(),
        "edge": ours & five.edge.list_topics(timeout=10).topics.keys(),
        "cloud": set(five.confluent.topics),
        "aws": {name for name in ours if five.msk.topic(name)},
        "azure": set(five.azure.namespace.hubs),
    }
