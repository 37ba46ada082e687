"""`kstate plan`: shows what would change; writes nothing anywhere but the plan file it is asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)
from reconciler.cli.showing import FormatOption

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
    verify_passwords: Annotated[
        bool,
        typer.Option(
            "--verify-passwords", help="Log in as each User, to see if its password fits."
        ),
    ] = False,
    cluster: ClusterOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Show what would change."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.showing import check_form, show_plan, uploading
    from reconciler.engine.planning import plan as make
    from reconciler.reports.forms import ESTATE, PLAN, UPLOADED

    check_form(form, PLAN)
    if out is not None:
        _check_target(out)
    live: list[Live] = []
    with uploading(form, spec):
        found = read_spec(spec, values)
        if out:
            _refuse_literal_secrets(found)
        asked = options(clusters=cluster, only=only, timeout=timeout, folder=spec)
        seen = live.extend if form in ESTATE else None
        made = make(found, replace(asked, verify=verify_passwords, seen=seen))
    if made.plan.clusters or form in UPLOADED:
        show_plan(made.plan, form, failures=made.failures, live=live)
    if made.failures:
        raise typer.Exit(tell_failures(dict(made.failures), form))
    if out:
        _save(made.plan, out)
    raise typer.Exit(exit_code(made.plan, detailed=detailed_exitcode))


def exit_code(plan: Plan, *, detailed: bool) -> int:
    """3 for what can never be applied as it stands; 2 for changes, when asked for; else 0."""
    from reconciler.core.risk import gate

    if gate(plan.changes, plan.risks, ()).impossible:
        return 3
    return 2 if detailed and plan.changes else 0


def _check_target(out: str) -> None:
    """Raises BadUsage for a file that cannot be written, or that `apply` would not take for a plan."""
    from pathlib import Path

    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    if not out.endswith(".json"):
        why = "the name of a plan ends in .json, so that `apply` knows it"
        raise BadUsage(f"--out {shell(out)}: {why}")
    if Path(out).is_dir() or not Path(out).parent.is_dir():
        what = "it is a folder" if Path(out).is_dir() else f"there is no folder {Path(out).parent}"
        raise BadUsage(f"--out {out}: {what}")


def _refuse_literal_secrets(spec: Spec) -> None:
    from reconciler.errors import BadUsage
    from reconciler.spec.literals import literal_secrets

    for document in spec.clusters:
        if literal_secrets(document):
            raise BadUsage(
                f"cluster {document.name} has a password in clear text; a saved plan must not hold one",
                hint="Use a reference: `env:NAME` or `file:PATH`.",
            )


def _save(plan: Plan, path: str) -> None:
    import os
    import tempfile
    from pathlib import Path

    from reconciler.cli.console import tell
    from reconciler.core.plan import render
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    target = Path(path)
    try:
        # Written aside and renamed: a plan file is whole or not there.
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(render(plan))
        Path(aside).replace(target)
    except OSError as error:
        raise BadUsage(f"cannot write {path}: {error.strerror}") from error
    tell(f"plan saved; apply exactly this: kstate apply {shell(path)}")
