"""Drift and the spec it was found with in, the person's own YAML with what is live in it out; or why not.

What is written is proven first: the changed files are read as a spec, and what they ask for on every cluster must be
what was asked for before, but for the fields that are accepted.
"""

from __future__ import annotations

import os
import tempfile
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from reconciler.core.diff import flat, nest
from reconciler.core.drift import Field, Finding, What
from reconciler.core.model import NOWHERE, Body, Document, Json, Key, Kind, Resource
from reconciler.core.model import Path as Steps
from reconciler.engine.drifting import Found
from reconciler.engine.intent import desired_of
from reconciler.errors import BadUsage, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import is_reference
from reconciler.spec.editing import REMOVED, CannotEdit, edit
from reconciler.spec.folder import Spec, load
from reconciler.spec.inlined import read_in
from reconciler.spec.nodes import pieces
from reconciler.spec.yaml import read

OTHERWISE = {
    What.GONE: "it is gone; take its document out, or put it back with `kstate apply`",
    What.UNHEALTHY: "nobody set it so, and no document can ask for it: it is not well",
}


@dataclass(frozen=True, slots=True)
class Written:
    """One value that stands in a file now. `before` and `after` are as they are written; None: not there."""

    key: Key
    source: str
    path: Steps
    before: Json
    after: Json


@dataclass(frozen=True, slots=True)
class Refused:
    """A finding that could not be accepted, and why."""

    key: Key
    why: str


@dataclass
class _File:
    """A file in pieces, one for each document; `numbers` says by line, in the file as it was, which one is there."""

    pieces: list[str]
    numbers: Mapping[int, int]
    begins: bytes = b""
    changed: bool = False


@dataclass
class Acceptance:
    """New contents of files, by their path relative to the spec's folder, and what became of each finding.

    `opened` are the files that were looked into, `documents` those of the spec by their place.
    """

    root: Path
    documents: Mapping[str, Document]
    opened: dict[str, _File] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def accept(spec: Spec, found: Found, given: Path, values: Path | None) -> Acceptance:
    """What has to be written so that the spec asks for what is live. Writes nothing.

    `given` is where the spec was read from. Raises BadUsage when the result would be no spec, or another one.
    """
    made = Acceptance(spec.root, {document.source: document for document in spec.documents})
    for finding in found.drift.drifted:
        try:
            _accept(spec, found, finding, made)
        except CannotEdit as error:
            made.refused.append(Refused(finding.key, str(error)))
    made.files = {
        name: file.begins + "".join(file.pieces).encode()
        for name, file in made.opened.items()
        if file.changed
    }
    if made.files:
        _prove(spec, found, made, _reread(given, values, made.files))
    return made


def _reread(given: Path, values: Path | None, files: Mapping[str, bytes]) -> Spec:
    """The spec as it would be. Raises BadUsage where what is live is nothing that a spec may say."""
    try:
        return load(given, values=values, instead=files)
    except SpecInvalid as error:
        told = "; ".join(map(str, error.problems[:3]))
        raise BadUsage(
            f"what is live cannot be said in the spec, so nothing was written: {told}",
            hint="Narrow with -c and --only to what can be.",
        ) from error


def save(made: Acceptance) -> None:
    """Every changed file, written aside and renamed. Raises BadUsage with the system's words."""
    for relative, data in sorted(made.files.items()):
        target = (made.root / relative).resolve()
        try:
            handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            Path(aside).chmod(target.stat().st_mode & 0o777)
            Path(aside).replace(target)
        except OSError as error:
            raise BadUsage(f"cannot write {relative}: {error.strerror}") from error


def _accept(spec: Spec, found: Found, finding: Finding, made: Acceptance) -> None:
    """One finding, into `made`: all of its fields or none of them. Raises CannotEdit."""
    if why := OTHERWISE.get(finding.what):
        raise CannotEdit(why)
    fields = [f for f in finding.fields if f.live != f.wanted]
    document = _document(made, finding)
    for other in fields:
        _check_elsewhere(spec, found, document, finding.key, other)
    file = made.opened.get(document.file) or _open(spec.root / document.file)
    made.opened[document.file] = file
    number = file.numbers.get(document.line)
    if number is None:
        raise CannotEdit("the file has changed while it was read")
    text, written = file.pieces[number], []
    for path, before, after in _differences(found, finding, fields, _kind(spec, finding.key)):
        text, done = _edited(text, document, ("spec", *path), after)
        written.append(Written(finding.key, document.source, path, before, done))
    file.changed |= text != file.pieces[number]
    file.pieces[number] = text
    made.written += written


def _open(path: Path) -> _File:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CannotEdit(f"{path.name} cannot be read: {error.strerror}") from error
    numbers = {tree.line: tree.number for tree in read(data).trees}
    begins = BOM_UTF8 if data.startswith(BOM_UTF8) else b""
    return _File(pieces(data.removeprefix(begins).decode("utf-8")), numbers, begins)


def _document(made: Acceptance, finding: Finding) -> Document:
    """The one document that asks for a resource."""
    if not finding.sources:
        raise CannotEdit("no document asks for it any more: the next apply takes it away")
    if len(finding.sources) > 1:
        raise CannotEdit(f"several documents ask for it: {', '.join(finding.sources)}")
    return made.documents[finding.sources[0]]


