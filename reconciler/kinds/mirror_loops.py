"""All Mirror documents in; rings of them in which a record would go round for ever out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple, cast

from reconciler.core.model import Document, Path
from reconciler.kinds.mirror_flow import naming


class Flow(NamedTuple):
    """One document on one target."""

    document: Document
    source: str
    target: str

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(cast("Sequence[str]", self.document.spec["topics"]))


def loops(
    documents: Sequence[Document], _clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """Rings of flows that keep names: nothing tells a record that went round from a new one (KIP-690).

    Told once for each ring, at its last document, and only where one topic name fits all of its patterns.
    """
    flows = [
        Flow(document, str(document.spec["source"]), target)
        for document in documents
        if naming(document.spec) == "identity" and document.metadata.get("ensure") != "absent"
        for target in cast("list[str]", document.metadata.get("clusters") or [])
    ]
    told = set()
    for flow in flows:
        for ring in _rings(flow, flows):
            members = frozenset((f.document.source, f.target) for f in ring)
            if members not in told and _common([f.patterns for f in ring]):
                told.add(members)
                yield _told(ring)


def _rings(first: Flow, flows: Sequence[Flow]) -> Iterator[tuple[Flow, ...]]:
    """Every way from a flow's target back to its source that visits no cluster twice."""
    paths: list[tuple[Flow, ...]] = [(first,)]
    while paths:
        path = paths.pop()
        if path[-1].target == first.source:
            yield path
            continue
        seen = {flow.source for flow in path}
        onward = (f for f in flows if f.source == path[-1].target)
        paths += [(*path, f) for f in onward if f.target not in seen - {first.source}]


def _told(ring: Sequence[Flow]) -> tuple[Document, Path, str]:
    last = max(ring, key=lambda flow: (flow.document.file, flow.document.line)).document
    way = " -> ".join([*(flow.source for flow in ring), ring[-1].target])
    others = ", ".join(sorted({f.document.source for f in ring if f.document is not last}))
    words = f"a record would go round for ever: {way} (with {others or 'itself'}), all of them with"
    return last, ("spec", "topics"), f"{words} `naming: identity` and with topics in common"


def _common(lists: Sequence[tuple[str, ...]]) -> bool:
    """Whether one name fits a pattern of every list."""
    return _overlap(tuple(sorted(set(lists))))


@cache
def _overlap(lists: tuple[tuple[str, ...], ...]) -> bool:
    """Exactly, by intersecting the languages. A pattern that is beyond that may hold any name: better one flow refused
    than two clusters filled up."""
    from interegular import FSM, parse_pattern
    from interegular.patterns import InvalidSyntax, Unsupported

    try:
        every = [
            [parse_pattern(p.removeprefix("^").removesuffix("$")).to_fsm() for p in own]
            for own in lists
        ]
    except (Unsupported, InvalidSyntax):
        return True
    first, *others = (FSM.union(*own) for own in every)  # type: ignore[no-untyped-call]
    return not FSM.intersection(first, *others).empty()  # type: ignore[no-untyped-call]
