"""What was found in, Markdown for a pull request out: risks first, one folded block a cluster."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from itertools import accumulate

from reconciler.core.drift import Drift, Finding, Seen
from reconciler.core.model import Change, Level, Outcome, Risk, Status
from reconciler.core.plan import Plan
from reconciler.core.result import Result
from reconciler.core.validation import Validation
from reconciler.reports import words
from reconciler.reports.forms import DRIFT, PLAN, RESULT, VALIDATION, Tell

MOST_UNMANAGED = 100
# GitHub takes 65,536 characters in a comment; some are left for whoever adds a heading.
ROOM = 64_000
# What a cluster's block needs around its changes.
FRAME = 400
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&:-])")
_APART = "<!-- -->"
# What GitHub looks for in the page as rendered, where a backslash is gone; a comment keeps it apart.
_WANTED = re.compile(r"\\([@#])")
_LINKED = re.compile(r"\b(gh|www)(?=[.\\])", re.IGNORECASE)
# The only way that GitHub documents to have a dollar sign begin no formula.
_DOLLAR = "<span>$</span>"


def escape(text: str) -> str:
    """The text as itself: no link, mention, emphasis, formula, HTML or table cell can grow out of a name."""
    escaped = _SPECIAL.sub(r"\\\1", words.visible(text)).replace("\\<", "&lt;")
    apart = _WANTED.sub(rf"\1{_APART}", escaped)
    return _LINKED.sub(rf"\1{_APART}", apart).replace("$", _DOLLAR)


def plan(plan: Plan, *, room: int = ROOM, most_risks: int | None = None) -> str:
    """The plan, what stands in its way first, in at most `room` characters; a few lines when there is nothing to do.

    `most_risks` bounds the table of risks, where it would push everything else out of sight.
    """
    about = [escape(about), ""] if (about := words.header(plan)) else []
    about += _risks(plan, room // 3, most_risks)
    if verdict := words.verdict(plan):
        about += [f"**{escape(verdict)}**", ""]
    rest = [*_records(plan), *_notices(plan)]
    if not plan.changes:
        return "\n".join([f"**kstate: no changes** ({words.summary(plan)})", "", *about, *rest])
    head = [f"### kstate plan: {words.summary(plan)}", "", *about]
    tail = [*_unmanaged(plan), *rest, f"Digest `{plan.digest}`", ""]
    left = room - sum(len(line) + 1 for line in (*head, *tail))
    return "\n".join([*head, *_clusters(plan, left), *tail])


def _risks(plan: Plan, room: int, most: int | None) -> Iterator[str]:
    """What stands in the way, as a table; risks of the plan as a whole first, notices of it included."""
    rows = [_row(risk, "the plan", words.way_out(risk, None)) for risk in plan.risks]
    rows += [
        _row(risk, str(change.key), way)
        for changes in words.by_cluster(plan).values()
        for change in changes
        for risk, way in words.risks(change)
        if risk.blocking
    ]
    if rows:
        shown = fitting(rows[:most], room)
        yield from ("| code | level | what | why | way out |", "|---|---|---|---|---|", *shown, "")
        if len(shown) < len(rows):
            yield from (f"and {len(rows) - len(shown):,} more; `kstate show` has all of them", "")


def fitting(lines: list[str], room: int) -> list[str]:
    """The first lines, as many as there is room for."""
    ends = accumulate(len(line) + 1 for line in lines)
    return lines[: sum(end <= room for end in ends)]


def _row(risk: Risk, what: str, way: str) -> str:
    shown = escape(way) if risk.level is Level.IMPOSSIBLE else _flag(way)
    return f"| {risk.code} | {risk.level} | {escape(what)} | {escape(risk.message)} | {shown} |"


def _flag(way_out: str) -> str:
    # Inside a table a bar ends the cell, in code as well, unless it is escaped.
    return code(way_out).replace("|", "\\|") if way_out else ""


def code(text: str) -> str:
    """Text as code within a line, its fence longer than any run of backticks inside it."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def _clusters(plan: Plan, room: int) -> Iterator[str]:
    """A block for each cluster, the most dangerous changes first; what there is no room for is counted."""
    left = room - FRAME * len(plan.clusters)
    ahead = sum(bool(changes) for changes in words.by_cluster(plan).values())
    for name, changes in words.by_cluster(plan).items():
        if not changes:
            yield from (f"cluster {escape(name)}: nothing to do", "")
            continue
        many = f"{len(changes):,} change{'s' * (len(changes) != 1)}"
        # Every cluster gets its share; what one leaves is there for the next.
        body = _body(changes, left // ahead)
        ahead -= 1
        left -= sum(len(line) + 1 for line in body)
        yield from folded(f"cluster {name}: {many}", fenced("diff", body))


def _body(changes: list[Change], room: int) -> list[str]:
    body: list[str] = []
    for number, change in enumerate(changes):
        lines = list(_change(change))
        size = sum(len(line) + 1 for line in lines)
        if size > room:
            left = len(changes) - number
            more = f"and {left:,} more change{'s' * (left != 1)}; `kstate show` has all of them"
            return [*body, more]
        body += lines
        room -= size
    return body


def folded(title: str, lines: list[str]) -> Iterator[str]:
    """A block that opens when it is clicked."""
    # Up to the next empty line this is HTML, where Markdown's escapes would be seen.
    shown = html.escape(words.visible(title)).replace("@", f"@{_APART}")
    yield from (f"<details><summary>{shown}</summary>", "", *lines, "", "</details>", "")


def fenced(language: str, lines: list[str]) -> list[str]:
    """A code block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _change(change: Change) -> Iterator[str]:
    places = ", ".join(words.visible(source) for source in change.sources)
    head = f"{words.symbol(change)} {words.thing(change.key)}  {change.action}"
    yield f"{head}  {places}".rstrip()
    for name, text in words.settings(change):
        yield f"    {name}: {text}"
    for number, step in enumerate(change.steps, 1):
        yield f"    step {number}: {words.visible(step)}"
    if change.note:
        yield f"    {words.visible(change.note)}"
    for risk, _ in words.risks(change):
        yield f"    {risk.code} {risk.level}: {words.visible(risk.message)}"


def _unmanaged(plan: Plan) -> Iterator[str]:
    if plan.unmanaged:
        names = [words.visible(name) for name in plan.unmanaged[:MOST_UNMANAGED]]
        if len(plan.unmanaged) > MOST_UNMANAGED:
            names.append(f"and {len(plan.unmanaged) - MOST_UNMANAGED:,} more")
        title = f"unmanaged, inside owns and in no document: {len(plan.unmanaged):,}"
        yield from folded(title, fenced("", names))


def _records(plan: Plan) -> Iterator[str]:
    if plan.records:
        title = f"records of what kstate owns: {len(plan.records):,} to update"
        yield from folded(title, fenced("", [words.record(kept) for kept in plan.records]))


def _notices(plan: Plan) -> Iterator[str]:
    for notice in plan.notices:
        yield f"> note: {escape(notice)}"
        yield ""


def result(result: Result) -> str:
    """What an apply came to, what is left first."""
    done = result.count(Status.DONE)
    total = len(result.outcomes)
    if result.complete:
        return f"**Applied: {total:,} of {total:,} changes read back as planned.**\n"
    lines = [f"### Not complete: {done:,} of {total:,} changes are as planned", ""]
    lines += [f"**cluster {escape(name)}**: {escape(why)}\n" for name, why in result.failures]
    rows = [_row_of(outcome) for outcome in result.left]
    shown = fitting(rows, ROOM - 1_000 - sum(map(len, lines)))
    lines += ["| status | what | why |", "|---|---|---|", *shown, ""]
    if len(shown) < len(rows):
        lines += [f"and {len(rows) - len(shown):,} more", ""]
    return "\n".join([*lines, "Running the same command again continues.", ""])


def _row_of(outcome: Outcome) -> str:
    what = f"{outcome.key.cluster}: {words.thing(outcome.key)}"
    return f"| {outcome.status} | {escape(what)} | {escape(outcome.words)} |"


def drift(drift: Drift) -> str:
    """What was changed behind kstate's back, one table a cluster; a line where nothing was."""
    waiting = words.waiting(drift)
    if not drift.drifted:
        return f"**No drift: everything is as it was applied**{waiting}\n"
    lines = [f"### Drift: {words.off(drift)}{waiting}", ""]
    room = (ROOM - 1_000) // len(drift.clusters)
    for seen in drift.clusters:
        lines += _seen(seen, [f for f in drift.drifted if f.key.cluster == seen.name], room)
    return "\n".join([*lines, f"Fingerprint `{drift.fingerprint}`", ""])


def _seen(seen: Seen, findings: list[Finding], room: int) -> Iterator[str]:
    share = f"{seen.managed:,} managed, {seen.coverage:g} % of what it owns"
    yield from (f"**cluster {escape(seen.name)}**: {share}", "")
    if seen.trouble:
        yield from (f"> note: {escape(seen.trouble)}", "")
    rows = [
        f"| {escape(words.thing(f.key))} | {escape(words.drifted(f))} | {escape(f.note)} "
        f"| {escape(', '.join(f.sources))} |"
        for f in findings
    ]
    shown = fitting(rows, room - 200 - len(seen.trouble) * 2)
    if rows:
        yield from ("| what | how | since | where |", "|---|---|---|---|", *shown, "")
    if len(shown) < len(rows):
        yield from (f"and {len(rows) - len(shown):,} more", "")


def validation(found: Validation) -> str:
    """Every problem of a spec as a table, or one line that it is right."""
    if not found.problems:
        return f"**The spec is valid**: {words.checked(found)}\n"
    count = len(found.problems)
    rows = [
        f"| {escape(f'{p.file}:{p.line}:{p.column}')} | {escape(p.message)} |"
        for p in found.problems
    ]
    shown = fitting(rows, ROOM - 1_000)
    more = [f"and {count - len(shown):,} more", ""] if len(shown) < count else []
    head = f"### {count:,} problem{'s' * (count != 1)} in the spec"
    return "\n".join([head, "", "| where | what |", "|---|---|", *shown, "", *more])


def unread(failures: Mapping[str, str]) -> str:
    """Clusters that a report says nothing about, said before anything else."""
    lines = [
        f"> **cluster {escape(name)} could not be read**: {escape(why)}\n"
        for name, why in sorted(failures.items())
    ]
    return "\n".join([*lines, ""]) if lines else ""


FORM: Mapping[str, Tell] = {
    PLAN: lambda found, about: unread(about.failures) + plan(found),
    RESULT: lambda found, _: result(found),
    DRIFT: lambda found, about: unread(about.failures) + drift(found),
    VALIDATION: lambda found, _: validation(found),
}