def _check_elsewhere(
    spec: Spec, found: Found, document: Document, key: Key, accepted: Field
) -> None:
    """Raises CannotEdit where the document speaks of another cluster too, on which this field is not so."""
    named = cast("Sequence[str] | None", document.metadata.get("clusters"))
    for cluster in spec.clusters:
        other = Key(cluster.name, key.kind, key.name)
        if cluster.name == key.cluster or (named is not None and cluster.name not in named):
            continue
        there = dict(flat(found.live[other].settings)) if other in found.live else {}
        if there.get(accepted.path) != accepted.live:
            raise CannotEdit(
                f"its document is for cluster {cluster.name} too, where {'.'.join(accepted.path)} is not"
                f" {accepted.live}; give {key.cluster} a document of its own"
            )


def _differences(
    found: Found, finding: Finding, fields: Iterable[Field], kind: Kind
) -> Iterator[tuple[Steps, Json, Any]]:
    """Where in the body of a document what is live differs from what is wanted: path, wanted, live or REMOVED."""
    live = found.live[finding.key]
    wanted = {f.path: f.wanted for f in fields}
    leaves = dict(flat(live.settings)) | wanted
    as_wanted = nest((path, value) for path, value in leaves.items() if value is not None)
    before = dict(flat(_body(kind, Resource(live.name, as_wanted))))
    after = dict(flat(_body(kind, live)))
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield path, before.get(path), after.get(path, REMOVED)


def _kind(spec: Spec, key: Key) -> Kind:
    """A kind as it is on the cluster's platform."""
    [cluster] = (document for document in spec.clusters if document.name == key.cluster)
    return kinds_registry.on(platforms_registry.of(cluster.spec))[key.kind]


def _body(kind: Kind, resource: Resource) -> Body:
    """What a document that means just this resource says."""
    bodies = list(kind.documents([resource], NOWHERE))
    if len(bodies) != 1:
        raise CannotEdit(f"no document of kind {kind.document} can say what is live")
    spec, texts = (cast("Mapping[str, Any]", bodies[0].get(m) or {}) for m in ("spec", "texts"))
    own = {name: value for name, value in spec.items() if name not in texts}
    return {**own, **read_in(kind.document, texts)}


def _edited(text: str, document: Document, path: Steps, value: Any) -> tuple[str, Json]:
    """The text of a document with one value in place, and the value as it stands there. Raises CannotEdit."""
    [tree] = read(text.encode()).trees
    own = cast("Body", tree.value)
    here, shared = _at(own, path), _at({"spec": document.spec}, path)
    if any(map(_secret, (here, shared, value))):
        raise CannotEdit(f"{'.'.join(path[1:])} is a secret")
    if path[1] == "schema" and "file" in document.spec:
        raise CannotEdit(f"the schema stands in {document.spec['file']}; write it there")
    if value is not REMOVED:
        return edit(text, path, value), value
    if "profile" in cast("Body", own["spec"]):
        # What a profile sets has to be unset in so many words.
        return edit(text, path, None), None
    # The same document may have been told so already, for another cluster.
    return edit(text, path, REMOVED) if here is not None else text, None


def _at(body: Body, path: Steps) -> Json:
    found: Json = body
    for step in path:
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _secret(value: Any) -> bool:
    """A reference, or the mapping that stands for one inside free-form settings."""
    of_one = isinstance(value, Mapping) and len(value) == 1
    return is_reference(value) or (of_one and is_reference(":".join(map(str, *value.items()))))


def _prove(spec: Spec, found: Found, made: Acceptance, after: Spec) -> None:
    """Raises BadUsage unless the new spec asks for what is live where it was accepted, and for nothing else new."""
    accepted = {written.key for written in made.written}
    for old, new in zip(spec.clusters, after.clusters, strict=True):
        before, now = desired_of(spec, old)[2].state, desired_of(after, new)[2].state
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) == now.get(key):
                continue
            same = (
                key in accepted and key in now and _as_live(now[key], before[key], found.live[key])
            )
            if not same and not _elsewhere(key, accepted, found, now):
                raise BadUsage(
                    f"{key}: what is live cannot be said by changing its document; nothing was written"
                )


def _as_live(now: Resource, before: Resource, live: Resource) -> bool:
    """Whether every field that changed is now as it is live."""
    was, wanted, there = (dict(flat(r.settings)) for r in (before, now, live))
    changed = [path for path in {*was, *wanted} if was.get(path) != wanted.get(path)]
    return all(wanted.get(path) == there.get(path) for path in changed)


def _elsewhere(
    key: Key, accepted: Iterable[Key], found: Found, now: Mapping[Key, Resource]
) -> bool:
    """Another cluster of the same document, where the same is live already."""
    shared = any((key.kind, key.name) == (other.kind, other.name) for other in accepted)
    there, wanted = found.live.get(key), now.get(key)
    if not shared or there is None or wanted is None:
        return False
    return all(dict(flat(there.settings)).get(p) == v for p, v in flat(wanted.settings))
