"""Days on which Azure is slow, busy, broken or faster than we are: nothing is lost, and every outcome is true."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.clients import arm
from reconciler.core.model import Status
from tests.fakes.azure_arm import ID
from tests.fakes.server import Fault, Reply
from tests.live.spec import topic
from tests.platforms.eventhubs.conftest import Estate

BUSY = Reply(
    429,
    {"error": {"code": "TooManyRequests", "message": "The request is being throttled."}},
    {"Retry-After": "0", "x-ms-ratelimit-remaining-subscription-writes": "0"},
)
BROKEN = Reply(500, {"error": {"code": "InternalServerError", "message": "The server broke."}})
GONE_WRONG = Reply(503, {"error": {"code": "ServerBusy", "message": "Try again."}})


@pytest.fixture
def three(estate: Estate) -> Estate:
    """Three hubs to be made."""
    estate.spec.write(*(topic(name, partitions=1) for name in ("orders", "paid", "sent")))
    return estate


def outcomes(estate: Estate) -> tuple[int, dict[str, tuple[str, str]]]:
    said = estate.spec.apply("--format", "json")
    told = {c["key"].rpartition("/")[2]: (c["status"], c["words"]) for c in said.json["changes"]}
    return said.code, told


def faulty(estate: Estate, *faults: Fault) -> None:
    estate.cloud.manager.faults.extend(faults)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody sleeps between two tries."""
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)
    monkeypatch.setattr(arm, "EVERY", 0.01)


@pytest.mark.usefixtures("impatient")
def test_a_storm_of_429_is_waited_out(three: Estate) -> None:
    faulty(three, Fault("^(PUT|GET)", reply=BUSY, times=40))
    assert three.spec.apply().code == 0
    assert len(three.cloud.namespace.hubs) == 3


@pytest.mark.usefixtures("impatient")
def test_a_storm_that_does_not_end_is_told(three: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm, "PATIENCE", 0.5)
    faulty(three, Fault("^PUT .*/paid", reply=BUSY, times=10**9))
    code, told = outcomes(three)
    assert code == 6
    assert told["paid"][0] == Status.FAILED
    assert "429 TooManyRequests: The request is being throttled." in told["paid"][1]
    assert told["orders"][0] == told["sent"][0] == Status.DONE
    three.cloud.manager.faults.clear()
    assert three.spec.apply().code == 0
    assert three.spec.plan().code == 0


def test_a_server_that_is_busy_for_a_moment(three: Estate) -> None:
    faulty(three, Fault("^(PUT|GET)", reply=GONE_WRONG, times=3))
    assert three.spec.apply().code == 0


def test_broken_after_it_was_carried_out(three: Estate) -> None:
    faulty(three, Fault("^PUT .*/paid", reply=BROKEN, after=True))
    code, told = outcomes(three)
    assert (code, told["paid"][0]) == (0, Status.DONE)
    assert "as planned, though the answer was: 500" in told["paid"][1]


def test_an_answer_that_never_came(three: Estate) -> None:
    faulty(three, Fault("^PUT .*/paid", after=True, hang_up=True))
    code, told = outcomes(three)
    assert (code, told["paid"][0]) == (0, Status.DONE)


