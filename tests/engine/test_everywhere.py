"""How far each broker is, in; when an apply may end, and who is named for being behind, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest

from reconciler.core.events import Event, Step
from reconciler.core.model import Session
from reconciler.engine import reading


class Brokers:
    """Answers with one look after the other, and with the last one ever after."""

    cluster = "live"

    def __init__(self, *looks: Mapping[int, int]) -> None:
        self.looks = list(looks)
        self.asked = 0

    def reached(self) -> Mapping[int, int]:
        self.asked += 1
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """Seconds that pass only where somebody sleeps."""
    now = [0.0]
    monkeypatch.setattr(reading.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(reading.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    return iter([now])


def told(brokers: Brokers) -> list[Event]:
    events: list[Event] = []
    reading.everywhere(cast("Session", cast("Any", brokers)), events.append)
    return events


def test_one_broker_or_a_cluster_that_does_not_say_is_not_waited_for() -> None:
    brokers = Brokers({})
    assert told(brokers) == []
    assert brokers.asked == 2


def test_it_ends_when_every_broker_is_past_what_one_of_them_had_shown() -> None:
    brokers = Brokers(
        {1: 40, 2: 50, 3: 50},  # what was read was read at 50 or before
        {1: 40, 2: 51, 3: 51},
        {1: 50, 2: 51, 3: 52},  # 1 may be busy with 50 still
        {1: 51, 2: 51, 3: 52},
        {1: 0},
    )
    events = told(brokers)
    assert [(e.step, e.done, e.total) for e in events] == [
        (Step.WAITING, 2, 3),
        (Step.WAITING, 3, 3),
    ]
    assert brokers.looks == [{1: 0}]


def test_a_controller_that_tells_nothing_more_is_waited_for_a_moment() -> None:
    events = told(Brokers({1: 7, 2: 7}))
    assert {event.step for event in events} == {Step.WAITING}
    assert 10 <= len(events) <= 14


def test_who_stays_behind_is_named_after_half_a_minute() -> None:
    events = told(Brokers({1: 9, 2: 7, 3: 10}, {1: 11, 2: 7, 3: 11}))
    assert [e.words for e in events if e.step is Step.NOTE] == [
        "broker 2 is behind the others: for a while yet it may answer as if nothing had been applied"
    ]
    assert len(events) > 200


def test_a_broker_that_does_not_answer_holds_nobody_up() -> None:
    assert told(Brokers({1: 9, 2: 9}, {2: 10})) == []
