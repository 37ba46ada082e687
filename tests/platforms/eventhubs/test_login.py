"""Logging in to Azure: the real azure-identity, with tokens that end, are revoked, or are for somebody else."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.clusters import Live
from tests.fakes.azure import ASSERTION, SECRET, found_at
from tests.fakes.azure_arm import ID
from tests.fakes.front import Front
from tests.live.spec import topic
from tests.live.test_topics import produce
from tests.platforms.eventhubs.conftest import CONNECTION, Estate


def test_by_a_federated_token_and_no_secret(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What GitHub's OIDC and AKS do."""
    monkeypatch.delenv("AZURE_CLIENT_SECRET")
    monkeypatch.delenv("AZURE_AUTHORITY_HOST")
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "WorkloadIdentityCredential")
    token = tmp_path / "_token"
    token.write_text(ASSERTION)
    monkeypatch.setenv("AZURE_FEDERATED_TOKEN_FILE", str(token))
    estate.spec.write(topic("orders", partitions=1))
    assert estate.spec.apply().code == 0
    asked = estate.cloud.entra.asked("^POST")
    assert asked
    assert all(SECRET.encode() not in call.data for call in asked)


def test_a_login_that_azure_refuses(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "guess-canary")
    estate.spec.write(topic("orders", partitions=1))
    said = estate.spec.plan()
    assert said.code == 1
    assert "AADSTS7000215: Invalid client secret provided." in said.err
    assert "az login" in said.err
    assert "guess-canary" not in said.out + said.err


def test_one_token_for_a_run_and_one_for_kafka(seen: Estate, front: Front, prefix: str) -> None:
    name = f"{prefix}orders"
    seen.cloud.namespace.put(name, {"partitionCount": 1})
    seen.spec.write(topic(name, metadata={"ensure": "absent"}))
    assert seen.spec.plan().code == 2
    assert seen.cloud.tokens.given == {
        "https://management.azure.com": 1,
        "https://acme-streams.servicebus.windows.net": 1,
    }
    assert front.logins > 0
    seen.spec.apply("--approve", "KS201")


