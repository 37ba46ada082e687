"""Which rights a login lacks, and what grants them: each one that is taken away is found, and put back by the book."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka.admin import AclBindingFilter

from reconciler.clients import rights
from reconciler.clients.acls import Binding
from reconciler.clients.kafka import Kafka, login
from reconciler.kinds.acl import bindings
from tests.live.certificates import Authority
from tests.live.spec import Said, Spec, acl, topic
from tests.live.test_rights import PASSWORD, User, user

__all__ = ["user"]


def printed(said: Said) -> dict[str, Any]:
    """The documents that doctor printed, by what they are for."""
    blocks = re.findall(r"^apiVersion.*?(?=\n\n|\n#|\Z)", said.out, re.MULTILINE | re.DOTALL)
    found = [yaml.safe_load(block) for block in blocks]
    return {body["metadata"]["name"].split("-")[1]: body["spec"] for body in found}


def wanted(name: str) -> list[dict[str, Any]]:
    """A spec that asks for every right there is."""
    ledger = {"topic": f"{name}ledger"}
    grants = [{"role": "consumer", "topics": ["orders"]}]
    return [
        {"kind": "Estate", "metadata": {"name": "team"}, "spec": {"ledger": ledger}},
        topic(f"{name}a", partitions=1),
        topic(f"{name}own.b", partitions=1),
        acl(f"{name}c", f"User:{name}x", grants=grants),
        {
            "kind": "User",
            "metadata": {"name": f"{name}x"},
            "spec": {"password": "env:DOCTOR_PW"},
        },
        {
            "kind": "Quota",
            "metadata": {"name": "q"},
            "spec": {"entity": {"user": f"{name}x"}, "limits": {"request_percentage": 50}},
        },
    ]


def as_user(spec: Spec, user: User, name: str) -> Spec:
    user.spec(spec)
    body = yaml.safe_load((spec.folder / "cluster.yaml").read_text())
    body["spec"]["owns"] = {"topics": [f"{name}own."]}
    (spec.folder / "cluster.yaml").write_text(yaml.safe_dump(body))
    spec.write(*wanted(name))
    return spec


def grant(kafka: Any, specs: Any) -> list[Binding]:
    """As an admin would: exactly what was printed."""
    every = [binding for spec in specs for binding in bindings(spec)]
    made = kafka.admin.create_acls([_native(binding) for binding in every])
    for future in made.values():
        future.result()
    return every


def _native(binding: Binding, kind: Any = None) -> Any:
    from confluent_kafka.admin import (
        AclBinding,
        AclOperation,
        AclPermissionType,
        ResourcePatternType,
        ResourceType,
    )

    words = {operation.name.replace("_", "").lower(): operation for operation in AclOperation}
    resource = "BROKER" if binding.resource == "cluster" else binding.resource.upper()
    return (kind or AclBinding)(
        ResourceType[resource],
        binding.name,
        ResourcePatternType[binding.pattern.upper()],
        binding.principal,
        binding.host,
        words[binding.operation.lower()],
        AclPermissionType.ALLOW,
    )


def test_every_right_that_is_taken_away_is_found_and_put_back_by_the_book(
    kafka: Any, spec: Spec, user: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_PW", PASSWORD)
    folder = str(as_user(spec, user, name).folder)
    nothing = spec.run("doctor", folder)
    assert nothing.code == 1
    given = grant(kafka, printed(nothing).values())
    assert (
        Binding(f"User:{name}", "topic", f"{name}own.", "prefixed", "Create", "allow", "*") in given
    )
    well = spec.run("doctor", folder)
    assert (well.code, printed(well)) == (0, {}), well.out
    for binding in given:
        taken = kafka.admin.delete_acls([_native(binding, AclBindingFilter)])
        assert all(len(found.result()) == 1 for found in taken.values())
        told = [b for s in printed(spec.run("doctor", folder)).values() for b in bindings(s)]
        # What another right implies is not missed: who may Alter a topic may Describe it.
        implied = binding.operation in ("Describe", "DescribeConfigs")
        assert told == [binding] or (implied and told == []), (binding, told)
        for future in kafka.admin.create_acls([_native(binding)]).values():
            future.result()
    assert spec.run("doctor", folder).code == 0
    assert [spec.plan().code, spec.apply().code, spec.plan().code] == [2, 0, 0]
    assert spec.run("doctor", folder).code == 0


def test_who_only_plans_is_asked_for_less(
    kafka: Any, spec: Spec, user: User, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCTOR_PW", PASSWORD)
    folder = str(as_user(spec, user, name).folder)
    said = spec.run("doctor", folder, "--for", "plan")
    assert set(printed(said)) == {"plan"}
    operations = {b.operation for b in bindings(printed(said)["plan"])}
    assert operations == {"Describe", "DescribeConfigs", "Read"}
    grant(kafka, printed(said).values())
    assert spec.run("doctor", folder, "--for", "plan").code == 0
    assert spec.plan().code == 2
    assert spec.run("doctor", folder).code == 1
    assert spec.run("doctor", folder, "--for", "fun").code == 64


def test_what_nobody_can_see_is_said_to_be_so(
    kafka: Any, spec: Spec, user: User, name: str
) -> None:
    """Without Describe on the cluster nobody tells whether the transactions of the ledger may be written."""
    user.may(
        "Create", "Describe", "DescribeConfigs", "Alter", "AlterConfigs", "Delete", topics=name
    )
    user.may("Read", "Write", topics=f"{name}ledger")
    user.spec(spec).write(*wanted(name)[:2])
    said = spec.run("doctor", str(spec.folder))
    assert f"??  Write on transactional id kstate-{name}ledger-*" in said.out
    assert "this login may not see whether it has it" in said.out


def test_a_snapshot_says_what_it_could_not_read_and_no_plan_guesses_it(
    kafka: Any, spec: Spec, user: User, name: str, tmp_path: Path
) -> None:
    """Users and ACLs need Describe on the cluster. A plan that needs none of them is made; one that does fails."""
    user.may("Describe", "DescribeConfigs", topics=name).spec(spec)
    spec.write(topic(f"{name}a", partitions=1))
    record = str(tmp_path / "snapshot.json")
    said = spec.run("snapshot", str(spec.folder), "--out", record)
    assert (said.code, "user could not be read, so no plan from here can hold one" in said.err) == (
        0,
        True,
    )
    assert spec.plan("--offline", record).code == 2
    spec.write(
        topic(f"{name}a", partitions=1),
        acl(f"{name}b", "User:x", grants=[{"role": "producer", "topics": ["t"]}]),
    )
    said = spec.plan("--offline", record)
    assert (said.code, "Acl could not be read when the snapshot was taken" in said.err) == (1, True)
    assert spec.run("snapshot", str(spec.folder), "--out", record).code == 1


def test_a_topic_that_may_not_be_seen_is_not_one_that_is_not_there(
    kafka: Any, spec: Spec, user: User, name: str, tmp_path: Path
) -> None:
    spec.write(topic(f"{name}a", partitions=1))
    assert spec.apply().code == 0
    user.may("Describe", "DescribeConfigs", topics=f"{name}other").spec(spec)
    record = str(tmp_path / "snapshot.json")
    said = spec.run("snapshot", str(spec.folder), "--out", record)
    assert (said.code, "TOPIC_AUTHORIZATION_FAILED" in said.err) == (1, True)
    said = spec.plan("--offline", record)
    assert (said.code, said.out) == (1, "")


# --- who we are


class Brokers:
    """As much of a cluster as saying who we are needs; `rules` are the brokers' own."""

    def __init__(self, properties: dict[str, str]) -> None:
        made = Kafka(None, "", properties, 1.0, "", (1,))  # type: ignore[arg-type]
        self.properties, self.principal = properties, made.principal


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    Authority("own").sign("app client").write(tmp_path, "me")
    return tmp_path / "me.pem"


