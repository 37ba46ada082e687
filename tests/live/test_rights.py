"""A cluster that lets us in and then says no: what is named, what is still done, and what is never half done unsaid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from reconciler.sandbox import ready
from tests.live.spec import Said, Spec, acl, topic

PASSWORD = "canary-9f2b-rights"
LOOK = ("Describe", "DescribeConfigs")
MANAGE = (*LOOK, "Create", "Alter", "AlterConfigs", "Delete")


@dataclass(frozen=True)
class User:
    """A SCRAM user of the shared broker, with exactly the rights given so far."""

    kafka: Any
    name: str

    def may(self, *operations: str, topics: str = "", transactions: str = "") -> User:
        """Operations on all topics or transactional ids with a prefix, or on the cluster."""
        resource = (ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL)
        if topics:
            resource = (ResourceType.TOPIC, topics, ResourcePatternType.PREFIXED)
        if transactions:
            resource = (ResourceType.TRANSACTIONAL_ID, transactions, ResourcePatternType.PREFIXED)
        bindings = [
            AclBinding(*resource, f"User:{self.name}", "*", _operation(word), _ALLOW)
            for word in operations
        ]
        for made in self.kafka.admin.create_acls(bindings).values():
            made.result()
        return self

    def spec(self, spec: Spec) -> Spec:
        """The same folder, logged in as this user."""
        login = {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": self.name,
            "sasl.password": PASSWORD,
        }
        spec.cluster(self.kafka.scram_bootstrap, kafka=login)
        return spec


_ALLOW = AclPermissionType.ALLOW


def _operation(word: str) -> AclOperation:
    words = {operation.name.replace("_", "").lower(): operation for operation in AclOperation}
    return words[word.lower()]


@pytest.fixture
def user(kafka: Any, name: str) -> User:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
    change = UserScramCredentialUpsertion(name, info, PASSWORD.encode())
    kafka.admin.alter_user_scram_credentials([change])[name].result()
    login = {**kafka.login, "sasl.username": name, "sasl.password": PASSWORD}
    admin = ready.client(kafka.scram_bootstrap, **login)
    admin.describe_cluster(request_timeout=10).result()
    return User(kafka, name)


def topics(kafka: Any) -> set[str]:
    return set(kafka.admin.list_topics(timeout=5).topics)


def unharmed(said: Said) -> Said:
    """No defect, no librdkafka line, no password, and no authorizer dump of hundreds of characters."""
    for printed in (said.out, said.err):
        assert "Traceback" not in printed
        assert "defect" not in printed
        assert "|FAIL|" not in printed
        assert PASSWORD not in printed
        assert "AuthorizableRequestContext" not in printed
        assert all(len(line) < 400 for line in printed.splitlines())
    return said


# --- no rights at all


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_without_any_right_the_operation_the_resource_and_the_way_out_are_named(
    kafka: Any, spec: Spec, user: User, name: str, verb: str
) -> None:
    user.spec(spec).write(topic(f"{name}a", partitions=1))
    said = unharmed(getattr(spec, verb)())
    assert (said.code, said.out) == (1, "")
    assert f"cluster live: DescribeTopics on topic {name}a: TOPIC_AUTHORIZATION_FAILED" in said.err
    grant = f"kafka-acls --add --allow-principal User:{name} --operation Describe --topic {name}a"
    assert grant in said.err
    assert f"{name}a" not in topics(kafka)


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_who_may_not_see_acls_is_not_told_that_there_are_none(
    spec: Spec, user: User, name: str, verb: str
) -> None:
    """Kafka answers such a login with an empty list; taken at its word, everything would be made again."""
    grants = [{"role": "consumer", "topics": ["orders"]}]
    user.spec(spec).write(acl(f"{name}b", f"User:{name}x", grants=grants))
    said = unharmed(getattr(spec, verb)())
    assert (said.code, said.out) == (1, "")
    assert "DescribeAcls on the cluster: this login may not describe the cluster" in said.err
    assert "kstate doctor" in said.err


def test_the_doctor_names_every_right_that_is_missing(spec: Spec, user: User, name: str) -> None:
    grants = [{"role": "consumer", "topics": ["orders"]}]
    user.spec(spec).write(topic(f"{name}a"), acl(f"{name}b", f"User:{name}x", grants=grants))
    said = unharmed(spec.run("doctor", str(spec.folder)))
    assert said.code == 1
    assert "logged in" in said.out
    grant = f"kafka-acls --add --allow-principal User:{name} --operation"
    for needed in (
        f"Describe --operation DescribeConfigs --topic {name}a",
        "Describe --operation DescribeConfigs --cluster",
        "Alter --cluster",
    ):
        assert f"{grant} {needed}\n" in said.out
    assert f"  NO  Describe on topic {name}a, for Topic: to see them\n" in said.out
    assert "`kstate doctor`" not in said.out


# --- may look, may not touch


def test_who_may_only_look_gets_a_plan_that_says_it_was_not_vetted(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    user.may("Describe").may(*LOOK, topics=name).spec(spec).write(topic(f"{name}a", partitions=1))
    said = unharmed(spec.plan_json())
    assert said.code == 2
    (change,) = [change for wave in said.json["waves"] for change in wave]
    assert [(r["code"], r["blocking"]) for r in change["risks"]] == [("KS101", False)]
    assert "TOPIC_AUTHORIZATION_FAILED" in change["risks"][0]["message"]


def test_who_may_only_look_is_refused_in_the_servers_words(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    spec.write(topic(f"{name}a", partitions=1, config={"retention.ms": 1000}))
    assert spec.apply().code == 0  # as the super user, so that there is something to change
    user.may("Describe").may(*LOOK, topics=name).spec(spec)
    spec.write(
        topic(f"{name}a", partitions=2, config={"retention.ms": 2000}),
        topic(f"{name}new", partitions=1),
    )
    said = unharmed(spec.apply("--approve", "KS111"))
    assert said.code in (1, 6)
    for changed in ("a", "new"):
        assert f"topic {name}{changed}: TOPIC_AUTHORIZATION_FAILED" in said.out
    assert "0 of 2 changes are as planned" in said.out
    assert f"{name}new" not in topics(kafka)
    assert len(kafka.admin.list_topics(timeout=5).topics[f"{name}a"].partitions) == 1


def test_the_doctor_tries_what_the_spec_wants_and_tells_what_would_be_refused(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    wanted = [topic(f"{name}{letter}", partitions=1) for letter in "abc"]
    user.may("Describe").may(*LOOK, topics=name).spec(spec).write(*wanted)
    said = unharmed(spec.run("doctor", str(spec.folder)))
    assert said.code == 1
    names = f"{name}a, {name}b, {name}c"
    assert f"  NO  Create on topic {names}, for Topic: to make them (only to apply)\n" in said.out
    assert f"{name}a" not in topics(kafka)
    user.may("Create", topics=name)
    after = spec.run("doctor", str(spec.folder))
    assert f"  ok  Create on topic {names}, for Topic: to make them (only to apply)\n" in after.out
    assert f"{name}a" not in topics(kafka)


def test_rights_on_a_prefix_are_enough_for_topics_with_it(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    user.may(*MANAGE, topics=name).spec(spec)
    spec.write(topic(f"{name}a", partitions=1, config={"retention.ms": 1000}))
    assert [spec.plan().code, unharmed(spec.apply()).code, spec.plan().code] == [2, 0, 0]
    spec.write(topic(f"{name}a", partitions=1, config={"retention.ms": 2000}), topic("elsewhere"))
    said = unharmed(spec.plan())
    assert (said.code, "DescribeTopics on topic elsewhere" in said.err) == (1, True)
    spec.write(topic(f"{name}a", partitions=1, config={"retention.ms": 2000}))
    assert [spec.apply().code, spec.plan().code] == [0, 0]


def test_what_was_done_before_a_refusal_is_told_and_the_rest_stays_planned(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    """Topics come before ACLs; this login may make topics and may only look at ACLs."""
    user.may("Describe").may(*MANAGE, topics=name).spec(spec)
    grants = [{"role": "consumer", "topics": [f"{name}a"]}]
    spec.write(
        topic(f"{name}a", partitions=1),
        acl(f"{name}b", f"User:{name}x", grants=grants),
    )
    said = unharmed(spec.apply())
    assert said.code == 6
    assert (
        f"failed  live  acl User:{name}x may Read topic {name}a: CLUSTER_AUTHORIZATION" in said.out
    )
    assert "1 of 2 changes are as planned" in said.out
    assert f"{name}a" in topics(kafka)
    left = spec.plan_json()
    assert (left.code, left.json["summary"]["create"], left.json["summary"]["unchanged"]) == (
        2,
        1,
        1,
    )
    user.may("Alter")
    assert [spec.apply().code, spec.plan().code] == [0, 0]


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        ((), "DescribeTopics on topic {}: TOPIC_AUTHORIZATION_FAILED"),
        (LOOK, "CreateTopics on topic {}: TOPIC_AUTHORIZATION_FAILED"),
        ((*MANAGE, "Read"), "writing to {}: TOPIC_AUTHORIZATION_FAILED"),
        ((*MANAGE, "Read", "Write"), "writing the ledger: TRANSACTIONAL_ID_AUTHORIZATION_FAILED"),
    ],
)
def test_a_ledger_that_may_not_be_written_stops_everything_before_the_first_write(
    kafka: Any, spec: Spec, user: User, name: str, seen: tuple[str, ...], words: str
) -> None:
    user.may("Describe").may(*MANAGE, topics=f"{name}mine.").spec(spec)
    ledger = f"{name}ledger"
    if seen:
        user.may(*seen, topics=ledger)
    estate = {"kind": "Estate", "metadata": {"name": "team"}, "spec": {"ledger": {"topic": ledger}}}
    spec.write(estate, topic(f"{name}mine.a", partitions=1))
    said = unharmed(spec.apply())
    assert said.code == 1
    assert words.format(ledger) in said.err
    assert f"{name}mine.a" not in topics(kafka)


def test_these_rights_are_enough_for_a_ledger(spec: Spec, user: User, name: str) -> None:
    """No more: above all none on a consumer group, since reading the ledger joins none."""
    user.may(*MANAGE, topics=f"{name}mine.").may(
        *LOOK, "Create", "Read", "Write", topics=f"{name}l"
    )
    user.may("Write", transactions="kstate-").spec(spec)
    ledger = {"topic": f"{name}ledger"}
    estate = {"kind": "Estate", "metadata": {"name": "team"}, "spec": {"ledger": ledger}}
    spec.write(estate, topic(f"{name}mine.a", partitions=1))
    assert [unharmed(spec.apply()).code, unharmed(spec.plan()).code] == [0, 0]
    spec.cluster(user.kafka.bootstrap)
    assert spec.plan().code == 0


# --- nobody to ask


@pytest.fixture(scope="module")
def open_kafka(sandboxes: Callable[..., Any]) -> Any:
    """A broker without an authorizer: whoever comes may do anything, and ACLs cannot be kept."""
    return sandboxes(authorizer=False)


@pytest.fixture
def open_spec(open_kafka: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Spec:
    made = Spec(tmp_path, capfd)
    made.cluster(open_kafka.bootstrap)
    return made


def test_acls_without_an_authorizer_are_impossible_and_nothing_else_is_begun(
    open_kafka: Any, open_spec: Spec, name: str
) -> None:
    grants = [{"role": "consumer", "topics": [f"{name}a"]}]
    open_spec.write(
        topic(f"{name}a", partitions=1), acl(f"{name}b", f"User:{name}x", grants=grants)
    )
    said = unharmed(open_spec.plan())
    assert said.code == 3
    assert "KS921" in said.out
    assert "the cluster has no authorizer" in said.out
    said = unharmed(open_spec.apply())
    assert (said.code, "KS921" in said.err) == (3, True)
    assert f"{name}a" not in topics(open_kafka)
    said = open_spec.run("doctor", str(open_spec.folder))
    assert (said.code, "the cluster has no authorizer" in said.out) == (1, True)


def test_topics_alone_work_without_an_authorizer(
    open_kafka: Any, open_spec: Spec, name: str
) -> None:
    estate = {"kind": "Estate", "metadata": {"name": "team"}, "spec": {}}
    open_spec.write(estate, topic(f"{name}a", partitions=1, config={"retention.ms": 1000}))
    assert [open_spec.apply().code, open_spec.plan().code] == [0, 0]
    open_spec.cluster(open_kafka.bootstrap, limits={"delete_percent": 100, "change_percent": 100})
    open_spec.write(estate)
    assert open_spec.apply("--approve", "KS201", "--approve", "KS231").code == 0
    assert f"{name}a" not in topics(open_kafka)
    said = open_spec.run("doctor", str(open_spec.folder))
    assert (said.code, " NO " in said.out) == (0, False)
