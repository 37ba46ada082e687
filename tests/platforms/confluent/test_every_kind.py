"""Every kind on every type of cluster: made, changed and deleted, or refused with a reason; there is no third."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from reconciler.engine.grid import How, columns
from tests.clusters import Live
from tests.fakes.confluent_registry import Registry
from tests.fakes.confluent_rest import Cluster, Topic
from tests.fakes.server import Fault, Reply, serving
from tests.live.spec import acl, topic
from tests.platforms.confluent.conftest import Estate, document
from tests.platforms.confluent.test_access import rbac, user
from tests.platforms.confluent.test_links import mirror, other
from tests.platforms.confluent.test_quotas import quota
from tests.platforms.confluent.test_schemas import MONEY, schema

TYPES = ("basic", "standard", "enterprise", "dedicated", "freight")
Asked = list[dict[str, Any]]


@dataclass(frozen=True)
class Story:
    """A kind from nothing to another form to nothing; `approve` is what taking it away asks for."""

    first: Callable[[], Asked]
    then: Callable[[], Asked]
    last: Callable[[], Asked]
    approve: tuple[str, ...]


def absent(made: dict[str, Any]) -> dict[str, Any]:
    return {**made, "metadata": {**made["metadata"], "ensure": "absent"}}


STORIES = {
    "topic": Story(
        lambda: [topic("orders", partitions=3, replication=3)],
        lambda: [topic("orders", partitions=6, config={"retention.ms": "30d"})],
        lambda: [absent(topic("orders"))],
        ("KS204",),
    ),
    "user": Story(
        lambda: [user("app")],
        lambda: [user("app", "reads")],
        lambda: [absent(user("app"))],
        ("KS290",),
    ),
    "acl": Story(
        lambda: [user("app"), acl("a", "User:app", grants=[{"role": "producer", "topics": ["x"]}])],
        lambda: [
            user("app"),
            acl("a", "User:app", grants=[{"role": "consumer", "topics": ["x"], "groups": ["g"]}]),
        ],
        lambda: [
            user("app"),
            absent(
                acl(
                    "a", "User:app", grants=[{"role": "consumer", "topics": ["x"], "groups": ["g"]}]
                )
            ),
        ],
        ("KS224", "KS221"),
    ),
    "rbac": Story(
        lambda: [user("app"), rbac("app", {"role": "producer", "topics": ["x"]})],
        lambda: [user("app"), rbac("app", {"role": "consumer", "topics": ["x"], "groups": ["g"]})],
        lambda: [
            user("app"),
            absent(rbac("app", {"role": "consumer", "topics": ["x"], "groups": ["g"]})),
        ],
        ("KS224", "KS221"),
    ),
    "quota": Story(
        lambda: [user("app"), quota("app")],
        lambda: [user("app"), quota("app", producer="1MiB")],
        lambda: [user("app"), absent(quota("app"))],
        ("KS281",),
    ),
    "mirror": Story(
        lambda: [mirror()],
        lambda: [mirror(r"orders\..*", interval="1m")],
        lambda: [absent(mirror())],
        ("KS261", "KS165"),
    ),
    "schema": Story(
        lambda: [schema("money", MONEY)],
        lambda: [schema("money", {**MONEY, "doc": "in cents"})],
        lambda: [absent(schema("money", MONEY))],
        ("KS241",),
    ),
}


@pytest.fixture
def everything(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """A cluster of any type, with a registry and another cluster to link to."""
    monkeypatch.setenv("SR_KEY", "SRKEY")
    monkeypatch.setenv("SR_SECRET", "sr-secret")
    eu = Cluster("lkc-eu", organization=estate.organization)
    eu.topics = {name: Topic(6) for name in ("orders.placed", "orders.paid")}
    estate.organization.clusters["lkc-eu"] = "Basic"
    estate.kafka.sources["lkc-eu"] = set(eu.topics)
    with serving(Registry().service()) as registry, serving(eu.service()) as source:
        auth = {"basic": {"username": "env:SR_KEY", "password": "env:SR_SECRET"}}
        more = {"registry": {"url": registry.url, "auth": auth}}

        def of_type(type_: str) -> None:
            estate.cluster(other(estate, source), type=type_, more=more)

        yield of_type
        assert registry.violations == []


def only(asked: Asked) -> Asked:
    """For the one cluster, whatever else the spec has."""
    return [{**one, "metadata": {**one["metadata"], "clusters": ["cc"]}} for one in asked]


@pytest.mark.parametrize("type_", TYPES)
@pytest.mark.parametrize("kind", STORIES)
def test_converges_or_is_refused_with_a_reason(
    estate: Estate, everything: Callable[[str], None], kind: str, type_: str
) -> None:
    everything(type_)
    story = STORIES[kind]
    refused = {
        "rbac": "has no roles on topics" if type_ == "basic" else "",
        "quota": "" if type_ == "dedicated" else "client quotas are for Dedicated clusters only",
        "mirror": ""
        if type_ in ("dedicated", "enterprise")
        else "a cluster link fills Dedicated and",
    }
    if reason := refused.get(kind, ""):
        assert reason in estate.refusals(*only(story.first()))
        return
    estate.converges(*only(story.first()))
    stale = ("KS224", "KS221", "KS206")
    estate.converges(*only(story.then()), approve=stale)
    for link in estate.kafka.links.values():
        link.status.clear()
    estate.converges(*only(story.last()), approve=story.approve)
    assert estate.kafka.links == {}
    assert estate.kafka.topics == {} or kind == "mirror", "mirror topics outlive their link"


def test_the_grid_says_the_same() -> None:
    """What a type lacks in the grid is what the stories above see refused."""
    found = {
        c.name.removeprefix("confluent "): c.cells
        for c in columns()
        if c.name.startswith("confluent ")
    }
    assert set(found) == {*TYPES, "dedicated via rest"}
    for name, cells in found.items():
        assert (cells["quota"].how is How.NONE) == (not name.startswith("dedicated"))
        assert all(
            cell.how is not How.NONE
            for kind, cell in cells.items()
            if kind not in ("quota", "consumergroup")
        )
        assert {cell.proven for cell in cells.values()} <= {"emulated", ""}


# --- the whole estate


def whole() -> Asked:
    return [
        topic("orders", partitions=6, replication=3, config={"retention.ms": "7d"}),
        user("app", "reads orders"),
        acl(
            "app",
            "User:app",
            grants=[{"role": "consumer", "topics": ["orders"], "groups": ["app"]}],
        ),
        rbac("app", {"role": "producer", "topics": ["orders"]}),
        quota("app"),
        schema("orders-value", MONEY),
        mirror(r"orders\.placed"),
    ]


def named(asked: Asked) -> Asked:
    """`rbac` is called as the `acl` is; one of them has to give way."""
    for one in asked:
        if one["spec"].get("access") == "rbac":
            one["metadata"]["name"] = "app-roles"
    return only(asked)


def test_everything_at_once_and_back_from_every_hand(
    estate: Estate, everything: Callable[[str], None]
) -> None:
    everything("dedicated")
    estate.converges(*named(whole()))
    [id_] = estate.organization.accounts
    estate.kafka.topics["orders"].config["retention.ms"] = "1"
    estate.kafka.acls.clear()
    estate.organization.bindings.clear()
    estate.organization.accounts[id_].body["description"] = "by hand"
    [kept] = estate.organization.quotas.values()
    kept.body["spec"]["throughput"]["ingress_byte_rate"] = "1"
    estate.kafka.links["eu-to-us"].config["consumer.offset.sync.ms"] = "1000"
    found = estate.spec.run("drift", str(estate.spec.folder))
    assert found.code == 2
    for kind in ("topic orders", "acl User:app", "user app", "quota user=app", "mirror eu-to-us"):
        assert kind in found.out, found.out
    estate.converges(*named(whole()))


def test_an_import_of_everything_plans_empty(
    estate: Estate, everything: Callable[[str], None]
) -> None:
    everything("dedicated")
    estate.converges(*named(whole()))
    out = estate.spec.folder.parent / f"imported-{os.getpid()}"
    found = estate.spec.run("import", str(estate.spec.folder), "-c", "cc", "--out", str(out))
    assert found.code == 0, found.err
    assert "acl/User:app|DeveloperWrite|topic|orders|literal" in found.err + found.out
    assert "no server tells how a link logs in to its source" in found.err + found.out
    again = estate.spec.run("plan", str(out), "--detailed-exitcode")
    assert again.code == 0, again.out + again.err


def test_a_snapshot_plans_as_the_cluster_does(
    estate: Estate, everything: Callable[[str], None]
) -> None:
    everything("dedicated")
    estate.converges(*named(whole()))
    estate.spec.write(*named([*whole(), topic("more", partitions=3, replication=3)]))
    recorded = estate.spec.folder.parent / f"snapshot-{os.getpid()}.json"
    where = str(estate.spec.folder)
    found = estate.spec.run("snapshot", where, "-c", "cc", "--out", str(recorded))
    assert found.code == 0, found.err
    plans = [
        json.loads(estate.spec.run("plan", where, "-c", "cc", *more, "--format", "json").out)
        for more in ((), ("--offline", str(recorded)))
    ]
    live, offline = (plan["waves"] for plan in plans)
    assert offline == live
    assert [change["key"] for wave in live for change in wave] == ["cc/topic/more"]


def test_doctor(estate: Estate, everything: Callable[[str], None]) -> None:
    everything("dedicated")
    estate.spec.write(*named(whole()))
    found = estate.spec.run("doctor", str(estate.spec.folder), "-c", "cc")
    assert found.code == 0, found.out
    assert "Confluent Cloud, id lkc-abc123, logged in" in found.out
    assert "None" not in found.out


@pytest.mark.live
def test_the_ledger_on_another_cluster(estate: Estate, kafka: Live, prefix: str) -> None:
    """By REST nothing can be kept on the cluster itself; told as such, and kept where the Estate says."""
    home = {"platform": "apache", "bootstrap": [kafka.bootstrap]}
    estate.cluster({"kind": "Cluster", "metadata": {"name": "home"}, "spec": home})
    name = f"__{prefix}ledger"
    here = only([topic("a"), topic("b")])
    estate.spec.write(document("Estate", "acme", {"ledger": {"topic": name}}), *here)
    found = estate.spec.plan("-c", "cc")
    assert found.code == 64
    assert "Confluent Cloud cannot hold the ledger" in found.err
    assert "name a cluster that can: `ledger: {cluster: NAME}`" in found.err
    there = document("Estate", "acme", {"ledger": {"topic": name, "cluster": "home"}})
    estate.converges(there, *here)
    estate.spec.write(there, *here[:1])
    assert estate.spec.plan_json().codes == {"KS204", "KS231"}
    assert estate.spec.apply("--approve", "KS204", "--approve", "KS231").code == 0
    assert list(estate.kafka.topics) == ["a"]
    left = estate.spec.plan()
    assert left.code == 0, left.out


def test_a_key_that_is_taken_away_in_the_middle(estate: Estate) -> None:
    """Nothing is lost, every outcome is true, and with a new key it goes on."""
    estate.spec.write(user("app"), topic("orders"))
    estate.spec.plan()
    gone = Reply(401, {"error_code": 40101, "message": "Authentication failed"})
    seen: list[int] = []

    def revoked(call: Any) -> Reply | None:
        real = call.method == "POST" and not (call.json or {}).get("validate_only")
        seen.extend([1] if real else [])
        return gone if seen else None

    before = estate.rest.login
    estate.rest.login = lambda call: before(call) or revoked(call)
    done = estate.spec.apply()
    assert done.code in (1, 6), done.out + done.err
    assert "Authentication failed" in done.out + done.err
    assert "cluster-secret" not in done.out + done.err
    assert estate.kafka.topics == {}
    estate.rest.login = before
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0


def test_a_slow_answer_is_waited_for_as_long_as_asked(estate: Estate) -> None:
    estate.rest.faults.append(Fault("GET .*/topics$", delay=0.6, times=1))
    estate.spec.write(topic("orders"))
    assert estate.spec.plan("--timeout", "5s").code == 2
    estate.rest.faults.append(Fault("GET .*/topics$", delay=0.6, times=9))
    found = estate.spec.plan("--timeout", "300ms")
    assert found.code == 1
    assert "REST v3 of cluster cc" in found.err
