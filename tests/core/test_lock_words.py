"""The lock, the intents and the chain in small worked examples: what mutants showed nobody had said."""

from __future__ import annotations

import json

from reconciler.core.book import Book, Intent, Owned, Tip, claimed, fold, intent
from reconciler.core.journal import link, read, verify
from reconciler.core.lock import BEAT, CLAIM, RELEASE, Beat, Holder, decode, encode, holder
from reconciler.core.model import Key, Resource

LEASE = 30.0


def beat(op: str, who: str, at: float, offset: int, epoch: int = -1) -> Beat:
    return Beat(op, who, epoch, LEASE, f"{who} on a laptop", "since then", offset, at)


def held(who: str, epoch: int, at: float) -> Holder:
    return Holder(who, epoch, at + LEASE, f"{who} on a laptop", "since then")


def test_a_beat_makes_the_lease_longer() -> None:
    log = [beat(CLAIM, "ann", 0, 5), beat(BEAT, "ann", 20, 6, 5)]
    assert holder(log[:1]) == held("ann", 5, 0)
    assert holder(log) == held("ann", 5, 20)
    # A claim within the longer lease waits, and one after it wins.
    assert holder([*log, beat(CLAIM, "ben", 45, 7)]) == held("ann", 5, 20)
    assert holder([*log, beat(CLAIM, "ben", 51, 7)]) == held("ben", 7, 51)


def test_a_lease_holds_up_to_its_last_moment() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(CLAIM, "ben", LEASE, 1)]
    assert holder(log) == held("ann", 0, 0)


def test_somebody_elses_beat_does_not_make_it_longer() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(BEAT, "ben", 20, 1, 0)]
    assert holder(log) == held("ann", 0, 0)


def test_a_log_that_begins_in_the_middle_of_a_term_tells_the_holder() -> None:
    assert holder([beat(BEAT, "ann", 20, 9, 5)]) == held("ann", 5, 20)
    assert holder([beat(BEAT, "ann", 20, 9, 0)]) == held("ann", 0, 20)
    assert holder([beat(RELEASE, "ann", 20, 9, 5)]) is None


def test_a_term_that_is_over_does_not_come_back_by_a_late_beat() -> None:
    log = [beat(CLAIM, "ann", 0, 0), beat(RELEASE, "ann", 1, 1, 0), beat(BEAT, "ann", 2, 2, 0)]
    assert holder(log) is None
    assert holder([*log, beat(BEAT, "ben", 3, 4, 1)]) == held("ben", 1, 3)


def test_a_word_that_is_none_changes_nothing() -> None:
    odd = beat("wave", "ben", 1, 1)
    assert holder([odd]) is None
    assert holder([beat(CLAIM, "ann", 0, 0), odd]) == held("ann", 0, 0)


def test_a_beat_as_bytes_is_what_other_versions_read() -> None:
    told = json.loads(encode(beat(BEAT, "ann", 1, 2, 3)))
    assert told == {
        "v": 1,
        "op": "beat",
        "id": "ann",
        "epoch": 3,
        "lease": 30.0,
        "who": "ann on a laptop",
        "since": "since then",
    }
    assert decode(encode(beat(BEAT, "ann", 1, 2, 3)), 2, 1) == beat(BEAT, "ann", 1, 2, 3)


# --- intents, a record a batch


def test_the_batches_of_an_intent_are_one_intent() -> None:
    first = Intent("killed", "then", {"topic/a": {"partitions": 1}})
    second = Intent("killed", "then", {"topic/b/c": None})
    records = [intent("c1", "acme|odd", first, 0), intent("c1", "acme|odd", second, 7)]
    assert [key for key, _ in records] == ["intent|c1|acme|odd|0", "intent|c1|acme|odd|7"]
    whole = Intent("killed", "then", {**first.wanted, **second.wanted}, (0, 7))
    assert fold(records, "c1").intents == {"acme|odd": whole}
    assert fold([*records, intent("c1", "acme|odd", None, 0)], "c1").intents[
        "acme|odd"
    ].batches == (7,)


def test_what_a_killed_apply_had_made_is_ours_with_all_that_is_known() -> None:
    wanted = {"topic/a/b": {"partitions": 1}, "topic/gone": None, "topic/never": {}}
    book = Book(intents={"acme": Intent("killed", "then", wanted)})
    live = {Key("eu", "topic", n): Resource(n, {"partitions": 1}) for n in ("a/b", "gone")}
    ours = Owned("acme", {"partitions": 1}, "made", apply="killed", at="then")
    assert claimed(book, "acme", live).own == {("topic", "a/b"): ours}
    assert claimed(book, "beta", live).own == {}


# --- the chain


def test_a_chain_says_what_is_wrong_with_it() -> None:
    first, one = link(Tip(), "c1", "begin", {"n": 1})
    second, two = link(one, "c1", "end", {"n": 2})
    other, _ = link(one, "c1", "end", {"n": 3})
    third, three = link(two, "c1", "begin", {})

    def problems(*values: bytes, end: Tip | None = None) -> list[str]:
        return verify(read(values, "c1"), end or Tip())

    assert problems(first, second, third, end=three) == []
    assert problems() == []
    assert problems(first, third) == ["record 3 follows record 1: there is a gap"]
    assert problems(first, other, third) == [
        "record 3 does not name record 2 as it is: one was changed"
    ]
    assert problems(first, end=two) == ["the chain ends at record 1, but the ledger says 2"]
    assert problems(end=one) == ["the chain ends at record 0, but the ledger says 1"]
    assert [found.body["n"] for found in read([first, second], "c1")] == [1, 2]
