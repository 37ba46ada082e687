"""Redpanda: what it ignores is said, what it lacks refused, its haste waited out, its users made by either way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.platforms.redpanda import topics as redpanda_topics
from tests.clusters import Live
from tests.fakes.redpanda import AdminApi, Brokers, admin_api, brokers
from tests.fakes.server import Fault, Reply, Service
from tests.live.spec import Spec, acl, topic

FIRST, SECOND = "first-canary-5b20", "second-canary-c19d"


@pytest.fixture
def how() -> Brokers:
    return Brokers()


@pytest.fixture
def where(kafka: Live, how: Brokers) -> Iterator[str]:
    with brokers(int(kafka.bootstrap.rpartition(":")[2]), how) as bootstrap:
        yield bootstrap


@pytest.fixture
def unrecorded(spec: Spec, where: str, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """A spec about a Redpanda, without a ledger."""
    spec.cluster(where, platform="redpanda")
    monkeypatch.setenv("APP_PW", FIRST)
    return spec


@pytest.fixture
def estate(unrecorded: Spec, prefix: str) -> Spec:
    """The same with a ledger of its own."""
    ledger = {"ledger": {"topic": f"__{prefix[-30:]}"}}
    document = {"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}
    unrecorded.write(document, file="estate.yaml")
    return unrecorded


def user(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"kind": "User", "metadata": metadata, "spec": {"password": "env:APP_PW", **spec}}


def everything(prefix: str, retention: str, rate: int, **metadata: Any) -> list[dict[str, Any]]:
    config = {"retention.ms": retention, "min.insync.replicas": 2}
    quota = {"entity": {"user": f"{prefix}app"}, "limits": {"producer_byte_rate": rate}}
    return [
        topic(f"{prefix}orders", partitions=2, replication=1, config=config, metadata=metadata),
        acl(
            f"{prefix}app",
            f"User:{prefix}app",
            grants=[{"role": "producer", "topics": [f"{prefix}orders"]}],
            metadata=metadata,
        ),
        user(f"{prefix}app", metadata=metadata),
        {"kind": "Quota", "metadata": {"name": f"{prefix}app", **metadata}, "spec": quota},
    ]


def test_every_kind_comes_changes_and_goes(estate: Spec, prefix: str) -> None:
    estate.write(*everything(prefix, "1d", 1000))
    planned = estate.plan()
    assert planned.code == 2
    assert "KS115" in planned.out
    assert "Redpanda takes `min.insync.replicas` and ignores it" in planned.out
    made = estate.apply()
    assert made.code == 0, made.out + made.err
    assert estate.plan().code == 0, "the clean-up policy that Redpanda pins is no difference"
    estate.write(*everything(prefix, "2d", 900))
    assert estate.apply("--approve", "KS271").code == 0
    assert estate.plan().code == 0
    estate.write(*everything(prefix, "2d", 900, ensure="absent"))
    gone = estate.apply(*(f"--approve={code}" for code in ("KS201", "KS221", "KS272", "KS281")))
    assert gone.code == 0, gone.out + gone.err
    assert estate.plan().code == 0


@pytest.mark.parametrize(
    ("document", "code", "words"),
    [
        (topic("t", config={"retention.msx": 1}), "KS948", "did you mean `retention.ms`?"),
        (topic("t", config={"replication.factor": 3}), "KS948", "use `spec.replication`"),
        (topic("t", replication=2), "KS949", "2 replicas: Redpanda wants an odd number"),
        (
            {
                "kind": "Quota",
                "metadata": {"name": "q"},
                "spec": {"entity": {"user": "a"}, "limits": {"request_percentage": 50}},
            },
            "KS938",
            "Redpanda has no limit `request_percentage`",
        ),
    ],
)
def test_what_it_lacks_is_refused_while_planning(
    unrecorded: Spec, document: dict[str, Any], code: str, words: str
) -> None:
    unrecorded.write(document)
    planned = unrecorded.plan()
    assert planned.code == 3
    assert code in planned.out
    assert words in planned.out


def test_settings_of_its_own_pass_the_plan(unrecorded: Spec, prefix: str) -> None:
    own = {"redpanda.remote.read": "true", "write.caching": "true"}
    unrecorded.write(topic(f"{prefix}t", partitions=1, replication=1, config=own))
    planned = unrecorded.plan_json()
    assert not any(code in ("KS948", "KS949") for code in planned.codes)


def test_too_much_at_once_is_waited_out(unrecorded: Spec, prefix: str, how: Brokers) -> None:
    unrecorded.write(topic(f"{prefix}t", partitions=2, replication=1))
    how.busy = 2
    done = unrecorded.apply()
    assert done.code == 0, done.out + done.err
    assert how.refused == 2
    assert unrecorded.plan().code == 0


def test_too_much_for_too_long_is_told(
    unrecorded: Spec, prefix: str, how: Brokers, monkeypatch: pytest.MonkeyPatch
) -> None:
    unrecorded.write(topic(f"{prefix}t", partitions=1, replication=1))
    monkeypatch.setattr(redpanda_topics, "PAUSES", (0.01,))
    how.busy = 100
    done = unrecorded.apply()
    assert done.code == 1, done.out + done.err
    assert "Too many partition mutations requested" in done.out + done.err


# --- users by the Admin API


@pytest.fixture
def api() -> AdminApi:
    return AdminApi()


@pytest.fixture
def admin(api: AdminApi) -> Iterator[Service]:
    with admin_api(api) as service:
        yield service
        assert service.violations == []


@pytest.fixture
def by_admin(unrecorded: Spec, where: str, admin: Service, monkeypatch: pytest.MonkeyPatch) -> Spec:
    monkeypatch.setenv("RP_ADMIN", AdminApi.password)
    auth = {"basic": {"username": AdminApi.user, "password": "env:RP_ADMIN"}}
    own = {"admin": {"url": admin.url, "auth": auth}}
    unrecorded.cluster(where, platform="redpanda", redpanda=own)
    return unrecorded


def test_a_user_comes_changes_and_goes(
    estate: Spec, by_admin: Spec, api: AdminApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert estate is by_admin
    api.users["somebody-else"] = ("SCRAM-SHA-256", "x")
    by_admin.write(user("app"))
    made = by_admin.apply()
    assert made.code == 0, made.out + made.err
    assert api.users["app"] == ("SCRAM-SHA-512", FIRST)
    assert by_admin.plan().code == 0
    monkeypatch.setenv("APP_PW", SECOND)
    assert by_admin.plan().code == 0, "a password is changed when its rotation says so"
    by_admin.write(user("app", rotation="2026-12", mechanism="SCRAM-SHA-256"))
    done = by_admin.apply("--approve", "KS273")
    assert done.code == 0, done.out + done.err
    assert api.users["app"] == ("SCRAM-SHA-256", SECOND)
    assert by_admin.plan().code == 0
    by_admin.write(user("app", metadata={"ensure": "absent"}))
    assert by_admin.apply("--approve", "KS272").code == 0
    assert api.users.keys() == {"somebody-else"}
    for said in (made, done):
        assert not {FIRST, SECOND, AdminApi.password} & {*said.out.split(), *said.err.split()}


def test_writes_go_to_the_leader(by_admin: Spec, api: AdminApi) -> None:
    leader = AdminApi()
    with admin_api(leader) as service:
        api.leader, leader.users = service.url, api.users
        by_admin.write(user("app"))
        assert by_admin.apply().code == 0
        assert service.asked("POST /v1/security/users")
    assert api.users["app"] == ("SCRAM-SHA-512", FIRST)


def test_iterations_that_it_does_not_take_are_refused(by_admin: Spec) -> None:
    by_admin.write(user("app", iterations=8192))
    planned = by_admin.plan()
    assert planned.code == 3
    assert "KS939" in planned.out


@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        (Fault("POST", Reply(403, {"message": "Forbidden", "code": 403})), 1, "403 Forbidden"),
        (Fault("POST", Reply(500, {"message": "boom", "code": 500})), 1, "500 boom"),
        (Fault("POST", Reply(429, {"message": "later"}, {"Retry-After": "0"}), times=3), 0, ""),
        (Fault("POST", Reply(503, b"<html>"), times=2), 0, ""),
        (Fault("POST", hang_up=True, after=True), 0, ""),
        (Fault("GET", Reply(200, b'["app", "b', cut=True), times=9), 1, "Admin API"),
        (Fault("GET", Reply(403, {"message": "Forbidden", "code": 403}), times=9), 1, "superuser"),
    ],
    ids=lambda value: value.pattern if isinstance(value, Fault) else None,
)
def test_bad_days(by_admin: Spec, admin: Service, fault: Fault, code: int, words: str) -> None:
    by_admin.write(user("app"))
    admin.faults.append(fault)
    done = by_admin.apply()
    assert done.code == code, done.out + done.err
    assert words in done.out + done.err
    admin.faults.clear()
    assert by_admin.apply().code == 0
    assert by_admin.plan().code == 0
