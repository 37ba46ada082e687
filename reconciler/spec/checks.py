"""All documents of a spec in; what is wrong between them out: doubles, and names that nothing has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reconciler.core.model import Document, Json, Path
from reconciler.core.near import did_you_mean

ALONE = (
    "Estate",
    "Cluster",
    "Profile",
    "Ignore",
)  # what resources lean on; everything else becomes resources
UNPLACED = frozenset({"Estate", "Cluster", "Profile"})  # what is not for some clusters only


class Clash(NamedTuple):
    """Something wrong with a document because of another one, or because one is not there."""

    document: Document
    path: Path
    message: str


def doubles(documents: Sequence[Document], clusters: Iterable[str]) -> Iterator[Clash]:
    """What is declared more than once on the same cluster, or both wanted and to be absent; the later one is told."""
    everywhere = tuple(clusters)
    first: dict[tuple[str, str, str], Document] = {}
    for document in documents:
        places = _places(document, everywhere)
        before = [first.get((document.kind, document.name, place)) for place in places]
        earlier = next((other for other in before if other is not None), None)
        if earlier is not None:
            shared = [place for place, other in zip(places, before, strict=True) if other]
            yield Clash(document, ("metadata", "name"), _double(document, earlier, shared))
        for place in places:
            first.setdefault((document.kind, document.name, place), document)


def several_estates(documents: Sequence[Document]) -> Iterator[Clash]:
    estates = [document for document in documents if document.kind == "Estate"]
    for other in estates[1:]:
        told = f"a spec has one Estate at most; the first is at {estates[0].source}"
        yield Clash(other, ("kind",), told)


def unknown_clusters(documents: Sequence[Document], clusters: Iterable[str]) -> Iterator[Clash]:
    """References to clusters that no Cluster document describes."""
    known = frozenset(clusters)
    for document in documents:
        for path, name in _references(document):
            if (
                name not in known and "${" not in name
            ):  # a variable without a value has been told already
                near = did_you_mean(name, known)
                yield Clash(document, path, f"there is no Cluster `{name[:80]}`{near}")


def no_cluster(documents: Sequence[Document]) -> Iterator[Clash]:
    """A spec that says what, and not where."""
    resources = [document for document in documents if document.kind not in ALONE]
    if resources and not any(document.kind == "Cluster" for document in documents):
        told = "the spec has no Cluster document, so there is nowhere to put this"
        yield Clash(resources[0], ("kind",), told)


def connect_twice(documents: Sequence[Document]) -> Iterator[Clash]:
    """Two Connect clusters of one name on the same Cluster."""
    for document in documents:
        workers = document.spec.get("connect") if document.kind == "Cluster" else None
        names = map(_name, workers) if isinstance(workers, list) else ()
        seen: set[str] = set()
        for index, name in enumerate(names):
            if name in seen:
                path = ("spec", "connect", str(index), "name")
                yield Clash(document, path, f"there are two Connect clusters `{name[:80]}` here")
            seen.add(name)


def _references(document: Document) -> Iterator[tuple[Path, str]]:
    named = document.metadata.get("clusters") if document.kind not in UNPLACED else None
    for index, name in enumerate(named if isinstance(named, list) else ()):
        if isinstance(name, str):
            yield ("metadata", "clusters", str(index)), name
    ledger = document.spec.get("ledger") if document.kind == "Estate" else None
    holder = ledger.get("cluster") if isinstance(ledger, Mapping) else None
    if isinstance(holder, str):
        yield ("spec", "ledger", "cluster"), holder


def _places(document: Document, everywhere: tuple[str, ...]) -> tuple[str, ...]:
    """Where a document counts. What is not for a cluster counts in the spec as a whole."""
    if document.kind in ALONE:
        return ("",)
    named = document.metadata.get("clusters")
    if not isinstance(named, list):
        return everywhere or ("",)
    return tuple(dict.fromkeys(name for name in named if isinstance(name, str)))


def _double(document: Document, earlier: Document, shared: Sequence[str]) -> str:
    what = f"{document.kind} `{document.name[:249]}`"
    where = f" for {', '.join(shared)}" if any(shared) else ""
    if _absent(document) != _absent(earlier):
        now, then = ("absent", "present") if _absent(document) else ("present", "absent")
        return f"{what} is to be {now} here and {then} at {earlier.source}{where}"
    return f"{what} is declared a second time{where}; the first is at {earlier.source}"


def _absent(document: Document) -> bool:
    return document.metadata.get("ensure") == "absent"


def _name(worker: Json) -> str:
    name = worker.get("name") if isinstance(worker, Mapping) else None
    return str(name)
