"""`kstate fleet`: many clusters over many jobs, and what the jobs said as one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.common import ClusterOption, LabelOption, SpecArgument, ValuesOption
from reconciler.cli.showing import LimitOption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.fleet import Group
    from reconciler.core.plan import Plan

FORMATS = ("github", "kubernetes")
SHOWN = ("text", "json", "markdown")


def register(app: typer.Typer) -> None:
    """Add `fleet` and its verbs."""
    fleet = typer.Typer(
        help="Many clusters over many jobs.", no_args_is_help=True, rich_markup_mode=None
    )
    fleet.command()(matrix)
    fleet.command()(merge)
    app.add_typer(fleet, name="fleet")


def matrix(
    spec: SpecArgument = ".",
    form: Annotated[
        str,
        typer.Option(
            "--format", metavar="F", help="github (strategy.matrix) or kubernetes (a Job)."
        ),
    ] = "github",
    jobs: Annotated[
        int, typer.Option("--jobs", metavar="N", help="At most so many jobs, 256 at the most.")
    ] = 256,
    image: Annotated[
        str, typer.Option("--image", help="kubernetes: an image with kstate and the spec in it.")
    ] = "",
    run: Annotated[
        str, typer.Option("--run", metavar="VERB", help="kubernetes: plan, apply or drift.")
    ] = "plan",
    folder: Annotated[
        str, typer.Option("--folder", metavar="DIR", help="kubernetes: the spec inside the image.")
    ] = "/spec",
    secret: Annotated[
        str, typer.Option("--secret", metavar="NAME", help="kubernetes: a Secret for `env:NAME`.")
    ] = "",
    at_once: Annotated[
        int, typer.Option("--at-once", metavar="N", help="kubernetes: so many side by side.")
    ] = 10,
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
) -> None:
    """Spread the clusters of a spec over jobs."""
    from reconciler.cli.console import out, out_json
    from reconciler.cli.manifest import Job, checked, manifest
    from reconciler.cli.said import check_format
    from reconciler.core import fleet

    check_format(form, FORMATS)
    job = Job(image, run, folder, secret, at_once)
    if form == "kubernetes":
        checked(job)
    found = _groups(spec, values, jobs, (cluster, label))
    if form == "kubernetes":
        out(manifest(found, job))
    else:
        out_json(fleet.matrix(found), indent=None)


def _groups(
    spec: str, values: str | None, jobs: int, narrowed: tuple[list[str] | None, list[str] | None]
) -> list[Group]:
    from reconciler.cli.common import options, read_spec
    from reconciler.core.fleet import MOST_JOBS, groups
    from reconciler.engine.intent import check, chosen
    from reconciler.errors import BadUsage

    if not 1 <= jobs <= MOST_JOBS:
        raise BadUsage(f"--jobs {jobs}: expected 1 to {MOST_JOBS}, which is all that GitHub makes")
    found = read_spec(spec, values)
    check(found)
    own = chosen(found, options(clusters=narrowed[0], labels=narrowed[1], folder=spec))
    if not own:
        raise BadUsage("the spec has no Cluster document, so there is nothing to spread")
    return groups([d.name for d in own], jobs, whole=len(own) == len(found.clusters))


def merge(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE...", help="What the jobs wrote: plans, results or drift."),
    ],
    matrix: Annotated[
        str,
        typer.Option("--matrix", metavar="FILE", help="What `fleet matrix` wrote for the jobs."),
    ],
    out: Annotated[
        str | None, typer.Option("--out", metavar="FILE", help="Save it as one file.")
    ] = None,
    form: Annotated[
        str, typer.Option("--format", metavar="F", help="text, json or markdown; of a plan.")
    ] = "text",
    limit: LimitOption = None,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="DIGEST", help="Fail unless this is the plan's digest."),
    ] = None,
) -> None:
    """Join what the jobs of a matrix wrote; a job that wrote nothing is an error."""
    from reconciler.cli.said import check_digest, check_format
    from reconciler.cli.whole import check_writable
    from reconciler.core.fleet import read_matrix

    check_format(form, SHOWN)
    check_digest(expect)
    if out is not None:
        check_writable(out)
    found = read_matrix(_json(matrix, "--matrix"))
    bodies = {name: _json(name, name) for name in sorted(set(files))}
    kind = _kind(bodies)
    whole = all(group.whole for group in found)
    wish = _Wish(out, form, expect, whole=whole, limit=limit)
    if kind == "plan":
        raise typer.Exit(_plans(sorted(bodies), found, wish))
    raise typer.Exit(_reports(kind, bodies, found, wish))


class _Wish:
    """How the answer was asked for."""

    def __init__(
        self, out: str | None, form: str, expect: str | None, *, whole: bool, limit: int | None
    ) -> None:
        self.out = out
        self.form = form
        self.expect = expect
        self.whole = whole
        self.limit = limit


def _json(path: str, what: str) -> dict[str, Any]:
    import json

    from reconciler.errors import BadUsage

    try:
        body = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise BadUsage(f"{what}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadUsage(f"{what}: this is not JSON") from error
    if not isinstance(body, dict):
        raise BadUsage(f"{what}: this is no object of JSON")
    return body


def _kind(bodies: Mapping[str, dict[str, Any]]) -> str:
    """`plan`, `result` or `drift`: all of one kind. Raises BadUsage."""
    from reconciler.errors import BadUsage

    kinds = {name: str(body.get("format")) for name, body in bodies.items()}
    for name, form in kinds.items():
        if form not in ("kstate.plan/v1", "kstate.result/v1", "kstate.drift/v1"):
            raise BadUsage(f"{name}: neither a plan nor a result nor a drift report of kstate")
    if len({*kinds.values()}) > 1:
        told = ", ".join(f"{name} is a {form}" for name, form in kinds.items())
        raise BadUsage(f"only what is of one kind can be joined: {told}")
    return next(iter(kinds.values())).removeprefix("kstate.").removesuffix("/v1")


def _plans(files: Sequence[str], found: list[Group], wish: _Wish) -> int:
    """The plans as one: shown whatever is missing, saved only when nothing is."""
    from reconciler.cli.plan import exit_code, save
    from reconciler.cli.saved import read_plan
    from reconciler.cli.showing import show_plan
    from reconciler.core.fleet import check_complete, check_shards, lost, merged_plan
    from reconciler.errors import Stale
    from reconciler.kinds.registry import load
    from reconciler.platforms.registry import kind_of

    plans: dict[str, Plan] = {file: read_plan(file) for file in files}
    seen = {file: [c.name for c in plan.clusters] for file, plan in plans.items()}
    check_shards(found, seen)
    clusters = {c.name: c.spec for plan in plans.values() for c in plan.clusters}
    whole = wish.whole and not lost(found, seen)
    made = merged_plan(plans, load(), kind_of(clusters), whole=whole)
    show_plan(made, wish.form, limit=wish.limit)
    check_complete(found, seen)
    if wish.expect not in (None, made.digest):
        raise Stale(f"the digest of all plans is {made.digest}, not {wish.expect}")
    if wish.out:
        save(made, wish.out)
    return exit_code(made, detailed=False)


def _reports(
    kind: str, bodies: Mapping[str, dict[str, Any]], found: list[Group], wish: _Wish
) -> int:
    import json

    from reconciler.cli.console import out_json, tell
    from reconciler.cli.whole import write_whole
    from reconciler.core.fleet import (
        check_complete,
        check_shards,
        lost,
        merged_drift,
        merged_result,
    )

    _check_forms(kind, bodies)
    parts = list(bodies.values())
    seen = {name: _clusters(body) for name, body in bodies.items()}
    check_shards(found, seen)
    made = (
        merged_result(parts)
        if kind == "result"
        else merged_drift(parts, whole=wish.whole and not lost(found, seen))
    )
    out_json(made)
    check_complete(found, seen)
    if wish.out:
        write_whole(wish.out, json.dumps(made, indent=1).encode() + b"\n")
        tell(f"saved: {wish.out}")
    return int(made["exit_code"]) if kind == "result" else 2 * bool(made["fingerprint"])


def _clusters(body: Mapping[str, Any]) -> list[str]:
    listed = [c if isinstance(c, str) else c["name"] for c in body.get("clusters", ())]
    return [
        *listed,
        *(f["cluster"] for f in body.get("failures", ()) if f["cluster"] not in listed),
    ]


def _check_forms(kind: str, bodies: Mapping[str, dict[str, Any]]) -> None:
    """Raises Stale for what no kstate wrote."""
    import json

    import jsonschema_rs

    from reconciler.errors import Stale
    from reconciler.spec.schema import folder

    form = json.loads((folder() / f"{kind}.v1.json").read_bytes())
    for name, body in bodies.items():
        if not jsonschema_rs.validator_for(form).is_valid(body):
            raise Stale(f"{name} says things that no kstate says")
