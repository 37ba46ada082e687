"""`kstate apply`: makes a spec or a saved plan so, after showing it and after consent."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    TimeoutOption,
    ValuesOption,
    WaveOption,
)
from reconciler.cli.showing import FormatOption, LimitOption

if TYPE_CHECKING:
    import threading

    from reconciler.core.result import Result
    from reconciler.core.risk import Approval, Gate
    from reconciler.engine.clusters import Options
    from reconciler.engine.planning import Planned


def register(app: typer.Typer) -> None:
    app.command()(apply)


def apply(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="[SPEC or PLAN.json]", help="A spec, or a plan saved by `plan --out`."
        ),
    ] = ".",
    approve: Annotated[
        list[str] | None,
        typer.Option(
            "--approve", metavar="CODE[:KEY]", help="Approve a risk; may be given several times."
        ),
    ] = None,
    expect: Annotated[
        str | None,
        typer.Option("--expect", metavar="DIGEST", help="Apply only if this is the plan's digest."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask. Approves no risk.")] = False,
    form: FormatOption = "text",
    limit: LimitOption = None,
    out: Annotated[
        str | None,
        typer.Option("--out", metavar="FILE", help="Save the result, for `kstate notify FILE`."),
    ] = None,
    wait: Annotated[
        str,
        typer.Option(
            "--wait", metavar="60s", help="Wait so long for somebody else's apply to end."
        ),
    ] = "0s",
    wave: WaveOption = None,
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Make it so."""
    from dataclasses import replace

    from reconciler.cli.common import options, seconds
    from reconciler.cli.files import check_target
    from reconciler.cli.said import approval, check_digest
    from reconciler.cli.showing import check_form, uploading
    from reconciler.core.plan import seal
    from reconciler.reports.forms import RESULT

    check_form(form, RESULT)
    check_digest(expect)
    check_target("--out", out)
    approvals = [approval(text) for text in approve or ()]
    saved = spec.endswith(".json")
    settings = options(
        clusters=cluster,
        labels=label,
        waves=wave,
        only=only,
        timeout=timeout,
        folder="." if saved else spec,
    )
    settings = replace(settings, wait=seconds(wait, "--wait"), approved=tuple(approve or ()))
    wish = _Wish(expect, agreed=yes or saved, form=form, out=out, limit=limit)
    with uploading(form, settings.root):
        made = _saved(spec, settings, values) if saved else _planned(spec, settings, values)
    if made.failures:
        raise typer.Exit(_unplanned(made, approvals, wish))
    settings = replace(settings, seal=seal(made.plan) if saved else "")
    with uploading(form, settings.root):
        code = _carry_out(made, settings, approvals, wish)
    raise typer.Exit(code)


class _Wish:
    """How the apply was asked for: the digest it must have, whether to ask, and the form of the answer.

    `out` is a file for the result, `limit` how many changes are shown one by one before.
    """

    def __init__(
        self, expect: str | None, *, agreed: bool, form: str, out: str | None, limit: int | None
    ) -> None:
        self.expect = expect
        self.agreed = agreed
        self.form = form
        self.out = out
        self.limit = limit


def _planned(spec: str, settings: Options, values: str | None) -> Planned:
    from reconciler.cli.common import read_spec
    from reconciler.engine.planning import plan as make

    return make(read_spec(spec, values), settings)


def _unplanned(made: Planned, approvals: list[Approval], wish: _Wish) -> int:
    """Where a cluster could not be planned nothing is written anywhere; what stands in the way of the rest is told."""
    from reconciler.cli.common import tell_failures
    from reconciler.cli.showing import show_plan
    from reconciler.core.result import fold
    from reconciler.engine.applying import stands_in_the_way

    if wish.form == "text" and made.plan.clusters:
        show_plan(made.plan, wish.form, limit=wish.limit)
    gate = stands_in_the_way(made.plan, approvals)
    refused = refuse(gate) if gate.blocked else 0
    return fold([tell_failures(dict(made.failures), wish.form), refused])


