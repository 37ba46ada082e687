"""Two texts side by side: nothing is lost, nothing is invented, and what is alike is counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.reports.sides import AROUND, side_by_side

texts = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=30)


@given(texts, texts)
def test_both_sides_can_be_read_back_but_for_what_is_alike(
    before: list[str], after: list[str]
) -> None:
    rows = side_by_side("\n".join(before), "\n".join(after))
    hidden = sum(int(row.before) for row in rows if row.how == "skipped")
    left = [r.before for r in rows if r.how in ("same", "changed", "removed")]
    right = [r.after for r in rows if r.how in ("same", "changed", "added")]
    assert len(left) + hidden == len(before)
    assert len(right) + hidden == len(after)
    if not hidden:
        assert (left, right) == (before, after)
    for row in rows:
        assert row.how != "same" or row.before == row.after
        assert row.how != "changed" or row.before != row.after


def test_around_a_difference_some_lines_stay() -> None:
    before = [str(number) for number in range(50)]
    after = [*before[:25], "new", *before[25:]]
    rows = side_by_side("\n".join(before), "\n".join(after))
    assert [row.how for row in rows] == [
        "skipped",
        *["same"] * AROUND,
        "added",
        *["same"] * AROUND,
        "skipped",
    ]
    assert rows[0].before == str(25 - AROUND)


def test_one_line_is_not_hidden_behind_a_line_that_says_so() -> None:
    rows = side_by_side("\n".join("abcde"), "\n".join(["x", *"abcde"[1:]]))
    assert "skipped" not in [row.how for row in rows]
