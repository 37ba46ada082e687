"""`kstate drift`: live against the spec and what was last applied; exit 2 when somebody changed something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)
from reconciler.cli.showing import FormatOption

if TYPE_CHECKING:
    from reconciler.core.drift import Drift
    from reconciler.core.estate import Live
    from reconciler.engine.drifting import Found
    from reconciler.spec.folder import Spec


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    spec: SpecArgument = ".",
    form: FormatOption = "text",
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Save the report, for `kstate notify FILE`."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="FILE", help="A former report, to tell when things began."),
    ] = None,
    metrics: Annotated[
        str | None,
        typer.Option("--metrics", metavar="FILE.prom", help="Write Prometheus text there."),
    ] = None,
    to_spec: Annotated[
        bool, typer.Option("--to-spec", help="Write what is live into the YAML of the spec.")
    ] = False,
    heal: Annotated[
        list[str] | None,
        typer.Option(
            "--heal",
            metavar="PATH",
            help="Put this field back, as in `topic/*:config.retention.ms`; may be given several times.",
        ),
    ] = None,
    approve: Annotated[
        list[str] | None,
        typer.Option("--approve", metavar="CODE[:KEY]", help="With --heal: approve a risk of it."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="With --heal: do not ask.")] = False,
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Show what was changed behind kstate's back."""
    from reconciler.cli.common import options, read_spec
    from reconciler.cli.files import check_target
    from reconciler.cli.healing import check, put_back
    from reconciler.cli.showing import check_form, show, uploading
    from reconciler.engine.drifting import drift as look
    from reconciler.reports.forms import DRIFT, ESTATE, UPLOADED

    check_form(form, DRIFT)
    check_target("--out", out)
    check_target("--metrics", metrics)
    allowed, approvals = check(heal, approve, yes=yes, to_spec=to_spec)
    former = _former(since)
    live: list[Live] = []
    with uploading(form, spec):
        given = read_spec(spec, values)
        asked = options(clusters=cluster, labels=label, only=only, timeout=timeout, folder=spec)
        healed = put_back(given, asked, (allowed, approvals), agreed=yes) if allowed else 0
        found = look(given, replace(asked, seen=live.extend if form in ESTATE else None))
    report = _since(found.drift, former)
    _keep(report, out, metrics)
    if report.clusters or form in UPLOADED:
        more: dict[str, Any] = {"failures": found.failures, "owners": _owners(given), "live": live}
        show(form, DRIFT, report, root=asked.root, **more)
    left = _accept(given, found, spec, values) if to_spec else bool(report.drifted)
    raise typer.Exit(_close(found, form, codes=(healed, 2 if left else 0)))


def _owners(spec: Spec) -> dict[str, str]:
    """The teams that documents name, by the documents' places."""
    named = ((document.source, document.metadata.get("owner")) for document in spec.documents)
    return {source: str(owner) for source, owner in named if owner}


def _former(since: str | None) -> Drift | None:
    """The former report; None where there is none yet. Raises BadUsage for anything that is not one."""
    from reconciler.cli.files import read_json
    from reconciler.core.drift import from_json
    from reconciler.errors import BadUsage

    body = read_json("--since", since) if since else None
    if body is None:
        return None
    try:
        return from_json(body)  # type: ignore[arg-type]  # whatever it is, it is told below
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadUsage(f"--since {since}: it is no report of `kstate drift`") from error


def _since(drift: Drift, former: Drift | None) -> Drift:
    from reconciler.core.drift import since

    return since(drift, former) if former else drift


def _keep(report: Drift, out: str | None, metrics: str | None) -> None:
    """The report and its figures, as files."""
    import json
    from pathlib import Path

    from reconciler.cli.console import masked
    from reconciler.cli.files import write
    from reconciler.core.drift import to_json
    from reconciler.reports import metrics as figures

    if out:
        write(out, json.dumps(masked(to_json(report)), indent=1).encode() + b"\n")
    if metrics:
        file = Path(metrics)
        former = file.read_text("utf-8", "replace") if file.is_file() else ""
        write(metrics, figures.text(report, former).encode())


def _close(found: Found, form: str, *, codes: tuple[int, int]) -> int:
    """What could not be looked at, in words; the exit code of it all."""
    from reconciler.cli.common import tell_failures
    from reconciler.core.result import INTERRUPTED, PARTLY, fold

    failed = tell_failures(dict(found.failures), form) if found.failures else 0
    # What was put back in part is told as any apply in part; a signal stays one.
    return codes[0] if codes[0] in (PARTLY, INTERRUPTED) else fold([failed, *codes])


def _accept(given: Spec, found: Found, spec: str, values: str | None) -> bool:
    """What is live, written into the spec; whether anything is left that could not be."""
    from pathlib import Path

    from reconciler.cli.console import tell
    from reconciler.engine.accepting import accept, save
    from reconciler.reports.words import thing, visible

    made = accept(given, found, Path(spec), Path(values) if values else None)
    save(made)
    for done in made.written:
        name = visible(".".join(done.path))
        was, now = (
            str(side) if side is not None else "(not set)" for side in (done.before, done.after)
        )
        tell(f"{visible(done.source)} {name}: {visible(was)} -> {visible(now)}")
    for refused in made.refused:
        tell(
            f"not written: {visible(refused.key.cluster)} {thing(refused.key)}: {visible(refused.why)}"
        )
    if made.files:
        tell(
            f"written into {len(made.files):,} file{'s' * (len(made.files) != 1)}; look at it: git diff"
        )
    return bool(made.refused)
