"""Topics by the MSK topic API: made in the background, read late, and every outcome true."""

from __future__ import annotations

import time
from itertools import count
from types import SimpleNamespace

import pytest

from reconciler.engine import reading
from reconciler.platforms.msk import topic_api
from tests.fakes.msk import Topic
from tests.fakes.server import Fault, Reply
from tests.platforms.msk.conftest import Estate, topic

ORDERS = {"partitions": 3, "replication": 3, "config": {"retention.ms": "1d"}}


def test_a_topic_is_made_changed_and_deleted(api: Estate) -> None:
    api.write(topic("orders", **ORDERS))
    assert api.spec.plan().code == 2
    api.applied()
    assert api.msk.topic("orders") == Topic(3, 3, {"retention.ms": "86400000"})
    api.settled()
    api.write(topic("orders", partitions=6, replication=3, config={"retention.ms": "2d"}))
    planned = api.spec.plan_json()
    assert planned.codes == {"KS101", "KS111", "KS193"}
    [[change]] = planned.json["waves"]
    assert change["steps"] == ["set the configurations", "add the partitions"]
    api.applied()
    api.settled()
    api.write(topic("orders", metadata={"ensure": "absent"}, **ORDERS))
    assert api.spec.plan_json().codes == {"KS204"}
    assert api.spec.apply().code == 3
    api.applied("KS204")
    assert api.msk.topic("orders") is None
    api.settled()


@pytest.mark.parametrize("replaces", [True, False])
def test_a_setting_that_a_hand_made_is_not_lost_where_it_guards_data(
    api: Estate, replaces: bool
) -> None:
    api.msk.replaces = replaces
    api.msk.put("orders", Topic(3, 3, {"retention.ms": "-1", "compression.type": "gzip"}))
    wanted = {"compression.type": "zstd", "delete.retention.ms": "1d"}
    api.write(topic("orders", partitions=3, replication=3, config=wanted))
    api.applied()
    found = api.msk.topic("orders")
    assert found is not None
    assert found.configs["retention.ms"] == "-1"
    assert found.configs["compression.type"] == "zstd"
    api.settled()


def test_an_update_sends_every_declared_setting(api: Estate) -> None:
    config = {"retention.ms": "1d", "compression.type": "gzip"}
    api.write(topic("orders", partitions=3, replication=3, config=config))
    api.applied()
    api.write(topic("orders", partitions=3, replication=3, config={**config, "retention.ms": "2d"}))
    api.applied()
    found = api.msk.topic("orders")
    assert found is not None
    assert found.configs["compression.type"] == "gzip"


def test_late_reads_and_slow_work_are_waited_out(api: Estate) -> None:
    api.msk.stale, api.msk.work = 0.6, 0.4
    api.write(topic("a", **ORDERS), topic("b", **ORDERS), topic("c", **ORDERS))
    api.applied()
    api.settled()
    api.write(
        *(topic(n, partitions=4, replication=3, config={"retention.ms": "2d"}) for n in "abc")
    )
    api.applied()
    api.settled()
    api.write(*(topic(n, metadata={"ensure": "absent"}, **ORDERS) for n in "abc"))
    api.applied("KS204")
    api.settled()


def test_what_never_comes_to_rest_is_told_as_it_is(
    api: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topic_api, "PATIENCE", 0.5)
    minutes = count(0, 60)  # one goes by whenever the reader looks at the clock
    clock = SimpleNamespace(monotonic=lambda: next(minutes), sleep=time.sleep)
    monkeypatch.setattr(reading, "time", clock)
    api.msk.work = 3600
    api.write(topic("orders", **ORDERS))
    done = api.spec.apply()
    assert done.code == 6
    assert "asked for; after 0.5 s it is CREATING, and does not read as asked" in done.out


def test_what_the_api_cannot_do_is_refused_at_its_line(api: Estate) -> None:
    api.write(topic("orders", partitions=3, config={"retention.ms": None}))
    told = api.spec.plan()
    assert told.code == 64
    assert "`replication` is missing: with `via: api` there is no default for it" in told.err
    assert "`retention.ms`: with `via: api` nobody can see whether it is unset" in told.err


def test_kinds_that_need_a_broker_are_refused_with_the_reason(api: Estate) -> None:
    quota = {"entity": {"user": "app"}, "limits": {"producer_byte_rate": "1MiB"}}
    access = {"principal": "User:app", "grants": [{"role": "producer", "topics": ["orders"]}]}
    api.write(
        {"kind": "Quota", "metadata": {"name": "app"}, "spec": quota},
        {"kind": "Acl", "metadata": {"name": "app"}, "spec": access},
    )
    told = api.spec.plan()
    assert told.code == 64
    assert (
        "no cluster can hold this Quota: live: Amazon MSK does not offer quota: that goes by"
        in told.err
    )
    assert "live is reached `via: api`, which knows no ACLs: write `access: iam`" in told.err


def test_fewer_partitions_and_shorter_retention_are_told(api: Estate) -> None:
    api.write(topic("orders", **ORDERS))
    api.applied()
    api.write(topic("orders", partitions=2, replication=2, config={"retention.ms": "1h"}))
    assert api.spec.plan_json().codes >= {"KS911", "KS912", "KS206"}


# --- bad days


