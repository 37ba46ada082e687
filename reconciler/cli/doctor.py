"""`kstate doctor`: connection, login, rights and versions of every cluster, and what to do where one fails."""

from __future__ import annotations

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    spec: SpecArgument = ".",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Look at connection, login, rights and versions of every cluster."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import out
    from reconciler.engine.checkup import checkup
    from reconciler.reports.words import visible

    found = read_spec(spec, values)
    healthy, failures = checkup(
        found, options(clusters=cluster, labels=label, timeout=timeout, folder=spec)
    )
    complete = True
    for name, findings in sorted(healthy.items()):
        out(f"cluster {name}\n")
        for finding in findings:
            out(f"  {'ok ' if finding.ok else 'NO '} {visible(finding.text)}\n")
            complete = complete and finding.ok
    code = tell_failures(dict(failures))
    raise typer.Exit(code or (0 if complete else 1))
