"""`kstate doctor`: connection, login, rights and versions of every cluster, and the ACLs that grant what is missing."""

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
    from reconciler.core.model import Json
    from reconciler.engine.checkup import Health

VERBS = {"plan": ("plan",), "apply": ("plan", "apply")}
MARKS = {True: "ok ", False: "NO ", None: "?? "}
WORDS = {"plan": "to plan", "apply": "to apply, beside those to plan"}


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    spec: SpecArgument = ".",
    verb: Annotated[
        str,
        typer.Option(
            "--for", metavar="VERB", help="What this login is for: plan, or apply as well."
        ),
    ] = "apply",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Look at connection, login, rights and versions of every cluster."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import clear_progress, out
    from reconciler.engine.checkup import checkup
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell, visible

    if verb not in VERBS:
        raise BadUsage(f"--for {shell(verb)}: there is {', '.join(VERBS)}")
    settings = options(clusters=cluster, labels=label, timeout=timeout, folder=spec)
    found, failures = checkup(read_spec(spec, values), settings, VERBS[verb])
    clear_progress()
    for name, health in sorted(found.items()):
        out(f"cluster {visible(name)}\n")
        for finding in health.findings:
            out(f"  {MARKS[finding.ok]} {visible(finding.text)}\n")
        for line in _grants(name, health):
            out(f"{line}\n")
    code = tell_failures(dict(failures))
    raise typer.Exit(code or (0 if all(health.well for health in found.values()) else 1))


def _grants(cluster: str, health: Health) -> list[str]:
    """The ACLs that are missing, twice: as commands for who runs the cluster, and as a document for who has kstate."""
    from reconciler.core.rights import bindings, commands
    from reconciler.reports.words import many, visible
    from reconciler.spec.writing import render

    lines: list[str] = []
    identity = health.identity
    for verb, needs in health.missing.items() if identity else ():
        assert identity is not None
        who = identity.principal
        short = "".join(c if c.isalnum() else "-" for c in who.partition(":")[2]).strip("-")
        document: dict[str, Json] = {
            "apiVersion": "kstate/v1",
            "kind": "Acl",
            "metadata": {"name": f"kstate-{verb}-{short}"[:200], "clusters": [cluster]},
            "spec": {"principal": who, "bindings": bindings(needs)},
        }
        lines += [
            "",
            f"# {WORDS[verb]}, {visible(who)} lacks {many(len(needs), 'ACL')} on {cluster};",
        ]
        lines += ["# with Kafka's own tool (and --bootstrap-server, --command-config of an admin):"]
        lines += [visible(command) for command in commands(needs, who)]
        lines += ["# or as a document, applied by a login that may Alter the cluster:"]
        lines += [visible(line) for line in render([document]).splitlines()]
    return lines
