"""What Event Hubs lacks is refused at its line, with the reason; and the vendor's own client takes the emulation."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.mgmt.eventhub import EventHubManagementClient

from reconciler.cli.main import run
from tests.fakes.azure import Azure
from tests.fakes.azure_arm import GROUP, NAME, SUBSCRIPTION
from tests.live.spec import topic
from tests.platforms.eventhubs.conftest import Estate

PAGE = Path(__file__).parents[3] / "docs" / "platforms" / "eventhubs.md"
BLOCK = re.compile(r"^```(yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
USER = {"mechanism": "SCRAM-SHA-512", "password": "env:PW"}
QUOTA = {"entity": {"user": "app"}, "limits": {"producer_byte_rate": "1MiB"}}
SCHEMA = {"type": "avro", "schema": '"string"'}
CONNECTOR = {"connect": "main", "config": {"connector.class": "x"}}


@pytest.mark.parametrize(
    ("kind", "spec", "words"),
    [
        ("User", USER, "identities are made in Microsoft Entra ID"),
        ("Quota", QUOTA, "throughput belongs to the namespace"),
        ("Schema", SCHEMA, "schema groups keep no versions that could be compared or taken away"),
        ("Schema", SCHEMA, "name a registry with Confluent's API in `registry`"),
        ("Connector", CONNECTOR, "the Cluster document has no `connect`"),
    ],
)
@pytest.mark.parametrize("tier", ["standard", "premium", "dedicated"])
def test_what_it_lacks(
    estate: Estate, tier: str, kind: str, spec: dict[str, Any], words: str
) -> None:
    estate.cluster(tier)
    document = {"kind": kind, "metadata": {"name": "app", "clusters": ["azure"]}, "spec": spec}
    estate.spec.write(document)
    said = estate.spec.plan()
    assert said.code == 64
    assert f"spec.yaml:2:7: no cluster can hold this {kind}: azure:" in said.err
    assert words in said.err
    assert estate.cloud.manager.calls == []


def test_a_ledger_needs_another_cluster(estate: Estate) -> None:
    estate.spec.write({"kind": "Estate", "metadata": {"name": "acme"}}, topic("o", partitions=1))
    said = estate.spec.plan()
    assert said.code == 64
    assert "spec.yaml:2:7: azure: Azure Event Hubs cannot hold the ledger" in said.err
    assert "name a cluster that can: `ledger: {cluster: NAME}`" in said.err
    there = {"ledger": {"cluster": "azure"}}
    estate.spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": there})
    assert "spec.yaml:7:14: azure: Azure Event Hubs cannot hold" in estate.spec.plan().err


def test_the_vendors_own_client_understands_the_emulation(cloud: Azure) -> None:
    """azure-mgmt-eventhub, typed and strict about what it is answered."""
    client = EventHubManagementClient(
        DefaultAzureCredential(authority=cloud.entra.url, disable_instance_discovery=True),
        SUBSCRIPTION,
        base_url=cloud.manager.url,
        credential_scopes=["https://management.azure.com/.default"],
    )
    where = (GROUP, NAME)
    assert client.namespaces.get(*where).sku.name == "Standard"
    for number in range(3):
        hub = {
            "properties": {"partitionCount": 2, "retentionDescription": {"retentionTimeInHours": 5}}
        }
        made = client.event_hubs.create_or_update(*where, f"orders-{number}", hub)
        assert made.retention_description.retention_time_in_hours == 5
        assert made.partition_ids == ["0", "1"]
    assert [h.name for h in client.event_hubs.list_by_namespace(*where)] == [
        "orders-0",
        "orders-1",
        "orders-2",
    ]
    client.consumer_groups.create_or_update(*where, "orders-0", "billing", {"properties": {}})
    groups = client.consumer_groups.list_by_event_hub(*where, "orders-0")
    assert [g.name for g in groups] == ["$Default", "billing"]
    client.event_hubs.delete(*where, "orders-0")
    with pytest.raises(ResourceNotFoundError):
        client.event_hubs.get(*where, "orders-0")
    client.close()


def test_the_example_of_the_page_is_a_spec(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    blocks = [text for kind, text in BLOCK.findall(PAGE.read_text()) if "apiVersion" in text]
    (tmp_path / "page.yaml").write_text("---\n".join(blocks))
    monkeypatch.setenv("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
    assert run(["validate", str(tmp_path)]) == 0, capsys.readouterr().err


def test_the_role_of_the_page_is_what_is_asked_for(cloud: Azure) -> None:
    """Every call that the emulation takes, and with it every call that kstate makes, has its action there."""
    (role,) = (json.loads(text) for kind, text in BLOCK.findall(PAGE.read_text()) if kind == "json")
    kinds = {"GET": "read", "PUT": "write", "DELETE": "delete"}
    needed = set()
    for route in cloud.manager.routes:
        words = route.template.partition("/providers/")[2].split("/")
        steps = [word for word in words if not word.startswith("{")]
        if "operations" not in steps:
            needed.add(f"{'/'.join(steps)}/{kinds[route.method]}")
    access = {f"Microsoft.Authorization/roleAssignments/{word}" for word in ("write", "delete")}
    assert set(role["Actions"]) == needed - access
