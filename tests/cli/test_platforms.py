"""The grid: every kind on every form of every platform, a reason behind every refusal, no claim that is not proven."""

from __future__ import annotations

import json

import pytest

from reconciler.cli import console
from reconciler.cli.main import run
from reconciler.engine.grid import How, columns
from reconciler.kinds import registry as kinds
from reconciler.reports import grid

GRID = columns()


@pytest.mark.parametrize("column", GRID, ids=lambda column: column.name)
def test_every_kind_has_a_cell_and_every_refusal_a_reason(column) -> None:  # type: ignore[no-untyped-def]
    assert column.cells.keys() == kinds.load().keys()
    for kind, cell in column.cells.items():
        assert bool(cell.reason) == (cell.how is How.NONE), kind
        assert bool(cell.proven) == (cell.how is not How.NONE), kind


def test_only_what_ran_on_a_real_server_is_called_proven() -> None:
    real = {c.name for c in GRID for cell in c.cells.values() if cell.proven == "real"}
    assert real == {"apache"}


@pytest.mark.parametrize("wide", [60, 80, 200])
def test_it_fits_a_terminal_and_says_the_same(wide: int) -> None:
    cells = [(c.name, c.title, list(c.cells.items())) for c in GRID]
    shown = grid.text(cells, wide)
    assert all(len(line) <= wide for line in shown.splitlines())
    margin = " " * max(len(column.name) for column in GRID)
    heads = [line.split() for line in shown.splitlines() if line.startswith(margin)]
    assert [kind for head in heads for kind in head if kind in kinds.load()] == list(kinds.load())
    assert shown.count("native*") == grid.text(cells).count("native*")


@pytest.mark.parametrize("arguments", [["platforms"], ["explain"], ["explain", "KS203"]])
def test_it_fits_the_terminal_that_it_is_shown_on(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "width", lambda _stream: 60)
    assert run(arguments) == 0
    assert all(len(line) <= 60 for line in capsys.readouterr().out.splitlines())


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_it_is_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["platforms", "--format", form]) == 0
    said = capsys.readouterr().out
    for column in GRID:
        assert column.name in said
    if form == "json":
        assert json.loads(said)["apache"]["topic"]["proven"] == "real"
