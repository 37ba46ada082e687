"""Quotas on a real Kafka."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from reconciler.clients import quotas
from reconciler.clients.kafka import login
from reconciler.clients.quotas import Quota
from tests.live.conftest import Live
from tests.live.spec import Spec


def quota(name: str, entity: dict[str, Any], **limits: Any) -> dict[str, Any]:
    return {
        "kind": "Quota",
        "metadata": {"name": name},
        "spec": {"entity": entity, "limits": limits},
    }


def live(kafka: Live) -> dict[Any, dict[str, float]]:
    with closing(login("live", kafka.bootstrap, {}, 5.0)) as own:
        return quotas.read(own)


@pytest.mark.parametrize(
    "entity",
    [
        {"user": "{}app"},
        {"client-id": "{}a client, with=odd signs"},
        {"user": "{}app", "client-id": "{}app"},
        {"user": "{}app", "client-id": {"default": True}},
    ],
    ids=["user", "client id", "both", "default client id of a user"],
)
def test_from_nothing_to_nothing_left_to_do(
    kafka: Live, spec: Spec, name: str, entity: dict[str, Any]
) -> None:
    entity = {k: v.format(name) if isinstance(v, str) else v for k, v in entity.items()}
    spec.write(quota("one", entity, producer_byte_rate="10MiB", request_percentage=12.5))
    done = spec.apply()
    assert done.code == 0, done.out + done.err
    expected = tuple(sorted((k, v if isinstance(v, str) else None) for k, v in entity.items()))
    assert live(kafka)[expected] == {"producer_byte_rate": 10485760.0, "request_percentage": 12.5}
    assert spec.plan().code == 0


def test_defaults_and_addresses(kafka: Live, spec: Spec) -> None:
    default = {"default": True}
    documents = (
        quota("users", {"user": default}, consumer_byte_rate="50MiB"),
        quota("clients", {"client-id": default}, request_percentage=900),
        quota("each-app", {"user": default, "client-id": "app"}, producer_byte_rate="40MiB"),
        quota("each-client", {"user": default, "client-id": default}, producer_byte_rate="60MiB"),
        quota("address", {"ip": "127.0.0.9"}, connection_creation_rate=20),
        quota("addresses", {"ip": default}, connection_creation_rate=1000),
    )
    spec.write(*documents)
    assert spec.apply().code == 0
    assert live(kafka)[("ip", "127.0.0.9"),] == {"connection_creation_rate": 20.0}
    assert live(kafka)[("user", None),] == {"consumer_byte_rate": 52428800.0}
    assert spec.plan().code == 0
    spec.write(*({**d, "metadata": {**d["metadata"], "ensure": "absent"}} for d in documents))
    assert spec.plan_json().codes == {"KS281"}
    assert spec.apply("--approve", "KS281").code == 0
    user, client = ("user", None), ("client-id", None)
    gone = {(user,), (client,), (("client-id", "app"), user), (client, user), (("ip", None),)}
    assert not live(kafka).keys() & {*gone, (("ip", "127.0.0.9"),)}


def test_a_lower_limit_a_removed_one_and_one_set_by_hand(
    kafka: Live, spec: Spec, name: str
) -> None:
    who = {"user": f"{name}app"}
    spec.write(quota("one", who, producer_byte_rate=1000, consumer_byte_rate=1000))
    assert spec.apply().code == 0
    spec.write(quota("one", who, producer_byte_rate=500, consumer_byte_rate=None))
    assert spec.plan_json().codes == {"KS181", "KS281"}
    assert spec.apply("--approve", "KS281").code == 0
    assert live(kafka)[("user", f"{name}app"),] == {"producer_byte_rate": 500.0}
    with closing(login("live", kafka.bootstrap, {}, 5.0)) as own:
        quotas.write(own, [Quota((("user", f"{name}app"),), {"producer_byte_rate": 9.0})])
    assert "9 -> 500" in spec.plan().out
    assert spec.apply().code == 0
    assert spec.plan().code == 0


@pytest.mark.parametrize(
    ("entity", "limits", "words"),
    [
        ({"ip": "127.0.0.1"}, {"producer_byte_rate": 5}, "is a limit of users and client ids"),
        ({"user": "x"}, {"connection_creation_rate": 5}, "is a limit of an `ip`"),
        ({"ip": "127.0.0.1", "user": "x"}, {"connection_creation_rate": 5}, "entity"),
        ({"user": "x"}, {"producer_byte_rate": "5 parsecs"}, "producer_byte_rate"),
        ({"user": "x"}, {"producer_bytes_rate": 5}, "producer_byte_rate"),
        ({}, {"producer_byte_rate": 5}, "entity"),
        ({"user": None}, {"producer_byte_rate": 5}, "user"),
    ],
)
def test_a_wrong_quota_is_refused_before_anything_is_opened(
    spec: Spec, entity: dict[str, Any], limits: dict[str, Any], words: str
) -> None:
    spec.write(quota("one", entity, **limits))
    found = spec.plan()
    assert (found.code, words in found.err) == (64, True), found.err


def test_what_the_broker_refuses_shows_in_the_plan(spec: Spec, name: str) -> None:
    spec.write(quota("one", {"ip": "not an address"}, connection_creation_rate=5))
    found = spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS903"})
