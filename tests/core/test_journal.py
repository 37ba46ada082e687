"""journal: a chain in which a gap or a change shows."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.book import Tip
from reconciler.core.journal import link, read, verify

bodies = st.lists(
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers()), min_size=1, max_size=6
)


def chain(some: list[dict[str, int]]) -> tuple[list[bytes], Tip]:
    values, end = [], Tip()
    for body in some:
        value, end = link(end, "c", "outcome", body)
        values.append(value)
    return values, end


@given(bodies)
def test_a_whole_chain_is_whole(some: list[dict[str, int]]) -> None:
    values, end = chain(some)
    links = list(read(values, "c"))
    assert verify(links, end) == []
    assert [dict(found.body) for found in links] == some


@given(bodies, st.integers(0, 5))
def test_what_retention_took_away_at_the_front_is_no_gap(
    some: list[dict[str, int]], cut: int
) -> None:
    values, end = chain(some)
    assert verify(read(values[min(cut, len(values) - 1) :], "c"), end) == []


@given(bodies.filter(lambda some: len(some) > 1), st.data())
def test_a_missing_or_changed_record_shows(some: list[dict[str, int]], data: st.DataObject) -> None:
    values, end = chain(some)
    at = data.draw(st.integers(1, len(values) - 1))
    assert verify(read(values[:at] + values[at + 1 :], "c"), end)
    changed = values[at].replace(b'"kind":"outcome"', b'"kind":"begin"')
    assert verify(read([*values[:at], changed, *values[at + 1 :]], "c"), end)


def test_other_clusters_and_garbage_are_passed_over() -> None:
    values, end = chain([{"a": 1}])
    other, _ = link(Tip(), "other", "begin", {})
    assert verify(read([b"\xff", None, other, *values], "c"), end) == []


def test_what_is_added_while_one_reads_is_no_fault_and_what_nobody_vouches_for_is_one() -> None:
    values, end = chain([{"a": 1}, {"a": 2}])
    more, later = link(end, "c", "outcome", {"a": 3})
    links = list(read([*values, more], "c"))
    assert verify(links, end, later) == []
    assert verify(links, end) == ["the chain goes on to record 3, but the ledger ends at 2"]
    assert verify(links[:1], end, later) == ["the chain ends at record 1, but the ledger says 2"]


def test_the_record_that_the_ledger_speaks_of_must_be_there_as_it_was() -> None:
    (one, two), end = chain([{"a": 1}, {"a": 2}])
    forged = two.replace(b'{"a":2}', b'{"a":9}')
    assert verify(read([one, forged], "c"), end) == [
        "record 2 is not the one that the ledger speaks of"
    ]
