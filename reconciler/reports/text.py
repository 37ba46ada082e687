"""A plan or a result in, text for a terminal out: only what changes, the dangerous lines impossible to miss."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.model import Action, Change, Level, Outcome, Risk, Status
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.result import AS_PLANNED, Result
from reconciler.reports import drift, grouped, words
from reconciler.reports.fit import fit
from reconciler.reports.forms import DRIFT, PLAN, RESULT, VALIDATION, About, Tell
from reconciler.reports.paint import Paint, plain

MOST_UNMANAGED = 20
EVERY = "`--limit 0` shows all of them one by one"
ACTION_STYLE = {Action.CREATE: "good", Action.UPDATE: "change", Action.DELETE: "bad"}
STATUS_STYLE = {
    Status.DONE: "good",
    Status.FAILED: "bad",
    Status.SKIPPED: "change",
    Status.UNKNOWN: "bad",
}


def plan(
    plan: Plan,
    paint: Paint = plain,
    most: int | None = MOST_UNMANAGED,
    limit: int | None = grouped.MOST,
) -> str:
    """The whole plan, what it comes to at its end; one line when there is nothing to do.

    `most` is how many unmanaged things are named, `limit` how many changes are shown one by one; None for all.
    """
    about = [paint("dim", about)] if (about := words.header(plan)) else []
    rest = [*_records(plan, paint), *_notices(plan, paint)]
    if not plan.changes:
        return "\n".join([*about, *rest, *_closing(plan, paint)]) + "\n"
    lines = [f"Plan: {words.summary(plan)}", *about]
    clusters = {cluster.name: cluster for cluster in plan.clusters}
    for name, shown, left in grouped.split(words.by_cluster(plan), limit):
        lines += ["", *_cluster(clusters[name], shown, left, paint)]
    lines += ["", *_unmanaged(plan, paint, most), *rest]
    return "\n".join([*lines, *_closing(plan, paint)]) + "\n"


def _nothing(plan: Plan, paint: Paint) -> str:
    counts = plan.summary
    rest = f"{counts['unchanged']:,} unchanged, {counts['unmanaged']:,} unmanaged"
    names = [words.visible(cluster.name) for cluster in plan.clusters] or ["no cluster"]
    verb = "are" if len(names) > 1 else "is"
    said = f"No changes: {', '.join(names)} {verb} as the spec says"
    return paint("good", said) + f" ({rest})."


def _cluster(
    cluster: ClusterPlan, changes: Sequence[Change], left: Sequence[Change], paint: Paint
) -> Iterator[str]:
    platform = words.visible(str(cluster.spec.get("platform", "")))
    yield paint("strong", f"cluster {words.visible(cluster.name)}") + paint(
        "dim", f"  {platform}, id {words.visible(cluster.id)}"
    )
    if not changes and not left:
        yield "  nothing to do"
    for change in changes:
        yield from _change(change, paint)
    if left:
        yield from _left(left, paint)


def _left(left: Sequence[Change], paint: Paint) -> Iterator[str]:
    """What is told in groups, and how to see all of it."""
    yield "  " + paint("strong", f"and {len(left):,} more") + paint("dim", f"  {EVERY}")
    for line, rows in grouped.told(left):
        yield f"    {line}"
        yield from _rows(rows, "        ")


def _change(change: Change, paint: Paint) -> Iterator[str]:
    symbol = words.symbol(change)
    style = "bad" if symbol == words.BLOCKED else ACTION_STYLE[change.action]
    head = [paint(style, f"{symbol} {words.thing(change.key)}"), str(change.action)]
    codes = " ".join(f"[{told}]" for told in words.blocking(change))
    head += [paint("loud", codes)] if codes else []
    places = ", ".join(words.visible(source) for source in change.sources)
    yield "  " + "  ".join([*head, paint("dim", places)] if places else head)
    yield from _rows(list(words.settings(change)), "      ")
    for number, step in enumerate(change.steps, 1):
        yield f"      step {number}: {words.visible(step)}"
    if change.note:
        yield "      " + paint("dim", words.visible(change.note))
    for risk, way_out in words.risks(change):
        yield from _risk(risk, way_out, paint)


def _rows(rows: Sequence[tuple[str, str]], indent: str) -> Iterator[str]:
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        yield f"{indent}{name:<{width}}  {text}"


def _risk(risk: Risk, way_out: str, paint: Paint) -> Iterator[str]:
    style = "dim" if risk.level is Level.NOTICE else "bad"
    yield "      " + paint(style, f"{risk.code} {risk.level}: {words.visible(risk.message)}")
    if way_out:
        yield f"        {way_out}"


def _unmanaged(plan: Plan, paint: Paint, most: int | None) -> Iterator[str]:
    shown = plan.unmanaged[:most]
    if shown:
        yield paint("strong", "unmanaged") + paint("dim", "  inside `owns`, in no document")
        yield from (f"    {words.visible(name)}" for name in shown)
    if len(plan.unmanaged) > len(shown):
        yield f"    and {len(plan.unmanaged) - len(shown):,} more"
    if shown:
        yield ""


def _records(plan: Plan, paint: Paint) -> Iterator[str]:
    if plan.records:
        yield paint("strong", "records") + paint(
            "dim", "  of what kstate owns; an apply updates them"
        )
        yield from (f"    {words.record(kept)}" for kept in plan.records)
        yield ""


def _notices(plan: Plan, paint: Paint) -> Iterator[str]:
    for notice in plan.notices:
        yield paint("dim", f"note: {words.visible(notice)}")
    for risk in plan.risks:
        style = "warning" if risk.level is Level.NOTICE else "alarm"
        yield paint(style, f"{risk.code} {risk.level}: {words.visible(risk.message)}")
        if way_out := words.way_out(risk, None):
            yield f"     {way_out}"
    if plan.notices or plan.risks:
        yield ""


def _closing(plan: Plan, paint: Paint) -> Iterator[str]:
    if verdict := words.verdict(plan):
        yield paint("alarm", verdict)
    if plan.changes:
        yield f"Plan: {words.summary(plan)}"
        yield paint("dim", f"digest {plan.digest}")
    else:
        yield _nothing(plan, paint)


def result(result: Result, paint: Paint = plain, *, every: bool = False) -> str:
    """What was done, and everything that was not, in the server's words; with `every` what simply came true as well."""
    shown = [o for o in result.outcomes if o.words != AS_PLANNED]
    lines = [_outcome(o, paint) for o in shown if every or o.words or o.status is not Status.DONE]
    if before := len(result.outcomes) - len(shown):
        were = "changes were" if before > 1 else "change was"
        lines.append(paint("dim", f"{before:,} {were} there already, as planned"))
    lines += [
        paint("bad", f"cluster {words.visible(name)}: {words.visible(why)}")
        for name, why in result.failures
    ]
    return "\n".join([*lines, *_end(result, paint)]) + "\n"


