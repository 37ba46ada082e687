"""Topics as event hubs: on every tier they converge or are refused by the rule of Azure that stands against them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.clusters import Live
from tests.fakes.azure_arm import LARGEST
from tests.fakes.front import Front
from tests.live.spec import topic
from tests.live.test_topics import produce
from tests.platforms.eventhubs.conftest import Estate

TIERS = ("standard", "premium", "dedicated")
CAPTURE = {"enabled": True, "encoding": "Avro", "intervalInSeconds": 300}


def refused(estate: Estate, *documents: dict[str, Any]) -> str:
    """What a plan says of something that cannot be; nothing was written."""
    estate.spec.write(*documents)
    said = estate.spec.plan_json()
    assert said.code == 3, said.out + said.err
    assert estate.cloud.manager.asked("^(PUT|DELETE)") == []
    risks = [r for wave in said.json["waves"] for c in wave for r in c["risks"]]
    return "\n".join(r["message"] for r in risks if r["code"].startswith("KS9"))


@pytest.mark.parametrize("tier", TIERS)
def test_a_hub_is_made_changed_and_deleted(estate: Estate, tier: str) -> None:
    estate.cluster(tier, eventhubs={"kafka": False})
    spec, hubs = estate.spec, estate.cloud.namespace.hubs
    config = {"retention.ms": "1d", "message.timestamp.type": "CreateTime"}
    spec.write(topic("orders", partitions=4, config=config))
    assert spec.plan().code == 2
    assert spec.apply().code == 0
    assert hubs["orders"]["retentionDescription"] == {
        "cleanupPolicy": "Delete",
        "retentionTimeInHours": 24,
    }
    assert hubs["orders"]["messageTimestampDescription"] == {"timestampType": "Create"}
    assert spec.plan().code == 0
    more = 4 if tier == "standard" else 6
    spec.write(topic("orders", partitions=more, config={**config, "retention.ms": "2d"}))
    assert spec.apply().code == 0
    assert hubs["orders"]["partitionCount"] == more
    assert hubs["orders"]["messageTimestampDescription"] == {"timestampType": "Create"}
    assert spec.plan().code == 0
    spec.write(topic("orders", metadata={"ensure": "absent"}))
    said = spec.apply()
    assert said.code == 3
    assert "`eventhubs.kafka` is false" in said.err
    assert spec.apply("--approve", "KS204").code == 0
    assert hubs == {}
    assert spec.plan().code == 0


@pytest.mark.parametrize("forever", [-1, LARGEST])
def test_a_compacted_hub_however_azure_tells_that_it_keeps_for_ever(
    estate: Estate, forever: int
) -> None:
    estate.cloud.namespace.forever = forever
    config = {
        "cleanup.policy": "compact",
        "delete.retention.ms": "24h",
        "min.compaction.lag.ms": "10m",
    }
    estate.spec.write(topic("table", partitions=1, config=config))
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0
    kept = {**config, "retention.ms": "unlimited", "delete.retention.ms": "48h"}
    estate.spec.write(topic("table", config=kept))
    assert estate.spec.apply().code == 0
    hub = estate.cloud.namespace.hubs["table"]
    assert hub["retentionDescription"]["cleanupPolicy"] == "Compact"
    assert hub["retentionDescription"]["tombstoneRetentionTimeInHours"] == 48
    assert hub["retentionDescription"]["minCompactionLagTimeInMinutes"] == 10
    assert estate.spec.plan().code == 0


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("standard", {"partitions": 33}, "33 partitions: Standard has 32 at most for a hub"),
    ("premium", {"partitions": 101}, "101 partitions: Premium has 100 at most"),
    ("dedicated", {"partitions": 1025}, "1025 partitions: Dedicated has 1024 at most"),
    ("standard", {}, "say how many `partitions`"),
    ("standard", {"partitions": 1, "replication": 2}, "Azure keeps 3 copies of everything"),
    (
        "standard",
        {"partitions": 1, "config": {"min.insync.replicas": 2}},
        "an event hub has no `min.insync.replicas`; what can be set is cleanup.policy,"
        " delete.retention.ms, message.timestamp.type, min.compaction.lag.ms, retention.ms",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"delete.retentoin.ms": 3600000}},
        "did you mean `delete.retention.ms`",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"retention.ms": "90m"}},
        "`retention.ms` counts in whole hours here, found 90m",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"retention.ms": "8d"}},
        "retention.ms is 1h to 7d on Standard, found 8d",
    ),
    (
        "premium",
        {"partitions": 1, "config": {"retention.ms": "91d"}},
        "retention.ms is 1h to 90d on Premium",
    ),
    (
        "premium",
        {"partitions": 1, "config": {"retention.ms": "unlimited"}},
        "retention.ms is 1h to 90d on Premium, found unlimited",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"cleanup.policy": "compact", "retention.ms": "1d"}},
        "a compacted hub keeps for ever, found retention.ms 1d",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"delete.retention.ms": "1h"}},
        "`delete.retention.ms` counts only with cleanup.policy compact",
    ),
    (
        "standard",
        {
            "partitions": 1,
            "config": {"cleanup.policy": "compact", "min.compaction.lag.ms": "90s"},
        },
        "`min.compaction.lag.ms` counts in whole minutes here, found 90s",
    ),
    (
        "standard",
        {"partitions": 1, "config": {"retention.ms": None}},
        "`retention.ms` cannot be unset",
    ),
)


@pytest.mark.parametrize(("tier", "spec", "words"), REFUSED, ids=[r[2][:40] for r in REFUSED])
def test_what_azure_would_refuse_is_refused_while_planning(
    estate: Estate, tier: str, spec: dict[str, Any], words: str
) -> None:
    estate.cluster(tier, eventhubs={"kafka": False})
    assert words in refused(estate, topic("orders", **spec))


def test_a_name_that_azure_does_not_take(estate: Estate) -> None:
    assert "begins and ends with a letter or a digit" in refused(
        estate, topic("_orders", partitions=1)
    )


def test_what_is_fixed_once_a_hub_is_there(estate: Estate) -> None:
    estate.cloud.namespace.put("orders", {"partitionCount": 4})
    grown = topic("orders", partitions=8, config={"cleanup.policy": "compact"})
    told = refused(estate, grown)
    assert "the partitions of a hub are fixed on Standard" in told
    assert "cleanup.policy stays delete: it is chosen when a hub is made" in told
    assert "4 partitions cannot become 2" in refused(estate, topic("orders", partitions=2))


def test_a_setting_that_leaves_the_document_has_no_default_to_go_back_to(
    estate: Estate, kafka: Live, prefix: str
) -> None:
    _with_ledger(estate, kafka, prefix)
    estate.spec.write(topic("orders", partitions=1, config={"retention.ms": "1d"}))
    assert estate.spec.apply().code == 0
    estate.spec.write(topic("orders", partitions=1))
    said = estate.spec.plan()
    assert said.code == 3
    assert "`retention.ms` cannot be unset" in said.out


def test_two_names_that_are_one_to_azure(estate: Estate) -> None:
    estate.cloud.namespace.put("Orders", {"partitionCount": 1})
    told = refused(estate, topic("orders", partitions=1), topic("ORDERS", partitions=1))
    assert "to Azure this is the same name as ORDERS, Orders" in told
    assert "to Azure this is the same name as Orders, orders" in told


@pytest.mark.parametrize(
    ("tier", "there", "words"),
    [
        ("standard", 10, "11 hubs: Standard has room for 10 in a namespace"),
        (
            "premium",
            100,
            "101 hubs: Premium with 1 processing unit has room for 100 in a namespace",
        ),
    ],
)
def test_a_namespace_that_is_full(estate: Estate, tier: str, there: int, words: str) -> None:
    estate.cluster(tier, eventhubs={"kafka": False})
    for number in range(there):
        estate.cloud.namespace.put(f"there-{number}", {"partitionCount": 1})
    assert words in refused(estate, topic("orders", partitions=1))


def test_partitions_of_a_premium_namespace_are_counted_in_all(estate: Estate) -> None:
    estate.cluster("premium", eventhubs={"kafka": False})
    estate.cloud.namespace.units = 2
    for number in range(4):
        estate.cloud.namespace.put(f"there-{number}", {"partitionCount": 100})
    told = refused(estate, topic("orders", partitions=1))
    assert "401 partitions in all: Premium with 2 processing units has room for 400" in told


def test_three_copies_are_what_there_is(estate: Estate) -> None:
    """So that a Profile can be shared with a Kafka of three replicas."""
    estate.spec.write(topic("orders", partitions=1, replication=3))
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0


def test_a_put_carries_everything_that_was_there(estate: Estate) -> None:
    """What is left out would go back to a default: capture would end, a hub that is closed would open."""
    hand = {
        "partitionCount": 2,
        "status": "SendDisabled",
        "captureDescription": CAPTURE,
        "userMetadata": "a note",
        "messageTimestampDescription": {"timestampType": "Create"},
        "retentionDescription": {"cleanupPolicy": "DeleteOrCompact", "retentionTimeInHours": 24},
    }
    before = dict(estate.cloud.namespace.put("orders", hand))
    estate.spec.write(topic("orders", config={"retention.ms": "3d"}))
    assert estate.spec.apply().code == 0
    after = estate.cloud.namespace.hubs["orders"]
    told = after.pop("retentionDescription"), after.pop("messageRetentionInDays")
    assert told == ({"cleanupPolicy": "DeleteOrCompact", "retentionTimeInHours": 72}, 3)
    before.pop("retentionDescription"), before.pop("messageRetentionInDays")
    assert after == before
    sent = estate.cloud.manager.asked("^PUT")[0].json["properties"]
    read_only = {"identifier", "createdAt", "updatedAt", "partitionIds", "messageRetentionInDays"}
    assert not sent.keys() & read_only


def test_a_hub_that_was_made_anew_is_not_the_planned_one(estate: Estate) -> None:
    estate.cloud.namespace.put("orders", {"partitionCount": 1})
    estate.spec.write(topic("orders", metadata={"ensure": "absent"}))
    file = estate.spec.folder / "plan.json"
    estate.spec.plan("--out", str(file))
    del estate.cloud.namespace.hubs["orders"]
    estate.cloud.namespace.put("orders", {"partitionCount": 1})
    said = estate.spec.run("apply", str(file), "--approve", "KS204")
    assert said.code == 4, said.out + said.err
    assert "identifier" in said.err
    assert "orders" in estate.cloud.namespace.hubs


@pytest.mark.parametrize("location", [False, True])
def test_what_is_only_accepted_is_followed_to_its_end(estate: Estate, location: bool) -> None:
    estate.cloud.namespace.slow, estate.cloud.namespace.location = 2, location
    estate.spec.write(topic("orders", partitions=1))
    assert estate.spec.apply().code == 0
    assert len(estate.cloud.manager.asked("operations/1")) == 3
    assert estate.spec.plan().code == 0


def test_what_shows_late_is_waited_for(estate: Estate) -> None:
    estate.cloud.namespace.late = 3
    estate.spec.write(topic("orders", partitions=1), topic("paid", partitions=1))
    said = estate.spec.apply("--format", "json")
    assert said.code == 0
    assert estate.spec.plan().code == 0


def test_a_listing_of_several_pages(estate: Estate) -> None:
    names = [f"orders-{number}" for number in range(7)]
    estate.spec.write(*(topic(name, partitions=1) for name in names))
    assert estate.spec.apply().code == 0
    assert sorted(estate.cloud.namespace.hubs) == names
    assert estate.spec.plan().code == 0


@pytest.mark.parametrize("ledger", [False, True])
def test_what_is_imported_plans_empty(
    estate: Estate, kafka: Live, prefix: str, ledger: bool
) -> None:
    if ledger:
        _with_ledger(estate, kafka, prefix)
    put = estate.cloud.namespace.put
    put("orders", {"partitionCount": 3, "retentionDescription": {"retentionTimeInHours": 12}})
    put("table", {"partitionCount": 1, "retentionDescription": {"cleanupPolicy": "Compact"}})
    out = estate.spec.folder / "_imported"
    said = estate.spec.run("import", str(estate.spec.folder), "-c", "azure", "--out", str(out))
    assert said.code == 0, said.err
    made = "".join(f.read_text() for f in out.rglob("*.yaml"))
    assert "retention.ms: 12h" in made
    assert ("kind: Estate" in made) == ledger, "nothing is recorded where nothing can hold it"
    assert "cleanup.policy: delete" not in made, "what nobody chose"
    assert estate.spec.run("plan", str(out), "--detailed-exitcode").code == 0


# --- what Kafka tells of a hub


def test_what_a_deletion_and_a_shorter_retention_cost(
    seen: Estate, front: Front, kafka: Live, prefix: str
) -> None:
    name = f"{prefix}orders"
    seen.spec.write(topic(name, partitions=1, config={"retention.ms": "7d"}))
    assert seen.spec.apply().code == 0
    seen.spec.write(topic(name, config={"retention.ms": "1h"}))
    assert seen.spec.plan_json().codes == {"KS114"}
    produce(kafka, name, 5)
    assert seen.spec.plan_json().codes == {"KS113"}
    seen.spec.write(topic(name, metadata={"ensure": "absent"}))
    found = seen.spec.plan_json()
    assert found.codes == {"KS202"}
    assert "up to 5 records" in found.out
    assert seen.spec.apply("--approve", "KS202").code == 0
    assert name not in kafka.admin.list_topics(timeout=10).topics
    assert front.logins > 0
    assert front.refusals == []


def test_where_kafka_cannot_be_reached_nobody_knows_the_cost(seen: Estate) -> None:
    seen.more["bootstrap"] = ["127.0.0.1:1"]
    seen.cluster()
    hours = {"retentionTimeInHours": 48}
    seen.cloud.namespace.put("paid", {"partitionCount": 1, "retentionDescription": hours})
    seen.cloud.namespace.hubs["orders"] = dict(seen.cloud.namespace.hubs["paid"])
    gone = topic("orders", metadata={"ensure": "absent"})
    seen.spec.write(gone, topic("paid", config={"retention.ms": "1h"}))
    said = seen.spec.plan_json("--timeout", "2s")
    assert said.codes == {"KS204", "KS206"}
    assert "cannot reach 127.0.0.1:1" in said.out


def _with_ledger(estate: Estate, kafka: Live, prefix: str) -> None:
    """Ownership recorded on a Kafka beside it."""
    home = {"kind": "Cluster", "metadata": {"name": "home"}}
    kept = {"platform": "apache", "bootstrap": [kafka.bootstrap]}
    ledger = {"cluster": "home", "topic": f"__{prefix[-30:]}"}
    owner = {"kind": "Estate", "metadata": {"name": "acme"}, "spec": {"ledger": ledger}}
    estate.spec.write({**home, "spec": kept}, owner, file="home.yaml")


def test_what_leaves_the_spec_is_pruned_and_what_others_made_stays(
    estate: Estate, kafka: Live, prefix: str
) -> None:
    _with_ledger(estate, kafka, prefix)
    estate.cloud.namespace.put("theirs", {"partitionCount": 1})
    here = {"clusters": ["azure"]}
    estate.spec.write(topic("orders", partitions=1, metadata=here))
    assert estate.spec.apply().code == 0
    estate.spec.write()
    assert estate.spec.plan_json().codes == {"KS204", "KS231"}
    assert estate.spec.apply("--approve", "KS204", "--approve", "KS231").code == 0
    assert sorted(estate.cloud.namespace.hubs) == ["theirs"]
    assert estate.spec.plan().code == 0
