"""What several verbs share: their options, and how they read a spec."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconciler.engine.clusters import Options
    from reconciler.errors import KstateError
    from reconciler.spec.folder import Spec

MOST_SECONDS = 24 * 60 * 60

SpecArgument = Annotated[
    str, typer.Argument(metavar="[SPEC]", help="Folder of the spec, or one YAML file.")
]
ClusterOption = Annotated[
    list[str] | None,
    typer.Option("-c", "--cluster", help="Only this cluster; may be given several times."),
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(
        "-l",
        "--label",
        metavar="KEY=VALUE",
        help="Only clusters so labelled; `a=b,c!=d` and several: all of it.",
    ),
]
WaveOption = Annotated[
    list[str] | None,
    typer.Option(
        "--wave",
        metavar="KEY=VALUE",
        help="Clusters so labelled first; several: one after the other, as long as each comes out right.",
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="KIND/GLOB", help="Only these, as in `topic/orders.*`."),
]
ValuesOption = Annotated[
    str | None, typer.Option("--values", metavar="FILE", help="Values for ${name} in the spec.")
]
TimeoutOption = Annotated[
    str, typer.Option("--timeout", metavar="10s", help="How long to wait for one answer.")
]


def read_spec(folder: str, values: str | None) -> Spec:
    """The spec as its schemas allow it. Raises SpecInvalid with every problem at once."""
    from reconciler.errors import SpecInvalid
    from reconciler.spec.folder import load

    try:
        return load(Path(folder), values=Path(values) if values else None)
    except SpecInvalid as invalid:
        from reconciler.engine.intent import all_of_it

        raise all_of_it(invalid) from None


def options(
    *,
    clusters: list[str] | None = None,
    labels: list[str] | None = None,
    waves: list[str] | None = None,
    only: list[str] | None = None,
    timeout: str = "10s",
    folder: str = ".",
) -> Options:
    """The engine's options from the command line's."""
    from datetime import UTC, datetime
    from uuid import uuid4

    from reconciler.cli.watching import say
    from reconciler.engine.clusters import Options

    for glob in only or ():
        check_only(glob)
    for selector in labels or ():
        check_label(selector, "--label")
    for selector in waves or ():
        check_label(selector, "--wave")
    return Options(
        now=datetime.now(UTC),
        clusters=tuple(clusters or ()),
        labels=tuple(labels or ()),
        waves=tuple(waves or ()),
        only=tuple(only or ()),
        timeout=seconds(timeout),
        commit=commit_of(folder),
        root=folder if Path(folder).is_dir() else str(Path(folder).parent),
        say=say,
        who=who(),
        apply_id=uuid4().hex[:16],
    )


def check_only(glob: str, option: str = "--only") -> None:
    """Raises BadUsage for what can leave nothing in: a plan of nothing would look like one with nothing to do."""
    from fnmatch import fnmatchcase

    from reconciler.errors import BadUsage
    from reconciler.kinds.registry import load
    from reconciler.reports.words import shell

    kind, slash, name = glob.partition("/")
    if not slash or not name:
        raise BadUsage(f"{option} {shell(glob)}: expected KIND/GLOB, as in `topic/orders.*`")
    if not any(fnmatchcase(known, kind) for known in load()):
        there = ", ".join(load())
        raise BadUsage(f"{option} {shell(glob)}: no kind is called {kind}; there is {there}")


def check_label(selector: str, option: str) -> None:
    """Raises BadUsage for a selector that nobody could mean."""
    from reconciler.core.labels import check
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    try:
        check(selector)
    except ValueError as error:
        raise BadUsage(f"{option} {shell(selector)}: {error}, as in `env=prod`") from error


def who() -> str:
    """Who runs this, for the lock and the journal: user, host and pid, and the CI run if it is one."""
    import getpass
    import socket

    run = os.environ.get("GITHUB_RUN_ID")
    where = "{}/{}/actions/runs/{}".format(
        os.environ.get("GITHUB_SERVER_URL", ""), os.environ.get("GITHUB_REPOSITORY", ""), run
    )
    person = os.environ.get("GITHUB_ACTOR") or _user(getpass.getuser)
    return f"{person} on {socket.gethostname()}, pid {os.getpid()}" + (f", {where}" if run else "")


def _user(ask: Callable[[], str]) -> str:
    # A container may run under a number that has no name.
    try:
        return ask()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def seconds(text: str, option: str = "--timeout") -> float:
    """`10s`, `500ms`, `2m` or a bare number of seconds. Raises BadUsage."""
    from reconciler.core.units import duration_ms
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    try:
        found = float(text) if text.replace(".", "", 1).isdigit() else duration_ms(text) / 1000
    except ValueError as error:
        expected = "a time such as `500ms`, `10s` or `2m`"
        raise BadUsage(f"{option} {shell(text)}: expected {expected}") from error
    if found < 0 or (found == 0 and option == "--timeout"):
        raise BadUsage(f"{option} {shell(text)}: expected more than nothing")
    if found > MOST_SECONDS:
        raise BadUsage(f"{option} {shell(text)}: expected at most a day")
    return found


def commit_of(folder: str) -> str:
    """The commit the spec stands at, empty outside Git. What CI says wins: its checkout may be a merge."""
    if "GITHUB_SHA" in os.environ:
        return os.environ["GITHUB_SHA"]
    where = folder if Path(folder).is_dir() else str(Path(folder).parent)
    try:
        found = subprocess.run(
            ["git", "-C", where, "rev-parse", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""


def consent(question: str, *, interactive: bool) -> None:
    """Only the word `yes` is consent. Raises BadUsage where nobody can be asked, Blocked for any other answer."""
    from reconciler.errors import BadUsage, Blocked

    if not interactive:
        raise BadUsage(
            "nobody is here to say yes", hint="Give --yes, or for an apply a saved plan."
        )
    answer = typer.prompt(f"{question} Only `yes` does it", default="no", err=True)
    if answer.strip() != "yes":
        raise Blocked("nothing was written: the answer was not `yes`")


def tell_failures(failures: dict[str, KstateError], form: str = "text") -> int:
    """Every cluster that failed, in words; the exit code they come to."""
    from reconciler.cli.console import complain
    from reconciler.cli.showing import show_failures
    from reconciler.core.result import fold

    for name, error in sorted(failures.items()):
        if not error.message.startswith(f"cluster {name}"):
            error.message = f"cluster {name}: {error.message}"
        complain(error)
    show_failures(form, failures)
    return fold(error.exit_code for error in failures.values())
