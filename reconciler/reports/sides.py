"""Two texts in, their lines side by side out; long stretches that are alike are left out and counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import NamedTuple

# Lines around a difference that help to find one's way.
AROUND = 3


class Row(NamedTuple):
    """`how` is same, changed, removed, added or skipped; of the latter, `before` says how many lines."""

    how: str
    before: str
    after: str


def side_by_side(before: str, after: str) -> list[Row]:
    """Rows from top to bottom."""
    left, right = before.splitlines(), after.splitlines()
    blocks = SequenceMatcher(None, left, right, autojunk=False).get_opcodes()
    last = len(blocks) - 1
    rows: list[Row] = []
    for number, (tag, a, b, c, d) in enumerate(blocks):
        if tag == "equal":
            rows += _alike(left[a:b], first=number == 0, last=number == last)
        else:
            rows += _pairs(left[a:b], right[c:d])
    return rows


def _pairs(left: Sequence[str], right: Sequence[str]) -> Iterator[Row]:
    for one, other in zip_longest(left, right):
        if other is None:
            yield Row("removed", one, "")
        elif one is None:
            yield Row("added", "", other)
        else:
            yield Row("changed", one, other)


def _alike(lines: Sequence[str], *, first: bool, last: bool) -> Iterator[Row]:
    head = () if first else lines[:AROUND]
    tail = () if last else lines[max(len(head), len(lines) - AROUND) :]
    hidden = len(lines) - len(head) - len(tail)
    if hidden <= 1:
        head, tail, hidden = lines, (), 0
    yield from (Row("same", line, line) for line in head)
    if hidden:
        yield Row("skipped", str(hidden), "")
    yield from (Row("same", line, line) for line in tail)