def test_cut_off_before_it_was_carried_out(three: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.engine.reading.time.monotonic", _hurry())
    faulty(three, Fault("^PUT .*/paid", hang_up=True))
    code, told = outcomes(three)
    assert code == 6
    assert told["paid"][0] == Status.UNKNOWN
    assert "no answer" in told["paid"][1]
    assert "it does not read as planned" in told["paid"][1]
    assert sorted(three.cloud.namespace.hubs) == ["orders", "sent"]
    assert three.spec.apply().code == 0


def _hurry() -> Any:
    """A clock for reading back: the half minute that it waits passes in two looks."""
    ticks = iter(range(0, 10**6, 20))
    return lambda: next(ticks)


def test_half_an_answer(three: Estate) -> None:
    listing = Reply(200, {"value": [{"name": "orders", "properties": {"partitionCount": 1}}]})
    cut = Reply(listing.status, listing.body, cut=True)
    faulty(three, Fault("^GET .*/eventhubs$", reply=cut, times=100))
    said = three.spec.plan()
    assert said.code == 1
    assert said.err.startswith("kstate: cluster azure")
    assert "Traceback" not in said.err
    three.cloud.manager.faults.clear()
    assert three.spec.plan().code == 2


def test_an_answer_that_is_no_list(three: Estate) -> None:
    faulty(three, Fault("^GET .*/eventhubs$", reply=Reply(200, b"<html>a portal</html>")))
    said = three.spec.plan()
    assert said.code == 1
    assert "event hubs: 200 a portal" in said.err


def test_an_answer_that_nobody_documented(three: Estate) -> None:
    strange = Reply(200, {"value": [{"name": "orders", "properties": None}]})
    faulty(three, Fault("^GET .*/eventhubs$", reply=strange))
    said = three.spec.plan()
    assert said.code == 1
    assert "cluster azure: event hubs: not what Resource Manager says" in said.err


def test_slower_than_we_wait(three: Estate) -> None:
    faulty(three, Fault("^GET .*/namespaces/[^/]+$", delay=1.5, times=10))
    said = three.spec.plan("--timeout", "200ms")
    assert said.code == 1
    assert "timed out" in said.err.lower()


def test_not_allowed_to_look(three: Estate) -> None:
    words = "The client 'kstate' does not have authorization to perform action"
    told = {"error": {"code": "AuthorizationFailed", "message": f"{words} 'eventhubs/read'."}}
    faulty(three, Fault("^GET .*/eventhubs$", reply=Reply(403, told), times=10))
    said = three.spec.plan()
    assert said.code == 1
    assert f"403 AuthorizationFailed: {words}" in said.err
    assert "the role Reader on the namespace" in said.err


def test_the_cause_that_stands_in_the_details(three: Estate) -> None:
    inner = [{"code": "BadRequest", "message": "SubCode=40000. The value is not valid."}]
    told = {"error": {"code": "BadRequest", "message": "It failed.", "details": inner}}
    faulty(three, Fault("^PUT .*/paid", reply=Reply(400, told)))
    code, told_of = outcomes(three)
    assert code == 6
    assert told_of["paid"] == (
        Status.FAILED,
        "400 BadRequest: It failed.; BadRequest: SubCode=40000. The value is not valid.",
    )


def test_deleted_by_somebody_else_right_before_it_was_changed(estate: Estate) -> None:
    estate.cloud.namespace.put("orders", {"partitionCount": 1})
    estate.spec.write(topic("orders", config={"message.timestamp.type": "CreateTime"}))
    missing = {"error": {"code": "ResourceNotFound", "message": "It does not exist."}}
    faulty(estate, Fault("^GET .*/eventhubs/orders$", reply=Reply(404, missing)))
    code, told = outcomes(estate)
    assert code == 1
    assert told["orders"] == (Status.FAILED, "somebody deleted it in between")
    assert estate.cloud.manager.asked("^PUT") == []


def test_made_by_somebody_else_right_before(three: Estate) -> None:
    """A PUT would replace theirs."""
    theirs = three.cloud.namespace
    manager = three.cloud.manager
    usual = manager.login

    def meddling(call: Any) -> Any:
        if call.method == "GET" and call.url.partition("?")[0].endswith("/eventhubs/paid"):
            theirs.put("paid", {"partitionCount": 3, "userMetadata": "theirs"})
        return usual(call)

    manager.login = meddling
    try:
        code, told = outcomes(three)
    finally:
        manager.login = usual
    assert code == 6
    assert told["paid"] == (Status.FAILED, "somebody made it in between")
    assert theirs.hubs["paid"]["userMetadata"] == "theirs"


def test_an_operation_that_fails_in_the_end(three: Estate) -> None:
    namespace = three.cloud.namespace
    namespace.slow = 1
    namespace.made = _refusing
    code, told = outcomes(three)
    assert code == 6
    assert told["paid"][0] == Status.FAILED
    assert "409 MessagingGatewayConflict: it broke in the end" in told["paid"][1]


def _refusing(name: str, _partitions: int) -> None:
    from tests.fakes.azure_arm import Refused

    if name == "paid":
        raise Refused(409, "MessagingGatewayConflict", "it broke in the end")


def test_an_operation_that_never_ends(three: Estate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arm, "PATIENCE", 0.2)
    monkeypatch.setattr("reconciler.engine.reading.time.monotonic", _hurry())
    three.cloud.namespace.slow = 10**6
    code, told = outcomes(three)
    assert code == 6
    assert {status for status, _ in told.values()} == {Status.UNKNOWN}
    assert "accepted, and not over after 0.2 s" in told["paid"][1]


def test_a_page_that_leads_elsewhere_is_asked_of_our_own_server(three: Estate) -> None:
    """The token goes nowhere else; and a proxy before Resource Manager is no obstacle."""
    three.cloud.namespace.put("theirs", {"partitionCount": 1})
    path = f"{ID}/eventhubs?api-version=2026-01-01&$skip=0"
    elsewhere = Reply(200, {"value": [], "nextLink": f"https://example.invalid{path}"})
    faulty(three, Fault("^GET .*/eventhubs$", reply=elsewhere))
    said = three.spec.plan_json()
    assert said.code == 2
    assert said.json["summary"]["create"] == 3
    assert len(three.cloud.manager.asked("skip=0")) == 1
