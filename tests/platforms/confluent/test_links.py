"""Mirrors as cluster links: made, changed, halted, deleted; and what only a person may do to one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.confluent_rest import Cluster, Topic, bad
from tests.fakes.server import Fault, Reply, Service, serving
from tests.platforms.confluent.conftest import Estate, document

LOGIN = {
    "bootstrap.servers": "pkc-eu.confluent.cloud:9092",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "PLAIN",
    "sasl.jaas.config": {"env": "LINK_JAAS"},
}
TOPICS = ("orders.placed", "orders.paid", "payments", "other")


def mirror(*topics: str, name: str = "eu-to-us", ensure: str = "", **spec: Any) -> dict[str, Any]:
    listed = list(topics) or [r"orders\.placed"]
    whole = {"source": "eu", "topics": listed, "security": {"source": LOGIN}, **spec}
    asked = {"ensure": ensure} if ensure else {}
    return document("Mirror", name, whole, clusters=["cc"], **asked)


@pytest.fixture
def source(estate: Estate) -> Iterator[Service]:
    """Another cluster of the organization, which the first can reach."""
    eu = Cluster("lkc-eu", organization=estate.organization)
    eu.topics = {name: Topic(6) for name in TOPICS}
    estate.organization.clusters["lkc-eu"] = "Basic"
    estate.kafka.sources["lkc-eu"] = set(TOPICS)
    with serving(eu.service()) as service:
        yield service
        assert service.violations == []


def other(estate: Estate, source: Service) -> dict[str, Any]:
    member = estate.member(cluster="lkc-eu", type="basic", rest={"url": source.url})
    spec = {"platform": "confluent", "confluent": member}
    return {"kind": "Cluster", "metadata": {"name": "eu"}, "spec": spec}


@pytest.fixture
def linked(estate: Estate, source: Service) -> Estate:
    estate.cluster(other(estate, source))
    return estate


def test_made_and_changed(linked: Estate) -> None:
    linked.spec.write(mirror())
    found = linked.spec.plan()
    assert "matches 1 topic of eu now: orders.placed" in found.out, found.out
    linked.converges(mirror(groups=["app-.*"]))
    link = linked.kafka.links["eu-to-us"]
    assert link.source == "lkc-eu"
    assert link.config["sasl.jaas.config"].endswith('password="link-secret";')
    assert link.config["bootstrap.servers"] == "pkc-eu.confluent.cloud:9092"
    assert link.config["consumer.offset.sync.enable"] == "true"
    assert json.loads(link.config["consumer.offset.group.filters"]) == {
        "groupFilters": [{"name": "app-", "patternType": "PREFIXED", "filterType": "INCLUDE"}]
    }
    assert link.status == {"orders.placed": "ACTIVE"}
    [validated, made] = linked.rest.asked("POST .*/links\\?")[-2:]
    assert "validate_only=true" in validated.url
    assert "validate_only" not in made.url
    linked.converges(mirror(r"orders\.placed", r"orders\.paid", interval="1m", sync={"acls": True}))
    assert link.status == {"orders.placed": "ACTIVE", "orders.paid": "ACTIVE"}
    assert link.config["acl.sync.enable"] == "true"
    assert link.config["topic.config.sync.ms"] == "60000"
    assert link.config["consumer.offset.sync.enable"] == "false"


def test_no_secret_is_shown_anywhere(linked: Estate) -> None:
    linked.spec.write(mirror())
    saved = linked.spec.folder / "plan.json"
    found = linked.spec.plan("--out", str(saved))
    assert "link-secret" not in found.out + found.err + saved.read_text()
    assert "env:LINK_JAAS" in saved.read_text()


def test_beginnings_are_left_to_the_link_with_what_is_left_out(linked: Estate) -> None:
    linked.converges(mirror(r"orders\..*", exclude=[r"orders\.paid"], naming="prefixed"))
    link = linked.kafka.links["eu-to-us"]
    assert link.config["cluster.link.prefix"] == "eu."
    assert json.loads(link.config["auto.create.mirror.topics.filters"]) == {
        "topicFilters": [
            {"name": "orders.paid", "patternType": "LITERAL", "filterType": "EXCLUDE"},
            {"name": "orders.", "patternType": "PREFIXED", "filterType": "INCLUDE"},
        ]
    }
    assert link.status == {"eu.orders.placed": "ACTIVE"}
    link.config["auto.create.mirror.topics.filters"] = (
        '{"topicFilters": [{"filterType":"INCLUDE","name":"orders.","patternType":"prefixed"},'
        '{"patternType":"literal","name":"orders.paid","filterType":"exclude"}]}'
    )
    assert linked.spec.plan().code == 0


def test_a_whole_name_under_a_prefix(linked: Estate) -> None:
    linked.converges(mirror(r"orders\.placed", naming="prefixed"))
    assert linked.kafka.links["eu-to-us"].status == {"eu.orders.placed": "ACTIVE"}
    assert linked.kafka.topics["eu.orders.placed"].mirror_of == "orders.placed"


def test_halted_and_set_going_again(linked: Estate) -> None:
    linked.converges(mirror(r"orders\.placed", r"orders\.paid"))
    status = linked.kafka.links["eu-to-us"].status
    both = mirror(r"orders\.placed", r"orders\.paid", state="paused")
    assert linked.codes(both) == {"KS164"}
    linked.converges(both)
    assert set(status.values()) == {"PAUSED"}
    status["orders.paid"] = "ACTIVE"
    linked.spec.write(both)
    assert "paused in part: orders.placed" in linked.spec.plan().out
    linked.converges(mirror(r"orders\.placed", r"orders\.paid"))
    assert set(status.values()) == {"ACTIVE"}
    linked.kafka.links["eu-to-us"].state = "PAUSED"
    assert "link paused" in linked.spec.plan().out


def test_what_was_promoted_is_told_and_never_turned_back(linked: Estate) -> None:
    linked.converges(mirror(r"orders\.placed", r"orders\.paid"))
    linked.kafka.links["eu-to-us"].status["orders.placed"] = "STOPPED"
    found = linked.spec.plan()
    assert found.code == 3
    assert "KS992" in found.out
    assert "orders.placed is STOPPED: it was promoted or failed over" in found.out
    told = linked.spec.run("drift", str(linked.spec.folder))
    assert "STOPPED, promoted or failed over" in told.out
    linked.spec.write(mirror(r"orders\.paid"))
    assert linked.spec.plan().code == 0


def test_a_link_in_use_is_not_deleted(linked: Estate) -> None:
    linked.converges(mirror())
    gone = mirror(ensure="absent")
    assert linked.codes(gone) == {"KS261", "KS903"}
    linked.spec.write(gone)
    assert "Cluster link is in use by topics orders.placed" in linked.spec.plan().out
    linked.kafka.links["eu-to-us"].status.clear()
    linked.converges(gone, approve=("KS261",))
    assert linked.kafka.links == {}


def test_what_a_link_keeps_for_good(linked: Estate) -> None:
    linked.converges(mirror())
    assert linked.codes(mirror(naming="prefixed")) >= {"KS992"}
    linked.kafka.links["eu-to-us"].source = "lkc-elsewhere"
    linked.spec.write(mirror())
    assert (
        "source lkc-elsewhere -> lkc-eu: a link keeps what it was made with"
        in linked.spec.plan().out
    )


def test_a_topic_that_is_there_already(linked: Estate) -> None:
    linked.kafka.topics["orders.placed"] = Topic(6)
    linked.spec.write(mirror())
    found = linked.spec.plan()
    assert found.code == 3
    assert "orders.placed is on cc already, and is no mirror topic of this link" in found.out


def test_a_source_that_refuses_shows_in_the_plan(
    linked: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINK_JAAS", "nothing of use")
    linked.spec.write(mirror())
    found = linked.spec.plan()
    assert found.code == 3
    assert "authentication at the source failed" in found.out
    monkeypatch.delenv("LINK_JAAS")
    found = linked.spec.plan()
    assert "not vetted" in found.out, found.out
    done = linked.spec.apply()
    assert done.code == 64
    assert "LINK_JAAS" in done.err


def test_seen_late_and_refused_half_way(linked: Estate) -> None:
    linked.kafka.late = 0.6
    refusal = Fault("POST .*/mirrors$", bad("Topic 'orders.paid' cannot be mirrored"))
    linked.rest.faults.append(refusal)
    linked.spec.write(mirror(r"orders\.paid", r"orders\.placed"))
    done = linked.spec.apply()
    assert done.code in (1, 6), done.out
    assert "cannot be mirrored" in done.out
    linked.kafka.late = 0.0
    assert linked.spec.apply().code == 0
    assert linked.spec.plan().code == 0


def test_a_failed_link_shows_in_drift(linked: Estate) -> None:
    linked.converges(mirror())
    told = linked.spec.run("drift", str(linked.spec.folder))
    assert "topics mirrored: 1, none behind" in told.out, told.out
    linked.kafka.links["eu-to-us"].state = "FAILED"
    linked.kafka.links["eu-to-us"].error = "The API key was deleted"
    told = linked.spec.run("drift", str(linked.spec.folder))
    assert told.code == 2
    assert "the link is FAILED: The API key was deleted" in told.out


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"topics": ["orders-[0-9]+"]}, "knows whole names (`orders\\.placed`) and beginnings"),
        ({"topics": ["orders.placed"]}, "knows whole names"),
        ({"connect": "main"}, "Leave `connect` out"),
        ({"tasks": 2}, "a cluster link has no tasks"),
        ({"config": {"source": {"a": 1}}}, "a cluster link has no connectors"),
        ({"state": "stopped"}, "a link is `running` or `paused`"),
        ({"sync": {"configs": False}}, "always keeps configurations as the originals'"),
        ({"replication": 2}, "3 replicas of every topic"),
        (
            {"security": {"source": {"sasl.jaas.config": "in the open"}}},
            "holds a secret in the open",
        ),
        ({"source": "us"}, "there is no Cluster `us`"),
        ({"source": "cc"}, "the source is cc, and so is the target"),
        ({"exclude": [r"orders\.placed"]}, "`orders.placed` is under `topics` too"),
    ],
)
def test_what_a_link_has_no_word_for(linked: Estate, spec: dict[str, Any], words: str) -> None:
    asked = mirror()
    asked["spec"] |= spec
    assert words in linked.refusals(asked)


@pytest.mark.parametrize("type_", ["basic", "standard", "freight"])
def test_types_that_no_link_fills(linked: Estate, source: Service, type_: str) -> None:
    linked.cluster(other(linked, source), type=type_)
    told = linked.refusals(mirror())
    assert "a cluster link fills Dedicated and Enterprise clusters only" in told


def test_a_source_that_cannot_be_read_is_told(linked: Estate, source: Service) -> None:
    source.login = lambda _call: Reply(
        401, {"error_code": 40101, "message": "Authentication failed"}
    )
    linked.spec.write(mirror())
    assert (
        "eu cannot be read, so nobody knows which of its topics match"
        in linked.spec.plan("-c", "cc").out
    )


def test_where_no_link_leads_mirror_maker_does(linked: Estate, source: Service) -> None:
    """On a Standard cluster that is reached by Kafka a Mirror is three connectors, as everywhere."""
    workers = {
        "connect": [{"name": "main", "url": "http://127.0.0.1:9"}],
        "bootstrap": ["127.0.0.1:9"],
    }
    linked.cluster(other(linked, source), type="standard", via=None, more=workers)
    linked.spec.write(mirror())
    assert "the key `connect` is missing: which workers copy?" in linked.spec.plan().err
