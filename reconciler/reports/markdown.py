"""A plan in, Markdown for a pull request out: risks first, one folded block a cluster."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from reconciler.core.model import Change, Level, Risk
from reconciler.core.plan import Plan
from reconciler.reports import words

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>()#+!|~@&:-])")


def escape(text: str) -> str:
    """The text as itself: no link, mention, emphasis, HTML or table cell can grow out of a name.

    GitHub looks for mentions and issues in the page as rendered, where a backslash is gone; a comment keeps them apart.
    """
    escaped = _SPECIAL.sub(r"\\\1", words.visible(text).replace("\n", " ")).replace("\\<", "&lt;")
    return escaped.replace("\\@", "@<!-- -->").replace("\\#", "#<!-- -->")


def plan(plan: Plan) -> str:
    """The whole plan; one line when there is nothing to do."""
    if not plan.changes:
        return f"**kstate: no changes** ({words.summary(plan)})\n"
    lines = [f"### kstate plan: {words.summary(plan)}", ""]
    if about := words.header(plan):
        lines += [escape(about), ""]
    lines += [*_risks(plan), *_clusters(plan), *_notices(plan), f"Digest `{plan.digest}`"]
    return "\n".join(lines) + "\n"


def _risks(plan: Plan) -> Iterator[str]:
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
        yield from ("| code | level | what | why | way out |", "|---|---|---|---|---|", *rows, "")


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


def _clusters(plan: Plan) -> Iterator[str]:
    for name, changes in words.by_cluster(plan).items():
        # Up to the next empty line this is HTML, where Markdown's escapes would be seen.
        title = html.escape(words.visible(name))
        many = f"{len(changes):,} change{'s' * (len(changes) != 1)}"
        yield f"<details><summary>cluster {title}: {many}</summary>"
        yield ""
        body = [line for change in changes for line in _change(change)]
        yield from fenced("diff", body)
        yield from ("", "</details>", "")


def fenced(language: str, lines: list[str]) -> list[str]:
    """A code block whose fence is longer than any run of backticks inside it."""
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *lines, fence]


def _change(change: Change) -> Iterator[str]:
    places = ", ".join(words.visible(source) for source in change.sources)
    head = f"{words.symbol(change)} {change.key.kind} {words.title(change.key)}  {change.action}"
    yield f"{head}  {places}".rstrip()
    for name, text in words.settings(change):
        yield f"    {name}: {text}"
    for risk, _ in words.risks(change):
        yield f"    {risk.code} {risk.level}: {words.visible(risk.message)}"


def _notices(plan: Plan) -> Iterator[str]:
    for notice in plan.notices:
        yield f"> {escape(notice)}"
        yield ""
