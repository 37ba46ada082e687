"""The grid of platforms and kinds as text, Markdown or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Protocol

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

LEGEND = (
    "native: by Kafka's protocol or the protocol of the kind; own API: by an interface of the platform;"
    " -: not offered. * proven on a real server; everything else on an emulation of the platform."
)


def text(grid: Grid) -> str:
    """A row a platform, a column a kind, and below it the reason behind every `-`."""
    kinds = [kind for kind, _ in grid[0][2]]
    rows = [["", *kinds]]
    rows += [[name, *(_word(cell) for _, cell in cells)] for name, _, cells in grid]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    return "\n".join([*lines, "", LEGEND, "", *_reasons(grid)]).rstrip() + "\n"


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