def _end(result: Result, paint: Paint) -> Iterator[str]:
    total, done = len(result.outcomes), result.count(Status.DONE)
    if result.complete:
        yield paint("good", f"Applied: {total:,} of {total:,} changes read back as planned.")
        return
    counts = [f"{n:,} {s}" for s in Status if s is not Status.DONE and (n := result.count(s))]
    left = f" ({', '.join(counts)})" if counts else ""
    yield paint("alarm", f"Not complete: {done:,} of {total:,} changes are as planned{left}")
    yield "Running the same command again continues."


def _outcome(outcome: Outcome, paint: Paint) -> str:
    name = f"{words.visible(outcome.key.cluster)}  {words.thing(outcome.key)}"
    status = paint(STATUS_STYLE[outcome.status], outcome.status)
    return (
        f"{status}  {name}: {words.visible(outcome.words)}"
        if outcome.words
        else f"{status}  {name}"
    )


def _limit(about: About) -> int | None:
    if about.verbose or about.limit == 0:
        return None
    return grouped.MOST if about.limit is None else about.limit


FORM: Mapping[str, Tell] = {
    PLAN: lambda found, about: fit(
        plan(found, about.paint, None if about.verbose else MOST_UNMANAGED, _limit(about)),
        about.width,
    ),
    RESULT: lambda found, about: fit(
        result(found, about.paint, every=about.verbose) if found.outcomes else "", about.width
    ),
    DRIFT: lambda found, about: fit(drift.text(found, about.paint), about.width),
    # Whoever reads text is told on stderr.
    VALIDATION: lambda _found, _about: "",
}
