"""The example estate with every kind: converged in one apply, and whatever hands do is found and undone."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from demo import examples
from reconciler.cli.main import run
from reconciler.clients import quotas, users
from reconciler.clients.kafka import login
from reconciler.sandbox import estate
from tests.live.conftest import Live, api
from tests.live.test_topics import set_by_hand


@pytest.fixture(scope="module")
def live(sandboxes: Callable[..., Live]) -> Live:
    """Clusters of its own: the example's names are not those of one test."""
    return sandboxes(clusters=2, extras=frozenset({"connect", "registry"}))


@pytest.fixture
def shop(live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in estate.environment(live.sandbox).items():
        monkeypatch.setenv(name, value)
    return examples.fresh(tmp_path)


def planned(shop: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What a plan would do, by key."""
    capsys.readouterr()
    run(["plan", str(shop), "--format", "json"])
    told = json.loads(capsys.readouterr().out)
    return {c["key"]: c["action"] for wave in told["waves"] for c in wave}


def test_every_kind_in_one_apply_and_back_from_every_hand(
    live: Live, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["apply", str(shop), "--yes"]) == 0, capsys.readouterr().out[-3000:]
    assert planned(shop, capsys) == {}
    _topic(live)
    _binding(live)
    _level(live)
    _connectors(live)
    _user_and_quota(live)
    assert planned(shop, capsys) == {
        "prod-eu/topic/orders.shipped.v1": "update",
        "prod-eu/acl/User:shop-catalog|topic|catalog.|prefixed|Write|allow|*": "create",
        "prod-eu/schema/orders.placed.v1-value": "update",
        "prod-eu/connector/main/orders-archive": "update",
        "prod-us/mirror/main/payments-to-us": "update",
        "prod-eu/user/shop-orders": "update",
        "prod-eu/quota/user=shop-orders": "update",
    }
    assert run(["drift", str(shop)]) == 2
    told = capsys.readouterr().out
    assert "schema shop.Money: set, and declared nowhere: compatibility=FULL" in told
    assert "heartbeat connector.class: is (none), wanted org.apache.kafka" in told
    allowed = ["KS205", "KS271", "KS281", "KS202", "KS203"]
    approved = [word for code in allowed for word in ("--approve", code)]
    assert run(["apply", str(shop), "--yes", *approved]) == 0, capsys.readouterr().out[-3000:]
    assert planned(shop, capsys) == {}
    assert run(["drift", str(shop)]) == 0, capsys.readouterr().out[-3000:]


def _topic(live: Live) -> None:
    set_by_hand(live, "orders.shipped.v1", "compression.type", "gzip")


def _binding(live: Live) -> None:
    live.admin.delete_acls(
        [
            AclBindingFilter(
                ResourceType.TOPIC,
                "catalog.",
                ResourcePatternType.PREFIXED,
                "User:shop-catalog",
                "*",
                AclOperation.WRITE,
                AclPermissionType.ALLOW,
            )
        ]
    )
    any_of = AclBindingFilter(
        ResourceType.ANY,
        "catalog.",
        ResourcePatternType.ANY,
        "User:shop-catalog",
        "*",
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    assert not live.admin.describe_acls(any_of).result()


def _level(live: Live) -> None:
    """One that the spec declares and one that it does not speak of."""
    for subject, level in (("orders.placed.v1-value", "NONE"), ("shop.Money", "FULL")):
        url = f"{live.cluster.registry_url}/config/{subject}"
        body: Any = json.dumps({"compatibility": level}).encode()
        asked = Request(url, body, {"Content-Type": "application/json"}, method="PUT")
        with urlopen(asked) as done:
            assert done.status == 200


def _connectors(live: Live) -> None:
    config = api(live, "GET", "connectors/orders-archive/config")
    api(live, "PUT", "connectors/orders-archive/config", {**config, "errors.tolerance": "none"})
    us = f"{live.sandbox.clusters[1].connect_url}/connectors/payments-to-us-heartbeat"
    with urlopen(Request(us, method="DELETE")) as done:
        assert done.status == 204


def _user_and_quota(live: Live) -> None:
    with closing(login("live", live.bootstrap, {}, 5.0)) as own:
        other = users.Credential("shop-orders", "SCRAM-SHA-512", 4096, "by-hand-1234")
        assert all(error is None for error in users.write(own, [other]).values())
        entity = (("user", "shop-orders"),)
        quotas.write(own, [quotas.Quota(entity, {"producer_byte_rate": 1.0})])