def test_a_token_that_is_revoked_in_the_middle_of_an_apply(
    estate: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.clients.azure.YOUNG", 0.2)
    estate.spec.write(*(topic(f"orders-{n}", partitions=1) for n in range(6)))
    manager, revoked = estate.cloud.manager, estate.cloud.tokens.revoked
    usual = manager.login

    def after_eight(call: object) -> object:
        if len(manager.calls) == 8:
            time.sleep(0.3)
            revoked.add(manager.calls[-1].header("Authorization").removeprefix("Bearer "))
        return usual(call)  # type: ignore[arg-type]

    manager.login = after_eight  # type: ignore[assignment]
    try:
        said = estate.spec.apply()
    finally:
        manager.login = usual
    assert said.code == 0, said.out + said.err
    assert len(revoked) == 1
    assert len(estate.cloud.namespace.hubs) == 6


def test_tokens_that_end_soon_are_asked_for_again(estate: Estate) -> None:
    estate.cloud.tokens.lifetime = 200.0  # less than what is left to spare
    estate.spec.write(topic("orders", partitions=1))
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0


def test_by_a_connection_string_from_a_vault(
    seen: Estate, front: Front, kafka: Live, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka alone: Resource Manager takes tokens only."""
    found_at(seen.cloud.vault, ".vault.azure.net", monkeypatch)
    seen.cloud.secrets["connection"] = CONNECTION
    given = {"sasl.mechanism": "PLAIN", "sasl.username": "$ConnectionString"}
    seen.more["kafka"] |= {**given, "sasl.password": "azure-kv:acme/connection"}
    seen.cluster()
    name = f"{prefix}orders"
    seen.cloud.namespace.put(name, {"partitionCount": 1})
    produce(kafka, name, 2)
    seen.spec.write(topic(name, metadata={"ensure": "absent"}))
    said = seen.spec.plan_json()
    assert said.codes == {"KS202"}
    assert CONNECTION not in said.out + said.err
    assert seen.spec.apply("--approve", "KS202").code == 0
    assert "https://acme-streams.servicebus.windows.net" not in seen.cloud.tokens.given


def test_a_token_for_resource_manager_is_none_for_kafka(seen: Estate, front: Front) -> None:
    manager = seen.cloud.tokens.give("https://management.azure.com")["access_token"]
    kafka = seen.cloud.tokens.give("https://acme-streams.servicebus.windows.net")["access_token"]
    refuse = front.mechanisms["OAUTHBEARER"]
    told = refuse(f"n,,\x01auth=Bearer {manager}\x01\x01".encode())
    assert told is not None
    assert "the audience is https://management.azure.com" in told
    assert refuse(f"n,,\x01auth=Bearer {kafka}\x01\x01".encode()) is None


def test_a_namespace_of_another_tier(estate: Estate) -> None:
    estate.cloud.namespace.tier = "Premium"
    estate.spec.write(topic("orders", partitions=1))
    said = estate.spec.plan()
    assert said.code == 1
    assert "the spec says tier standard, and Azure says premium" in said.err
    assert "Write `tier: premium`" in said.err
    estate.cloud.namespace.tier = "Basic"
    assert "That tier speaks no Kafka" in estate.spec.plan().err


def test_a_namespace_that_is_not_there(estate: Estate) -> None:
    estate.cluster(eventhubs={"namespace": "acme-strems"})
    estate.spec.write(topic("orders", partitions=1))
    said = estate.spec.plan()
    assert said.code == 1
    assert "404 ResourceNotFound" in said.err
    assert "acme-strems" in said.err


def test_its_id_is_the_namespaces_own(estate: Estate) -> None:
    estate.cluster(eventhubs={"kafka": False}, id=ID.lower())
    estate.spec.write(topic("orders", partitions=1))
    assert estate.spec.plan().code == 2
    estate.cluster(eventhubs={"kafka": False}, id=f"{ID.lower()}-2")
    assert estate.spec.plan().code == 4


def test_a_cluster_document_that_says_too_little_or_too_much(estate: Estate) -> None:
    def told(**eventhubs: object) -> str:
        estate.cluster(eventhubs=eventhubs)
        return estate.spec.plan().err

    assert "`standard`, `premium` or `dedicated` (Basic speaks no Kafka)" in told(tier="basic")
    assert "6 to 50 letters, digits and hyphens" in told(namespace="acme")
    assert "Azure keeps names that end in `-sb` or `-mgmt`" in told(namespace="acme-mgmt")
    assert "a subscription's id (a UUID)" in told(subscription="acme")
    assert "did you mean `kafka`" in told(kafak=True)
    estate.spec.write(
        {
            "kind": "Cluster",
            "metadata": {"name": "azure"},
            "spec": {"platform": "eventhubs"},
        },
        file="azure.yaml",
    )
    assert "the key `eventhubs` is missing" in estate.spec.plan().err


def test_how_long_a_login_takes(estate: Estate) -> None:
    """Nothing waits for what is not there: no metadata service is looked for where the environment says who we are."""
    estate.spec.write(topic("orders", partitions=1))
    began = time.monotonic()
    assert estate.spec.plan().code == 2
    assert time.monotonic() - began < 20


def test_what_doctor_says(seen: Estate, front: Front) -> None:
    seen.spec.write(topic("orders", partitions=1))
    well = seen.spec.run("doctor", str(seen.spec.folder))
    assert well.code == 0, well.out + well.err
    assert f"Azure Event Hubs, id {ID.lower()}, logged in" in well.out
    assert "cannot be seen" not in well.out
    seen.cluster(eventhubs={"kafka": False})
    off = seen.spec.run("doctor", str(seen.spec.folder))
    assert off.code == 0
    assert "what a deletion would cost cannot be seen: `eventhubs.kafka` is false" in off.out
    seen.more["bootstrap"] = ["127.0.0.1:1"]
    seen.cluster()
    ill = seen.spec.run("doctor", str(seen.spec.folder), "--timeout", "1s")
    assert ill.code == 1
    assert "cannot reach 127.0.0.1:1" in ill.out
