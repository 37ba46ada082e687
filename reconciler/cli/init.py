"""`kstate init`: a new spec repository with its workflows; it asks on a terminal, and takes flags everywhere."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.pinning import HOME

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.spec.skeleton import Answers, NewCluster

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,126}")
# A bootstrap address, or a reference to one; nothing that could end a YAML text.
ADDRESS = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|file:\S+|[A-Za-z0-9.\[\]:_-]+:[0-9]+)")
URL = re.compile(r"(env:[A-Za-z_][A-Za-z0-9_]*|https?://[^\s@]+)")
OWNER = re.compile(r"@[A-Za-z0-9-]+(/[A-Za-z0-9._-]+)?")
PLACE = re.compile(r"[A-Za-z0-9-]+/[A-Za-z0-9._-]+(@[A-Za-z0-9._/-]+)?")


def register(app: typer.Typer) -> None:
    app.command()(init)


def init(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="The new repository; nothing in it is overwritten.")
    ],
    estate: Annotated[
        str | None,
        typer.Option("--estate", metavar="NAME", help="The name of the estate. Default: DIR's."),
    ] = None,
    cluster: Annotated[
        list[str] | None,
        typer.Option(
            "--cluster",
            metavar="NAME=BOOTSTRAP",
            help="A cluster; several: prod-eu=b1:9092,b2:9092 or prod-eu=env:NAME.",
        ),
    ] = None,
    platform: Annotated[str, typer.Option("--platform", help="Where the clusters run.")] = "apache",
    login: Annotated[
        str | None, typer.Option("--login", metavar="HOW", help="none, scram, plain or mtls.")
    ] = None,
    registry: Annotated[
        list[str] | None,
        typer.Option("--registry", metavar="CLUSTER=URL", help="The cluster's schema registry."),
    ] = None,
    connect: Annotated[
        list[str] | None,
        typer.Option("--connect", metavar="CLUSTER=URL", help="The cluster's Kafka Connect."),
    ] = None,
    owner: Annotated[
        str | None,
        typer.Option("--owner", metavar="@ORG/TEAM", help="Who agrees to changes, for CODEOWNERS."),
    ] = None,
    example: Annotated[
        bool | None,
        typer.Option(
            "--example/--no-example", help="Examples to look at, in a folder that is not read."
        ),
    ] = None,
    workflows: Annotated[
        str | None,
        typer.Option(
            "--workflows",
            metavar="OWNER/REPO@COMMIT",
            help=f"Whose Action the workflows use; `none` for no workflows. Default: {HOME}, at this version.",
        ),
    ] = None,
) -> None:
    """Write a new spec repository."""
    from reconciler.cli.console import tell
    from reconciler.reports.words import many, shell
    from reconciler.spec.skeleton import Answers, files

    target = Path(folder)
    ask = _Asker(sys.stdin.isatty())
    clusters = _clusters(
        ask, cluster, login, _by_cluster("--registry", registry), _by_cluster("--connect", connect)
    )
    answers = Answers(
        _fits("--estate", ask("Name of the estate", estate, _stem(target)), NAME),
        clusters,
        _platform(platform),
        _owner(ask("Who agrees to changes, as @org/team (nothing for nobody)", owner, "")),
        ask.yes("Examples to look at", example, default=True),
        _workflows(ask("kstate's Action for the workflows (`none` for none)", workflows, HOME)),
    )
    made = files(answers)
    _check_free(target, made)
    _write(target, made)
    place = shell(str(target))
    tell(f"wrote {many(len(made), 'file')} to {place}")
    for line in _next(answers, place):
        tell(line)


class _Asker:
    """Asks where somebody is there to answer, and takes what goes without saying everywhere else."""

    def __init__(self, interactive: bool) -> None:
        self.interactive = interactive

    def __call__(self, question: str, given: str | None, default: str) -> str:
        if given is not None or not self.interactive:
            return default if given is None else given
        return str(typer.prompt(question, default=default, err=True)).strip()

    def yes(self, question: str, given: bool | None, *, default: bool) -> bool:
        if given is not None or not self.interactive:
            return default if given is None else given
        return typer.confirm(question, default=default, err=True)


def _stem(target: Path) -> str:
    """The folder's name, as far as an estate may be called so."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", target.resolve().name).strip("-._") or "estate"


