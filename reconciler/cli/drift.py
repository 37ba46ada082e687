"""`kstate drift`: live against the spec and what was last applied; exit 2 when somebody changed something."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)

if TYPE_CHECKING:
    from reconciler.core.drift import Drift

FORMATS = ("text", "json")


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    spec: SpecArgument = ".",
    form: Annotated[str, typer.Option("--format", metavar="F", help="text or json.")] = "text",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Show what was changed behind kstate's back."""
    from reconciler.cli.common import check_format, options, read_spec, tell_failures
    from reconciler.core.result import fold
    from reconciler.engine.drifting import drift as look

    check_format(form, FORMATS)
    found = look(
        read_spec(spec, values),
        options(clusters=cluster, labels=label, only=only, timeout=timeout, folder=spec),
    )
    if found.drift.clusters:
        _show(found.drift, form)
    failed = tell_failures(dict(found.failures)) if found.failures else 0
    raise typer.Exit(fold([failed, 2 if found.drift.drifted else 0]))


def _show(drift: Drift, form: str) -> None:
    import sys

    from reconciler.cli.console import clear_progress, coloured, out, out_json
    from reconciler.core.drift import to_json
    from reconciler.reports import drift as report
    from reconciler.reports.text import ansi, plain

    clear_progress()
    if form == "json":
        out_json(to_json(drift))
    else:
        out(report.text(drift, ansi if coloured(sys.stdout) else plain))
