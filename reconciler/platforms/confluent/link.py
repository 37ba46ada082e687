"""Mirrors of Confluent Cloud: a Mirror document in, a cluster link with its mirror topics on the target out.

What is named in full is a mirror topic that kstate makes; what is named by its beginning is left to the link, which
makes mirror topics of its own (`auto.create.mirror.topics.*`), as MirrorMaker 2 would. A link knows literal names and
prefixes, no other patterns. Settings: docs.confluent.io/cloud, "Configure and manage cluster links".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.clients.connect_config import canonical, problems
from reconciler.core import silent
from reconciler.core.model import Body, Document, Json, Key, Kind, Path, Place, Platform, Resource
from reconciler.core.units import duration_ms
from reconciler.kinds.mirror import KIND, targets
from reconciler.kinds.mirror_flow import EVERY, pattern_problems
from reconciler.kinds.mirror_loops import loops
from reconciler.platforms.confluent.link_driver import Links
from reconciler.platforms.confluent.link_health import health
from reconciler.platforms.confluent.link_risks import CODES, FROM, RULES
from reconciler.platforms.confluent.link_topics import PREFIX, Pattern, carried, filters, parse
from reconciler.platforms.confluent.settings import LINK_TARGETS, Settings, member

ADDRESS = "bootstrap.servers"
# What MirrorMaker 2 has, and a link has not.
REFUSED = {
    "connect": "no workers copy here: a Mirror is a cluster link. Leave `connect` out",
    "tasks": "a cluster link has no tasks: leave `tasks` out",
    "config": "a cluster link has no connectors: leave `config` out",
}


def placed(document: Document, place: Place) -> Document:
    """With what the link has to know of its source."""
    source = place.documents.get(("Cluster", str(document.spec.get("source"))))
    own = member(source.spec) if source else {}
    ends: dict[str, Json] = {
        "source_id": own.get("cluster") or (source.spec.get("id") if source else None),
        "address": source.spec.get("bootstrap") if source else None,
    }
    return replace(document, spec={**document.spec, **ends})


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One link. `security` is how it reaches its source, which no server tells; `topics` are those named in full."""
    spec = document.spec
    topics = {remote(spec, p.name): "mirrored" for p in _patterns(spec, "topics") if not p.prefixed}
    settings: dict[str, Json] = {
        "source": str(spec.get("source_id") or spec["source"]),
        "configs": configs(spec),
        "security": security(spec),
        "topics": topics,
        "state": spec.get("state") or "running",
    }
    yield Resource(document.name, settings, {FROM: str(spec["source"])})


def configs(spec: Body) -> dict[str, Json]:
    """The settings of the link that a document decides; all others are the link's own."""
    sync = cast("Body", spec.get("sync") or {})
    every = str(duration_ms(cast("str | int", spec.get("interval") or EVERY)))
    offsets = bool(spec.get("groups")) and bool(sync.get("offsets", True))
    prefixes = [p for p in _patterns(spec, "topics") if p.prefixed]
    found = {
        "link.mode": "DESTINATION",
        "connection.mode": "OUTBOUND",
        "topic.config.sync.ms": every,
        "consumer.offset.sync.enable": _word(offsets),
        "consumer.offset.sync.ms": every,
        "acl.sync.enable": _word(bool(sync.get("acls", False))),
        "auto.create.mirror.topics.enable": _word(bool(prefixes)),
        **({PREFIX: f"{spec['source']}."} if prefixed(spec) else {}),
    }
    if prefixes:
        found["auto.create.mirror.topics.filters"] = filters(
            "topic", _patterns(spec, "topics"), _patterns(spec, "exclude")
        )
    if offsets:
        found["consumer.offset.group.filters"] = filters("group", _patterns(spec, "groups"))
    return dict(sorted(found.items()))


def _word(value: bool) -> str:
    return str(value).lower()


def security(spec: Body) -> dict[str, Json]:
    """How the link logs in to its source; its address is that of the Cluster document unless it says otherwise."""
    given = cast("Body", cast("Body", spec.get("security") or {}).get("source") or {})
    own = canonical(given)
    if ADDRESS not in own:
        own[ADDRESS] = list(cast("Sequence[str]", spec.get("address") or ()))
    return dict(sorted(own.items()))


def prefixed(spec: Body) -> bool:
    return spec.get("naming") == "prefixed"


def remote(spec: Body, topic: str) -> str:
    """What a topic of the source is called on the target."""
    return f"{spec['source']}.{topic}" if prefixed(spec) else topic


def _patterns(spec: Body, listed: str) -> list[Pattern]:
    found = (parse(str(text)) for text in cast("Sequence[object]", spec.get(listed) or ()))
    return [pattern for pattern in found if pattern]


