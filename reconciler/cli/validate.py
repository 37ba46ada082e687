"""`kstate validate`: reads and checks a spec; no network."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.common import SpecArgument, ValuesOption

FORMATS = ("text", "github")


def register(app: typer.Typer) -> None:
    app.command()(validate)


def validate(
    spec: SpecArgument = ".",
    form: Annotated[str, typer.Option("--format", metavar="F", help="text or github.")] = "text",
    values: ValuesOption = None,
) -> None:
    """Read and check a spec without touching any network."""
    from reconciler.cli import github
    from reconciler.cli.common import check_format, read_spec
    from reconciler.cli.console import tell
    from reconciler.engine.intent import check

    check_format(form, FORMATS)
    with github.annotated(form, spec):
        found = read_spec(spec, values)
        check(found)
    words = (
        f"valid: {len(found.documents):,} documents for {len(found.clusters):,} clusters"
        f" in {len(found.files):,} files"
    )
    tell(words)
    if form == "github":
        github.show_valid(words)
