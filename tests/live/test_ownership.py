"""Ownership on a real Kafka: only what is recorded as ours is ever proposed for deletion, and nothing is orphaned."""

from __future__ import annotations

import json
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from reconciler.clients.kafka import login
from reconciler.core import book
from reconciler.core.book import Intent, fold
from reconciler.ledger import lock
from reconciler.ledger.store import TopicStore
from tests.live.spec import Spec, acl, topic
from tests.live.test_topics import live_config, make, produce, set_by_hand


@pytest.fixture
def ours(kafka: Any, spec: Spec, name: str) -> Spec:
    """A spec with an estate of its own, whose ledger is a topic of its own."""
    estate(spec, name)
    return spec


def estate(spec: Spec, name: str, called: str = "acme") -> None:
    document = {
        "kind": "Estate",
        "metadata": {"name": called},
        "spec": {"ledger": {"topic": f"__{name}"}},
    }
    spec.write(document, file="estate.yaml")


def store_of(kafka: Any, name: str) -> TopicStore:
    return TopicStore(login("live", kafka.bootstrap, {}, 10.0), f"__{name}")


def cluster_id(kafka: Any) -> str:
    return str(kafka.admin.describe_cluster().result().cluster_id)


def book_of(kafka: Any, name: str) -> book.Book:
    entries = store_of(kafka, name).entries()
    return fold(((entry.key, entry.value) for entry in entries), cluster_id(kafka))


