"""Mirrors before anything is opened: what they are made of, what they carry, and rings of them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Document, Place
from reconciler.kinds.mirror import KIND
from reconciler.kinds.mirror_flow import carried, connectors, matching, placed, remote
from reconciler.kinds.mirror_loops import loops


def mirror(name: str, source: str, target: str, *topics: str, **spec: Any) -> Document:
    full = {"source": source, "topics": list(topics) or [".*"], "connect": "main", **spec}
    metadata = {"name": name, "clusters": [target]}
    return Document("Mirror", name, metadata, full, f"{name}.yaml", 1, lambda _path: (1, 1))


def cluster(name: str, **kafka: str) -> Document:
    spec = {"platform": "apache", "bootstrap": [f"{name}:9092", "env:OTHER"], "kafka": kafka}
    return Document("Cluster", name, {"name": name}, spec, "c.yaml", 1, lambda _path: (1, 1))


def flow(**spec: Any) -> Any:
    """The connectors of a mirror from eu to us."""
    document = mirror("m", "eu", "us", r"orders\..*", **spec)
    known = {("Cluster", name): cluster(name) for name in ("eu", "us")}
    return connectors(placed(document, Place(cluster("us"), known)).spec)


def test_three_connectors_from_one_intent() -> None:
    made = flow(groups=["app-.*"], tasks=4, replication=2, interval="1m", sync={"configs": False})
    assert list(made) == ["source", "checkpoint", "heartbeat"]
    for own in made.values():
        assert own["source.cluster.alias"] == "eu"
        assert own["target.cluster.bootstrap.servers"] == ["us:9092", "env:OTHER"]
        assert own["replication.policy.class"].endswith("IdentityReplicationPolicy")
    assert made["source"]["tasks.max"] == "4"
    assert made["source"]["sync.topic.configs.enabled"] == "false"
    assert made["source"]["refresh.topics.interval.seconds"] == "60"
    assert made["checkpoint"]["groups"] == "app-.*"
    assert made["checkpoint"]["sync.group.offsets.enabled"] == "true"


def test_without_groups_there_is_no_checkpoint() -> None:
    assert list(flow()) == ["source", "heartbeat"]


def test_another_address_a_login_and_further_settings() -> None:
    security = {
        "source": {"bootstrap.servers": "inside:9093", "sasl.jaas.config": "${file:/x:jaas}"}
    }
    made = flow(security=security, config={"source": {"offset.lag.max": 0}})
    assert made["source"]["source.cluster.bootstrap.servers"] == "inside:9093"
    assert made["heartbeat"]["source.cluster.sasl.jaas.config"] == "${file:/x:jaas}"
    assert made["source"]["offset.lag.max"] == "0"
    assert "offset.lag.max" not in made["heartbeat"]


@pytest.mark.parametrize(
    ("naming", "name"), [("identity", "orders.a"), ("prefixed", "eu.orders.a")]
)
def test_what_it_carries_is_its_own_and_nothing_else_is(naming: str, name: str) -> None:
    source = flow(naming=naming, exclude=[r"orders\.secret"])["source"]
    there = [
        "orders.a",
        "orders.secret",
        "payments.a",
        "__consumer_offsets",
        "mm2-offset-syncs.us.internal",
    ]
    assert matching(source, there) == ["orders.a"]
    assert remote(source, "orders.a") == name
    others = ["other", "payments.a", "orders.secret", "eu.orders.secret"]
    own = [name, "heartbeats", "eu.checkpoints.internal"]
    assert set(carried(source, [*others, *own])) == set(own)


# --- rings

LITERAL = st.sampled_from(["a", "b", "c", "d"])
PATTERNS = st.lists(
    st.sampled_from(["a", "b", "[ab]", "c|d", ".", "x.*", "(a|x)y?"]), min_size=1, max_size=3
)


@given(PATTERNS, PATTERNS)
def test_two_flows_are_a_ring_where_and_only_where_a_name_fits_both(
    there: list[str], back: list[str]
) -> None:
    names = ["a", "b", "c", "d", "e", "x", "xx", "xy", "ay", "xyz"]
    fits = [n for n in names if _fits(there, n) and _fits(back, n)]
    found = list(loops([mirror("one", "eu", "us", *there), mirror("two", "us", "eu", *back)], ()))
    assert bool(found) == bool(fits)


def _fits(patterns: list[str], name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


def test_a_ring_of_three_is_told_once_and_prefixed_names_make_none() -> None:
    ring = [mirror("one", "a", "b"), mirror("two", "b", "c"), mirror("three", "c", "a")]
    ((document, path, words),) = loops(ring, ())
    assert document.name == "two"
    assert path == ("spec", "topics")
    assert "go round for ever" in words
    assert not list(loops(ring[:2], ()))
    assert not list(loops([*ring[:2], mirror("three", "c", "a", naming="prefixed")], ()))
    gone = replace(ring[2], metadata={**ring[2].metadata, "ensure": "absent"})
    assert not list(loops([*ring[:2], gone], ()))


def test_a_pattern_beyond_what_can_be_proven_counts_as_one_that_fits() -> None:
    assert list(loops([mirror("one", "a", "b", r"(?<=x)y"), mirror("two", "b", "a", "z")], ()))


def test_the_clusters_that_it_needs() -> None:
    clusters = [cluster("eu", **{"security.protocol": "SASL_SSL"}), cluster("us")]
    told = [words for _, _, words in KIND.among([mirror("m", "eu", "us")], clusters)]
    assert any("`security.source` is missing" in words for words in told)
    told = [words for _, _, words in KIND.among([mirror("m", "nowhere", "us")], clusters)]
    assert told[0] == "there is no Cluster `nowhere` in the spec"
