"""Drafts in, a folder of YAML whose plan is empty out: it is written, read and planned before it counts."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.core.drafts import API, Draft, Files, laid
from reconciler.core.model import Body, Change, Json, Key
from reconciler.engine.clusters import Options
from reconciler.engine.importing import Gathered, gathered, tidied
from reconciler.engine.intent import ledger_of
from reconciler.engine.keeping import WIRE
from reconciler.engine.planning import plan
from reconciler.errors import KstateError, Problem, SpecInvalid
from reconciler.platforms import registry as platforms_registry
from reconciler.spec.folder import Spec, load
from reconciler.spec.writing import placed, remove, save

ASIDE = "_left-out"
Places = Mapping[str, Sequence[tuple[int, Draft | None]]]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import came to. Nothing was written when there are `failures`.

    `files` are the paths written. `aside` are drafts that a plan would change at once or that no spec may hold, each
    with the reason; they stand in a folder that is not read. `left_out` is what no document could mean. `others` are
    changes that a plan would make all the same: of documents that were there before, or of what the estate owns and
    no document asks for.
    """

    drafts: Sequence[Draft] = ()
    files: Sequence[str] = ()
    aside: Mapping[str, str] = field(default_factory=dict)
    left_out: Mapping[Key, str] = field(default_factory=dict)
    kept: Mapping[Key, Key] = field(default_factory=dict)
    declared: int = 0
    others: Sequence[Change] = ()
    failures: Mapping[str, KstateError] = field(default_factory=dict)


def into_new(spec: Spec, options: Options, target: Path) -> Imported:
    """Everything live, as a whole spec of its own in a folder that is not there yet or empty."""
    found, failures = gathered(_bare(spec), options)
    if failures:
        return Imported(failures=failures)
    frame = dict(_frame(spec, found, spec.root))
    aside = target.parent / f".{target.name}.{os.getpid()}"
    aside.mkdir(parents=True)
    try:
        done = _proven(found, _Folder(aside, frame), options)
        for path, body in _frame(spec, found, target):
            (aside / path).write_text(placed([body])[0], encoding="utf-8")
        if target.is_dir():
            target.rmdir()
        aside.rename(target)
    finally:
        if aside.is_dir():
            shutil.rmtree(aside)
    return done


def into_same(spec: Spec, options: Options) -> Imported:
    """What is live and has no document yet, as new files in the folder of the spec itself."""
    found, failures = gathered(spec, options)
    if failures:
        return Imported(failures=failures)
    return _proven(found, _Folder(spec.root, {}, spec), options)


def _bare(spec: Spec) -> Spec:
    """Only where, not what: everything live is to be told."""
    return replace(spec, documents=(), profiles=frozenset())


def _frame(spec: Spec, found: Mapping[str, Gathered], to: Path) -> Iterator[tuple[str, Body]]:
    """The Estate and the Clusters, their references leading to the same files from their new place.

    With the cluster that holds the ledger, where that is another one; without an Estate where nobody can hold it.
    """
    home = ledger_of(spec).get("cluster")
    named = set(found) | ({str(home)} if home else set())
    named |= {str(d.spec["source"]) for g in found.values() for d in g.drafts if d.kind == "mirror"}
    clusters = {cluster.name: cluster for cluster in spec.clusters if cluster.name in named}
    homes = [clusters[str(home)]] if home else [clusters[name] for name in found]
    if all(WIRE in platforms_registry.of(cluster.spec).wires for cluster in homes):
        yield "estate.yaml", _estate(spec)
    for name, cluster in clusters.items():
        moved = _moved(cluster.spec, spec.root, to)
        yield f"clusters/{name}.yaml", _whole("Cluster", cluster.metadata, moved)


def _estate(spec: Spec) -> Body:
    if spec.estate:
        return _whole("Estate", spec.estate.metadata, spec.estate.spec or None)
    return _whole("Estate", {"name": spec.clusters[0].name}, None)


def _whole(kind: str, metadata: Body, spec: Json) -> Body:
    whole: Body = {"apiVersion": API, "kind": kind, "metadata": metadata}
    return whole if spec is None else {**whole, "spec": spec}


def _moved(value: Json, root: Path, to: Path) -> Json:
    """With every relative `file:` reference leading to the same file from another folder; never upwards, as no
    reference may: what is not below the new folder is named from the root of the disk."""
    if isinstance(value, Mapping):
        return {name: _moved(inner, root, to) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_moved(inner, root, to) for inner in value]
    if not isinstance(value, str) or not value.startswith("file:"):
        return value
    place = (root / value.removeprefix("file:")).resolve()
    if root.resolve() == to.resolve() or not place.is_relative_to(to.resolve()):
        return value if root.resolve() == to.resolve() else f"file:{place}"
    return f"file:{place.relative_to(to.resolve())}"


@dataclass(frozen=True, slots=True)
class _Folder:
    """Where it is written: a folder, what stands there beside the drafts, and the spec that is there already."""

    root: Path
    frame: Mapping[str, Body]
    spec: Spec | None = None

    def taken(self, path: str) -> bool:
        return path in self.frame or (self.root / path).exists()

    @property
    def profiles(self) -> frozenset[str]:
        return self.spec.profiles if self.spec else frozenset()

    @property
    def names(self) -> frozenset[tuple[str, str, str]]:
        every = [cluster.name for cluster in self.spec.clusters] if self.spec else []
        return frozenset(
            (document.kind, document.name, str(cluster))
            for document in (self.spec.documents if self.spec else ())
            for cluster in document.metadata.get("clusters") or every  # type: ignore[union-attr]
        )


