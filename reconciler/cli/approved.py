"""`kstate approved`: the digest and the risks that the pull request of a merged commit approves; 3 where none does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import TimeoutOption
from reconciler.cli.notify import MeOption, ScopeOption

if TYPE_CHECKING:
    from reconciler.notify.approvals import Consent

FORMATS = ("text", "json", "github")


def register(app: typer.Typer) -> None:
    app.command()(approved)


def approved(
    commit: Annotated[
        str | None,
        typer.Option("--commit", metavar="SHA", help="The merged commit; default: GITHUB_SHA."),
    ] = None,
    branch: Annotated[
        str | None,
        typer.Option("--branch", metavar="NAME", help="Merged into; default: GITHUB_REF_NAME."),
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="text, json or github.")
    ] = "text",
    scope: ScopeOption = "spec",
    me: MeOption = "github-actions[bot]",
    timeout: TimeoutOption = "10s",
) -> None:
    """Say what the pull request of a merged commit approves."""
    from dataclasses import replace

    from reconciler.cli.common import seconds
    from reconciler.cli.said import check_format
    from reconciler.cli.showing import uploading
    from reconciler.cli.surroundings import github, job
    from reconciler.errors import BadUsage
    from reconciler.notify.approvals import consent, merged
    from reconciler.notify.marker import check_scope

    check_format(form, FORMATS)
    check_scope(scope)
    here = job()
    here = replace(here, commit=commit or here.commit, branch=branch or here.branch)
    if not here.commit or not here.branch:
        raise BadUsage("which commit, merged into which branch? Give --commit and --branch")
    with uploading(form, "."):
        client = github(here, me, seconds(timeout))
        pull = merged(client, here.commit, here.branch)
        _show(consent(client, pull, scope), form)


def _show(found: Consent, form: str) -> None:
    from reconciler.cli.console import out, out_json, tell
    from reconciler.cli.github import write_outputs
    from reconciler.reports.words import shell, visible

    for why in found.unheard:
        tell(f"note: {visible(why)}")
    approvals = [one.approval for one in found.given]
    if form == "json":
        given = [{"approval": one.approval, "by": one.by, "url": one.url} for one in found.given]
        out_json({"pull": found.pull, "digest": found.digest, "approvals": given})
        return
    out(f"--expect {found.digest}\n")
    out("".join(f"--approve {shell(one.approval)}\n" for one in found.given))
    for one in found.given:
        tell(f"{visible(one.approval)} by {visible(one.by)}")
    if form == "github":
        write_outputs(
            {"digest": found.digest, "approve": "\n".join(approvals), "pull": str(found.pull)}
        )
