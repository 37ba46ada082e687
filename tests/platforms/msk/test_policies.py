"""IAM policy documents: they allow exactly what the bindings allow, whatever the bindings; and read back as written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.acls import Binding
from reconciler.core.model import Document
from reconciler.kinds.acl import bindings
from reconciler.platforms.msk.access import check
from reconciler.platforms.msk.policies import (
    ACTIONS,
    PREFIX,
    actions,
    length,
    policy,
    read,
    unfit,
    written,
)
from reconciler.platforms.msk.settings import Arn

ROLE = "arn:aws:iam::123456789012:role/orders"
CLUSTER = Arn("aws", "eu-west-1", "123456789012", "demo", "11111111-2222-3333-4444-555555555555-1")
# Kafka implies these (AclAuthorizer, KIP-11), and a policy says them aloud.
IMPLIES = {"Describe": {"Read", "Write", "Delete", "Alter"}, "DescribeConfigs": {"AlterConfigs"}}
KINDS = {"topic": "topic", "group": "group", "transactional_id": "transactional-id"}
NAMES = st.sampled_from(["a", "ab", "abc", "b", "*"])


def grants(*given: Mapping[str, object]) -> list[Binding]:
    return list(bindings({"principal": ROLE, "grants": list(given)}))  # type: ignore[dict-item]


def statements(*given: Mapping[str, object]) -> Any:
    return policy(grants(*given), CLUSTER)


def test_a_producer_may_write_and_nothing_else() -> None:
    found = statements(
        {"role": "producer", "topics": ["orders"], "transactionalIds": [{"prefix": "o-"}]}
    )
    assert found == {
        "AlterTransactionalIdDescribeTransactionalId": {
            "Effect": "Allow",
            "Action": [
                "kafka-cluster:AlterTransactionalId",
                "kafka-cluster:DescribeTransactionalId",
            ],
            "Resource": [CLUSTER.of("transactional-id", "o-*")],
        },
        "ConnectWriteDataIdempotently": {
            "Effect": "Allow",
            "Action": ["kafka-cluster:Connect", "kafka-cluster:WriteDataIdempotently"],
            "Resource": [str(CLUSTER)],
        },
        "DescribeTopicWriteData": {
            "Effect": "Allow",
            "Action": ["kafka-cluster:DescribeTopic", "kafka-cluster:WriteData"],
            "Resource": [CLUSTER.of("topic", "orders")],
        },
    }


def test_a_consumer_may_read_and_join_its_group() -> None:
    found = statements({"role": "consumer", "topics": [{"prefix": "pay."}], "groups": ["g"]})
    assert {tuple(one["Action"]): one["Resource"] for one in found.values()} == {
        ("kafka-cluster:Connect",): [str(CLUSTER)],
        ("kafka-cluster:DescribeTopic", "kafka-cluster:ReadData"): [CLUSTER.of("topic", "pay.*")],
        ("kafka-cluster:AlterGroup", "kafka-cluster:DescribeGroup"): [CLUSTER.of("group", "g")],
    }


def test_a_deny_takes_away_the_operation_alone() -> None:
    denied = Binding(ROLE, "topic", "orders", "literal", "Read", "deny", "*")
    assert policy([denied], CLUSTER) == {
        "DenyReadData": {
            "Effect": "Deny",
            "Action": ["kafka-cluster:ReadData"],
            "Resource": [CLUSTER.of("topic", "orders")],
        }
    }


def test_create_on_the_cluster_is_create_on_every_topic() -> None:
    found = statements({"role": "admin", "cluster": True})
    [topics] = [one for one in found.values() if CLUSTER.of("topic", "*") in one["Resource"]]
    assert topics["Action"] == ["kafka-cluster:CreateTopic"]


# --- the same as Kafka's own authorizer would say


def binding_of(operations: Sequence[tuple[str, str]]) -> st.SearchStrategy[Binding]:
    def made(what: tuple[str, str], name: str, prefixed: bool, deny: bool) -> Binding:
        resource, operation = what
        pattern = "prefixed" if prefixed and name != "*" and resource != "cluster" else "literal"
        return Binding(ROLE, resource, name, pattern, operation, "deny" if deny else "allow", "*")

    return st.builds(made, st.sampled_from(operations), NAMES, st.booleans(), st.booleans())


OPERATIONS = sorted({*ACTIONS, ("topic", "All"), ("group", "All")})
ON_RESOURCES = [(resource, op) for resource, op in OPERATIONS if resource != "cluster"]


@given(
    st.lists(binding_of(ON_RESOURCES), max_size=8),
    st.sampled_from([what for what in ON_RESOURCES if what[1] != "All"]),
    st.sampled_from(["a", "ab", "abcd", "b", "c"]),
)
def test_a_policy_allows_what_the_bindings_allow(
    given: list[Binding], what: tuple[str, str], name: str
) -> None:
    found = actions(*what)
    assert found is not None
    [action] = found.own
    arn = CLUSTER.of(KINDS[what[0]], name)
    assert allowed_by_iam(policy(given, CLUSTER), action, arn) == allowed_by_kafka(
        given, what, name
    )


def allowed_by_iam(statements: Mapping[str, Any], action: str, arn: str) -> bool:
    """IAM's evaluation of one policy: an explicit deny wins, then an allow (IAM, "Policy evaluation logic")."""
    effects = {
        one["Effect"]
        for one in statements.values()
        if PREFIX + action in one["Action"] and any(fnmatchcase(arn, r) for r in one["Resource"])
    }
    return "Allow" in effects and "Deny" not in effects