def _clusters(
    ask: _Asker,
    given: list[str] | None,
    login: str | None,
    registries: dict[str, str],
    connects: dict[str, str],
) -> tuple[NewCluster, ...]:
    from reconciler.errors import BadUsage
    from reconciler.spec.skeleton import LOGINS, NewCluster

    named = [_pair("--cluster", text) for text in given or ()] or list(_asked(ask))
    how = ask(f"How kstate logs in: {', '.join(LOGINS)}", login, "none")
    if how not in LOGINS:
        raise BadUsage(f"--login {how}: there is {', '.join(LOGINS)}")
    names = [name for name, _ in named]
    if len({*names}) < len(names):
        raise BadUsage(f"--cluster: {', '.join(names)}: two of them have one name")
    for option, found in (("--registry", registries), ("--connect", connects)):
        if strange := sorted(found.keys() - {*names}):
            raise BadUsage(
                f"{option} {strange[0]}=...: there is no such cluster; there is {', '.join(names)}"
            )
    return tuple(
        NewCluster(
            name, _addresses(bootstrap), how, registries.get(name, ""), connects.get(name, "")
        )
        for name, bootstrap in named
    )


def _asked(ask: _Asker) -> Iterable[tuple[str, str]]:
    """Clusters one by one on a terminal; elsewhere one whose address comes from the environment."""
    if not ask.interactive:
        yield "prod", "env:KAFKA_BOOTSTRAP"
        return
    name = ask("Name of the first cluster", None, "prod")
    while name:
        default = f"env:{re.sub(r'[^A-Z0-9]+', '_', name.upper())}_BOOTSTRAP"
        yield (
            _fits("the cluster's name", name, NAME),
            ask(f"Bootstrap servers of {name}", None, default),
        )
        name = ask("Name of a further cluster (nothing to go on)", None, "")


def _pair(option: str, text: str) -> tuple[str, str]:
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    name, sign, value = text.partition("=")
    if not sign or not value.strip():
        raise BadUsage(f"{option} {shell(text)}: expected NAME=VALUE, as in prod-eu=broker:9092")
    return _fits(option, name.strip(), NAME), value.strip()


def _by_cluster(option: str, given: list[str] | None) -> dict[str, str]:
    pairs = (_pair(option, text) for text in given or ())
    return {name: _fits(option, value, URL) for name, value in pairs}


def _addresses(text: str) -> tuple[str, ...]:
    return tuple(
        _fits("--cluster", part.strip(), ADDRESS) for part in text.split(",") if part.strip()
    )


def _fits(option: str, text: str, form: re.Pattern[str]) -> str:
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    if form.fullmatch(text):
        return text
    expected = {
        NAME: "a name of letters, digits and `. _ -`, beginning with a letter or digit",
        ADDRESS: "HOST:PORT, env:NAME or file:PATH",
        URL: "http(s)://... without a user in it, or env:NAME",
        OWNER: "@ORG/TEAM or @USER, as GitHub knows them",
        PLACE: "OWNER/REPO or OWNER/REPO@COMMIT",
    }[form]
    raise BadUsage(f"{option} {shell(text)}: expected {expected}")


def _platform(name: str) -> str:
    from reconciler.errors import BadUsage
    from reconciler.platforms.registry import names

    if name not in names():
        raise BadUsage(f"--platform {name}: there is {', '.join(names())}")
    return name


def _owner(text: str) -> str:
    return _fits("--owner", text, OWNER) if text else ""


def _workflows(text: str) -> str:
    from reconciler.cli.pinning import pinned

    return "" if text in ("", "none") else pinned(_fits("--workflows", text, PLACE))


def _check_free(target: Path, made: Iterable[str]) -> None:
    """Raises BadUsage with everything that is there already: nothing of it is touched."""
    from reconciler.errors import BadUsage

    if target.exists() and not target.is_dir():
        raise BadUsage(f"{target} is there already, and no folder")
    there = [path for path in made if (target / path).exists() or (target / path).is_symlink()]
    if there:
        raise BadUsage(
            f"{target} holds already: {', '.join(sorted(there))}",
            hint="Nothing was written. Name another folder, or move these away.",
        )


def _write(target: Path, made: dict[str, str]) -> None:
    """All of it, and then read as any spec is: what init writes is valid."""
    from reconciler.engine.intent import check
    from reconciler.errors import BadUsage
    from reconciler.spec.folder import load
    from reconciler.spec.writing import save

    try:
        save(target, made)
    except OSError as error:
        raise BadUsage(f"cannot write to {target}: {error.strerror}") from error
    check(load(target))


def _next(answers: Answers, place: str) -> Iterable[str]:
    from reconciler.cli.pinning import moves

    if answers.workflows and (told := moves(answers.workflows)):
        yield f"note: {told}"
    yield f"next: kstate validate {place}, and git init, if it is no repository yet"
    variables = list(dict.fromkeys(v for cluster in answers.clusters for v in cluster.variables))
    if variables:
        yield f"it refers to {', '.join(variables)}: export them, then kstate doctor {place}"
    yield f"what is live already: kstate import {place} --out {place}"
