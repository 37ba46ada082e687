"""The grid of platforms and kinds as text, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Protocol

from reconciler.reports.fit import fit

GAP = 2
WORDS = {"native": "native", "own api": "own API", "not offered": "-"}


class Cell(Protocol):
    """What is shown of a cell: see `engine.grid.Cell`."""

    @property
    def how(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def needs(self) -> str: ...
    @property
    def proven(self) -> str: ...


# (name, title, [(kind, cell)]) for every platform in every form.
Grid = Sequence[tuple[str, str, Sequence[tuple[str, Cell]]]]
Columns = Sequence[Sequence[str]]

LEGEND = (
    "native: by Kafka's protocol or the protocol of the kind; own API: by an interface of the platform;"
    " -: not offered. * proven on a real server; everything else on an emulation of the platform."
)


def text(grid: Grid, width: int | None = None) -> str:
    """A row a platform, a column a kind, and below it the reason behind every `-`.

    Columns that are more than a terminal of this width shows go into further tables below the first.
    """
    names = ["", *(name for name, _, _ in grid)]
    kinds = [kind for kind, _ in grid[0][2]]
    columns = [
        [kind, *(_word(cells[at][1]) for _, _, cells in grid)] for at, kind in enumerate(kinds)
    ]
    tables = [_table([names, *own]) for own in _blocks(columns, width, max(map(len, names)))]
    return fit("\n".join([*tables, LEGEND, "", *_reasons(grid)]).rstrip(), width) + "\n"


def _blocks(columns: Columns, width: int | None, names: int) -> Iterator[Columns]:
    """The columns in as few tables as they fit into; one that fits nowhere gets a table of its own."""
    block: list[Sequence[str]] = []
    room = names
    for column in columns:
        wide = GAP + max(map(len, column))
        if width is not None and block and room + wide > width:
            yield block
            block, room = [], names
        block.append(column)
        room += wide
    yield block


def _table(columns: Columns) -> str:
    widths = [max(map(len, column)) for column in columns]
    rows = zip(*columns, strict=True)
    lines = ((" " * GAP).join(c.ljust(w) for c, w in zip(r, widths, strict=True)) for r in rows)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def markdown(grid: Grid) -> str:
    """The same as a table with the reasons as a list."""
    kinds = [kind for kind, _ in grid[0][2]]
    lines = ["| platform | " + " | ".join(kinds) + " |", "|---" * (len(kinds) + 1) + "|"]
    for name, title, cells in grid:
        lines.append(f"| {title} (`{name}`) | " + " | ".join(_word(c) for _, c in cells) + " |")
    reasons = [f"- {line}" for line in _reasons(grid)]
    return "\n".join([*lines, "", LEGEND, "", *reasons]) + "\n"


def as_json(grid: Grid) -> str:
    """`{platform: {kind: {how, reason, needs, proven}}}`."""
    body = {
        name: {
            kind: {"how": c.how, "reason": c.reason, "needs": c.needs, "proven": c.proven}
            for kind, c in cells
        }
        for name, _, cells in grid
    }
    return json.dumps(body, indent=1) + "\n"


def _word(cell: Cell) -> str:
    return WORDS[cell.how] + ("*" if cell.proven == "real" else "")


def _reasons(grid: Grid) -> list[str]:
    return [
        f"{kind} on {name}: {cell.reason}"
        for name, _, cells in grid
        for kind, cell in cells
        if cell.reason
    ]
