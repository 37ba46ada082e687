"""What an update or a revocation costs is read from the cluster, at plan and again at apply."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer

from tests.live.conftest import Live
from tests.live.spec import Spec, acl, topic
from tests.live.test_topics import produce

HOUR = 3_600_000


def produce_old(kafka: Live, name: str, count: int, hours: int) -> None:
    """Records whose timestamps are so many hours back."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    when = int(time.time() * 1000) - hours * HOUR
    for number in range(count):
        producer.produce(name, b"x" * 100, key=str(number).encode(), timestamp=when)
    assert producer.flush(20) == 0


def declared(spec: Spec, name: str, protect: bool = False, **config: object) -> None:
    metadata = {"protect": True} if protect else {}
    spec.write(topic(name, partitions=1, replication=1, config=config, metadata=metadata))


def risk(spec: Spec, code: str) -> dict[str, object]:
    plan = spec.plan_json().json
    found = [r for wave in plan["waves"] for c in wave for r in c["risks"]]
    assert [r["code"] for r in found if r["code"].startswith("KS2")] in ([code], []), found
    return next(r for r in found if r["code"] == code)


def test_shorter_retention_says_how_many_records_go(kafka: Live, spec: Spec, name: str) -> None:
    declared(spec, f"{name}a", **{"retention.ms": "2d"})
    assert spec.apply().code == 0
    produce_old(kafka, f"{name}a", 70, hours=20)
    produce(kafka, f"{name}a", 30)
    declared(spec, f"{name}a", **{"retention.ms": "12h"})
    found = risk(spec, "KS205")
    assert found["evidence"]["records"] == 100
    assert found["evidence"]["lost"] == 70
    assert "2d -> 12h" in str(found["message"])
    assert spec.apply().code == 3
    assert spec.apply("--approve", "KS205").code == 0


def test_shorter_retention_that_takes_nothing_now_is_a_notice(
    kafka: Live, spec: Spec, name: str
) -> None:
    declared(spec, f"{name}a", **{"retention.ms": "2d"})
    assert spec.apply().code == 0
    produce(kafka, f"{name}a", 30)
    declared(spec, f"{name}a", **{"retention.ms": "12h"})
    assert risk(spec, "KS113")["blocking"] is False
    assert spec.apply().code == 0


def test_back_to_the_brokers_default_may_be_a_cut_too(kafka: Live, spec: Spec, name: str) -> None:
    """The broker says its default in hours: log.retention.hours = 168."""
    declared(spec, f"{name}a", **{"retention.ms": "30d"})
    assert spec.apply().code == 0
    produce_old(kafka, f"{name}a", 10, hours=24 * 10)
    declared(spec, f"{name}a", **{"retention.ms": None})
    found = risk(spec, "KS205")
    assert "30d -> 7d" in str(found["message"])
    assert found["evidence"]["lost"] == 10


def test_smaller_retention_in_bytes(kafka: Live, spec: Spec, name: str) -> None:
    declared(spec, f"{name}a", **{"retention.bytes": "1GiB"})
    assert spec.apply().code == 0
    produce_old(kafka, f"{name}a", 100, hours=0)
    declared(spec, f"{name}a", **{"retention.bytes": "1KiB"})
    assert 0 < int(str(risk(spec, "KS205")["evidence"]["lost"])) < 100  # type: ignore[index]
    declared(spec, f"{name}a", **{"retention.bytes": "512MiB"})
    assert risk(spec, "KS113")


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ({"cleanup.policy": "delete"}, {"cleanup.policy": "compact"}, "KS207"),
        ({"cleanup.policy": "compact"}, {"cleanup.policy": "compact,delete"}, "KS208"),
        ({"cleanup.policy": "compact"}, {"cleanup.policy": None}, "KS208"),
        ({"max.message.bytes": "2MiB"}, {"max.message.bytes": "1MiB"}, "KS209"),
    ],
    ids=["compact", "delete too", "back to delete", "smaller batches"],
)
def test_what_costs_records_only_where_there_are_some(
    kafka: Live, spec: Spec, name: str, before: dict[str, str], after: dict[str, str], code: str
) -> None:
    declared(spec, f"{name}a", **before)
    assert spec.apply().code == 0
    declared(spec, f"{name}a", **after)
    assert risk(spec, "KS114")["blocking"] is False
    produce(kafka, f"{name}a", 5)
    assert risk(spec, code)["blocking"] is True
    assert spec.apply().code == 3
    assert spec.apply("--approve", code).code == 0


