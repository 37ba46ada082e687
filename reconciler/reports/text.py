"""A plan or a result in, text for a terminal out: only what changes, the dangerous lines impossible to miss."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from reconciler.core.model import Action, Change, Level, Outcome, Risk, Status
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.result import AS_PLANNED, Result
from reconciler.reports import words

Paint = Callable[[str, str], str]

ANSI = {"good": "32", "change": "33", "bad": "31", "loud": "1;97;41", "dim": "2", "strong": "1"}
ACTION_STYLE = {Action.CREATE: "good", Action.UPDATE: "change", Action.DELETE: "bad"}
STATUS_STYLE = {
    Status.DONE: "good",
    Status.FAILED: "bad",
    Status.SKIPPED: "change",
    Status.UNKNOWN: "bad",
}


def plain(_style: str, text: str) -> str:
    """No colour: for files, pipes, CI and NO_COLOR."""
    return text


def ansi(style: str, text: str) -> str:
    """Colour for a terminal."""
    return f"\x1b[{ANSI[style]}m{text}\x1b[0m"


def plan(plan: Plan, paint: Paint = plain) -> str:
    """The whole plan; one line when there is nothing to do."""
    if not plan.changes:
        return "\n".join([*_notices(plan, paint), _nothing(plan, paint)]) + "\n"
    lines = [f"Plan: {words.summary(plan)}"]
    if about := words.header(plan):
        lines.append(paint("dim", about))
    clusters = {cluster.name: cluster for cluster in plan.clusters}
    for name, changes in words.by_cluster(plan).items():
        lines += ["", *_cluster(clusters[name], changes, paint)]
    lines += [*_unmanaged(plan, paint), *_notices(plan, paint), "", *_closing(plan, paint)]
    return "\n".join(lines) + "\n"


def _nothing(plan: Plan, paint: Paint) -> str:
    counts = plan.summary
    rest = f"{counts['unchanged']:,} unchanged, {counts['unmanaged']:,} unmanaged"
    where = ", ".join(cluster.name for cluster in plan.clusters) or "no cluster"
    return paint("good", f"No changes: {where} is as the spec says") + f" ({rest})."


def _cluster(cluster: ClusterPlan, changes: list[Change], paint: Paint) -> Iterator[str]:
    platform = words.visible(str(cluster.spec.get("platform", "")))
    yield paint("strong", f"cluster {words.visible(cluster.name)}") + paint(
        "dim", f"  {platform}, id {words.visible(cluster.id)}"
    )
    if not changes:
        yield "  nothing to do"
    for change in changes:
        yield from _change(change, paint)


def _change(change: Change, paint: Paint) -> Iterator[str]:
    symbol = words.symbol(change)
    style = "bad" if symbol == words.BLOCKED else ACTION_STYLE[change.action]
    head = f"{symbol} {change.key.kind} {words.title(change.key)}"
    codes = "".join(f" [{r.code} {r.level}]" for r in change.risks if r.blocking)
    place = paint("dim", "  " + ", ".join(words.visible(s) for s in change.sources))
    loud = paint("loud", codes.strip()) if codes else ""
    yield f"  {paint(style, head)}  {change.action}  {loud}{place if change.sources else ''}".rstrip()
    rows = list(words.settings(change))
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"      {name:<{width}}  {text}"
    for number, step in enumerate(change.steps, 1):
        yield f"      step {number}: {words.visible(step)}"
    if change.note:
        yield "      " + paint("dim", words.visible(change.note))
    for risk, way_out in words.risks(change):
        yield from _risk(risk, way_out, paint)


def _risk(risk: Risk, way_out: str, paint: Paint) -> Iterator[str]:
    style = "dim" if risk.level is Level.NOTICE else "bad"
    yield "      " + paint(style, f"{risk.code} {risk.level}: {words.visible(risk.message)}")
    if way_out:
        yield f"        {way_out}"


def _unmanaged(plan: Plan, paint: Paint) -> Iterator[str]:
    shown = plan.unmanaged[:20]
    if shown:
        yield ""
        yield paint("strong", "unmanaged") + paint("dim", "  inside `owns`, in no document")
        yield from (f"    {words.visible(name)}" for name in shown)
    if len(plan.unmanaged) > len(shown):
        yield f"    and {len(plan.unmanaged) - len(shown):,} more"


def _notices(plan: Plan, paint: Paint) -> Iterator[str]:
    for notice in plan.notices:
        yield paint("dim", f"note: {words.visible(notice)}")
    for risk in plan.risks:
        yield paint("loud", f" {risk.code} {risk.level}: {words.visible(risk.message)} ")
        if way_out := words.way_out(risk, None):
            yield f"  {way_out}"


def _closing(plan: Plan, paint: Paint) -> Iterator[str]:
    counts = words.summary(plan)
    impossible = [r for c in plan.changes for r in c.risks if r.level is Level.IMPOSSIBLE]
    if impossible:
        many = "s that cannot be done" if len(impossible) > 1 else " that cannot be done"
        yield paint("loud", f" {len(impossible)} thing{many}: correct the spec first ")
    elif blocked := plan.summary["blocked"] + sum(risk.blocking for risk in plan.risks):
        flags = "apply with the --approve flags above"
        yield paint("loud", f" {blocked} blocked until approved: {flags} ")
    yield f"Plan: {counts}"
    yield paint("dim", f"digest {plan.digest}")


def result(result: Result, paint: Paint = plain) -> str:
    """What was done, and everything that was not, in the server's words."""
    total, done = len(result.outcomes), result.count(Status.DONE)
    shown = [o for o in result.outcomes if o.words != AS_PLANNED]
    lines = [line for outcome in shown for line in _outcome(outcome, paint)]
    if before := total - len(shown):
        were = "changes were" if before > 1 else "change was"
        lines.append(paint("dim", f"{before:,} {were} there already, as planned"))
    lines += [
        paint("bad", f"cluster {name}: {words.visible(why)}") for name, why in result.failures
    ]
    if result.complete:
        lines.append(
            paint("good", f"Applied: {total:,} of {total:,} changes read back as planned.")
        )
    else:
        lines.append(
            paint("loud", f" Not complete: {done:,} of {total:,} changes are as planned ")
            + " Running the same command again continues."
        )
    return "\n".join(lines) + "\n"


def _outcome(outcome: Outcome, paint: Paint) -> Iterator[str]:
    if outcome.status is Status.DONE and not outcome.words:
        return
    name = f"{outcome.key.cluster}  {outcome.key.kind} {words.title(outcome.key)}"
    yield f"{paint(STATUS_STYLE[outcome.status], outcome.status)}  {name}: {words.visible(outcome.words)}"
