"""Properties of the pure parts: what is sent reads back as it was meant, and names mean what they say."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Target
from reconciler.platforms.eventhubs.acl import ROLES, Assignment, decode, guid
from reconciler.platforms.eventhubs.place import implied, where_of
from reconciler.platforms.eventhubs.topic import HOUR, MINUTE, SETTABLE, properties, resource
from tests.fakes.azure_arm import Namespace

hours = st.integers(1, 168).map(lambda n: str(n * HOUR))
minutes = st.integers(0, 10_000).map(lambda n: str(n * MINUTE))
times = st.sampled_from(["CreateTime", "LogAppendTime"])
deleting = st.fixed_dictionaries(
    {}, optional={"retention.ms": hours, "message.timestamp.type": times}
)
compacting = st.fixed_dictionaries(
    {"cleanup.policy": st.just("compact")},
    optional={"delete.retention.ms": hours, "min.compaction.lag.ms": minutes},
)
both = st.fixed_dictionaries(
    {"cleanup.policy": st.just("compact,delete")},
    optional={"retention.ms": hours, "delete.retention.ms": hours},
)
configs = deleting | compacting | both
by_hand: dict[str, Any] = {"userMetadata": "a note", "status": "SendDisabled"}


def live(config: dict[str, str], partitions: int, there: Namespace) -> dict[str, Any]:
    """A hub after a PUT, as it is listed."""
    before = there.hubs.get("orders", {})
    sent = properties(before, {"partitions": partitions, "config": config})
    return {"name": "orders", "properties": there.put("orders", sent)}


@given(configs, st.integers(1, 32))
def test_what_is_sent_reads_back(config: dict[str, str], partitions: int) -> None:
    found = resource(live(config, partitions, Namespace())).settings
    assert found["partitions"] == partitions
    assert dict(found["config"]).items() >= config.items()  # type: ignore[call-overload]
    assert set(found["config"]) <= set(SETTABLE)  # type: ignore[arg-type]


@given(configs, hours, times)
def test_what_is_not_asked_for_stays(config: dict[str, str], kept: str, stamp: str) -> None:
    there = Namespace(tier="Premium")
    before = live(config, 4, there)["properties"]
    there.hubs["orders"].update(by_hand)
    more = {"delete.retention.ms": kept} if "cleanup.policy" in config else {"retention.ms": kept}
    after = live({**more, "message.timestamp.type": stamp}, 8, there)["properties"]
    assert {name: after[name] for name in by_hand} == by_hand
    assert after["identifier"] == before["identifier"]
    policy = "retentionDescription", "cleanupPolicy"
    assert after[policy[0]][policy[1]] == before[policy[0]][policy[1]]


def test_several_ways_to_tell_that_something_is_kept_for_ever() -> None:
    for told in (-1, 2**63 - 1, 2**31 * 1000):
        hub = {"partitionCount": 1, "retentionDescription": {"retentionTimeInHours": told}}
        found = resource({"name": "orders", "properties": hub}).settings
        assert found["config"] == {"retention.ms": "-1"}


def test_a_hub_with_next_to_nothing_told_of_it() -> None:
    found = resource({"name": "orders", "properties": {"partitionCount": 1}})
    assert found.settings == {"partitions": 1, "config": {}}
    assert found.facts == {}


def test_names_of_assignments() -> None:
    told = Assignment("User:u", "Data Sender", "eventhubs/orders/consumergroups/billing")
    assert decode(told.name) == told
    assert told.hub == "orders"
    assert decode("User:u|Data Owner|namespace").hub == ""


def test_one_assignment_has_one_name_whatever_its_letters() -> None:
    role = ROLES["Data Sender"]
    assert guid("/A/b", role, "ABC") == guid("/a/B", role.upper(), "abc")
    assert guid("/a", role, "abc") != guid("/b", role, "abc")


def test_what_a_cluster_document_leaves_unsaid() -> None:
    def of(cloud: str, **more: Any) -> Any:
        return implied({"eventhubs": {"namespace": "acme-streams", "cloud": cloud}, **more})

    china = of("AzureChinaCloud")
    assert china["bootstrap"] == ["acme-streams.servicebus.chinacloudapi.cn:9093"]
    assert china["kafka"]["security.protocol"] == "SASL_SSL"
    assert china["kafka"]["sasl.mechanism"] == "OAUTHBEARER"
    other = of("AzureCloud", bootstrap=["proxy:1"], kafka={"sasl.mechanisms": "PLAIN"})
    assert other["bootstrap"] == ["proxy:1"]
    assert other["kafka"]["sasl.mechanisms"] == "PLAIN"
    assert "sasl.mechanism" not in other["kafka"]


@pytest.mark.parametrize(
    ("cloud", "manager", "scope", "authority"),
    [
        (
            "AzureUSGovernment",
            "https://management.usgovcloudapi.net",
            "https://management.core.usgovcloudapi.net/.default",
            "https://login.microsoftonline.us",
        ),
        (
            "AzureChinaCloud",
            "https://management.chinacloudapi.cn",
            "https://management.chinacloudapi.cn/.default",
            "https://login.chinacloudapi.cn",
        ),
    ],
)
def test_other_clouds(cloud: str, manager: str, scope: str, authority: str) -> None:
    own = {"subscription": "s", "resource_group": "g", "namespace": "acme-streams", "cloud": cloud}
    found = where_of(Target("azure", {"eventhubs": own}))
    assert (found.manager, found.manager_scope, found.authority) == (manager, scope, authority)
    assert found.kafka_scope == f"https://{found.host}/.default"