# --- proving


def _proven(found: Mapping[str, Gathered], folder: _Folder, options: Options) -> Imported:
    """Write, read, plan; whatever a plan would change goes aside with the reason, until nothing would be changed."""
    drafts = tidied(found, folder.names)
    aside: dict[Draft, str] = {}
    texts, wrong, others = _tried(drafts, folder, options)
    while wrong:
        aside |= wrong
        drafts = [draft for draft in drafts if draft not in wrong]
        texts, wrong, others = _tried(drafts, folder, options)
    save(folder.root, dict(_put_aside(aside, folder)))
    return Imported(
        drafts,
        sorted(texts),
        {draft.title: why for draft, why in aside.items()},
        _left_out(found, [*drafts, *aside]),
        {key: owner for one in found.values() for key, owner in one.kept.items()},
        sum(one.declared for one in found.values()),
        others,
    )


def _tried(
    drafts: Sequence[Draft], folder: _Folder, options: Options
) -> tuple[dict[str, str], dict[Draft, str], Sequence[Change]]:
    """The files as written, the drafts that are wrong, changes of no draft; nothing stays written when any is wrong."""
    texts, places = _rendered(laid(drafts, folder.taken, folder.profiles), folder.frame)
    made = save(folder.root, texts)
    try:
        wrong, others = _wrong(folder.root, places, options)
    except BaseException:
        remove(folder.root, made)
        raise
    if wrong:
        remove(folder.root, made)
    return texts, wrong, others


def _rendered(files: Files, frame: Mapping[str, Body]) -> tuple[dict[str, str], Places]:
    texts = dict(files.texts)
    places: dict[str, list[tuple[int, Draft | None]]] = {}
    for path, body in frame.items():
        texts[path], _ = placed([body])
    for path, documents in files.documents.items():
        texts[path], lines = placed([body for body, _ in documents])
        places[path] = [(line, d) for line, (_, d) in zip(lines, documents, strict=True)]
    return texts, places


def _wrong(
    root: Path, places: Places, options: Options
) -> tuple[dict[Draft, str], Sequence[Change]]:
    """The drafts that the spec cannot hold, or that a plan would change at once; and changes of no draft."""
    wrong: dict[Draft, str] = {}
    try:
        found = plan(load(root), options)
    except SpecInvalid as invalid:
        wrong |= _blamed(invalid.problems, places)
        if not wrong:
            raise
        return wrong, ()
    for error in found.failures.values():
        raise error
    others = []
    for change in found.plan.changes:
        own = _drafts_of(change, places)
        wrong |= dict.fromkeys(own, _why(change))
        others += [] if own else [change]
    return wrong, others


def _blamed(problems: Iterable[Problem], places: Places) -> Iterator[tuple[Draft, str]]:
    for problem in problems:
        if draft := _at(places, problem.file, problem.line):
            yield draft, problem.message


def _drafts_of(change: Change, places: Places) -> list[Draft]:
    cut = (source.rpartition(":") for source in change.sources)
    found = (_at(places, file, int(line)) for file, _, line in cut)
    return [draft for draft in found if draft]


def _at(places: Places, file: str, line: int) -> Draft | None:
    own = [draft for begin, draft in places.get(file, ()) if begin <= line]
    return own[-1] if own else None


def _why(change: Change) -> str:
    names = ", ".join(".".join(edit.path) for edit in change.edits[:5])
    risks = "; ".join(risk.message for risk in change.risks if risk.code.startswith("KS9"))
    told = risks or names or str(change.action)
    state = (change.before or {}).get("state")
    if any(edit.path == ("state",) for edit in change.edits):
        return f"its state is {state}, which no document can ask for"
    return f"a plan would not leave it as it is: {told}"


def _left_out(found: Mapping[str, Gathered], drafts: Iterable[Draft]) -> dict[Key, str]:
    said = {key for draft in drafts for key in draft.keys}
    return {
        key: why
        for one in found.values()
        for key, why in one.live.items()
        if key not in said and key not in one.kept
    }


def _put_aside(aside: Mapping[Draft, str], folder: _Folder) -> Iterator[tuple[str, str]]:
    """Nothing is lost: a document that could not count stands beside the spec, with the reason in front of it."""
    used: set[str] = set()
    for draft, why in aside.items():
        files = laid([draft], lambda _path: False, frozenset())
        for path, documents in files.documents.items():
            text, _ = placed([body for body, _ in documents])
            name = next(
                n for n in _names_aside(draft, path) if n not in used and not folder.taken(n)
            )
            used.add(name)
            yield name, f"# Left out: {' '.join(why.split())}\n{text}"
        # A schema's text: as often as it is left out, it is the same one.
        new = ((f"{ASIDE}/{path}", text) for path, text in files.texts.items())
        for name, text in new:
            if name not in used and not folder.taken(name):
                used.add(name)
                yield name, text


def _names_aside(draft: Draft, path: str) -> Iterator[str]:
    kind = path.rpartition("/")[0]
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in draft.name)[:100]
    stem = f"{ASIDE}/{kind}/{safe}-{'-'.join(draft.clusters)}"
    yield f"{stem}.yaml"
    yield from (f"{stem}-{number}.yaml" for number in itertools.count(2))
