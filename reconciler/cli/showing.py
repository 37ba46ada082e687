"""What a verb found in, a report of it on stdout out, in whatever form was asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from reconciler.core.estate import Live
    from reconciler.core.model import Body
    from reconciler.core.plan import Plan
    from reconciler.errors import KstateError, SpecInvalid
    from reconciler.reports.forms import About
    from reconciler.reports.github import Job

FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="F",
        help="text, json, markdown, github, sarif, junit or html; not all on all verbs.",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        "--limit",
        metavar="N",
        min=0,
        help="As text: show so many changes one by one and the others in groups; 0 for all. [default: 200]",
    ),
]
# Forms that a person reads, or that follow from the plan alone, need neither git nor the pages of the codes.
BARE = frozenset({"text", "json", "markdown", "github"})


def check_form(form: str, what: str) -> None:
    """Raises BadUsage for a form that does not exist or cannot tell this, before anything is read."""
    from reconciler.cli.said import check_format
    from reconciler.reports.forms import NAMES, load, offered

    if form not in NAMES or what not in load(form):
        check_format(form, offered(what))


def show(
    form: str,
    what: str,
    found: object,
    *,
    root: str = ".",
    failures: Mapping[str, KstateError] | None = None,
    owners: Mapping[str, str] | None = None,
    live: Iterable[Live] = (),
    limit: int | None = None,
) -> None:
    """One report on stdout; for a job on GitHub in its files as well. `root` is the folder of the spec as given."""
    from dataclasses import replace

    from reconciler.cli import github
    from reconciler.cli.console import out, out_json
    from reconciler.reports.forms import tell

    about = replace(
        _about(form, root),
        failures={name: error.message for name, error in (failures or {}).items()},
        owners=owners or {},
        live=live,
        limit=limit,
    )
    told = tell(form, what, found, about)
    if isinstance(told, str):
        out(told)
    elif form == "github":
        github.show(cast("Job", told), root)
    else:
        out_json(told, sort_keys=True)


def show_plan(plan: Plan, form: str, *, root: str | None = None, **more: Any) -> None:
    """A plan on stdout; `more` is what `show` takes."""
    from reconciler.reports.forms import PLAN

    show(form, PLAN, plan, root=plan.root if root is None else root, **more)


def _about(form: str, root: str) -> About:
    from reconciler.cli.console import coloured, json_text, talk, width
    from reconciler.reports.forms import About
    from reconciler.reports.paint import ansi, plain
    from reconciler.secrets.references import redact

    paint, columns = (ansi if coloured(sys.stdout) else plain), width(sys.stdout)
    bare = About(paint=paint, width=columns, verbose=talk.verbose, mask=redact, dump=json_text)
    return bare if form in BARE else _with_meaning(bare, root)


def _with_meaning(about: About, root: str) -> About:
    from dataclasses import replace

    from reconciler.cli.explain import codes

    return replace(about, codes=codes(), root=in_repository(root), spell=spell)


def in_repository(folder: str) -> str:
    """The folder as its Git repository knows it; outside of one as it was given."""
    if not Path(folder).is_dir():
        return folder
    try:
        found = subprocess.run(
            ["git", "-C", folder, "rev-parse", "--show-prefix"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return folder
    return found.stdout.strip("\n").rstrip("/") or "." if found.returncode == 0 else folder


def spell(kind: str, body: Body) -> str:
    """A schema as its text, field by field on lines of their own; empty for what is no text."""
    from reconciler.core.model import NOWHERE, Resource
    from reconciler.kinds.registry import load

    # What it refers to stands beside the text, and may have no version yet.
    bare = {name: value for name, value in body.items() if name != "references"}
    try:
        documents = list(load()[kind].documents([Resource("it", bare)], NOWHERE))
        texts = cast("Body", documents[0].get("texts") or {}) if documents else {}
        schema = next(iter(texts.values()), None)
        # What Avro and JSON Schema write as JSON may come as its text or as what it means.
        found = json.loads(schema) if isinstance(schema, str) and schema[:1] in "{[" else schema
    except (LookupError, TypeError, ValueError, AttributeError):
        return ""
    if found is None or isinstance(found, str):
        return found or ""
    return json.dumps(found, indent=2, ensure_ascii=False)


@contextmanager
def uploading(form: str, root: str) -> Iterator[None]:
    """For a form that a CI is given whatever happened: what ends the run is told in it, as well as on stderr."""
    from reconciler.errors import KstateError
    from reconciler.reports.forms import UPLOADED

    try:
        yield
    except KstateError as error:
        if form in UPLOADED:
            show_error(form, error, root)
        raise


def show_error(form: str, error: KstateError, root: str) -> None:
    """What ended a run, as far as the form can tell it; each can where it is the problems of a spec."""
    from reconciler.errors import SpecInvalid
    from reconciler.reports.forms import ERROR, load

    if ERROR in load(form):
        show(form, ERROR, error, root=root)
    elif isinstance(error, SpecInvalid):
        show_problems(form, error, root)


def show_failures(form: str, failures: Mapping[str, KstateError]) -> None:
    """Clusters that failed, by their names, where the form is one that tells them by themselves."""
    from reconciler.reports.forms import FAILURES, load

    if FAILURES in load(form):
        show(form, FAILURES, failures)


def show_problems(form: str, error: SpecInvalid, root: str) -> None:
    """What is wrong with a spec, as a report."""
    from reconciler.core.validation import Validation
    from reconciler.reports.forms import VALIDATION

    folder = root if Path(root).is_dir() else str(Path(root).parent)
    show(form, VALIDATION, Validation(tuple(error.problems)), root=folder)
