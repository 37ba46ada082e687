"""A drift report in, text for a terminal out: what somebody changed, what waits to be applied, what nobody manages."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.drift import Drift, Finding, Seen, What
from reconciler.reports import words
from reconciler.reports.paint import Paint, plain

STYLE = {
    What.CHANGED: "change",
    What.GONE: "bad",
    What.DIFFERS: "change",
    What.UNHEALTHY: "bad",
    What.PENDING: "dim",
}


def text(drift: Drift, paint: Paint = plain) -> str:
    """The whole report; the last line says what it comes to."""
    lines = [line for seen in drift.clusters for line in _cluster(seen, drift, paint)]
    notes = [paint("dim", f"note: {words.visible(notice)}") for notice in drift.notices]
    return "\n".join([*lines, *notes, _closing(drift, paint)]) + "\n"


def _cluster(seen: Seen, drift: Drift, paint: Paint) -> Iterator[str]:
    identity = words.visible(seen.id)
    about = f"  {seen.managed:,} managed, {seen.coverage:g} % of what it owns, id {identity}"
    yield paint("strong", f"cluster {words.visible(seen.name)}") + paint("dim", about)
    if seen.trouble:
        yield paint("alarm", words.visible(seen.trouble))
    for finding in drift.findings:
        if finding.key.cluster == seen.name:
            yield from finding_lines(finding, drift.created, paint)
    yield from (paint("dim", f"  {words.visible(line)}") for line in seen.conditions)
    for key, extra in seen.undeclared.items():
        settings = ", ".join(f"{words.visible(n)}={words.value(n, v)}" for n, v in extra.items())
        yield paint("dim", f"  {words.thing(key)}: set, and declared nowhere: {settings}")
    shown = seen.unmanaged[:20]
    yield from (paint("dim", f"  unmanaged: {words.visible(name)}") for name in shown)
    if len(seen.unmanaged) > len(shown):
        yield paint("dim", f"  and {len(seen.unmanaged) - len(shown):,} more unmanaged")
    yield ""


def finding_lines(finding: Finding, created: str, paint: Paint) -> Iterator[str]:
    """One finding: what it is and where it is asked for, its fields on three sides, its past."""
    places = ", ".join(words.visible(source) for source in finding.sources)
    head = f"{words.thing(finding.key)}  {words.DRIFTED[finding.what]}"
    yield f"  {paint(STYLE[finding.what], head)}  {paint('dim', places)}".rstrip()
    yield from (f"      {words.sides(finding.key, field)}" for field in finding.fields)
    if finding.what is not What.PENDING:
        yield "      " + paint("dim", past(finding, created))


def past(finding: Finding, created: str) -> str:
    """What is known of who set it, and between which two times that changed."""
    how = "came about" if finding.what is What.UNHEALTHY else "changed"
    window = f"; {how} between {finding.after} and {created}" if finding.after else ""
    return words.visible(finding.note + window)


def _closing(drift: Drift, paint: Paint) -> str:
    waiting = words.waiting(drift)
    if not drift.drifted:
        return paint("good", "No drift: everything is as it was applied") + waiting
    said = paint("alarm", f"Drift: {words.off(drift)}")
    return said + waiting + paint("dim", f"\nfingerprint {drift.fingerprint}")
