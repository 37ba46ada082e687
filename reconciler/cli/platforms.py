"""`kstate platforms`: which platform offers which kind, how, and why not."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

FORMATS = ("text", "json", "markdown")


def register(app: typer.Typer) -> None:
    app.command()(platforms)


def platforms(
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="text, json or markdown.")
    ] = "text",
) -> None:
    """Show which platform offers which kind, and why not."""
    from reconciler.cli.console import out, width
    from reconciler.cli.said import check_format
    from reconciler.engine.grid import columns
    from reconciler.reports import grid

    check_format(form, FORMATS)
    found = [(c.name, c.title, list(c.cells.items())) for c in columns()]
    if form == "text":
        out(grid.text(found, width(sys.stdout)))
    else:
        out(grid.as_json(found) if form == "json" else grid.markdown(found))