# --- what is wrong with a document


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What a cluster link has no word for."""
    spec = document.spec
    for name, told in REFUSED.items():
        if name in spec:
            yield ("spec", name), told
    yield from _patterns_told(spec)
    yield from _sync_told(spec)
    if spec.get("state") == "stopped":
        told = "a link is `running` or `paused`; what ends it for good (promote, failover) is done by hand"
        yield ("spec", "state"), told
    if spec.get("replication") not in (None, 3):
        yield ("spec", "replication"), "Confluent Cloud keeps 3 replicas of every topic"
    both = cast("Mapping[str, Body]", spec.get("security") or {})
    if "target" in both:
        yield ("spec", "security", "target"), "the link is part of its target: leave `target` out"
    yield from problems(both.get("source") or {}, ("spec", "security", "source"))


def _patterns_told(spec: Body) -> Iterator[tuple[Path, str]]:
    for member_ in ("topics", "groups", "exclude"):
        wrong = list(pattern_problems(spec, member_))
        yield from wrong
        for at, text in enumerate(
            cast("Sequence[str]", spec.get(member_) or ()) if not wrong else ()
        ):
            if parse(text) is None:
                told = r"a cluster link knows whole names (`orders\.placed`) and beginnings (`orders\..*`) only"
                yield ("spec", member_, str(at)), told
    for at, text in enumerate(cast("Sequence[str]", spec.get("exclude") or ())):
        found = parse(text)
        if found and not found.prefixed and any(p == found for p in _patterns(spec, "topics")):
            yield ("spec", "exclude", str(at)), f"`{found.name}` is under `topics` too"


def _sync_told(spec: Body) -> Iterator[tuple[Path, str]]:
    sync = cast("Body", spec.get("sync") or {})
    if sync.get("configs") is False:
        yield (
            ("spec", "sync", "configs"),
            "a cluster link always keeps configurations as the originals'",
        )
    if (interval := spec.get("interval")) is not None:
        try:
            if duration_ms(cast("str | int", interval)) < 1000:
                yield ("spec", "interval"), "a second, `1s`, is the shortest there is"
        except ValueError as error:
            yield ("spec", "interval"), str(error)


def among(
    documents: Sequence[Document], clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """Sources that are not there, or of which too little is said, and loops."""
    known = {cluster.name: cluster for cluster in clusters}
    for document in documents:
        source = known.get(str(document.spec["source"]))
        if source is None:
            told = f"there is no Cluster `{str(document.spec['source'])[:80]}` in the spec"
            yield document, ("spec", "source"), told
            continue
        if source.name in [cluster.name for cluster in targets(document, clusters)]:
            yield document, ("spec", "source"), f"the source is {source.name}, and so is the target"
        yield from _source_told(document, source)
    yield from loops(documents, clusters)


def _source_told(document: Document, source: Document) -> Iterator[tuple[Document, Path, str]]:
    own = cast("Body", cast("Body", document.spec.get("security") or {}).get("source") or {})
    if not member(source.spec).get("cluster") and "id" not in source.spec:
        told = (
            f"a link wants to know the cluster id of its source: say `id` in Cluster {source.name}"
        )
        yield document, ("spec", "source"), told
    if ADDRESS not in own and "bootstrap" not in source.spec:
        told = f"Cluster {source.name} says no `bootstrap`: say `{ADDRESS}` under `security.source`"
        yield document, ("spec",), told
    if member(source.spec) and not any(name.startswith("sasl.") for name in own):
        told = f"`security.source` is missing: the link needs a login of its own at {source.name}"
        yield document, ("spec",), f"{told} (Java client properties, secrets as references)"


# --- what it keeps on its own


def nearby(resource: Resource, cluster: str) -> Iterator[tuple[str, str]]:
    """The topics of both ends."""
    yield str(resource.facts[FROM]), "topic"
    yield cluster, "topic"


def covers(resource: Resource, live: Iterable[Key]) -> Iterator[Key]:
    """The topics on the target that it fills."""
    topics = {key.name: key for key in live if key.kind == "topic"}
    yield from (topics[name] for name in carried(resource.settings, topics))


def unsaid(_resource: Resource) -> str:
    return "no server tells how a link logs in to its source; write its Mirror with that login, by reference"


LINK: Kind = replace(
    KIND,
    resources=resources,
    check=check,
    among=among,
    placed=placed,
    drivers=(Links(),),
    whole=False,
    unseen=frozenset({"security"}),
    secrets=frozenset({"security"}),
    nearby=nearby,
    covers=covers,
    health=health,
    owned_as=lambda name: name,
    documents=silent.of_two,
    unsaid=unsaid,
    recalled=silent.recorded,
    watches={},
    rules=RULES,
    codes=(*KIND.codes, *CODES),
)


def no_links(settings: Settings) -> str:
    """Why there can be no cluster link to a cluster; empty where there can."""
    if settings.type not in LINK_TARGETS:
        return "a cluster link fills Dedicated and Enterprise clusters only; another cluster can be its source"
    if not settings.rest:
        return "here a Mirror is a cluster link, which is made by REST v3: give `confluent.rest`"
    return ""
