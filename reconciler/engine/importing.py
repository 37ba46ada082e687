"""A live cluster in, a spec that means exactly what is there out. Nothing is written to the cluster."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import cast

from reconciler.core.model import Body, Document, Json, Kind, Resource, Scope, Session, Target
from reconciler.core.tidy import file_of, profiled
from reconciler.engine.clusters import Options, driver_of, login
from reconciler.engine.intent import Wanted, bookkeeping, check, check_references
from reconciler.kinds import registry as kinds_registry
from reconciler.spec.folder import Spec

API = "kstate/v1"
Files = dict[str, list[Mapping[str, Json]]]


@dataclass(frozen=True, slots=True)
class Imported:
    """Documents by file. `counts` says how many of each kind; `left_out` what no document could mean."""

    files: Files
    counts: Mapping[str, int]
    left_out: tuple[str, ...]


def imported(spec: Spec, wanted: Wanted, options: Options, to: str) -> Imported:
    """Everything on one cluster that the kinds can say. `to` is the folder the spec will stand in."""
    check(spec)
    check_references(spec, options)
    document, platform, _ = wanted
    target = Target(document.name, document.spec, options.root, options.timeout)
    kinds = kinds_registry.on(platform)
    offered = [k for k in kinds.values() if kinds_registry.offered(k, platform, document.spec)]
    mine = {key.name for key in bookkeeping(spec, document.name)}
    files: Files = dict(_frame(spec, document, to))
    counts: dict[str, int] = {}
    left_out: list[str] = []
    with closing(login(platform, target)) as session:
        for kind in offered:
            options.say(f"{document.name}: reading every {kind.name}")
            live = _everything(session, kind, wanted, mine)
            made = list(kind.documents(live))
            counts[kind.name] = len(live)
            left_out += _unsaid(kind, live, made, wanted)
            _file(files, kind, made, document.name)
    return Imported(files, counts, tuple(sorted(left_out)))


def _everything(session: Session, kind: Kind, wanted: Wanted, mine: set[str]) -> list[Resource]:
    driver = driver_of(kind, wanted[1])
    found = driver.read(session, Scope(names=None, fields=None))
    return sorted((r for r in found if r.name not in mine), key=lambda resource: resource.name)


def _unsaid(
    kind: Kind, live: Sequence[Resource], made: Sequence[Body], wanted: Wanted
) -> list[str]:
    """What is there and would not be after reading the documents back: told, never lost quietly."""
    meant = {
        resource.name
        for body in made
        for resource in kind.resources(_document(kind, body), wanted[1])
    }
    return [f"{kind.name}/{resource.name}" for resource in live if resource.name not in meant]


def _document(kind: Kind, body: Body) -> Document:
    spec, name = cast("Body", body["spec"]), str(body["name"])
    return Document(kind.document, name, {"name": name}, spec, "", 1, lambda _path: (1, 1))


def _file(files: Files, kind: Kind, made: list[Body], cluster: str) -> None:
    if kind.name == "topic":
        profiles, made = profiled(made)
        if profiles:
            files["profiles.yaml"] = [_whole("Profile", body, None) for body in profiles]
    for body in made:
        files.setdefault(file_of(kind.name, str(body["name"])), []).append(
            _whole(kind.document, body, cluster)
        )


def _whole(document: str, body: Body, cluster: str | None) -> Mapping[str, Json]:
    metadata: dict[str, Json] = {"name": body["name"]}
    if cluster:
        metadata["clusters"] = [cluster]
    return {"apiVersion": API, "kind": document, "metadata": metadata, "spec": body["spec"]}


def _frame(spec: Spec, document: Document, to: str) -> Files:
    """The Estate and the Cluster, its references leading to the same files from their new place."""
    estate: dict[str, Json] = {"apiVersion": API, "kind": "Estate"}
    estate["metadata"] = {"name": spec.estate.name if spec.estate else document.name}
    if spec.estate and spec.estate.spec:
        estate["spec"] = spec.estate.spec
    cluster: dict[str, Json] = {"apiVersion": API, "kind": "Cluster"}
    cluster["metadata"] = {"name": document.name}
    cluster["spec"] = _moved(document.spec, str(spec.root), to)
    return {"estate.yaml": [estate], f"clusters/{document.name}.yaml": [cluster]}


def _moved(value: Json, root: str, to: str) -> Json:
    """With every relative `file:` reference leading to the same file from another folder."""
    if isinstance(value, Mapping):
        return {name: _moved(inner, root, to) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_moved(inner, root, to) for inner in value]
    if isinstance(value, str) and value.startswith("file:"):
        file = value.removeprefix("file:")
        place = file if os.path.isabs(file) else os.path.join(root, file)
        return value if os.path.isabs(file) else f"file:{os.path.relpath(place, to)}"
    return value
