"""Topics by REST v3: from nothing to nothing left to do, what Confluent Cloud does not take, and days that go wrong."""

from __future__ import annotations

from tests.fakes.confluent_rest import Topic, bad, rate_limited
from tests.fakes.server import Fault, Reply
from tests.live.spec import topic
from tests.platforms.confluent.conftest import Estate

ORDERS = topic("orders", partitions=6, replication=3, config={"retention.ms": "7d"})


def test_made_changed_and_deleted(estate: Estate) -> None:
    estate.converges(ORDERS)
    assert estate.kafka.topics["orders"].config == {"retention.ms": "604800000"}
    estate.converges(
        topic("orders", partitions=12, config={"retention.ms": "14d", "segment.bytes": "128MiB"})
    )
    assert estate.kafka.topics["orders"].partitions == 12
    assert estate.kafka.topics["orders"].config["retention.ms"] == "1209600000"
    estate.converges(topic("orders", config={"retention.ms": None}), approve=("KS206",))
    assert estate.kafka.topics["orders"].config == {"segment.bytes": "134217728"}
    gone = topic("orders", metadata={"ensure": "absent"})
    assert estate.codes(gone) == {"KS204"}
    estate.converges(gone, approve=("KS204",))
    assert estate.kafka.topics == {}


def test_many_topics_are_read_in_two_requests(estate: Estate) -> None:
    many = [topic(f"t{n:02}", config={"retention.ms": "1d"}) for n in range(20)]
    estate.converges(*many)
    estate.rest.calls.clear()
    assert estate.spec.plan().code == 0
    assert [call.url.rpartition("lkc-abc123")[2] for call in estate.rest.calls] == [
        "",
        "/topics",
        "/topics/-/configs",
    ]


def test_a_setting_that_cannot_be_set_is_refused_with_the_list(estate: Estate) -> None:
    estate.spec.write(topic("orders", config={"compression.type": "zstd", "retention.mss": "7d"}))
    found = estate.spec.plan()
    assert found.code == 3
    assert "KS990" in found.out
    assert "`compression.type` cannot be set on Confluent Cloud" in found.out
    assert "did you mean `retention.ms`?" in found.out
    assert (
        "confluent.value.schema.validation, confluent.value.subject.name.strategy, delete.retention.ms"
        in found.out
    )


def test_replication_is_three(estate: Estate) -> None:
    assert estate.codes(topic("orders", replication=1)) == {"KS990"}
    assert estate.codes(topic("orders", replication=3)) == set()


def test_more_partitions_than_the_type_has(estate: Estate) -> None:
    estate.cluster(type="basic", organization=None)
    estate.kafka.topics["there"] = Topic(4_000)
    estate.kafka.most = 10_000
    assert estate.codes(topic("a", partitions=90), topic("b")) == set()
    assert estate.codes(topic("a", partitions=91), topic("b")) == {"KS991"}
    estate.cluster(type="basic", organization=None, partitions=4_200)
    assert estate.codes(topic("a", partitions=91), topic("b")) == set()
    estate.kafka.most = 4_050
    assert estate.codes(topic("a", partitions=91)) == {"KS903"}


def test_a_policy_passes_compact_in_two_steps_that_the_plan_shows(estate: Estate) -> None:
    estate.converges(topic("orders"))
    both = topic("orders", config={"cleanup.policy": ["compact", "delete"], "retention.ms": "30d"})
    estate.spec.write(both)
    found = estate.spec.plan()
    assert "cleanup.policy: delete -> compact" in found.out, found.out
    assert "cleanup.policy: compact -> compact,delete" in found.out
    assert "KS903" not in found.out
    estate.converges(both, approve=("KS206",))
    sent = [
        call.json
        for call in estate.rest.asked("POST .*configs:alter")
        if "validate_only" not in call.json
    ]
    assert [{d["name"]: d["value"] for d in body["data"]} for body in sent] == [
        {"cleanup.policy": "compact"},
        {"cleanup.policy": "compact,delete", "retention.ms": "2592000000"},
    ]


def test_freight_keeps_by_age_alone(estate: Estate) -> None:
    estate.cluster(type="freight")
    assert estate.codes(topic("orders", config={"cleanup.policy": "compact"})) == {"KS990"}


def test_what_is_told_late_is_waited_for(estate: Estate) -> None:
    estate.kafka.late = 0.7
    estate.converges(ORDERS)


def test_a_storm_of_429_passes(estate: Estate) -> None:
    storm = [
        Fault("POST .*/topics$", rate_limited(), times=3),
        Fault("GET .*/topics$", rate_limited(), times=3),
    ]
    estate.rest.faults += storm
    estate.converges(ORDERS)


