"""`kstate release`: let go of resources; they stay as they are."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.common import TimeoutOption, ValuesOption


def register(app: typer.Typer) -> None:
    app.command()(release)


def release(
    keys: Annotated[
        list[str],
        typer.Argument(metavar="KEY...", help="As the plan names them: cluster/kind/name."),
    ],
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="Folder of the spec.")] = ".",
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Let go of resources: they stay as they are, and nobody owns them any more."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import tell
    from reconciler.core.model import Key
    from reconciler.engine.custody import release as let_go
    from reconciler.errors import BadUsage
    from reconciler.reports.words import many

    try:
        wanted = [Key.parse(key) for key in keys]
    except ValueError as error:
        raise BadUsage("a key is cluster/kind/name, as the plan prints it") from error
    failures = let_go(read_spec(spec, values), wanted, options(timeout=timeout, folder=spec))
    if failures:
        raise typer.Exit(tell_failures(failures))
    stay = "it stays as it is" if len(wanted) == 1 else "they stay as they are"
    tell(f"released {many(len(wanted), 'resource')}; {stay}")