def test_the_ledgers_topics_are_announced_and_made_right(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert "the first apply makes the topics" in ours.plan().out
    assert ours.apply().code == 0
    assert live_config(kafka, f"__{name}") == {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "604800000",
        "message.timestamp.type": "LogAppendTime",
    }
    assert live_config(kafka, f"__{name}_journal")["cleanup.policy"] == "delete"
    after = ours.plan()
    assert (after.code, "first apply" in after.out) == (0, False)


def test_what_no_document_asks_for_any_more_is_pruned_when_approved(
    kafka: Any, ours: Spec, name: str
) -> None:
    ours.write(
        topic(f"{name}a", partitions=1, replication=1),
        topic(f"{name}b", partitions=1, replication=1),
    )
    assert ours.apply().code == 0
    make(kafka, f"{name}stray")
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    found = ours.plan_json()
    assert [c["key"] for w in found.json["waves"] for c in w] == [f"live/topic/{name}b"]
    assert found.codes == {"KS201", "KS231"}
    assert ours.apply().code == 3
    assert ours.apply("--approve", "KS201", "--approve", "KS231").code == 0
    there = kafka.admin.list_topics(timeout=5).topics
    assert (f"{name}a" in there, f"{name}b" in there, f"{name}stray" in there) == (
        True,
        False,
        True,
    )
    assert ours.plan().code == 0


def test_what_was_there_before_is_never_pruned(kafka: Any, ours: Spec, name: str) -> None:
    make(kafka, f"{name}old")
    ours.write(topic(f"{name}old"), topic(f"{name}new", partitions=1, replication=1))
    assert ours.apply().code == 0
    ours.write(topic(f"{name}new", partitions=1, replication=1))
    assert ours.plan().code == 0


def test_adopting_writes_nothing_and_prunes_under_another_code(
    kafka: Any, ours: Spec, name: str
) -> None:
    make(kafka, f"{name}old")
    set_by_hand(kafka, f"{name}old", "segment.ms", "60000")
    ours.write(topic(f"{name}old", config={"retention.ms": "1d"}))
    adopted = ours.run("adopt", str(ours.folder), "--yes")
    assert (adopted.code, f"live/topic/{name}old" in adopted.out) == (0, True)
    assert live_config(kafka, f"{name}old") == {"segment.ms": "60000"}
    # No takeover any more, just an update of what is ours, and empty.
    assert ours.plan_json().codes == {"KS114"}
    ours.write(topic(f"{name}other", partitions=1, replication=1))
    assert ours.plan_json().codes == {"KS201", "KS232"}


def test_changing_what_is_nobodys_is_a_takeover_and_says_so(
    kafka: Any, ours: Spec, name: str
) -> None:
    make(kafka, f"{name}old")
    ours.write(topic(f"{name}old", config={"retention.ms": "1d"}))
    assert ours.plan_json().codes == {"KS114", "KS121"}
    assert ours.apply().code == 0
    assert book_of(kafka, name).own["topic", f"{name}old"].origin == "adopted"


def test_released_is_left_alone(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(
        topic(f"{name}a", partitions=1, replication=1),
        topic(f"{name}b", partitions=1, replication=1),
    )
    assert ours.apply().code == 0
    key = f"live/topic/{name}b"
    assert ours.run("release", key, "--spec", str(ours.folder)).code == 0
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.plan().code == 0
    assert ours.run("release", key, "--spec", str(ours.folder)).code == 64


def test_two_estates_never_touch_each_others(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.apply().code == 0
    estate(ours, name, "rival")
    ours.write(topic(f"{name}a", partitions=2, replication=1))
    refused = ours.plan_json()
    assert (refused.code, "KS941" in refused.codes) == (3, True)
    message = refused.json["waves"][0][0]["risks"][0]["message"]
    assert "acme" in message
    assert "rival" in message
    ours.write(topic(f"{name}b", partitions=1, replication=1))
    assert (
        ours.apply().code == 0
    )  # and nothing of acme's was pruned for being in no document of rival's
    assert book_of(kafka, name).own["topic", f"{name}a"].estate == "acme"


def test_protection_outlives_its_document(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(
        topic(f"{name}a", partitions=1, replication=1),
        topic(f"{name}b", partitions=1, replication=1),
    )
    assert ours.apply().code == 0
    guarded = topic(f"{name}b", partitions=1, replication=1, metadata={"protect": True})
    ours.write(topic(f"{name}a", partitions=1, replication=1), guarded)
    assert ours.plan().code == 0  # bookkeeping is no change
    assert ours.apply().code == 0
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    found = ours.plan_json()
    assert (found.code, "KS902" in found.codes) == (3, True)


def test_a_setting_we_applied_and_the_document_dropped_goes_back(
    kafka: Any, ours: Spec, name: str
) -> None:
    config = {"retention.ms": "1d", "segment.ms": "1h"}
    ours.write(topic(f"{name}a", partitions=1, replication=1, config=config))
    assert ours.apply().code == 0
    set_by_hand(kafka, f"{name}a", "flush.ms", "1000")
    ours.write(topic(f"{name}a", partitions=1, replication=1, config={"retention.ms": "1d"}))
    told = ours.plan()
    assert "3600000 (1h) -> (default)" in told.out
    assert "changed in Git since" in told.out
    assert ours.apply().code == 0
    assert live_config(kafka, f"{name}a") == {"retention.ms": "86400000", "flush.ms": "1000"}


def test_changed_by_hand_is_told_from_changed_in_git(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1, config={"retention.ms": "1d"}))
    assert ours.apply().code == 0
    set_by_hand(kafka, f"{name}a", "retention.ms", "1000")
    told = ours.plan()
    assert "changed by hand since apply" in told.out
    kafka.admin.delete_topics([f"{name}a"])[f"{name}a"].result()
    assert "and is gone" in ours.plan().out


@pytest.fixture
def killed(kafka: Any, ours: Spec, name: str) -> None:
    """Topic `a` was applied, and an apply was killed right after the broker had made topic `b`.

    The intent is there, the record is not.
    """
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.apply().code == 0
    store, about = store_of(kafka, name), cluster_id(kafka)
    wanted = Intent("killed", "2026-01-01T00:00:00Z", {f"topic/{name}b": {"partitions": 1}})
    with lock.acquire(store, about, "a killed apply") as held:
        held.write([book.intent(about, "acme", wanted)])
    make(kafka, f"{name}b")


@pytest.mark.usefixtures("killed")
def test_what_a_killed_apply_had_made_is_ours(kafka: Any, ours: Spec, name: str) -> None:
    found = ours.plan_json()  # in no document: ours to prune, not an orphan
    assert [c["key"] for w in found.json["waves"] for c in w] == [f"live/topic/{name}b"]
    assert "KS231" in found.codes
    done = ours.apply("--approve", "KS231", "--approve", "KS201", "--wait", "60s")
    assert done.code == 0, done.out + done.err
    assert f"{name}b" not in kafka.admin.list_topics(timeout=5).topics
    assert ours.plan().code == 0


@pytest.mark.usefixtures("killed")
def test_an_apply_that_finds_all_of_it_made_already_records_it(
    kafka: Any, ours: Spec, name: str
) -> None:
    ours.write(*(topic(f"{name}{n}", partitions=1, replication=1) for n in "ab"))
    found = ours.plan_json()
    assert [r["key"] for r in found.json["records"]] == [f"live/topic/{name}b"]
    assert ours.apply("--wait", "60s").code == 0
    kept = book_of(kafka, name)
    assert ("topic", f"{name}b") in kept.own
    assert not any(kept.intents.get("acme", Intent("", "", {})).wanted)
    assert ours.plan_json().json["records"] == []


def damage(kafka: Any, name: str, key: str, value: bytes | None) -> None:
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(f"__{name}", key=key.encode(), value=value, partition=0)
    assert producer.flush(10) == 0


@pytest.mark.parametrize("how", ["truncated", "garbage", "newer", "emptied", "gone", "head"])
def test_a_ledger_that_cannot_be_believed_deletes_nothing_and_adopt_repairs_it(
    kafka: Any, ours: Spec, name: str, how: str
) -> None:
    both = [topic(f"{name}{n}", partitions=1, replication=1) for n in "ab"]
    ours.write(*both)
    assert ours.apply().code == 0
    own = f"own|{cluster_id(kafka)}|topic|{name}a"
    match how:
        case "truncated":
            damage(kafka, name, own, None)
        case "garbage":
            damage(kafka, name, own, b"\xff{")
        case "newer":
            damage(kafka, name, own, json.dumps({"v": 99}).encode())
        case "head":
            damage(kafka, name, f"head|{cluster_id(kafka)}|acme", None)
        case "emptied":
            kafka.admin.delete_topics([f"__{name}"])[f"__{name}"].result()
            make(kafka, f"__{name}")
        case "gone":
            kafka.admin.delete_topics([f"__{name}"])[f"__{name}"].result()
            said = ours.run("history", str(ours.folder), "--verify")
            assert (said.code, f"the topic __{name} is gone" in said.err) == (1, True)
    ours.write(topic(f"{name}c", partitions=1, replication=1))
    told = ours.plan()
    assert "nothing is deleted on its word" in told.out
    assert "0 delete" in told.out
    assert ours.apply().code == 0
    assert "nothing is deleted on its word" in ours.plan().out or how in ("emptied", "gone", "head")
    assert {f"{name}a", f"{name}b"} <= kafka.admin.list_topics(timeout=5).topics.keys()
    ours.write(*both, topic(f"{name}c", partitions=1, replication=1))
    assert ours.run("adopt", str(ours.folder), "--yes").code == 0
    assert "nothing is deleted" not in ours.plan().out
    ours.write(*both)
    assert "KS231" in ours.plan_json().codes


@pytest.mark.parametrize("ensure", ["present", "absent"])
def test_where_the_ledger_is_kept_is_no_documents_to_manage(
    ours: Spec, name: str, ensure: str
) -> None:
    named = (f"__{name}", f"__{name}_journal", "__kstate", "__kstate_journal")
    documents = [topic(one, partitions=3) for one in named]
    for document in documents:
        document["metadata"]["ensure"] = ensure
    ours.write(*documents)
    said = ours.plan()
    assert said.code == 64
    assert [f"`{one}` is where kstate keeps its ledger" in said.err for one in named] == [True] * 4


def test_limits_count_what_is_owned(kafka: Any, ours: Spec, name: str) -> None:
    many = [topic(f"{name}{n}", partitions=1, replication=1) for n in range(12)]
    ours.write(*many)
    assert ours.apply().code == 0
    ours.write(*many[:6])
    assert {"KS302"} <= {risk["code"] for risk in ours.plan_json().json["risks"]}
    assert ours.apply("--approve", "KS201", "--approve", "KS231").code == 3
    ours.cluster(kafka.bootstrap, limits={"delete": 3, "delete_percent": 90, "change_percent": 90})
    assert {risk["code"] for risk in ours.plan_json().json["risks"]} == {"KS301"}


def test_a_second_apply_is_refused_with_who_holds_the_lock(
    kafka: Any, ours: Spec, name: str
) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.apply().code == 0
    ours.write(*[topic(f"{name}{n}", partitions=1, replication=1) for n in "ab"])
    with lock.acquire(store_of(kafka, name), cluster_id(kafka), "ann on her laptop") as held:
        refused = ours.apply()
        assert refused.code == 5
        assert "ann on her laptop" in refused.err
        assert f"kstate unlock {held.beat.id}" in refused.err
        broken = ours.run("unlock", held.beat.id, "--spec", str(ours.folder))
        assert (broken.code, "ann on her laptop" in broken.err) == (0, True)
    assert ours.apply().code == 0


@pytest.mark.parametrize("verb", ["plan", "apply", "drift", "adopt", "snapshot"])
def test_two_documents_of_one_cluster_are_refused_where_one_would_delete_what_the_other_has(
    kafka: Any, ours: Spec, name: str, tmp_path: Any, verb: str
) -> None:
    twin(kafka, ours)
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    more = {"apply": ["--yes"], "adopt": ["--yes"], "snapshot": ["--out", str(tmp_path / "s.json")]}
    told = ours.run(verb, str(ours.folder), *more.get(verb, []))
    assert told.code == 64
    assert "twin.yaml:4:" in told.err
    assert "clusters live (cluster.yaml:4) and twin are one and the same" in told.err
    assert f"{name}a" not in kafka.admin.list_topics(timeout=5).topics


@pytest.mark.parametrize("verb", ["plan", "apply", "drift", "adopt"])
def test_a_cluster_that_another_document_speaks_of_by_its_ledger_is_refused(
    kafka: Any, ours: Spec, name: str, verb: str
) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1, metadata={"clusters": ["live"]}))
    assert ours.run("apply", str(ours.folder), "--yes", "-c", "live").code == 0
    twin(kafka, ours)
    more = ["--yes"] if verb in ("apply", "adopt") else []
    told = ours.run(verb, str(ours.folder), "-c", "twin", *more)
    assert told.code == 64
    assert "twin.yaml:4:" in told.err
    assert "is, by its ledger, cluster live of the same estate (cluster.yaml:4)" in told.err
    assert ours.run("plan", str(ours.folder), "-c", "live", "--detailed-exitcode").code == 0


def test_a_cluster_that_is_called_otherwise_from_now_on_is_the_same(
    kafka: Any, ours: Spec, name: str
) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.apply().code == 0
    twin(kafka, ours)
    (ours.folder / "cluster.yaml").unlink()
    assert ours.run("plan", str(ours.folder), "--detailed-exitcode").code == 0


def test_doctor_sees_two_documents_of_one_cluster_and_without_an_estate_they_are_none_of_its_business(
    kafka: Any, ours: Spec, name: str
) -> None:
    twin(kafka, ours)
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    told = ours.run("doctor", str(ours.folder))
    assert (told.code, "are one and the same" in told.out) == (1, True)
    (ours.folder / "estate.yaml").unlink()
    assert ours.run("doctor", str(ours.folder)).code == 0
    assert ours.plan().code == 2


def twin(kafka: Any, ours: Spec) -> None:
    """A second Cluster document of the cluster that there is."""
    spec = {"platform": "apache", "bootstrap": [kafka.bootstrap]}
    ours.write({"kind": "Cluster", "metadata": {"name": "twin"}, "spec": spec}, file="twin.yaml")


def test_history_tells_and_a_gap_in_it_shows(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(
        topic(f"{name}a", partitions=1, replication=1),
        acl(f"{name}", f"User:{name}", grants=[{"role": "consumer", "topics": ["t"]}]),
    )
    assert ours.apply().code == 0
    told = ours.run("history", str(ours.folder), "--verify")
    assert told.code == 0
    assert f"done  live/topic/{name}a" in told.out
    assert "sha256:" in told.out
    damage_journal(kafka, name)
    assert ours.run("history", str(ours.folder), "--verify").code == 1


def damage_journal(kafka: Any, name: str) -> None:
    links = [entry.value for entry in store_of(kafka, name).journal()]
    forged = json.loads(links[-1] or b"{}") | {"seq": 99}
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(f"__{name}_journal", value=json.dumps(forged).encode(), partition=0)
    assert producer.flush(10) == 0


def test_a_saved_plan_is_applied_once(kafka: Any, ours: Spec, name: str, tmp_path: Any) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    saved = str(tmp_path / "plan.json")
    assert ours.plan("--out", saved).code == 2
    assert ours.run("apply", saved).code == 0
    again = ours.run("apply", saved)
    assert (again.code, "applied before" in again.err) == (4, True)


def test_another_cluster_can_keep_the_ledger(kafka: Any, ours: Spec, name: str) -> None:
    other = {"platform": "apache", "bootstrap": [kafka.bootstrap]}
    ours.write({"kind": "Cluster", "metadata": {"name": "home"}, "spec": other}, file="home.yaml")
    document = {
        "kind": "Estate",
        "metadata": {"name": "acme"},
        "spec": {"ledger": {"topic": f"__{name}", "cluster": "home"}},
    }
    ours.write(document, file="estate.yaml")
    ours.write(topic(f"{name}a", partitions=1, replication=1, metadata={"clusters": ["live"]}))
    assert ours.apply("-c", "live").code == 0
    assert book_of(kafka, name).own["topic", f"{name}a"].estate == "acme"


def test_an_empty_folder_deletes_nothing(kafka: Any, ours: Spec, name: str) -> None:
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    assert ours.apply().code == 0
    (ours.folder / "spec.yaml").unlink()
    produce(kafka, f"{name}a", 1)
    assert ours.plan().code == 2  # it is proposed, blocked, and nothing more
    assert ours.apply().code == 3
    for file in ours.folder.glob("*.yaml"):
        file.unlink()
    assert ours.plan().code == 64


def test_a_ledger_that_may_not_be_made_is_told_in_the_servers_words(
    kafka: Any, ours: Spec, name: str
) -> None:
    collides = f"__{name}".replace(".", "_")
    kafka.admin.create_topics([NewTopic(collides, 1, 1)])[collides].result()
    ours.write(topic(f"{name}a", partitions=1, replication=1))
    refused = ours.apply()
    assert (refused.code, "collides" in refused.err) == (1, True)