def allowed_by_kafka(given: Sequence[Binding], what: tuple[str, str], name: str) -> bool:
    resource, operation = what

    def matches(one: Binding, operations: set[str]) -> bool:
        covers = name.startswith(one.name) if one.pattern == "prefixed" else one.name in (name, "*")
        return one.resource == resource and covers and one.operation in operations

    denied = any(one.permission == "deny" and matches(one, {operation, "All"}) for one in given)
    enough = {operation, "All", *IMPLIES.get(operation, set())}
    return not denied and any(one.permission == "allow" and matches(one, enough) for one in given)


@given(st.lists(binding_of(OPERATIONS), max_size=12))
def test_a_document_reads_back_as_it_was_written(given: list[Binding]) -> None:
    wanted = policy(given, CLUSTER)
    text = written(wanted)
    assert read(text) == wanted
    assert json.loads(text)["Version"] == "2012-10-17"
    assert all(sid.isalnum() for sid in wanted)
    assert length(wanted) == len("".join(text.split()))


@given(st.lists(binding_of(OPERATIONS), max_size=12))
def test_the_order_of_bindings_does_not_matter(given: list[Binding]) -> None:
    assert policy(given, CLUSTER) == policy(list(reversed(given)), CLUSTER)


@given(st.lists(binding_of(OPERATIONS), min_size=1, max_size=12))
def test_nothing_outside_of_the_cluster_is_ever_named(given: list[Binding]) -> None:
    inside = f":{CLUSTER.region}:{CLUSTER.account}:"
    for one in policy(given, CLUSTER).values():
        assert isinstance(one, Mapping)
        for arn in one["Resource"]:  # type: ignore[union-attr]
            assert inside in str(arn)
            assert f"/{CLUSTER.cluster}/{CLUSTER.uuid}" in str(arn)


def test_what_a_hand_changed_differs() -> None:
    wanted = statements({"role": "consumer", "topics": ["a"], "groups": ["g"]})
    body = json.loads(written(wanted))
    assert read("no json") == {"unreadable": "no JSON"}
    assert read("[]") == {"unreadable": "no list of statements"}
    assert read(json.dumps({**body, "Id": "x"})) != wanted
    assert read(json.dumps({**body, "Version": "2008-10-17"})) != wanted
    twice = {**body, "Statement": [*body["Statement"], body["Statement"][0]]}
    assert read(json.dumps(twice)) != wanted
    bare = [{k: v for k, v in one.items() if k != "Sid"} for one in body["Statement"]]
    assert read(json.dumps({**body, "Statement": bare})) != wanted


# --- what no policy can say


def problems(kind: str = "standard", **spec: Any) -> list[str]:
    body = {"access": "iam", "principal": ROLE, **spec}
    document = Document("Acl", "orders", {}, body, "a.yaml", 1, lambda _path: (1, 1))
    return [message for _, message in check(document, kind)]


def raw(resource: str, operation: str, name: str = "a", **more: str) -> dict[str, str]:
    return {"resource": resource, "operation": operation, "name": name, **more}


def test_hosts_are_refused() -> None:
    grants_ = [{"role": "producer", "topics": ["a"]}]
    assert problems(grants=grants_, hosts=["10.0.0.1"]) == [
        "IAM knows no hosts: leave them out, and let security groups do it"
    ]
    assert problems(bindings=[raw("topic", "Read", host="10.0.0.1")]) == [
        "IAM knows no hosts: leave `host` out"
    ]


def test_operations_without_an_action_are_refused() -> None:
    assert problems(
        bindings=[raw("group", "AlterConfigs"), raw("transactional_id", "TwoPhaseCommit")]
    ) == [
        "IAM has no action for AlterConfigs on a group",
        "IAM has no action for TwoPhaseCommit on a transactional_id",
    ]


def test_what_serverless_does_not_know_is_refused_there() -> None:
    wanted = [{"resource": "cluster", "operation": "Alter"}]
    assert problems(bindings=wanted) == []
    assert problems("serverless", bindings=wanted) == [
        "Alter on a cluster: MSK Serverless knows no AlterCluster"
    ]


def test_iams_own_wildcards_are_refused_in_names() -> None:
    assert unfit("*") == unfit("orders.v1") == ""
    assert problems(bindings=[raw("group", "Read", "a?b")]) == [
        "`a?b`: `?` in a name means something else in an IAM policy"
    ]
    assert "`${`" in unfit("a${b}")
    assert "`*`" in unfit("a*")