def test_one_of_many_is_forbidden_and_the_others_are_made(api: Estate) -> None:
    api.aws.doors["kafka"].denied = lambda op, given: (
        op == "CreateTopic" and given["topicName"] == "b"
    )
    api.write(topic("a", **ORDERS), topic("b", **ORDERS), topic("c", **ORDERS))
    done = api.spec.apply()
    assert done.code == 6
    assert "ForbiddenException: User is not authorized to perform: kafka:CreateTopic" in done.out
    assert api.msk.names() == ["a", "c"]
    api.aws.doors["kafka"].denied = lambda _op, _given: False
    api.applied()
    api.settled()


def test_a_storm_of_refusals_for_being_too_fast_is_sat_out(api: Estate) -> None:
    busy = Reply(
        429,
        {"message": "Rate exceeded"},
        {"x-amzn-ErrorType": "TooManyRequestsException"},
    )
    api.aws.doors["kafka"].faults += [Fault("POST .*/topics", busy, times=3), Fault("GET", busy, 2)]
    api.write(topic("a", **ORDERS), topic("b", **ORDERS))
    api.applied()
    api.settled()


def test_a_storm_that_does_not_end_is_told_of_whom_it_hit(
    api: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.clients.aws.ATTEMPTS", 2)
    busy = Reply(
        429, {"message": "Rate exceeded"}, {"x-amzn-ErrorType": "TooManyRequestsException"}
    )
    api.msk.put("b", Topic(3, 3, {"retention.ms": "1"}))
    api.aws.doors["kafka"].faults.append(Fault("PUT .*/topics/b", busy, times=99))
    api.write(topic("a", **ORDERS), topic("b", **ORDERS))
    done = api.spec.apply()
    assert done.code == 6
    assert "topic b: cluster live: UpdateTopic: TooManyRequestsException: Rate exceeded" in done.out
    assert api.msk.topic("a") is not None


def test_slow_answers_are_waited_for_and_what_came_of_them_is_read(api: Estate) -> None:
    """The first request is carried out after its sender has given up, so the second finds the topic there."""
    api.aws.doors["kafka"].faults.append(Fault("POST .*/topics", delay=1.5))
    api.write(topic("orders", **ORDERS))
    done = api.spec.apply("--timeout", "1s")
    assert done.code == 0, done.out + done.err
    api.settled()
    while (
        len(api.aws.doors["kafka"].asked("POST .*/topics")) < 2
    ):  # the late one, so that it is not the next test's
        time.sleep(0.05)


def test_an_answer_that_was_lost_is_read_back(api: Estate) -> None:
    gone = Fault("POST .*/topics", after=True, hang_up=True, times=1)
    api.aws.doors["kafka"].faults.append(gone)
    api.write(topic("orders", **ORDERS))
    out = api.applied()
    assert "done" in out
    assert api.msk.topic("orders") is not None


def test_an_answer_cut_short_is_no_empty_list(api: Estate) -> None:
    api.msk.put("orders", Topic(3, 3, {"retention.ms": "86400000"}))
    api.write(topic("orders", **ORDERS))
    half = Reply(200, b'{"topics": [{"topicName": "ord')
    api.aws.doors["kafka"].faults.append(Fault("GET .*/topics$", half, times=9))
    told = api.spec.plan()
    assert told.code == 1
    assert "the answer is no JSON" in told.err


def test_a_server_that_fails_is_asked_again_and_then_believed(api: Estate) -> None:
    broken = Reply(
        503, {"message": "Unavailable"}, {"x-amzn-ErrorType": "ServiceUnavailableException"}
    )
    api.aws.doors["kafka"].faults.append(Fault("POST .*/topics", broken, times=2))
    api.write(topic("orders", **ORDERS))
    api.applied()
    api.settled()


def test_what_somebody_else_deleted_in_between_is_seen(api: Estate) -> None:
    api.msk.put("orders", Topic(3, 3, {"retention.ms": "86400000"}))
    api.write(topic("orders", partitions=3, replication=3, config={"retention.ms": "2d"}))
    saved = str(api.spec.folder / "plan.json")
    assert api.spec.plan("--out", saved).code == 2
    api.msk.put("orders", None)
    told = api.spec.run("apply", saved)
    assert told.code == 4
    assert "live/topic/orders: it was 'there' when planned" in told.err


def test_what_somebody_else_made_in_between_is_as_planned_or_not(api: Estate) -> None:
    api.write(topic("orders", **ORDERS))
    api.aws.doors["kafka"].denied = lambda op, _given: _made_meanwhile(api, op)
    out = api.applied()
    assert "as planned, though the answer was" in out


def _made_meanwhile(api: Estate, operation: str) -> bool:
    if operation == "CreateTopic":
        api.msk.put("orders", Topic(3, 3, {"retention.ms": "86400000"}))
    return False


def test_a_topic_that_amazon_streams_from_stays(api: Estate) -> None:
    api.msk.put("orders", Topic(3, 3, {}))
    api.msk.streaming.add("orders")
    api.write(topic("orders", metadata={"ensure": "absent"}, **ORDERS))
    told = api.spec.apply("--approve", "KS204")
    assert told.code == 1
    assert "associated Channel" in told.out


def test_old_clusters_and_other_kinds_are_told_apart(api: Estate) -> None:
    api.write(topic("orders", **ORDERS))
    api.msk.version = "3.5.1"
    assert "the MSK topic API needs Kafka 3.6, and this is 3.5.1" in api.spec.plan().err
    api.msk.kind = "express"
    told = api.spec.plan()
    assert told.code == 64
    assert "`spec.msk.type` says standard, and AWS says express" in told.err
