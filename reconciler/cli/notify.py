"""`kstate notify`: tells of a saved plan, result or drift report; what cannot be told is a warning and no more."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import TimeoutOption

if TYPE_CHECKING:
    pass

ScopeOption = Annotated[
    str, typer.Option("--scope", metavar="NAME", help="Which comment or issue; one for each name.")
]
MeOption = Annotated[
    str, typer.Option("--as", metavar="LOGIN", help="The login that GITHUB_TOKEN writes as.")
]


def register(app: typer.Typer) -> None:
    app.command()(notify)


def notify(
    report: Annotated[
        str | None,
        typer.Argument(
            metavar="[FILE]",
            help="Saved by --out of plan, apply or drift; none says that there is no plan.",
        ),
    ] = None,
    comment: Annotated[
        bool, typer.Option("--comment", help="Keep the one comment of the pull request.")
    ] = False,
    issue: Annotated[
        bool, typer.Option("--issue", help="Keep the one issue of this drift.")
    ] = False,
    slack: Annotated[
        str | None,
        typer.Option("--slack", metavar="REF", help="Slack's webhook, as env:NAME or file:PATH."),
    ] = None,
    webhook: Annotated[
        str | None, typer.Option("--webhook", metavar="REF", help="An address for signed events.")
    ] = None,
    webhook_secret: Annotated[
        str | None,
        typer.Option("--webhook-secret", metavar="REF", help="What they are signed with."),
    ] = None,
    state: Annotated[
        str | None,
        typer.Option("--state", metavar="FILE", help="Where it is kept what was told last."),
    ] = None,
    scope: ScopeOption = "spec",
    me: MeOption = "github-actions[bot]",
    timeout: TimeoutOption = "10s",
) -> None:
    """Tell people of a saved report."""
    from reconciler.cli.common import seconds
    from reconciler.cli.telling import Channels, check, read, tell_drift, tell_plan

    channels = Channels(
        comment, issue, slack, webhook, webhook_secret, state, scope, me, seconds(timeout)
    )
    found = read(report)
    check(channels, found)
    if comment:
        _or_warn("the comment", lambda: tell_plan(channels, found))
    else:
        tell_drift(channels, found, _or_warn)
    raise typer.Exit(found.exit_code)


def _or_warn(what: str, act: Callable[[], None]) -> bool:
    """Whether it could be told. Nothing that goes wrong here changes what a report came to."""
    import os

    from reconciler.cli.console import out, tell
    from reconciler.errors import KstateError
    from reconciler.reports.github import WARNING, Note, commands
    from reconciler.reports.words import visible

    try:
        act()
    except Exception as error:  # noqa: BLE001  # a defect of ours included: the report is what counts
        words = f"{type(error).__name__}: {error}"
        if isinstance(error, KstateError):
            words = ". ".join(filter(None, (error.message.rstrip("."), error.hint)))
        tell(f"warning: {what} could not be told: {visible(words.strip())}")
        if os.environ.get("GITHUB_ACTIONS") == "true":
            note = Note(WARNING, "kstate notify", f"{what} could not be told: {words.strip()}")
            out("".join(f"{line}\n" for line in commands([note], None)))
        return False
    return True
