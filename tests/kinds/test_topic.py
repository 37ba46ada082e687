"""Topic documents and the rules about them, as far as no cluster is needed."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.kafka import Kafka
from reconciler.core.diff import diff
from reconciler.core.model import Document, Key, Platform, Resource, World
from reconciler.core.values import canonical, lenient
from reconciler.kinds import topic_costs
from reconciler.kinds.topic import KIND, check, resources

PLATFORM = Platform(
    name="x", title="X", login=lambda _t: pytest.fail("no login"), wires=frozenset()
)
KEY = Key("eu", "topic", "t")


def document(spec: dict[str, Any], name: str = "t") -> Document:
    return Document("Topic", name, {}, spec, "a.yaml", 1, lambda _path: (1, 1))


def resource(**spec: Any) -> Resource:
    return next(iter(resources(document(spec), PLATFORM)))


def codes(want: Resource, have: Resource | None, brokers: int = 3) -> set[str]:
    live = {"t": have} if have else {}
    changes = diff({KEY: want}, {KEY: have} if have else {})
    world = World(PLATFORM, {"brokers": brokers}, live, {"t": want})
    return {risk.code for rule in KIND.rules for _, risk in rule(changes, world)}


@pytest.mark.parametrize(
    ("name", "written", "meant"),
    [
        ("retention.ms", "7d", "604800000"),
        ("retention.ms", 604800000, "604800000"),
        ("retention.ms", "unlimited", "-1"),
        ("max.message.bytes", "2MiB", "2097152"),
        ("min.cleanable.dirty.ratio", "0.50", "0.5"),
        ("min.cleanable.dirty.ratio", 1.0, "1"),
        ("preallocate", True, "true"),
        ("preallocate", "TRUE", "true"),
        ("cleanup.policy", ["delete", "compact"], "compact,delete"),
        ("cleanup.policy", " delete , compact", "compact,delete"),
        ("leader.replication.throttled.replicas", "1:2, 0:1", "1:2,0:1"),
        ("retention.ms", None, None),
    ],
)
def test_a_value_means_the_same_however_it_is_written(
    name: str, written: Any, meant: str | None
) -> None:
    assert canonical(name, written) == meant


@given(st.text(), st.text())
def test_what_a_server_says_is_never_an_error_and_settles_at_once(name: str, value: str) -> None:
    once = lenient(name, value)
    assert lenient(name, once) == once


def test_settings_left_out_stay_out() -> None:
    assert resource().settings == {}
    assert resource(partitions=3, config={"retention.ms": None}).settings == {
        "partitions": 3,
        "config": {"retention.ms": None},
    }


def test_what_a_platform_drops_is_not_compared() -> None:
    drops = Platform(
        name="x",
        title="X",
        login=PLATFORM.login,
        wires=frozenset(),
        dropped=frozenset({"min.insync.replicas"}),
    )
    spec = {"config": {"min.insync.replicas": 2, "retention.ms": "1d"}}
    assert next(iter(resources(document(spec), drops))).settings == {
        "config": {"retention.ms": "86400000"}
    }


@pytest.mark.parametrize(
    ("want", "have", "expected"),
    [
        ({"partitions": 2}, {"partitions": 3}, {"KS911"}),
        ({"partitions": 4}, {"partitions": 3}, {"KS111"}),
        ({"replication": 2}, {"replication": 3}, {"KS912"}),
        ({"replication": 4}, None, {"KS913"}),
        ({"replication": 2, "config": {"min.insync.replicas": 3}}, None, {"KS914"}),
        ({"config": {"min.insync.replicas": 3}}, {"replication": 2, "config": {}}, {"KS914"}),
        ({"config": {"min.insync.replicas": 2}}, {"replication": 2, "config": {}}, set()),
        ({"partitions": 3, "replication": 3}, None, set()),
    ],
)
def test_rules(want: dict[str, Any], have: dict[str, Any] | None, expected: set[str]) -> None:
    there = Resource("t", have) if have is not None else None
    assert codes(resource(**want), there) == expected


def test_names_that_meet_in_metrics_are_told_apart_from_those_that_do_not() -> None:
    new = {Key("eu", "topic", n): Resource(n, {}) for n in ("a.b", "a_b", "a.c")}
    world = World(PLATFORM, {}, {}, {key.name: r for key, r in new.items()})
    found = {key.name for rule in KIND.rules for key, risk in rule(diff(new, {}), world)}
    assert found == {"a.b", "a_b"}


def test_internal_topics_and_wrong_units_are_mistakes() -> None:
    assert [path for path, _ in check(document({}, "__consumer_offsets"))] == [("metadata", "name")]
    wrong = document({"config": {"flush.ms": "7 days"}})
    assert [path for path, _ in check(wrong)] == [("spec", "config", "flush.ms")]


def test_a_topic_that_is_gone_while_its_costs_are_asked_for_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The broker's own opinion says that it is gone, and that is looked at again."""
    monkeypatch.setattr(topic_costs, "effective", lambda _kafka, _names: {})
    have, want = resource(config={"retention.ms": "7d"}), resource(config={"retention.ms": "1h"})
    assert topic_costs.updates(cast("Kafka", None), diff({KEY: want}, {KEY: have})) == {}
