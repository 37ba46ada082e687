"""`kstate adopt`: own what the spec declares and is live; no write to any of it."""

from __future__ import annotations

import sys
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
    from reconciler.engine.custody import Claim


def register(app: typer.Typer) -> None:
    app.command()(adopt)


def adopt(
    spec: SpecArgument = ".",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Own what the spec declares and is live, without writing to it."""
    from reconciler.cli.common import consent, options, read_spec, tell_failures
    from reconciler.cli.console import clear_progress, out, tell
    from reconciler.engine.custody import adopt as record
    from reconciler.engine.custody import adoptable
    from reconciler.reports.words import many

    found = read_spec(spec, values)
    settings = options(clusters=cluster, labels=label, timeout=timeout, folder=spec)
    claims, failures = adoptable(found, settings)
    clear_progress()
    out("".join(_told(claim) for _, claim in sorted(claims.items())))
    if failures:
        raise typer.Exit(tell_failures(failures))
    count = sum(len(claim.new) for claim in claims.values())
    repairs = {name: c for name, c in claims.items() if c.new or c.dropped or c.repair}
    if not repairs:
        tell("nothing to adopt: everything that is declared and live is owned already")
        return
    if not yes:
        these = "this resource" if count == 1 else f"these {count:,} resources"
        consent(f"Own {these}?", interactive=sys.stdin.isatty())
    failures = record(found, repairs, settings)
    if failures:
        raise typer.Exit(tell_failures(failures))
    of = "it" if count == 1 else "any of them"
    tell(f"adopted {many(count, 'resource')}; nothing was written to {of}")


def _told(claim: Claim) -> str:
    from reconciler.reports.words import visible

    lines = [f"own      {visible(str(key))}" for key in sorted(claim.new)]
    lines += [
        f"foreign  {visible(str(k))}: estate {visible(e)} owns it" for k, e in claim.foreign.items()
    ]
    lines += [f"drop     {visible(key)}: {why}" for key, why in claim.dropped.items()]
    return "".join(f"{line}\n" for line in lines)
