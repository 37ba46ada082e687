"""`kstate show`: a saved plan again, in any form."""

from __future__ import annotations

from typing import Annotated

import typer

FORMATS = ("text", "json", "markdown")


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    plan: Annotated[str, typer.Argument(metavar="PLAN.json", help="A plan saved by `plan --out`.")],
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="text, json or markdown.")
    ] = "text",
) -> None:
    """Show a saved plan again."""
    from reconciler.cli.common import check_format, show_plan
    from reconciler.cli.saved import read_plan

    check_format(form, FORMATS)
    show_plan(read_plan(plan), form)
