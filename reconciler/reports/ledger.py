"""The journal of a cluster in, the applies that made it out: as text, or as plain data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reconciler.core.journal import Link
from reconciler.reports.words import visible


def text(cluster: str, links: Sequence[Link]) -> str:
    """One paragraph an apply: when, who, of which of several estates, commit, plan, and what became of each change."""
    lines = [f"cluster {visible(cluster)}"]
    if not links:
        lines.append("  nothing was applied yet")
    several = len({_said(link, "estate") for link in links} - {""}) > 1
    for apply, own in _by_apply(links).items():
        lines += _paragraph(apply, own, several=several)
    return "\n".join(lines) + "\n"


def _by_apply(links: Iterable[Link]) -> dict[str, list[Link]]:
    found: dict[str, list[Link]] = {}
    for link in links:
        found.setdefault(str(link.body.get("apply", "")), []).append(link)
    return found


def _paragraph(apply: str, links: Sequence[Link], *, several: bool) -> Iterator[str]:
    first, last = links[0], links[-1]
    what = first.kind if first.kind in ("adopt", "release") else "apply"
    estate = f"  estate {_said(first, 'estate')}" if several else ""
    yield f"  {_said(first, 'at')}  {what} {visible(apply[:8])}  by {_said(first, 'who')}{estate}"
    for name in ("commit", "plan", "approved"):
        if first.body.get(name):
            yield f"      {name}: {_said(first, name)}"
    for link in links:
        for key in _listed(link, "changes") if what != "apply" else ():
            yield f"      {what}: {visible(str(key))}"
        for outcome in _listed(link, "outcomes"):
            yield f"      {_became(outcome)}"
    if what == "apply" and last.kind != "end":
        yield "      it never said that it ended: it was killed, or still runs"
    elif what == "apply" and not last.body.get("complete"):
        yield "      it ended incomplete: stopped, or refused in part; what was not tried is not listed"


# Whoever may write to the topic wrote these records: a field can be missing, or anything.


def _said(link: Link, name: str) -> str:
    found = link.body.get(name, "")
    return visible(", ".join(map(str, found)) if isinstance(found, list) else str(found))


def _listed(link: Link, name: str) -> Sequence[object]:
    found = link.body.get(name)
    return found if isinstance(found, list) else ()


def _became(outcome: object) -> str:
    if not isinstance(outcome, dict):
        return visible(str(outcome))
    why = f": {outcome['words']}" if outcome.get("words") else ""
    return visible(f"{outcome.get('status', '')}  {outcome.get('key', '')}{why}")


def data(cluster: str, links: Iterable[Link]) -> dict[str, Any]:
    """Every record as it is."""
    return {
        "cluster": cluster,
        "records": [
            {"seq": link.seq, "kind": link.kind, "hash": link.hash, **link.body} for link in links
        ],
    }
