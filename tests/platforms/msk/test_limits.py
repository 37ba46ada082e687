"""Every kind of cluster by Kafka's protocol: what it takes converges on a real broker, what it does not is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.core.model import Change, Key, World
from reconciler.platforms.msk.limits import BY_KIND, EXPRESS, SERVERLESS, STANDARD, quota_rule
from reconciler.platforms.msk.platform import PLATFORM
from tests.fakes.front import Front
from tests.fakes.msk import limited
from tests.platforms.msk.conftest import Estate, topic


@pytest.fixture
def kind(request: pytest.FixtureRequest, iam: Estate, iam_front: Front) -> Iterator[Estate]:
    """A cluster of the kind that the test asks for, whose brokers refuse what theirs would."""
    which: str = request.param
    own = BY_KIND[which]
    iam.msk.kind = which
    iam.cluster(type=which)
    iam_front.instead = limited(own.settable) if own.settable else lambda _request: None
    yield iam
    iam_front.instead = lambda _request: None


each = pytest.mark.parametrize("kind", [EXPRESS, SERVERLESS], indirect=True)
express = pytest.mark.parametrize("kind", [EXPRESS], indirect=True)
serverless = pytest.mark.parametrize("kind", [SERVERLESS], indirect=True)


@each
def test_a_topic_converges_within_the_limits(kind: Estate, name: str) -> None:
    one = f"{name}t"
    kind.write(topic(one, partitions=1, config={"retention.ms": "1d", "cleanup.policy": "compact"}))
    kind.applied()
    kind.write(topic(one, partitions=2, config={"retention.ms": "2d", "cleanup.policy": "compact"}))
    kind.applied()
    kind.settled()
    kind.write(topic(one, metadata={"ensure": "absent"}))
    kind.applied("KS201")


@each
def test_settings_that_the_cluster_does_not_take(kind: Estate, name: str) -> None:
    kind.write(
        topic(f"{name}t", partitions=1, config={"segment.bytes": "64MiB", "retention.ms": "1d"})
    )
    found = kind.spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS993"})
    assert "takes no `segment.bytes`" in found.out


@express
def test_what_express_has_anyway_is_nothing_to_do(kind: Estate, name: str) -> None:
    """So that a Profile for other clusters can be used here too."""
    config = {"min.insync.replicas": 2, "unclean.leader.election.enable": False}
    kind.write(topic(f"{name}t", partitions=1, config=config))
    kind.applied()
    kind.settled()
    kind.write(topic(f"{name}t", partitions=1, config={"min.insync.replicas": 1}))
    found = kind.spec.plan_json()
    assert found.code == 3
    assert "MSK Express takes no `min.insync.replicas`: there it is always 2" in found.out


@express
def test_express_has_bounds_of_its_own(kind: Estate, name: str) -> None:
    kind.write(
        topic(f"{name}t", partitions=1, replication=1, config={"max.compaction.lag.ms": "1h"})
    )
    found = kind.spec.plan_json()
    assert "MSK Express takes 86,400,000 and more for `max.compaction.lag.ms`" in found.out
    assert "MSK Express keeps 3 replicas of everything, not 1" in found.out


@express
def test_express_holds_the_ledger(kind: Estate, name: str) -> None:
    kind.estate()
    kind.write(topic(f"{name}t", partitions=1))
    kind.applied()
    kind.settled()


@serverless
def test_serverless_takes_a_cleanup_policy_only_at_birth(kind: Estate, name: str) -> None:
    kind.write(topic(f"{name}t", partitions=1, config={"cleanup.policy": "delete"}))
    kind.applied()
    changed = {"cleanup.policy": "compact", "max.message.bytes": "9MiB"}
    kind.write(topic(f"{name}t", partitions=1, config=changed))
    found = kind.spec.plan_json()
    assert found.code == 3
    assert "MSK Serverless takes `cleanup.policy` only when a topic is made" in found.out
    assert "MSK Serverless takes up to 8,388,608 for `max.message.bytes`" in found.out


@serverless
def test_serverless_holds_no_ledger(kind: Estate) -> None:
    kind.estate()
    kind.write(topic("orders", partitions=1))
    told = kind.spec.plan()
    assert told.code == 64
    assert "live: Amazon MSK Serverless cannot hold the ledger: it takes no `min.comp" in told.err


@serverless
def test_kinds_that_serverless_has_not(kind: Estate) -> None:
    quota = {"entity": {"user": "app"}, "limits": {"producer_byte_rate": "1MiB"}}
    kind.write(
        {"kind": "Quota", "metadata": {"name": "app"}, "spec": quota},
        {"kind": "User", "metadata": {"name": "app"}, "spec": {"password": "env:APP_PW"}},
    )
    told = kind.spec.plan()
    assert told.code == 64
    assert "does not offer quota: MSK Serverless has limits of its own" in told.err
    assert "does not offer user: MSK Serverless knows only IAM: make a role" in told.err


@pytest.mark.parametrize(
    ("kind", "partitions", "brokers", "warned"),
    [
        (SERVERLESS, 2_400, 3, False),
        (SERVERLESS, 2_401, 3, True),
        (EXPRESS, 32_000, 3, False),
        (EXPRESS, 32_001, 3, True),
        (EXPRESS, 32_001, 6, False),
        (STANDARD, 99_999, 3, False),
    ],
)
def test_quotas_of_partitions(kind: str, partitions: int, brokers: int, warned: bool) -> None:
    from reconciler.core.model import Resource

    planned = {
        "a": Resource("a", {"partitions": 1}),
        "b": Resource("b", {"partitions": partitions - 1}),
    }
    world = World(PLATFORM, {"brokers": brokers}, {}, planned)
    changes = [Change(Key("live", "topic", "b"), None, {"partitions": partitions - 1})]
    found = list(quota_rule(changes, world, BY_KIND[kind]))
    assert bool(found) == warned


# --- the Cluster document


def problems(iam: Estate, **given: Any) -> str:
    iam.cluster(**given)
    iam.write(topic("orders", partitions=1, replication=3))
    told = iam.spec.run("validate", str(iam.spec.folder))
    return told.err if told.code == 64 else ""


def test_a_cluster_document_is_checked(api: Estate) -> None:
    assert "MSK Serverless knows only `iam`" in problems(api, type="serverless", auth="scram")
    assert "no topic API for Serverless" in problems(api, type="serverless", via="api")
    assert "must be one of `standard`, `express`, `serverless`, found `expres`" in problems(
        api, type="expres"
    )
    assert "must be the ARN of an MSK cluster" in problems(api, arn="demo")
    assert "must be a folder below the spec folder" in problems(api, policies="../iam")
    assert "MSK takes no alias" in problems(api, users={"kmsKey": "alias/kafka"})


def test_without_its_section_a_cluster_is_nowhere(api: Estate) -> None:
    document = {"kind": "Cluster", "metadata": {"name": "live"}, "spec": {"platform": "msk"}}
    api.spec.write(document, file="cluster.yaml")
    told = api.spec.run("validate", str(api.spec.folder))
    assert told.code == 64
    assert "the key `msk` is missing: `msk: {arn: ...}` says which cluster it is" in told.err


def test_amazons_other_services_are_refused_with_what_to_use(api: Estate) -> None:
    glue = {"registry": {"url": "https://glue.eu-west-1.amazonaws.com"}}
    connect = [{"name": "main", "url": "https://kafkaconnect.eu-west-1.amazonaws.com"}]
    assert "run Apicurio, Karapace or" in problems(api, more=glue)
    assert "MSK Connect is not offered: run Connect workers" in problems(
        api, more={"connect": connect}
    )


def test_what_needs_an_address_says_which_service_is_not_meant(iam: Estate) -> None:
    iam.write(
        {"kind": "Schema", "metadata": {"name": "s"}, "spec": {"type": "avro", "schema": '"int"'}},
        {
            "kind": "Connector",
            "metadata": {"name": "c", "clusters": ["live"]},
            "spec": {"connect": "main", "config": {"connector.class": "x"}},
        },
        {
            "kind": "Mirror",
            "metadata": {"name": "m", "clusters": ["live"]},
            "spec": {"source": "live", "topics": ["a"], "connect": "main"},
        },
    )
    told = iam.spec.plan()
    assert told.code == 64
    assert "the Glue Schema Registry is not offered" in told.err
    assert "MSK Connect is not offered" in told.err
    assert "MSK Replicator is not offered: run MirrorMaker 2 on Connect workers" in told.err


def test_a_mirror_needs_addresses_and_a_login_for_its_workers(iam: Estate) -> None:
    """The workers are Java, and log in to MSK with AWS's own library; nobody but the document can say so."""
    workers = {"connect": [{"name": "main", "url": "http://127.0.0.1:1"}]}
    target = {"platform": "apache", "bootstrap": ["127.0.0.1:1"], **workers}
    iam.spec.write(
        {"kind": "Cluster", "metadata": {"name": "other"}, "spec": target}, file="o.yaml"
    )
    iam.kafka = {}
    iam.cluster()
    mirror = {"source": "live", "topics": ["a"], "connect": "main"}
    iam.write({"kind": "Mirror", "metadata": {"name": "m", "clusters": ["other"]}, "spec": mirror})
    told = iam.spec.plan()
    assert told.code == 64
    assert "the Cluster document of live has no `bootstrap`, which the workers need" in told.err
    assert "`security.source` is missing: live is reached by SASL_SSL" in told.err
