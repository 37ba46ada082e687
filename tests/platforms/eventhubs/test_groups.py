"""Consumer groups of hubs, those that readers by AMQP use."""

from __future__ import annotations

from typing import Any

from tests.live.spec import topic
from tests.platforms.eventhubs.conftest import Estate


def group(name: str, *topics: str, **more: Any) -> dict[str, Any]:
    metadata = {"name": name, **more.pop("metadata", {})}
    return {"kind": "ConsumerGroup", "metadata": metadata, "spec": {"topics": [*topics], **more}}


def test_made_with_its_hub_changed_and_deleted(estate: Estate) -> None:
    spec, groups = estate.spec, estate.cloud.namespace.groups
    hubs = [topic(name, partitions=1) for name in ("orders", "paid")]
    spec.write(*hubs, group("billing", "orders", "paid"))
    assert spec.apply().code == 0
    assert groups == {"orders": {"billing": {}}, "paid": {"billing": {}}}
    assert spec.plan().code == 0
    spec.write(*hubs, group("billing", "orders", "paid", userMetadata="the billing service"))
    assert spec.apply().code == 0
    assert groups["orders"]["billing"] == {"userMetadata": "the billing service"}
    assert spec.plan().code == 0
    spec.write(*hubs, group("billing", "orders", metadata={"ensure": "absent"}))
    assert spec.plan_json().codes == {"KS246"}
    assert spec.apply("--approve", "KS246").code == 0
    assert groups == {"orders": {}, "paid": {"billing": {"userMetadata": "the billing service"}}}
    assert spec.plan().code == 0


def test_a_hub_that_nobody_makes(estate: Estate) -> None:
    estate.spec.write(group("billing", "ordres"))
    said = estate.spec.plan()
    assert said.code == 3
    assert "there is no event hub ordres, and no Topic document that makes it" in said.out


def test_more_groups_than_a_tier_has_room_for(estate: Estate) -> None:
    estate.cloud.namespace.put("orders", {"partitionCount": 1})
    estate.spec.write(*(group(f"reader-{number}", "orders") for number in range(20)))
    said = estate.spec.plan()
    assert said.code == 3
    assert "21 groups with $Default: Standard has 20 at most for a hub" in said.out
    estate.spec.write(*(group(f"reader-{number}", "orders") for number in range(19)))
    assert estate.spec.apply().code == 0


def test_the_group_that_every_hub_has(estate: Estate) -> None:
    estate.spec.write(group("$Default", "orders"))
    said = estate.spec.plan()
    assert said.code == 64
    assert "`$Default` is there by itself" in said.err


def test_other_platforms_say_why_they_need_no_document(estate: Estate) -> None:
    home = {"platform": "apache", "bootstrap": ["127.0.0.1:1"]}
    estate.spec.write(
        {"kind": "Cluster", "metadata": {"name": "home"}, "spec": home},
        group("billing", "orders", metadata={"clusters": ["home"]}),
    )
    said = estate.spec.plan()
    assert said.code == 64
    assert "no cluster can hold this ConsumerGroup: home: Apache Kafka" in said.err
    assert "come to be when somebody joins them" in said.err


def test_what_others_made_is_theirs(estate: Estate) -> None:
    estate.cloud.namespace.put("orders", {"partitionCount": 1})
    estate.cloud.namespace.groups["orders"] = {"theirs": {}}
    estate.cluster(eventhubs={"kafka": False}, owns={"topics": ["ord"]})
    estate.spec.write(group("billing", "orders"))
    said = estate.spec.plan_json()
    assert said.json["unmanaged"] == ["azure/consumergroup/orders/theirs"]
