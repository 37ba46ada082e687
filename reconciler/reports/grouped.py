"""Thousands of changes in; those that are shown one by one, and a line for each group of what is left, out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile

from reconciler.core.model import Change, Key
from reconciler.core.risk import Gated
from reconciler.reports import words

# So many changes are shown one by one before the others are told in groups, and so many groups.
MOST = 200
GROUPS = 20
# So many risks of one code are told one by one.
ALIKE = 5
ROWS = 4
_END = re.compile(r"[.\-_|:/]")

Group = tuple[str, str, str, tuple[str, ...], tuple[tuple[str, str], ...]]


def split(
    by_cluster: Mapping[str, Sequence[Change]], most: int | None
) -> Iterator[tuple[str, Sequence[Change], Sequence[Change]]]:
    """(cluster, shown, left) for each; what stands in the way is shown first, on whichever cluster it is.

    The changes of a cluster are expected with the most dangerous first, as `words.by_cluster` gives them.
    """
    every = [change for own in by_cluster.values() for change in own]
    if most is None or len(every) <= most:
        yield from ((name, own, ()) for name, own in by_cluster.items())
        return
    every.sort(key=lambda change: not words.blocking(change))
    chosen: set[Key] = {change.key for change in every[:most]}
    for name, own in by_cluster.items():
        shown = [change for change in own if change.key in chosen]
        yield name, shown, [change for change in own if change.key not in chosen]


def told(left: Sequence[Change]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """A line for each group, the largest first, with what all of it has in common; one line for what is beyond."""
    groups: dict[Group, list[Change]] = {}
    for change in left:
        groups.setdefault(_alike(change), []).append(change)
    largest = sorted(groups.items(), key=lambda item: -len(item[1]))
    for (symbol, kind, action, codes, rows), own in largest[:GROUPS]:
        risks = "".join(f"  [{code}]" for code in codes)
        name = f"  {words.visible(begin)}*" if (begin := beginning(own)) else ""
        yield f"{symbol} {words.many(len(own), kind)}  {action}{name}{risks}", list(rows)
    if beyond := sum(len(own) for _, own in largest[GROUPS:]):
        yield f"and {beyond:,} more of other kinds", []


def _alike(change: Change) -> Group:
    rows = tuple(words.settings(change))
    same = rows if len(rows) <= ROWS else ()
    codes = tuple(words.blocking(change))
    return words.symbol(change), words.visible(change.key.kind), str(change.action), codes, same


def beginning(changes: Sequence[Change]) -> str:
    """What all names begin with, to the end of a part of a name; all of it where there is one name."""
    names = sorted(change.key.name for change in changes)
    pairs = zip(names[0], names[-1], strict=False)  # what these two share all between them share
    common = "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
    ends = [match.end() for match in _END.finditer(common)]
    return common[: ends[-1]] if ends else ""


def gate_lines(blocked: Sequence[Gated]) -> Iterator[str]:
    """What stands in the way with the flag that approves it; of many for the same reason, the flag for all of them."""
    for code, own in _by_code(blocked).items():
        shown = own if len(own) <= ALIKE else own[:ALIKE]
        for gated in shown:
            what = f"{gated.key}: " if gated.key else ""
            yield f"  {code} {words.visible(what + gated.risk.message)}"
            yield f"    {words.way_out(gated.risk, gated.key)}"
        if len(own) > len(shown):
            yield f"  {code} and {len(own) - len(shown):,} more, which the plan shows; for all {len(own):,}:"
            yield f"    {words.way_out(own[0].risk, None)}"


def _by_code(blocked: Sequence[Gated]) -> dict[str, list[Gated]]:
    found: dict[str, list[Gated]] = {}
    for gated in blocked:
        found.setdefault(gated.risk.code, []).append(gated)
    return found
