"""book: what the ledger says, and when it must not be believed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core import book
from reconciler.core.book import Book, Intent, Owned, Record, Tip, claimed, fold
from reconciler.core.model import Key, Resource

CLUSTER = "abc"
names = st.sampled_from(["a", "b", "c|d", "orders.v1"])
kinds = st.sampled_from(["topic", "acl"])
owned = st.builds(
    Owned,
    st.sampled_from(["acme", "rival"]),
    st.dictionaries(st.sampled_from(["partitions", "x"]), st.integers(0, 5)),
    st.sampled_from(["made", "adopted"]),
    st.booleans(),
    st.just("apply"),
    st.just("commit"),
    st.just("2026-11-23T10:00:00Z"),
)
books = st.dictionaries(st.tuples(kinds, names), owned, max_size=6)


def written(own: dict[tuple[str, str], Owned]) -> list[Record]:
    records = [book.own(CLUSTER, kind, name, one) for (kind, name), one in own.items()]
    for estate in ("acme", "rival"):
        mine = [at for at, one in own.items() if one.estate == estate]
        records.append(book.head(CLUSTER, estate, book.summed(mine), "eu"))
    return records


@given(books)
def test_what_was_written_is_read_and_believed(own: dict[tuple[str, str], Owned]) -> None:
    found = fold(written(own), CLUSTER)
    assert found.own == own
    assert (found.trouble("acme"), found.trouble("rival")) == ("", "")


@given(books, st.randoms())
def test_compaction_changes_nothing(own: dict[tuple[str, str], Owned], random: object) -> None:
    records = written(own)
    latest = list({key: (key, value) for key, value in records}.values())
    random.shuffle(latest)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
    assert fold(records, CLUSTER).own == fold(latest, CLUSTER).own


@given(books.filter(bool), st.data())
def test_a_record_that_is_missing_is_never_unseen(
    own: dict[tuple[str, str], Owned], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(sorted(own)))
    kept = [r for r in written(own) if r[0] != f"own|{CLUSTER}|{lost[0]}|{lost[1]}"]
    assert fold(kept, CLUSTER).trouble(own[lost].estate)


@given(
    books.filter(bool),
    st.data(),
    st.sampled_from([b"", b"{", b"[]", b'{"v": 2}', b'{"v": 1}', b"\xff"]),
)
def test_a_record_that_cannot_be_read_is_never_unseen(
    own: dict[tuple[str, str], Owned], data: st.DataObject, value: bytes
) -> None:
    records = written(own)
    at = data.draw(st.integers(0, len(records) - 1))
    records[at] = (records[at][0], value)
    found = fold(records, CLUSTER)
    assert found.trouble("acme")
    assert len(found.damage) == 1


def test_other_clusters_records_are_nobodys_business_here() -> None:
    assert fold(written({("topic", "a"): Owned("acme", {})}), "other") == Book()


def test_without_a_head_there_is_no_proof() -> None:
    assert "no record of estate acme" in Book().trouble("acme")
    assert Book().is_new("acme")


def test_a_tombstone_takes_a_record_back() -> None:
    one = Owned("acme", {})
    records = [book.own(CLUSTER, "topic", "a", one), book.own(CLUSTER, "topic", "a", None)]
    assert fold(records, CLUSTER).own == {}


def test_intents_tips_and_used_plans_come_back() -> None:
    wanted = Intent("apply", "now", {"topic/a": {"partitions": 1}, "topic/b": None})
    records = [
        book.intent(CLUSTER, "acme", wanted),
        book.tip(CLUSTER, Tip(7, "h")),
        book.used(CLUSTER, "sha256:x", "later"),
    ]
    found = fold(records, CLUSTER)
    assert (found.intents, found.tip, found.used) == (
        {"acme": wanted},
        Tip(7, "h"),
        {"sha256:x": "later"},
    )


@pytest.mark.parametrize(
    ("live", "owner", "expected"),
    [(True, None, "acme"), (False, None, None), (True, "rival", "rival")],
)
def test_an_open_intent_makes_ours_what_is_there_and_nobody_elses(
    live: bool, owner: str | None, expected: str | None
) -> None:
    found = Book(intents={"acme": Intent("killed", "then", {"topic/a": {"partitions": 1}})})
    if owner:
        found.own["topic", "a"] = Owned(owner, {})
    state = {Key("eu", "topic", "a"): Resource("a", {"partitions": 1})} if live else {}
    after = claimed(found, "acme", state).own.get(("topic", "a"))
    assert (after.estate if after else None) == expected
