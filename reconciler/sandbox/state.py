"""A sandbox on disk: written before its first process starts, marked as ready when all of them answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from reconciler.sandbox.paths import write_private
from reconciler.sandbox.process import Node
from reconciler.sandbox.shape import Cluster, Listener, Options, Sandbox

_FILE = "sandbox.json"


@dataclass(frozen=True, slots=True)
class Record:
    """What is recorded, and whether its start came to an end."""

    sandbox: Sandbox
    ready: bool


def write(folder: Path, sandbox: Sandbox, *, ready: bool) -> None:
    """Record it, for its user alone: the password is in it."""
    record = {"ready": ready, **asdict(sandbox)}
    write_private(folder / _FILE, json.dumps(record, default=_plain, indent=1))


def read(folder: Path) -> Record | None:
    """None for nothing, and for a record that cannot be read."""
    try:
        record = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return Record(_sandbox(record), bool(record["ready"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(folder: Path) -> None:
    """Delete the record."""
    (folder / _FILE).unlink(missing_ok=True)


def same(asked: Options, running: Options) -> bool:
    """Whether the one that runs is the one asked for; no password asked means any, and so does the environment."""
    password = asked.password or running.password
    return replace(asked, password=password, environment=running.environment) == running


def _plain(value: object) -> object:
    if isinstance(value, frozenset):
        return sorted(value)
    return str(value)


def _sandbox(record: Mapping[str, Any]) -> Sandbox:
    clusters = tuple(_cluster(cluster) for cluster in record["clusters"])
    return Sandbox(_options(record["options"]), clusters)


def _options(record: Mapping[str, Any]) -> Options:
    listeners = tuple(Listener(**listener) for listener in record["listeners"])
    sets = {"extras": frozenset(record["extras"]), "flags": tuple(record["flags"])}
    return Options(**{**record, **sets, "listeners": listeners})


def _cluster(record: Mapping[str, Any]) -> Cluster:
    return Cluster(
        record["number"],
        tuple(_node(node) for node in record["nodes"]),
        record["listeners"],
        _node(record["connect"]) if record["connect"] else None,
        _node(record["registry"]) if record["registry"] else None,
    )


def _node(record: Mapping[str, Any]) -> Node:
    return Node(record["name"], Path(record["folder"]), record["ports"], record["environment"])
