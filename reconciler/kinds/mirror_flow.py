"""A Mirror document with both its clusters in; the configurations of MirrorMaker 2's three connectors out.

Key names and their meaning: the MirrorMaker 2 sections of Kafka's configuration reference (KIP-382, KIP-545, KIP-716).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.clients.connect_config import canonical
from reconciler.core.model import Body, Document, Json, Path, Place
from reconciler.core.units import duration_ms

ROLES = ("source", "checkpoint", "heartbeat")
PACKAGE = "org.apache.kafka.connect.mirror"
CLASSES = {role: f"{PACKAGE}.Mirror{role.title()}Connector" for role in ROLES}
BYTES = "org.apache.kafka.connect.converters.ByteArrayConverter"
POLICIES = {
    "identity": f"{PACKAGE}.IdentityReplicationPolicy",
    "prefixed": f"{PACKAGE}.DefaultReplicationPolicy",
}
# DefaultTopicFilter leaves these out by itself; what a document excludes is left out beside them.
EXCLUDED = (r"mm2.*\.internal", r".*\.replica", r"__.*")
EVERY = "30s"
REPLICATION = 3
BOOTSTRAP = "bootstrap.servers"


def placed(document: Document, place: Place) -> Document:
    """With where both ends are, and what the target is called."""
    source = place.documents.get(("Cluster", str(document.spec.get("source"))))
    ends: dict[str, Json] = {
        "target": place.cluster.name,
        "addresses": {
            "source": source.spec.get("bootstrap") if source else None,
            "target": place.cluster.spec.get("bootstrap"),
        },
    }
    return replace(document, spec={**document.spec, **ends})


def connectors(spec: Body) -> dict[str, Json]:
    """What each connector is to be configured with. Without groups there is no checkpoint connector."""
    extra = _mapping(spec.get("config"))
    made = {
        "source": _source(spec),
        "checkpoint": _checkpoint(spec),
        "heartbeat": _heartbeat(spec),
    }
    return {
        role: canonical({**_base(spec, role), **own, **_mapping(extra.get(role))})
        | _addresses(spec)
        for role, own in made.items()
        if role != "checkpoint" or spec.get("groups")
    }


def _base(spec: Body, role: str) -> dict[str, Json]:
    security = _mapping(spec.get("security"))
    ends = {
        f"{end}.cluster.{name}": value
        for end in ("source", "target")
        for name, value in _mapping(security.get(end)).items()
    }
    return {
        "connector.class": CLASSES[role],
        "source.cluster.alias": spec["source"],
        "target.cluster.alias": spec["target"],
        "replication.policy.class": POLICIES[naming(spec)],
        "key.converter": BYTES,
        "value.converter": BYTES,
        **ends,
    }


def _addresses(spec: Body) -> dict[str, Json]:
    """Where the workers find both ends: as the Cluster documents say, unless `security` says otherwise."""
    security, given = _mapping(spec.get("security")), _mapping(spec["addresses"])
    return {
        f"{end}.cluster.{BOOTSTRAP}": list(cast("Sequence[str]", given.get(end) or ()))
        for end in ("source", "target")
        if BOOTSTRAP not in _mapping(security.get(end))
    }


def _source(spec: Body) -> dict[str, Json]:
    sync, every = _mapping(spec.get("sync")), _seconds(spec)
    return {
        "topics": _list(spec["topics"]),
        "topics.exclude": ",".join([*EXCLUDED, *cast("Sequence[str]", spec.get("exclude") or ())]),
        "tasks.max": spec.get("tasks") or 1,
        "replication.factor": replication(spec),
        "offset-syncs.topic.replication.factor": replication(spec),
        "refresh.topics.interval.seconds": every,
        "sync.topic.configs.enabled": sync.get("configs", True),
        "sync.topic.configs.interval.seconds": every,
        "sync.topic.acls.enabled": sync.get("acls", False),
    }


def _checkpoint(spec: Body) -> dict[str, Json]:
    sync, every = _mapping(spec.get("sync")), _seconds(spec)
    return {
        "groups": _list(spec.get("groups") or ()),
        "tasks.max": spec.get("tasks") or 1,
        "checkpoints.topic.replication.factor": replication(spec),
        "offset-syncs.topic.replication.factor": replication(spec),
        "emit.checkpoints.interval.seconds": every,
        "refresh.groups.interval.seconds": every,
        "sync.group.offsets.enabled": sync.get("offsets", True),
        "sync.group.offsets.interval.seconds": every,
    }


def _heartbeat(spec: Body) -> dict[str, Json]:
    return {"tasks.max": 1, "heartbeats.topic.replication.factor": replication(spec)}


def naming(spec: Body) -> str:
    return str(spec.get("naming") or "identity")


def replication(spec: Body) -> int:
    return cast("int", spec.get("replication") or REPLICATION)


def _seconds(spec: Body) -> int:
    return max(duration_ms(cast("str | int", spec.get("interval") or EVERY)) // 1000, 1)


def _list(patterns: Json) -> str:
    return ",".join(map(str, cast("Sequence[str]", patterns)))


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


# --- what a flow carries


def matching(source: Body, names: Iterable[str]) -> list[str]:
    """The topics of the source cluster that a source connector's configuration takes. Java's and Python's regular
    expressions agree on what topic names need."""
    wanted, left_out = _pattern(source["topics"]), _pattern(source.get("topics.exclude") or "")
    return sorted(n for n in names if wanted.fullmatch(n) and not left_out.fullmatch(n))


def _pattern(listed: Json) -> re.Pattern[str]:
    parts = [part.strip() for part in str(listed).split(",") if part.strip()]
    return re.compile("|".join(f"(?:{part})" for part in parts) or r"(?!)")


def remote(source: Body, topic: str) -> str:
    """What a topic of the source is called on the target."""
    if source.get("replication.policy.class") == POLICIES["identity"]:
        return topic
    separator = source.get("replication.policy.separator") or "."
    return f"{source['source.cluster.alias']}{separator}{topic}"


def carried(source: Body, target_names: Iterable[str]) -> Iterator[str]:
    """The topics of the target that a flow fills, or keeps for itself."""
    alias, prefix = str(source["source.cluster.alias"]), remote(source, "")
    own = {
        "heartbeats",
        f"{prefix}heartbeats",
        f"{alias}.heartbeats",
        f"{alias}.checkpoints.internal",
    }
    for name in target_names:
        theirs = name.removeprefix(prefix) if name.startswith(prefix) else ""
        if (
            name in own
            or name.startswith("mm2-offset-syncs.")
            or (theirs and matching(source, [theirs]))
        ):
            yield name


def pattern_problems(spec: Body, member: str) -> Iterator[tuple[Path, str]]:
    """What is wrong with a list of patterns."""
    for index, pattern in enumerate(cast("Sequence[str]", spec.get(member) or ())):
        where = ("spec", member, str(index))
        if "," in pattern:
            yield where, "a pattern cannot hold a comma: MirrorMaker 2 takes it for the next one"
        else:
            try:
                re.compile(pattern)
            except re.error as error:
                yield where, f"this is no regular expression: {error}"
