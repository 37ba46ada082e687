"""A plan, a result or a drift report in; the one comment of a pull request, or the one issue, that tells it, out.

Without the marker that finds it again: whoever posts it puts that before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from reconciler.core.drift import Drift
from reconciler.core.model import Level
from reconciler.core.plan import Plan
from reconciler.core.result import Ended
from reconciler.reports import markdown, pages, words
from reconciler.reports.markdown import escape, fenced, fitting

# GitHub takes 65,536 characters; the marker and its data need some, and a little is left over.
ROOM = 63_000
MOST_ORDERS = 40
MOST_RISKS = 20


@dataclass(frozen=True, slots=True)
class About:
    """What a comment is about beside its plan. `given` are approvals with who gave them, `missing` those that lack.

    `run` is the address of the workflow's run, `commit` the head of the pull request.
    """

    scope: str
    commit: str = ""
    run: str = ""
    given: Sequence[tuple[str, str]] = ()
    missing: Sequence[str] = ()
    unheard: Sequence[str] = field(default=())


def wanted(plan: Plan) -> list[str]:
    """The approvals that a plan needs, each once, as `--approve` takes them."""
    found = [
        f"{risk.code}:{change.key}"
        for change in plan.changes
        for risk in change.risks
        if _approvable(risk.level)
    ]
    return list(dict.fromkeys([*(r.code for r in plan.risks if _approvable(r.level)), *found]))


def _approvable(level: Level) -> bool:
    return level in (Level.DANGER, Level.LIMIT)


def plan(found: Plan, about: About) -> str:
    """The comment of a plan: one line where nothing changes; else risks, changes, and what happens next."""
    if not found.changes and not found.records:
        return f"**kstate {_scope(about)}: no changes** ({words.summary(found)}), {_where(about)}\n"
    tail = "\n".join([*_next(found, about), f"{_where(about)}", ""])
    page = markdown.plan(found, room=ROOM - len(tail), most_risks=MOST_RISKS)
    return page + "\n" + tail


def no_plan(about: About) -> str:
    """The comment of a run that came to no plan: an older digest must not stand there as if it were this one's."""
    said = "The run failed; nothing of this commit can be applied."
    return f"**kstate {_scope(about)}: no plan.** {said} {_where(about)}\n"


def applied(found: Ended, about: About) -> str:
    """The comment once it was applied."""
    return pages.result(found, room=ROOM) + f"\n{_where(about)}\n"


def _scope(about: About) -> str:
    return markdown.code(words.visible(about.scope))


def _where(about: About) -> str:
    told = [f"commit {about.commit[:12]}"] if about.commit else []
    # The address is GitHub's own, made of its environment; only what a link may hold is let through.
    run = about.run.replace("(", "%28").replace(")", "%29").replace(" ", "%20")
    told += [f"[the run and its whole summary]({run})"] if run.startswith("https://") else []
    return ", ".join(told) or "outside a workflow"


def _next(found: Plan, about: About) -> Iterator[str]:
    yield from ("#### What happens next", "")
    if any(risk.level is Level.IMPOSSIBLE for c in found.changes for risk in c.risks):
        yield from (
            "This plan can never be applied as it stands: correct the spec and push again.",
            "",
        )
        return
    yield from (
        "When this pull request is merged, the plan is made again, and applied if its digest is still this one."
        " A new commit makes a new plan, which needs its approvals anew.",
        "",
    )
    if about.given:
        rows = [
            f"- {markdown.code(words.visible(what))} by {escape(who)}" for what, who in about.given
        ]
        yield from ("Approved:", "", *fitting(rows, 4_000), "")
    if about.missing:
        yield from _orders(found.digest, about.missing)
    yield from (f"> {escape(why[:300])}\n" for why in about.unheard[:5])


def _orders(digest: str, missing: Sequence[str]) -> Iterator[str]:
    """The lines that approve, to be copied into a comment."""
    many = f"{len(missing):,} approvals are" if len(missing) > 1 else "One approval is"
    yield (
        f"**{many} missing.** Somebody who may write to this repository, and wrote none of these commits, gives"
        " them in a comment of their own that is never changed afterwards:"
    )
    lines = [f"/kstate approve {digest} {words.visible(what)}" for what in missing]
    if len(lines) > MOST_ORDERS:
        # Hundreds of lines are read by nobody.
        codes = dict.fromkeys(what.partition(":")[0] for what in missing)
        lines = [f"/kstate approve {digest} {code}" for code in codes]
        yield "A code without a resource approves it wherever it stands in this plan."
    yield from ("", *fenced("", lines), "")


def issue_title(report: Drift, scope: str) -> str:
    return f"kstate: drift in {words.visible(scope)}: {pages.drift_title(report)}"


def issue(report: Drift, about: About) -> str:
    """The issue of a drift report: what it is, and the three ways out of it."""
    if not report.drifted:
        return f"**No drift any more** in {_scope(about)}: looked at {report.created}, {_where(about)}\n"
    tail = "\n".join([*_ways_out(), _where(about), ""])
    return pages.drift(report, room=ROOM - len(tail)) + "\n" + tail


def _ways_out() -> Iterator[str]:
    yield from (
        "#### What to do",
        "",
        "- **Put it back**: `kstate apply` makes it as the spec says, after a plan and the usual consent.",
        "- **Keep it**: `kstate drift --to-spec` writes what is live into the YAML, for a pull request.",
        "- **Leave it to somebody else**: a document of kind `Ignore`, with an owner, a reason and a last day.",
        "",
        "This issue changes when the drift does, and closes by itself when there is none.",
        "",
    )


def message(report: Drift, scope: str, run: str, former: str) -> str:
    """A few lines for a chat."""
    if not report.drifted:
        return f"kstate, {scope}: no drift any more"
    news = "the drift has changed" if former else "drift found"
    lines = [f"kstate, {scope}: {news}: {pages.drift_title(report)}"]
    for finding in report.drifted[:10]:
        names = ", ".join(words.label(f.path) for f in finding.fields)
        lines.append(
            f"- {finding.key.cluster} {words.thing(finding.key)}: {finding.what} {names}".rstrip()
        )
    if (more := len(report.drifted) - 10) > 0:
        lines.append(f"- and {more:,} more")
    return "\n".join([*lines, *([run] if run else [])])
