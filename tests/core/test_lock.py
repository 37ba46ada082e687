"""lock: whatever is in the log, everybody folds it to the same single holder."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.lock import BEAT, BREAK, CLAIM, RELEASE, Beat, decode, encode, holder

people = st.sampled_from(["ann", "ben", "cat"])
LEASE = 10.0


@st.composite
def logs(draw: st.DrawFn) -> list[Beat]:
    """A log as processes that follow the rules write it: beats and releases only while one believes it holds."""
    clock, log = 0.0, []
    terms: dict[str, int] = {}
    for offset in range(draw(st.integers(0, 25))):
        clock += draw(st.sampled_from([0.1, 1.0, 6.0, 11.0]))
        person = draw(people)
        op = draw(st.sampled_from([CLAIM, BEAT, RELEASE])) if person in terms else CLAIM
        epoch = terms.get(person, -1)
        log.append(Beat(op, person, epoch, LEASE, person, "", offset, clock))
        held = holder(log)
        if op == CLAIM and held is not None and held.epoch == offset:
            terms[person] = offset
        elif op in (CLAIM, RELEASE):
            terms.pop(person, None)
    return log


@given(logs())
def test_a_term_ends_only_by_its_lease_or_by_letting_go(log: list[Beat]) -> None:
    for at in range(1, len(log) + 1):
        before, after = holder(log[: at - 1]), holder(log[:at])
        last = log[at - 1]
        if before is None or after == before:
            continue
        over = last.at > before.until
        let_go = last.op in (RELEASE, BREAK) and last.id == before.id
        renewed = after is not None and after.epoch == before.epoch
        assert over or let_go or renewed


@given(logs())
def test_epochs_only_grow(log: list[Beat]) -> None:
    epochs = [h.epoch for at in range(len(log)) if (h := holder(log[: at + 1])) is not None]
    assert epochs == sorted(epochs)


@given(logs(), st.integers(0, 25))
def test_a_holder_that_just_beat_is_seen_in_any_suffix(log: list[Beat], cut: int) -> None:
    now = holder(log)
    suffix = log[min(cut, len(log) - 1) :] if log else []
    if now is not None and suffix and suffix[-1].id == now.id and suffix[-1].op == BEAT:
        clear = all(b.id == now.id for b in suffix)
        if clear and log[-1].at <= now.until:
            assert holder(suffix) == now


def beat(op: str, who: str, offset: int, at: float, epoch: int = -1) -> Beat:
    return Beat(op, who, epoch, LEASE, who, "", offset, at)


def test_the_first_claim_wins_and_a_later_one_waits() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(CLAIM, "ben", 1, 1)]
    held = holder(log)
    assert held is not None
    assert (held.id, held.epoch, held.until) == ("ann", 0, 10)


def test_after_the_lease_the_next_claim_wins_and_a_late_beat_counts_for_nothing() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(BEAT, "ann", 1, 10.5, 0), beat(CLAIM, "ben", 2, 11)]
    held = holder(log)
    assert held is not None
    assert held.id == "ben"


def test_a_broken_lock_does_not_come_back_by_a_beat_of_its_former_holder() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(BREAK, "ann", 1, 1, 0), beat(BEAT, "ann", 2, 2, 0)]
    assert holder(log) is None


def test_nobody_releases_for_somebody_else() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(RELEASE, "ben", 1, 1, 0)]
    held = holder(log)
    assert held is not None
    assert held.id == "ann"


@given(logs())
def test_decode_is_the_reverse_of_encode(log: list[Beat]) -> None:
    for one in log:
        assert decode(encode(one), one.offset, one.at) == one
        assert decode(encode(replace(one, who="\u2028\x1b")), 0, 0.0) is not None


@given(st.binary())
def test_what_cannot_be_read_holds_no_lock(value: bytes) -> None:
    assert decode(value, 0, 0.0) is None or value.startswith(b"{")
