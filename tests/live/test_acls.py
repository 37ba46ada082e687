"""ACLs on a real Kafka: intent becomes bindings, and nothing that is not ours is touched."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ResourcePatternType,
    ResourceType,
)

from tests.live.spec import Spec, acl

GRANTS = [
    {"role": "producer", "topics": ["orders"], "transactionalIds": [{"prefix": "tx-"}]},
    {"role": "consumer", "topics": [{"prefix": "pay."}], "groups": ["readers"]},
]


def bindings(kafka: Any, principal: str) -> set[tuple[str, str, str, str, str]]:
    nobody: Any = None
    mine = AclBindingFilter(
        ResourceType.ANY,
        nobody,
        ResourcePatternType.ANY,
        principal,
        nobody,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    return {
        (
            a.restype.name,
            a.name,
            a.resource_pattern_type.name,
            a.operation.name,
            a.permission_type.name,
        )
        for a in kafka.admin.describe_acls(mine).result()
    }


def add(kafka: Any, principal: str, topic: str) -> AclBinding:
    binding = AclBinding(
        ResourceType.TOPIC,
        topic,
        ResourcePatternType.LITERAL,
        principal,
        "*",
        AclOperation.READ,
        AclPermissionType.ALLOW,
    )
    kafka.admin.create_acls([binding])[binding].result()
    return binding


def test_roles_become_minimal_bindings(kafka: Any, spec: Spec, name: str) -> None:
    principal = f"User:{name}"
    spec.write(acl(f"{name}a", principal, grants=GRANTS))
    assert spec.apply().code == 0
    assert bindings(kafka, principal) == {
        ("TOPIC", "orders", "LITERAL", "WRITE", "ALLOW"),
        ("TRANSACTIONAL_ID", "tx-", "PREFIXED", "WRITE", "ALLOW"),
        ("TOPIC", "pay.", "PREFIXED", "READ", "ALLOW"),
        ("GROUP", "readers", "LITERAL", "READ", "ALLOW"),
    }
    assert spec.plan().code == 0


def test_raw_bindings_of_every_resource_type_come_back_as_written(
    kafka: Any, spec: Spec, name: str
) -> None:
    raw = [
        {
            "resource": "topic",
            "name": "a.|b%",
            "pattern": "prefixed",
            "operation": "Describe",
            "permission": "deny",
        },
        {"resource": "cluster", "operation": "IdempotentWrite"},
        {"resource": "group", "name": "*", "operation": "All", "host": "10.0.0.7"},
        {"resource": "delegation_token", "name": f"{name}t", "operation": "Describe"},
        {"resource": "user", "name": f"User:{name}", "operation": "CreateTokens"},
    ]
    spec.write(acl(f"{name}a", f"User:{name}|x%", hosts=["10.0.0.1", "10.0.0.2"], bindings=raw))
    made = spec.apply()
    assert made.code == 0, made.err
    again = spec.plan()
    assert (again.code, "9 unchanged" in again.out) == (0, True)


def test_one_binding_asked_for_twice_is_one_binding_with_two_sources(
    kafka: Any, spec: Spec, name: str
) -> None:
    same = [{"role": "consumer", "topics": ["orders"]}]
    spec.write(
        acl(f"{name}a", f"User:{name}", grants=same), acl(f"{name}b", f"User:{name}", grants=same)
    )
    waves = spec.plan_json().json["waves"]
    assert [len(change["sources"]) for wave in waves for change in wave] == [2]


def test_wanted_and_unwanted_is_an_error_with_both_places(spec: Spec, name: str) -> None:
    same = [{"role": "consumer", "topics": ["orders"]}]
    gone = acl(f"{name}b", f"User:{name}", grants=same, metadata={"ensure": "absent"})
    spec.write(acl(f"{name}a", f"User:{name}", grants=same), gone)
    refused = spec.plan()
    assert refused.code == 64
    assert refused.err.count("spec.yaml:") == 2


def test_revoking_is_blocked_until_approved_and_takes_only_what_it_names(
    kafka: Any, spec: Spec, name: str
) -> None:
    principal = f"User:{name}"
    add(kafka, principal, f"{name}mine")
    add(kafka, principal, "*")
    grant = [{"role": "consumer", "topics": [f"{name}mine"]}]
    spec.write(acl(f"{name}a", principal, grants=grant, metadata={"ensure": "absent"}))
    assert spec.plan_json().codes == {"KS221"}
    assert spec.apply().code == 3
    assert spec.apply("--approve", "KS221").code == 0
    assert bindings(kafka, principal) == {("TOPIC", "*", "LITERAL", "READ", "ALLOW")}


def test_grants_come_before_revokes(kafka: Any, spec: Spec, name: str) -> None:
    add(kafka, f"User:{name}old", "orders")
    grant = [{"role": "consumer", "topics": ["orders"]}]
    spec.write(
        acl(f"{name}old", f"User:{name}old", grants=grant, metadata={"ensure": "absent"}),
        acl(f"{name}new", f"User:{name}new", grants=grant),
    )
    waves = spec.plan_json().json["waves"]
    assert [[change["action"] for change in wave] for wave in waves] == [["create"], ["delete"]]


def test_what_nobody_declared_is_reported_and_left(kafka: Any, spec: Spec, name: str) -> None:
    add(kafka, f"User:{name}stray", "orders")
    spec.cluster(kafka.bootstrap, owns={"principals": [f"User:{name}"]})
    spec.write(acl(f"{name}a", f"User:{name}", grants=GRANTS))
    found = spec.plan_json()
    assert found.json["unmanaged"] == [
        f"live/acl/User:{name}stray|topic|orders|literal|Read|allow|*"
    ]
    assert spec.apply().code == 0
    assert bindings(kafka, f"User:{name}stray")


def test_three_thousand_bindings_in_one_apply(kafka: Any, spec: Spec, name: str) -> None:
    topics = [f"{name}{n}" for n in range(3_000)]
    spec.write(acl(f"{name}a", f"User:{name}", grants=[{"role": "producer", "topics": topics}]))
    assert spec.apply().code == 0
    assert len(bindings(kafka, f"User:{name}")) == 3_000
    assert spec.plan().code == 0
