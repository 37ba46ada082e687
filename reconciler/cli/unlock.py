"""`kstate unlock`: break a dead lock, by its id."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.common import ClusterOption, TimeoutOption, ValuesOption


def register(app: typer.Typer) -> None:
    app.command()(unlock)


def unlock(
    lock: Annotated[str, typer.Argument(metavar="ID", help="As the refused apply printed it.")],
    spec: Annotated[str, typer.Option("--spec", metavar="SPEC", help="Folder of the spec.")] = ".",
    cluster: ClusterOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Break a lock whose holder is dead. Nothing the former holder does reaches the ledger after that."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import tell
    from reconciler.engine.custody import unlock as break_it
    from reconciler.errors import BadUsage
    from reconciler.reports.words import visible

    settings = options(clusters=cluster, timeout=timeout, folder=spec)
    found, failures = break_it(read_spec(spec, values), lock, settings)
    for name, who in sorted(found.items()):
        tell(f"cluster {name}: the lock of {visible(who)} is broken")
    if failures:
        raise typer.Exit(tell_failures(failures))
    if not found:
        raise BadUsage(
            f"no cluster's lock has the id {lock}: it was released, or taken by another one"
        )