def test_what_keeps_more_is_no_risk(kafka: Live, spec: Spec, name: str) -> None:
    declared(spec, f"{name}a", **{"retention.ms": "1h", "cleanup.policy": "compact,delete"})
    assert spec.apply().code == 0
    produce(kafka, f"{name}a", 5)
    more = {"retention.ms": "unlimited", "cleanup.policy": "compact", "max.message.bytes": "2MiB"}
    declared(spec, f"{name}a", **more)
    assert spec.plan_json().codes == set()
    assert spec.apply().code == 0


def test_protection_holds_off_what_destroys_data(kafka: Live, spec: Spec, name: str) -> None:
    declared(spec, f"{name}a", protect=True, **{"retention.ms": "2d"})
    assert spec.apply().code == 0
    produce_old(kafka, f"{name}a", 5, hours=20)
    declared(spec, f"{name}a", protect=True, **{"retention.ms": "1h"})
    assert spec.plan().code == 3
    assert spec.plan_json().codes == {"KS205", "KS902"}
    assert spec.apply("--approve", "KS205", "--approve", "KS902").code == 3


def test_records_that_came_after_the_plan_make_it_stale(
    kafka: Live, spec: Spec, name: str, tmp_path: Path
) -> None:
    saved = str(tmp_path / "plan.json")
    declared(spec, f"{name}a", **{"cleanup.policy": "delete"})
    assert spec.apply().code == 0
    declared(spec, f"{name}a", **{"cleanup.policy": "compact"})
    assert spec.plan("--out", saved).code == 2
    produce(kafka, f"{name}a", 1)
    stale = spec.run("apply", saved)
    assert (stale.code, "KS207" in stale.err) == (4, True)
    assert spec.plan("--out", saved).code == 2
    produce(kafka, f"{name}a", 10)  # figures may move, the class stays
    assert spec.run("apply", saved, "--approve", "KS207").code == 0


@contextmanager
def reading(kafka: Live, name: str, group: str) -> Iterator[None]:
    """A member of the group at work on the topic."""
    settings = {"bootstrap.servers": kafka.bootstrap, "group.id": group}
    consumer = Consumer({**settings, "auto.offset.reset": "earliest"})
    consumer.subscribe([name])
    end = time.monotonic() + 20
    while not consumer.assignment():
        consumer.poll(0.1)
        assert time.monotonic() < end
    try:
        yield
    finally:
        consumer.close()


def test_revoking_from_a_group_at_work(kafka: Live, spec: Spec, name: str, tmp_path: Path) -> None:
    saved = str(tmp_path / "plan.json")
    group = f"{name}readers"
    grants = [{"role": "consumer", "topics": [f"{name}a"], "groups": [group]}]
    spec.write(topic(f"{name}a"), acl("one", f"User:{name}app", grants=grants))
    assert spec.apply().code == 0
    gone = acl("one", f"User:{name}app", grants=grants, metadata={"ensure": "absent"})
    spec.write(topic(f"{name}a"), gone)
    assert spec.plan_json("--out", saved).codes == {"KS221"}
    with reading(kafka, f"{name}a", group):
        found = spec.plan_json()
        assert found.codes == {"KS223"}
        assert found.out.count(f"at work with it now: {group}") == 2
        stale = spec.run("apply", saved, "--approve", "KS221")
        assert (stale.code, "KS223" in stale.err) == (4, True)
        assert spec.apply("--approve", "KS221").code == 3
        assert spec.apply("--approve", "KS223").code == 0


def test_revoking_what_kstate_itself_runs_on(kafka: Live, spec: Spec, name: str) -> None:
    login = {k: v for k, v in kafka.login.items() if k != "bootstrap.servers"}
    spec.cluster(kafka.scram_bootstrap, kafka=login)
    bindings = [{"resource": "topic", "name": f"{name}a", "operation": "Alter"}]
    spec.write(acl("own", f"User:{kafka.user}", bindings=bindings))
    assert spec.plan_json().codes == set()
    assert spec.apply().code == 0
    gone = {"ensure": "absent"}
    spec.write(acl("own", f"User:{kafka.user}", bindings=bindings, metadata=gone))
    assert spec.plan_json().codes == {"KS221", "KS225"}
    spec.write(
        acl("own", f"User:{kafka.user}", bindings=bindings, metadata=gone),
        acl("deny", f"User:{kafka.user}", bindings=[{**bindings[0], "permission": "deny"}]),
    )
    denied = spec.plan_json().json["waves"][0][0]
    assert [r["code"] for r in denied["risks"]] == ["KS225"]
