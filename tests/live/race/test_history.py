"""The checker of the race sees each promise being broken; it is no checker otherwise."""

from __future__ import annotations

import pytest

from tests.live.race.history import problems


def told(epoch: int, number: int, what: str = "intent", pid: int = 0) -> dict[str, object]:
    return {"pid": pid or epoch, "epoch": epoch, "what": what, "number": number}


def sent(epoch: int, number: int) -> dict[str, object]:
    return {"pid": epoch, "epoch": epoch, "number": number}


GOOD = [told(1, 0), told(1, 0, "outcome"), told(1, 1), told(2, 0), told(2, 1)]


def test_a_good_race_has_no_problems() -> None:
    late = [sent(1, 0), sent(2, 0), sent(1, 1), sent(2, 1)]
    assert problems(GOOD, late, GOOD[:3]) == []


@pytest.mark.parametrize(
    ("journal", "admin", "acknowledged", "words"),
    [
        ([*GOOD, told(2, 2, pid=9)], [], [], "epoch 2 has writers [2, 9]"),
        ([*GOOD, told(1, 2)], [], [], "epoch 1 wrote to the ledger after epoch 2"),
        (GOOD, [], [told(1, 7)], "acknowledged and lost"),
        (GOOD, [sent(2, 0), sent(1, 0), sent(1, 1)], [], "epoch 1: 2 batches came late"),
        (GOOD, [sent(2, 7)], [], "without a record of its intent"),
    ],
    ids=["two writers", "after the fence", "lost", "two late batches", "no intent"],
)
def test_each_broken_promise_is_seen(
    journal: list[dict[str, object]],
    admin: list[dict[str, object]],
    acknowledged: list[dict[str, object]],
    words: str,
) -> None:
    assert words in "; ".join(problems(journal, admin, acknowledged))
