"""`kstate history`: who applied what, when, from which commit; and whether that record is whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)

if TYPE_CHECKING:
    from reconciler.engine.custody import History

FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    app.command()(history)


def history(
    spec: SpecArgument = ".",
    verify: Annotated[
        bool, typer.Option("--verify", help="Check that no record is missing or changed.")
    ] = False,
    form: Annotated[str, typer.Option("--format", metavar="F", help="text or json.")] = "text",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Who applied what."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import clear_progress, out, out_json, tell
    from reconciler.cli.said import check_format
    from reconciler.engine.custody import history as read
    from reconciler.reports import ledger
    from reconciler.reports.words import many

    check_format(form, FORMATS)
    found, failures = read(
        read_spec(spec, values),
        options(clusters=cluster, labels=label, timeout=timeout, folder=spec),
    )
    clear_progress()
    for name, one in sorted(found.items()):
        if form == "json":
            out_json(ledger.data(name, one.links), indent=None)
        else:
            out(ledger.text(name, one.links))
        for problem in one.problems if verify else ():
            tell(f"cluster {name}: {problem}")
        if verify and not one.problems:
            tell(f"cluster {name}: the chain of {many(len(one.links), 'record')} is whole")
    raise typer.Exit(tell_failures(failures) or _broken(found, verify=verify))


def _broken(found: dict[str, History], *, verify: bool) -> int:
    return int(verify and any(one.problems for one in found.values()))
