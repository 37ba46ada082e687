"""Mirrors: a Mirror document in, the three connectors of MirrorMaker 2 on the target's Connect cluster out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients.connect_config import problems
from reconciler.clients.connect_workers import parts, unknown_worker
from reconciler.core.model import Body, Document, Json, Key, Kind, Path, Platform, Resource
from reconciler.core.units import duration_ms
from reconciler.kinds.mirror_driver import MirrorDriver, recall
from reconciler.kinds.mirror_flow import carried, connectors, pattern_problems, placed
from reconciler.kinds.mirror_health import by_itself, health
from reconciler.kinds.mirror_import import documents, unsaid
from reconciler.kinds.mirror_loops import loops
from reconciler.kinds.mirror_risks import CODES, RULES, copies_rule


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One flow, named `CONNECT/NAME`: what each connector is configured with, and one state for all of them."""
    flow = connectors(document.spec)
    state = document.spec.get("state") or "running"
    name = f"{document.spec['connect']}/{document.name}"
    yield Resource(name, {"connectors": flow, "state": state})


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say."""
    spec = document.spec
    if "connect" not in spec:
        yield ("spec",), "the key `connect` is missing: which workers copy?"
    for member in ("topics", "groups", "exclude"):
        yield from pattern_problems(spec, member)
    if (interval := spec.get("interval")) is not None:
        try:
            if duration_ms(cast("str | int", interval)) < 1000:
                yield ("spec", "interval"), "a second, `1s`, is the shortest there is"
        except ValueError as error:
            yield ("spec", "interval"), str(error)
    for member in ("security", "config"):
        for part, settings in cast("Mapping[str, Body]", spec.get(member) or {}).items():
            yield from problems(settings, ("spec", member, part))


def among(
    documents: Sequence[Document], clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """Sources and Connect clusters that are not there, ends whose login nobody says, and loops."""
    known = {cluster.name: cluster for cluster in clusters}
    for document in documents:
        source = str(document.spec["source"])
        if source not in known:
            told = f"there is no Cluster `{source[:80]}` in the spec"
            yield document, ("spec", "source"), told
            continue
        for target in targets(document, clusters):
            yield from _placement(document, known[source], target)
    yield from unknown_worker(documents, clusters)
    yield from loops(documents, clusters)


def targets(document: Document, clusters: Sequence[Document]) -> list[Document]:
    """The clusters a mirror fills: those it names."""
    named = cast("list[str]", document.metadata.get("clusters") or [])
    return [cluster for cluster in clusters if cluster.name in named]


def _placement(
    document: Document, source: Document, target: Document
) -> Iterator[tuple[Document, Path, str]]:
    if target.name == source.name:
        yield document, ("spec", "source"), f"the source is {source.name}, and so is the target"
    security = cast("Mapping[str, Body]", document.spec.get("security") or {})
    for end, cluster in (("source", source), ("target", target)):
        if "bootstrap" not in cluster.spec:
            told = (
                f"the Cluster document of {cluster.name} has no `bootstrap`, which the workers need"
            )
            yield document, ("spec",), told
        protocol = cast("Body", cluster.spec.get("kafka") or {}).get("security.protocol")
        own = str(protocol or "PLAINTEXT").upper()
        if own != "PLAINTEXT" and "security.protocol" not in security.get(end, {}):
            told = (
                f"`security.{end}` is missing: {cluster.name} is reached by {own}, and the workers"
            )
            advice = "need a login of their own (Java client properties, secrets as `${...}`)"
            yield document, ("spec",), f"{told} {advice}"


def nearby(resource: Resource, cluster: str) -> Iterator[tuple[str, str]]:
    """The topics of both ends."""
    yield source_of(resource), "topic"
    yield cluster, "topic"


def source_of(resource: Resource) -> str:
    return str(_flow(resource)["source.cluster.alias"])


def covers(resource: Resource, live: Iterable[Key]) -> Iterator[Key]:
    """Its connectors, and on the target the topics that it fills."""
    worker, name = parts(resource.name)
    own = {f"{worker}/{name}-{role}" for role in ("source", "checkpoint", "heartbeat")}
    keys = list(live)
    yield from (key for key in keys if key.kind == "connector" and key.name in own)
    topics = {key.name: key for key in keys if key.kind == "topic"}
    yield from (topics[name] for name in carried(_flow(resource), topics))


def _flow(resource: Resource) -> Mapping[str, Json]:
    flow = cast("Mapping[str, Mapping[str, Json]]", resource.settings["connectors"])
    return flow["source"]


KIND = Kind(
    name="mirror",
    document="Mirror",
    resources=resources,
    check=check,
    among=among,
    placed=placed,
    drivers=(MirrorDriver(),),
    documents=documents,
    unsaid=unsaid,
    recalled=recall,
    after=("acl", "connector", "quota", "schema", "topic", "user"),
    whole=True,
    secrets=frozenset({"connectors"}),
    nearby=nearby,
    covers=covers,
    health=health,
    by_itself=by_itself,
    owns="connectors",
    owned_as=lambda name: parts(name)[1],
    rules=RULES,
    watches={"topic": copies_rule},
    codes=CODES,
)