@pytest.mark.parametrize(
    ("properties", "principal", "sure"),
    [
        ({}, "User:ANONYMOUS", True),
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN", "sasl.username": "me"},
            "User:me",
            True,
        ),
        ({"security.protocol": "SSL"}, "User:ANONYMOUS", True),
        (
            {"security.protocol": "SSL", "ssl.certificate.location": "PEM"},
            "User:CN=app client",
            True,
        ),
        ({"security.protocol": "SSL", "ssl.certificate.pem": "TEXT"}, "User:CN=app client", True),
        (
            {"security.protocol": "SSL", "ssl.certificate.location": "nowhere"},
            rights.UNKNOWN,
            False,
        ),
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}, rights.UNKNOWN, False),
        (
            {
                "security.protocol": "SASL_SSL",
                "sasl.mechanism": "GSSAPI",
                "sasl.kerberos.principal": "me/h@REALM",
            },
            "User:me",
            False,
        ),
    ],
)
def test_who_we_are_follows_from_the_login(
    properties: dict[str, str],
    principal: str,
    sure: bool,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rights, "_mapping_rules", lambda _kafka: "")
    words = {"PEM": str(certificate), "TEXT": certificate.read_text()}
    own = {name: words.get(value, value) for name, value in properties.items()}
    found = rights.identity(Brokers(own))  # type: ignore[arg-type]
    assert (found.principal, found.sure) == (principal, sure)


def test_rules_that_make_another_name_of_a_subject_are_told(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        rights, "_mapping_rules", lambda _kafka: "ssl.principal.mapping.rules=RULE:x"
    )
    own = {"security.protocol": "SSL", "ssl.certificate.location": str(certificate)}
    found = rights.identity(Brokers(own))  # type: ignore[arg-type]
    assert not found.sure
    assert "RULE:x" in found.how


def test_the_rules_of_a_real_broker_can_be_read(kafka: Any) -> None:
    found = login("live", kafka.bootstrap, {}, 10.0)
    assert rights._mapping_rules(found) == ""
    found.close()
