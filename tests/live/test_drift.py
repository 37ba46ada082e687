"""Drift on a real Kafka: what a hand changed is found and told; what Git changed is not drift."""

from __future__ import annotations

import pytest

from tests.live.conftest import Live
from tests.live.spec import Spec, topic
from tests.live.test_topics import make, set_by_hand


@pytest.fixture
def estate(spec: Spec, name: str) -> Spec:
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    config = {"retention.ms": "7d"}
    spec.write(topic(f"{name}a", partitions=1, config=config), topic(f"{name}b", partitions=1))
    assert spec.apply().code == 0
    return spec


def drift(spec: Spec, *more: str) -> tuple[int, str]:
    said = spec.run("drift", str(spec.folder), *more)
    assert said.err == ""
    return said.code, said.out


def test_nothing_changed_is_no_drift(estate: Spec) -> None:
    code, out = drift(estate)
    assert (code, "No drift" in out) == (0, True)


def test_a_hand_change_is_found_with_who_set_it_before(
    kafka: Live, estate: Spec, name: str
) -> None:
    set_by_hand(kafka, f"{name}a", "retention.ms", "60000")
    code, out = drift(estate)
    assert code == 2
    assert "retention.ms: is 60000 (1m), wanted 604800000 (7d), applied 604800000 (7d)" in out
    assert "changed by hand" in out
    assert "last set by apply" in out
    assert "spec.yaml:4" in out


def test_what_git_changed_waits_and_is_no_drift(kafka: Live, estate: Spec, name: str) -> None:
    config = {"retention.ms": "8d"}
    estate.write(topic(f"{name}a", partitions=1, config=config), topic(f"{name}c", partitions=1))
    code, out = drift(estate)
    assert code == 0
    assert (
        out.count("changed in Git, not applied yet") == 3
    )  # one changed, one new, one to be pruned
    assert "3 wait to be applied" in out


def test_what_is_gone_and_what_nobody_declared(kafka: Live, estate: Spec, name: str) -> None:
    set_by_hand(kafka, f"{name}a", "segment.ms", "3600000")
    kafka.admin.delete_topics([f"{name}b"])[f"{name}b"].result()
    make(kafka, f"{name}stray")
    estate.cluster(kafka.bootstrap, owns={"topics": [name]})
    code, out = drift(estate)
    assert code == 2
    assert f"topic {name}b  gone" in out
    assert "set, and declared nowhere: segment.ms=3600000 (1h)" in out
    assert f"unmanaged: live/topic/{name}stray" in out


def test_the_same_drift_has_the_same_fingerprint(kafka: Live, estate: Spec, name: str) -> None:
    set_by_hand(kafka, f"{name}a", "retention.ms", "60000")
    first = estate.run("drift", str(estate.folder), "--format", "json").json
    again = estate.run("drift", str(estate.folder), "--format", "json").json
    assert first["fingerprint"] == again["fingerprint"] != ""
    assert first["summary"] == {"changed": 1, "gone": 0, "differs": 0, "unhealthy": 0, "pending": 0}


def test_a_cluster_that_cannot_be_reached_hides_no_drift(
    kafka: Live, estate: Spec, name: str
) -> None:
    dead = {"platform": "apache", "bootstrap": ["127.0.0.1:1"]}
    estate.write({"kind": "Cluster", "metadata": {"name": "dead"}, "spec": dead}, file="dead.yaml")
    set_by_hand(kafka, f"{name}a", "retention.ms", "60000")
    said = estate.run("drift", str(estate.folder), "--timeout", "2s")
    assert (said.code, "cluster dead" in said.err, "changed by hand" in said.out) == (1, True, True)
