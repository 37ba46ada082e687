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
    from pathlib import Path

    from reconciler.cli.common import check_format, show_plan
    from reconciler.core.plan import parse
    from reconciler.errors import BadUsage

    check_format(form, FORMATS)
    try:
        show_plan(parse(Path(plan).read_bytes()), form)
    except OSError as error:
        raise BadUsage(f"cannot read {plan}: {error.strerror}") from error
