"""A drift report, a result or problems in, Markdown for a job's summary or an issue out, in a given room."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.drift import Drift, Seen, What
from reconciler.core.model import Status
from reconciler.core.result import REFUSED as REFUSED_CODE
from reconciler.core.result import Ended
from reconciler.errors import KstateError, SpecInvalid
from reconciler.reports import words
from reconciler.reports.drift import finding_lines
from reconciler.reports.markdown import FRAME, ROOM, code, escape, fenced, fitting, folded
from reconciler.reports.paint import plain

MOST_FAILED = 500
REFUSED = "nothing was written: a risk stands in the way"


def drift(report: Drift, *, room: int = ROOM) -> str:
    """What has drifted, cluster by cluster; what there is no room for is counted."""
    head = [f"### kstate drift: {drift_title(report)}", "", *_about(report), *_table(report)]
    tail = [
        *_notes(report),
        *([f"Fingerprint `{report.fingerprint}`", ""] if report.drifted else []),
    ]
    left = room - sum(len(line) + 1 for line in (*head, *tail)) - FRAME * len(report.clusters)
    body: list[str] = []
    for seen in report.clusters:
        block = list(_cluster(report, seen, left))
        left -= sum(len(line) + 1 for line in block)
        body += block
    return "\n".join([*head, *body, *tail])


def drift_title(report: Drift) -> str:
    """What it comes to, in a few words."""
    blind = (
        f"; {words.many(len(report.failures), 'cluster')} could not be looked at"
        if report.failures
        else ""
    )
    if not report.drifted:
        return f"none{blind}"
    return f"{words.off(report)}{blind}"


def _about(report: Drift) -> list[str]:
    told = [f"estate {report.estate}"] if report.estate else []
    told += [f"commit {report.commit[:12]}"] if report.commit else []
    told.append(f"looked at {report.created}")
    if report.partial:
        told.append("partial: narrowed by -c or --only")
    return [escape(", ".join(told)), ""]


def _table(report: Drift) -> Iterator[str]:
    yield from (
        "| cluster | drifted | waiting | managed | unmanaged | coverage |",
        "|---|---|---|---|---|---|",
    )
    for seen in report.clusters:
        here = [f for f in report.findings if f.key.cluster == seen.name]
        drifted = sum(key.cluster == seen.name for key in report.off)
        waiting = sum(f.what is What.PENDING for f in here)
        counts = (drifted, waiting, seen.managed, len(seen.unmanaged))
        cells = " | ".join(f"{count:,}" for count in counts)
        yield f"| {escape(seen.name)} | {cells} | {seen.coverage:g} % |"
    for name, why in report.failures:
        yield f"| {escape(name)} | not looked at: {escape(why[:300])} | | | | |"
    yield ""


def _cluster(report: Drift, seen: Seen, room: int) -> Iterator[str]:
    if seen.trouble:
        yield from (f"> {escape(seen.name)}: {escape(seen.trouble)}", "")
    here = [finding for finding in report.drifted if finding.key.cluster == seen.name]
    if not here:
        return
    lines: list[str] = []
    for number, finding in enumerate(here):
        told = list(finding_lines(finding, report.created, plain))
        room -= sum(len(line) + 1 for line in told)
        if room < 0:
            lines.append(f"  and {len(here) - number:,} more; `kstate drift` has all of them")
            break
        lines += told
    title = f"cluster {seen.name}: {words.many(len(here), 'resource')}"
    yield from folded(title, fenced("", lines))


def _notes(report: Drift) -> Iterator[str]:
    for notice in report.notices[:50]:
        yield from (f"> note: {escape(notice[:1_000])}", "")


def result(found: Ended, *, room: int = ROOM) -> str:
    """What became of an apply."""
    total, done = len(found.outcomes), found.count(Status.DONE)
    many = f"{done:,} of {words.many(total, 'change')}"
    verdict = "read back as planned" if found.complete else "are as planned: not complete"
    refused = found.exit_code == REFUSED_CODE
    lines = [f"### kstate apply: {REFUSED if refused else f'{many} {verdict}'}", ""]
    lines += [
        line
        for name, why in found.failures
        for line in (f"> cluster {escape(name)}: {escape(why)}", "")
    ]
    left = [outcome for outcome in found.outcomes if outcome.status is not Status.DONE]
    if left:
        lines += ["| status | what | why |", "|---|---|---|"]
        rows = [
            f"| {o.status} | {escape(str(o.key))} | {escape(o.words)} |" for o in left[:MOST_FAILED]
        ]
        shown = fitting(rows, room // 2)
        lines += [*shown, ""]
        more = len(left) - len(shown)
        lines += [f"and {more:,} more", ""] if more else []
        lines += [] if refused else ["Running it again continues.", ""]
    return "\n".join([*lines, f"Digest {code(words.visible(found.digest))}", ""])


def error(found: KstateError, *, room: int = ROOM) -> str:
    """Why there is nothing to show: every problem of a spec, or the one sentence."""
    lines = ["### kstate: " + escape(found.message.split("\n")[0]), ""]
    if isinstance(found, SpecInvalid):
        rows = [
            f"| {code(words.visible(f'{p.file}:{p.line}:{p.column}')).replace('|', chr(92) + '|')}"
            f" | {escape(p.message)} |"
            for p in found.problems
        ]
        shown = fitting(rows, room - 1_000)
        lines += ["| place | problem |", "|---|---|", *shown, ""]
        lines += [f"and {len(rows) - len(shown):,} more", ""] if len(shown) < len(rows) else []
    elif found.hint:
        lines += [escape(found.hint), ""]
    return "\n".join(lines)