def test_a_server_in_trouble(estate: Estate) -> None:
    """What will pass is waited for, with the write too where it was not begun; what will not is told in its words."""
    trouble = Reply(503, {"error_code": 50003, "message": "Service Unavailable"})
    estate.rest.faults += [Fault("POST .*/topics$", trouble), Fault("GET .*/topics$", trouble)]
    estate.converges(ORDERS)
    broken = Reply(500, {"error_code": 500, "message": "Internal Server Error"})
    estate.rest.faults.append(Fault("GET .*/topics$", broken, times=9))
    found = estate.spec.plan()
    assert (found.code, "500 Internal Server Error" in found.err) == (1, True), found.err


def test_a_refusal_of_one_leaves_the_others_done_and_running_again_continues(
    estate: Estate,
) -> None:
    """What validation let pass and the write then refuses, as when the last partition went to somebody else."""
    estate.spec.write(*(topic(f"t{n}") for n in range(4)))
    assert estate.spec.plan().code == 2
    refusal = bad("Adding the requested number of partitions will exceed 1000 total partitions.")

    def refuse(call: object) -> Reply | None:
        body = getattr(call, "json", None)
        return (
            refusal
            if body and body.get("topic_name") == "t2" and not body.get("validate_only")
            else None
        )

    before = estate.rest.login
    estate.rest.login = lambda call: before(call) or refuse(call)
    done = estate.spec.apply()
    estate.rest.login = before
    assert done.code == 6, done.out + done.err
    assert "will exceed 1000 total partitions" in done.out + done.err
    assert sorted(estate.kafka.topics) == ["t0", "t1", "t3"]
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0


def test_an_answer_that_is_lost_is_read_back(estate: Estate) -> None:
    estate.rest.faults.append(Fault(r"POST .*/topics$", None, times=0))
    estate.spec.write(ORDERS)
    assert estate.spec.plan().code == 2
    lost = Fault(r"POST .*/topics$", after=True, hang_up=True, times=0)
    estate.rest.faults.append(lost)
    count = iter(range(10))

    def second_time(call: object) -> Reply | None:
        """The first POST only validates; the answer of the second is lost after it was carried out."""
        if getattr(call, "method", "") == "POST" and next(count) == 0:
            lost.times = 1
        return None

    before = estate.rest.login
    estate.rest.login = lambda call: before(call) or second_time(call)
    done = estate.spec.apply()
    assert done.code == 0, done.out + done.err
    assert estate.spec.plan().code == 0


def test_answers_that_are_broken_off_fail_the_plan_and_nothing_else(estate: Estate) -> None:
    estate.converges(ORDERS)
    estate.rest.faults.append(
        Fault("GET .*/configs$", Reply(200, b'{"data": [{"name": "ret', cut=False), times=9)
    )
    found = estate.spec.plan()
    assert found.code == 1
    assert "GET /topics/orders/configs" in found.err, found.err
    estate.rest.faults.clear()
    estate.rest.faults.append(
        Fault("GET .*/topics$", Reply(200, b'{"data": []}' * 20, cut=True), times=9)
    )
    assert estate.spec.plan().code == 1
    estate.rest.faults.clear()
    assert estate.spec.plan().code == 0


def test_no_right_to_ask_is_no_failure(estate: Estate) -> None:
    estate.kafka.forbidden.add("POST /kafka/v3/clusters/lkc-abc123/topics")
    assert estate.codes(ORDERS) == {"KS101"}
    done = estate.spec.apply()
    assert done.code == 1, done.out
    assert "40301" in done.out + done.err or "authorization failed" in (done.out + done.err).lower()


def test_what_somebody_deleted_in_between_makes_a_saved_plan_stale(estate: Estate) -> None:
    estate.converges(ORDERS)
    estate.spec.write(topic("orders", config={"retention.ms": "9d"}))
    saved = estate.spec.folder / "plan.json"
    assert estate.spec.plan("--out", str(saved)).code == 2
    del estate.kafka.topics["orders"]
    done = estate.spec.run("apply", str(saved))
    assert done.code == 4, done.out + done.err
    assert estate.kafka.topics == {}


def test_another_cluster_behind_the_address_is_refused(estate: Estate) -> None:
    estate.cluster()
    estate.rest.faults.append(
        Fault("GET .*/lkc-abc123$", Reply(200, {"cluster_id": "lkc-other"}), times=5)
    )
    found = estate.spec.plan()
    assert found.code == 4
    assert "its id is lkc-other, but `confluent.cluster` says lkc-abc123" in found.err


def test_another_type_than_the_document_says_is_refused(estate: Estate) -> None:
    estate.spec.write(ORDERS)
    estate.organization.clusters["lkc-abc123"] = "Basic"
    found = estate.spec.plan()
    assert found.code == 1
    assert "it is of type basic, but `confluent.type` says dedicated" in found.err


def test_a_wrong_key_is_told_as_the_platform_tells_it(estate: Estate) -> None:
    estate.kafka.secret = "another"
    found = estate.spec.plan()
    assert found.code == 1
    assert "REST v3 of cluster cc" in found.err
    assert "Authentication failed" in found.err
    assert "cluster-secret" not in found.err
