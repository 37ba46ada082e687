"""Schemas: a Schema document in, one subject of the cluster's registry out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.core.model import (
    NOWHERE,
    Around,
    Body,
    Document,
    Json,
    Kind,
    Path,
    Place,
    Platform,
    Resource,
)
from reconciler.kinds.schema_driver import SchemaDriver, steps
from reconciler.kinds.schema_forms import fingerprint, laid_out, shape, text_of
from reconciler.kinds.schema_recall import foreseen, recalled
from reconciler.kinds.schema_risks import CODES, RULES

LATEST = "latest"
SUFFIXES = {"AVRO": ".avsc", "JSON": ".json", "PROTOBUF": ".proto"}
AS_DECLARED = "as declared, "


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One subject. What a document does not speak of (level, mode) is not compared."""
    spec = document.spec
    settings: dict[str, Json] = {"type": _kind(spec), "schema": _shape(spec)}
    if references := _references(spec):
        settings["references"] = {str(r["name"]): _reference(r) for r in references}
    for member in ("compatibility", "mode"):
        if member in spec:
            settings[member] = spec[member]
    if spec.get("delete") == "permanent":
        settings["delete"] = "permanent"
    if spec.get("normalize"):
        settings["normalize"] = True
    yield Resource(document.name, settings)


def _reference(given: Body) -> Body:
    """Where a reference leads; below it where those lead that what the spec declares there is made of in turn."""
    further = {str(r["name"]): _reference(r) for r in _references(given)}
    leads = {"subject": given["subject"], "version": str(given.get("version") or LATEST)}
    return {**leads, "references": further} if further else leads


def _kind(spec: Body) -> str:
    return str(spec.get("type") or "avro").upper()


def _text(spec: Body) -> str:
    given = spec["schema"]
    return given if isinstance(given, str) else json.dumps(given)


def _references(spec: Body) -> Sequence[Body]:
    return cast("Sequence[Body]", spec.get("references") or ())


def _shape(spec: Body) -> Json:
    """What is compared; of what `check` refuses, the text."""
    try:
        return shape(_kind(spec), _text(spec), tuple(str(r["name"]) for r in _references(spec)))
    except ValueError:
        return _text(spec)


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document for each subject, its schema as a text of its own: as it was registered, if that can be read."""
    for resource in live:
        settings = resource.settings
        if "schema" not in settings:
            continue
        kind = str(settings["type"])
        spec: dict[str, Json] = {"type": kind.lower(), "file": SUFFIXES[kind]}
        if references := cast("Mapping[str, Body]", settings.get("references")):
            spec["references"] = [
                {"name": name, "subject": at["subject"], "version": int(str(at["version"]))}
                for name, at in sorted(references.items())
            ]
        spec |= {m: settings[m] for m in ("compatibility", "mode") if m in settings}
        yield {"name": resource.name, "spec": spec, "texts": {"file": _written(resource)}}


def _written(resource: Resource) -> str:
    """A schema as a file holds it. What was registered on one line is laid out anew."""
    kind, found = str(resource.settings["type"]), resource.settings["schema"]
    text = str(resource.facts.get("text") or text_of(kind, found)).strip()
    if kind != "PROTOBUF" and "\n" not in text:
        text = laid_out(text)
    return f"{text}\n"


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say: that the schema is one."""
    spec = document.spec
    if "schema" not in spec:
        yield ("spec",), "there is no schema: name its `file`, or write it under `schema`"
        return
    where = ("spec", "file" if "file" in spec else "schema")
    names = [str(reference["name"]) for reference in _references(spec)]
    try:
        shape(_kind(spec), _text(spec), tuple(names))
    except ValueError as error:
        yield where, f"{_kind(spec).lower()}: {error}"
    except RecursionError:
        yield where, "the schema is nested too deep"
    for index, name in enumerate(names):
        if name in names[:index]:
            yield ("spec", "references", str(index), "name"), f"`{name}` is there twice"


def among(
    documents: Sequence[Document], _clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """Schemas that refer to each other in a ring: no registry could take the first."""
    by_name = {document.name: document for document in documents}
    told: set[frozenset[str]] = set()
    for document in documents:
        ring = _ring(document.name, by_name)
        if ring and frozenset(ring) not in told:
            told.add(frozenset(ring))
            yield document, ("spec", "references"), f"a ring: {' -> '.join([*ring, ring[0]])}"


def _ring(start: str, by_name: Mapping[str, Document]) -> list[str]:
    """The way from a subject back to itself, empty where there is none. A stack: chains may be long."""
    stack, seen = [[start]], {start}
    while stack:
        path = stack.pop()
        document = by_name.get(path[-1])
        for reference in _references(document.spec) if document else ():
            subject = str(reference["subject"])
            if subject == start:
                return path
            if subject not in seen:
                seen.add(subject)
                stack.append([*path, subject])
    return []


def placed(document: Document, place: Place) -> Document:
    """References to what the spec declares too are to what it declares, by its meaning: no number is known yet."""
    references = [_placed(reference, place) for reference in _references(document.spec)]
    return (
        replace(document, spec={**document.spec, "references": references})
        if references
        else document
    )


def _placed(reference: Body, place: Place, seen: frozenset[str] = frozenset()) -> Body:
    """With what lies beneath it, as far as that is declared: a change there is one for all that stands upon it.

    `seen` are the subjects on the way here: a ring is refused elsewhere.
    """
    subject = str(reference["subject"])
    other = place.documents.get(("Schema", subject))
    if "version" in reference or other is None or not _here(other, place) or subject in seen:
        return reference
    version = AS_DECLARED + fingerprint(_kind(other.spec), _shape(other.spec))
    below = [_placed(r, place, seen | {subject}) for r in _references(other.spec)]
    declared = [r for r in below if str(r.get("version")).startswith(AS_DECLARED)]
    return {**reference, "version": version, **({"references": declared} if declared else {})}


def _here(document: Document, place: Place) -> bool:
    named = cast("Sequence[str] | None", document.metadata.get("clusters"))
    wanted = document.metadata.get("ensure") != "absent" and "schema" in document.spec
    return wanted and (named is None or place.cluster.name in named)


def needs(settings: Body) -> Iterable[str]:
    """The subjects that have to be there first."""
    found = cast("Mapping[str, Body]", settings.get("references") or {})
    return [str(reference["subject"]) for reference in found.values()]


KIND = Kind(
    name="schema",
    document="Schema",
    resources=resources,
    check=check,
    among=among,
    placed=placed,
    drivers=(SchemaDriver(),),
    documents=documents,
    recalled=recalled,
    foreseen=foreseen,
    after=("topic", "user"),
    needs=needs,
    steps=steps,
    whole=True,
    unseen=frozenset({"delete", "normalize"}),
    owns="subjects",
    rules=RULES,
    codes=CODES,
)
