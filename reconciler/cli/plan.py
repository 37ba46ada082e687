"""`kstate plan`: shows what would change; writes nothing anywhere but the plan file it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
    WaveOption,
)
from reconciler.cli.showing import FormatOption, LimitOption

if TYPE_CHECKING:
    from reconciler.core.estate import Live
    from reconciler.core.plan import Plan
    from reconciler.spec.folder import Spec


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    spec: SpecArgument = ".",
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Save the plan, for `kstate apply FILE`."),
    ] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit 2 when there are changes.")
    ] = False,
    form: FormatOption = "text",
    limit: LimitOption = None,
    verify_passwords: Annotated[
        bool,
        typer.Option(
            "--verify-passwords", help="Log in as each User, to see if its password fits."
        ),
    ] = False,
    offline: Annotated[
        str | None,
        typer.Option(
            "--offline", metavar="SNAPSHOT", help="Plan against what `kstate snapshot` recorded."
        ),
    ] = None,
    wave: WaveOption = None,
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Show what would change."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import tell
    from reconciler.cli.recorded import read_snapshot
    from reconciler.cli.showing import check_form, show_plan, uploading
    from reconciler.core.result import fold
    from reconciler.engine.planning import plan as make
    from reconciler.reports.forms import ESTATE, PLAN, UPLOADED
    from reconciler.reports.words import shell

    check_form(form, PLAN)
    if out is not None:
        _check_target(out)
    recorded = read_snapshot(offline, verify=verify_passwords) if offline is not None else None
    live: list[Live] = []
    with uploading(form, spec):
        found = read_spec(spec, values)
        if out:
            _refuse_literal_secrets(found)
        asked = options(
            clusters=cluster, labels=label, waves=wave, only=only, timeout=timeout, folder=spec
        )
        asked = replace(asked, verify=verify_passwords, snapshot=recorded)
        made = make(found, replace(asked, seen=live.extend if form in ESTATE else None))
    if made.plan.clusters or form in UPLOADED:
        show_plan(made.plan, form, failures=made.failures, live=live, limit=limit)
    if made.failures:
        if out:
            tell(f"not saved: {shell(out)} would leave out what could not be planned")
        code = exit_code(made.plan, detailed=detailed_exitcode)
        raise typer.Exit(fold([tell_failures(dict(made.failures), form), code]))
    if out:
        save(made.plan, out)
    raise typer.Exit(exit_code(made.plan, detailed=detailed_exitcode))


def exit_code(plan: Plan, *, detailed: bool) -> int:
    """3 for what can never be applied as it stands; 2 for changes, when asked for; else 0."""
    from reconciler.core.risk import gate

    if gate(plan.changes, plan.risks, ()).impossible:
        return 3
    return 2 if detailed and plan.changes else 0


def _check_target(out: str) -> None:
    """Raises BadUsage for a file that cannot be written, or that `apply` would not take for a plan."""
    from reconciler.cli.whole import check_writable
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    if not out.endswith(".json"):
        why = "the name of a plan ends in .json, so that `apply` knows it"
        raise BadUsage(f"--out {shell(out)}: {why}")
    check_writable(out)


def _refuse_literal_secrets(spec: Spec) -> None:
    from reconciler.errors import BadUsage
    from reconciler.spec.literals import literal_secrets

    for document in spec.clusters:
        if literal_secrets(document):
            raise BadUsage(
                f"cluster {document.name} has a password in clear text; a saved plan must not hold one",
                hint="Use a reference: `env:NAME` or `file:PATH`.",
            )


def save(plan: Plan, path: str) -> None:
    from reconciler.cli.console import tell
    from reconciler.cli.whole import write_whole
    from reconciler.core.plan import render
    from reconciler.reports.words import shell

    write_whole(path, render(plan))
    if plan.snapshot:
        tell("plan saved, to look at: one made from a snapshot is never applied")
        return
    tell(f"plan saved; apply exactly this: kstate apply {shell(path)}")