def _saved(path: str, settings: Options, values: str | None) -> Planned:
    from reconciler.cli.saved import read_plan
    from reconciler.engine.planning import Planned
    from reconciler.errors import BadUsage

    if settings.clusters or settings.labels or settings.waves or settings.only or values:
        raise BadUsage(
            "a saved plan is applied as it is:"
            " -c, -l, --wave, --only and --values belong to `kstate plan`"
        )
    return Planned(read_plan(path), {}, {})


def _carry_out(made: Planned, settings: Options, approvals: list[Approval], wish: _Wish) -> int:
    from reconciler.cli.common import consent
    from reconciler.cli.console import tell
    from reconciler.cli.showing import show_plan
    from reconciler.core.model import Level, Risk
    from reconciler.core.result import Result, refused
    from reconciler.engine.applying import check_expected, check_fresh, stands_in_the_way
    from reconciler.reports.words import many, visible

    plan = made.plan
    if wish.expect is not None:
        check_expected(plan, wish.expect)
    check_fresh(plan, settings)
    if wish.form == "text":
        show_plan(plan, "text", limit=wish.limit)
    gate = stands_in_the_way(plan, approvals)
    for unused in gate.unused:
        never = Risk(unused.code, "").level is Level.IMPOSSIBLE
        why = "cannot be approved" if never else "matched nothing in this plan"
        tell(f"note: --approve {visible(str(unused))} {why}")
    if gate.blocked:
        _show_unless_read(refused(plan, gate.blocked), wish.form)
        return refuse(gate)
    if not plan.changes and not plan.records:
        _show_unless_read(Result(plan, (), written=False), wish.form)
        return 0
    if plan.changes and not wish.agreed:
        consent(f"Apply {many(len(plan.changes), 'change')}?", interactive=sys.stdin.isatty())
    return _write(made, settings, wish)


def refuse(gate: Gate) -> int:
    """Say what stands in the way, and how each of it is approved; the exit code."""
    from reconciler.cli.console import tell
    from reconciler.core.result import REFUSED
    from reconciler.reports.grouped import gate_lines

    many = "risks stand" if len(gate.blocked) > 1 else "risk stands"
    tell(f"kstate: nothing was written; {len(gate.blocked):,} {many} in the way:")
    for line in gate_lines(gate.blocked):
        tell(line)
    return REFUSED


def _write(made: Planned, settings: Options, wish: _Wish) -> int:
    from reconciler.cli.common import tell_failures
    from reconciler.core.result import unready
    from reconciler.engine.applying import Unready
    from reconciler.engine.rollout import rollout

    try:
        with signals(settings.stop):
            result = rollout(made.plan, settings, made.connections)
    except Unready as error:
        code = tell_failures(dict(error.failures))
        told = {name: failure.message for name, failure in error.failures.items()}
        _show_unless_read(unready(made.plan, told, code), wish.form)
        return code
    _show(result, wish.form)
    if wish.out:
        _keep(result, wish.out)
    return result.exit_code


def _keep(result: Result, out: str) -> None:
    import json

    from reconciler.cli.console import masked
    from reconciler.cli.files import write
    from reconciler.core.result import to_json

    write(out, json.dumps(masked(to_json(result)), indent=1).encode() + b"\n")


def _show(result: Result, form: str) -> None:
    from reconciler.cli.showing import show
    from reconciler.reports.forms import RESULT

    show(form, RESULT, result, root=result.plan.root)


def _show_unless_read(result: Result, form: str) -> None:
    """An apply that did nothing. A person has just read the plan; a machine gets the result that it asked for."""
    if form != "text":
        _show(result, form)


@contextmanager
def signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT, SIGTERM and SIGHUP let the batch in flight finish; a second one ends at once, as the system would."""
    import signal

    from reconciler.cli.console import leave_terminal, tell

    def ask_to_stop(number: int, _frame: object) -> None:
        leave_terminal()
        if stop.is_set():
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        stop.set()
        tell("stopping after the batch in flight; once more to end at once", "warning")

    heeded = [signal.SIGINT, signal.SIGTERM]
    # Who started us by `nohup` wants us to go on.
    heeded += [signal.SIGHUP] if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN else []
    before = {number: signal.signal(number, ask_to_stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
