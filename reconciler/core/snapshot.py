"""A Snapshot and its bytes: what was live on clusters at a time, and what their ledgers said, without any secret."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.model import NOTHING, Body, Resource
from reconciler.core.plan import plain, sha256
from reconciler.errors import Stale

FORMAT = "kstate.snapshot/v1"
# Why the worst is assumed of a change: part of the message of a risk that no server was asked about.
BLIND = "it was planned from a snapshot"
FRESH = "Take a new one with `kstate snapshot`."


@dataclass(frozen=True, slots=True)
class RecordedKind:
    """Every resource of a kind by name, or why it could not be read."""

    resources: Mapping[str, Resource] = field(default_factory=dict)
    unread: str = ""


@dataclass(frozen=True, slots=True)
class RecordedLedger:
    """What the ledger of this name said about the cluster: records by key, in their order. `trouble`: unreadable."""

    name: str
    there: bool = True
    trouble: str = ""
    records: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class RecordedCluster:
    """One cluster. `spec` is its connection as the spec had it, with references and no value."""

    name: str
    id: str
    spec: Body
    facts: Body
    kinds: Mapping[str, RecordedKind]
    ledger: RecordedLedger | None = None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Times are ISO 8601 in UTC. `failures` are clusters that could not be read, with the words that say why."""

    taken: str
    expires: str
    kstate: str
    clusters: tuple[RecordedCluster, ...]
    estate: str = ""
    commit: str = ""
    failures: Mapping[str, str] = field(default_factory=dict)

    def cluster(self, name: str) -> RecordedCluster | None:
        return next((cluster for cluster in self.clusters if cluster.name == name), None)


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """The JSON of `schemas/snapshot.v1.json`, seal included."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "taken": snapshot.taken,
        "expires": snapshot.expires,
        "kstate": snapshot.kstate,
        "spec": {"estate": snapshot.estate, "commit": snapshot.commit},
        "clusters": [_cluster_json(cluster) for cluster in snapshot.clusters],
        "failures": [{"cluster": n, "words": w} for n, w in sorted(snapshot.failures.items())],
    }
    return body | {"seal": sha256(body)}


def _cluster_json(cluster: RecordedCluster) -> dict[str, Any]:
    ledger = cluster.ledger
    return {
        "name": cluster.name,
        "id": cluster.id,
        "spec": plain(cluster.spec),
        "facts": plain(cluster.facts),
        "kinds": {name: _kind_json(kind) for name, kind in sorted(cluster.kinds.items())},
        "ledger": ledger
        and {
            "name": ledger.name,
            "there": ledger.there,
            "trouble": ledger.trouble,
            "records": [list(record) for record in ledger.records],
        },
    }


def _kind_json(kind: RecordedKind) -> dict[str, Any]:
    resources = [
        {
            "name": resource.name,
            "settings": plain(resource.settings),
            "facts": plain(resource.facts),
            "unproven": list(resource.unproven),
        }
        for _, resource in sorted(kind.resources.items())
    ]
    return {"resources": resources, "unread": kind.unread}


def render(snapshot: Snapshot) -> bytes:
    """The snapshot as a file: a difference of two can be read."""
    text = json.dumps(to_json(snapshot), sort_keys=True, indent=1, ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass") + b"\n"


def parse(data: bytes) -> Snapshot:
    """The reverse of `render`. Raises Stale for another format, a broken seal, or anything that is no snapshot."""
    try:
        body = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Stale("the snapshot is not JSON", hint=FRESH) from error
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        found = body.get("format") if isinstance(body, dict) else type(body).__name__
        raise Stale(f"not a {FORMAT} file: its format is {str(found)[:40]!r}", hint=FRESH)
    sealed = {name: value for name, value in body.items() if name != "seal"}
    if body.get("seal") != sha256(sealed):
        raise Stale("the snapshot was changed or damaged after it was taken", hint=FRESH)
    try:
        return _snapshot(body)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Stale(f"the snapshot cannot be read: {error!r}", hint=FRESH) from error


def _snapshot(body: Mapping[str, Any]) -> Snapshot:
    return Snapshot(
        taken=str(body["taken"]),
        expires=str(body["expires"]),
        kstate=str(body["kstate"]),
        clusters=tuple(_cluster(cluster) for cluster in body["clusters"]),
        estate=str(body["spec"]["estate"]),
        commit=str(body["spec"]["commit"]),
        failures={str(f["cluster"]): str(f["words"]) for f in body["failures"]},
    )


def _cluster(body: Mapping[str, Any]) -> RecordedCluster:
    ledger = body["ledger"]
    return RecordedCluster(
        str(body["name"]),
        str(body["id"]),
        dict(body["spec"]),
        dict(body["facts"]),
        {str(name): _kind(kind) for name, kind in body["kinds"].items()},
        ledger
        and RecordedLedger(
            str(ledger["name"]),
            bool(ledger["there"]),
            str(ledger["trouble"]),
            tuple((str(key), str(value)) for key, value in ledger["records"]),
        ),
    )


def _kind(body: Mapping[str, Any]) -> RecordedKind:
    resources = {
        str(r["name"]): Resource(
            str(r["name"]), dict(r["settings"]), dict(r["facts"]) or NOTHING, tuple(r["unproven"])
        )
        for r in body["resources"]
    }
    return RecordedKind(resources, str(body["unread"]))
