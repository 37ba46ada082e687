"""`kstate show`: a saved plan again, in any form."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.showing import FormatOption, LimitOption


def register(app: typer.Typer) -> None:
    app.command()(show)


def show(
    plan: Annotated[str, typer.Argument(metavar="PLAN.json", help="A plan saved by `plan --out`.")],
    form: FormatOption = "text",
    limit: LimitOption = None,
) -> None:
    """Show a saved plan again."""
    from reconciler.cli.saved import read_plan
    from reconciler.cli.showing import check_form, show_plan
    from reconciler.reports.forms import PLAN

    check_form(form, PLAN)
    show_plan(read_plan(plan), form, limit=limit)
