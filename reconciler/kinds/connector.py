"""Connectors: a Connector document in, one connector on one Connect cluster out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients import connect_config
from reconciler.clients.connect import STEADY
from reconciler.clients.connect_config import canonical, problems, readable
from reconciler.clients.connect_workers import parts, unknown_worker
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Body,
    Change,
    Code,
    Document,
    Json,
    Kind,
    Path,
    Platform,
    Resource,
    Risk,
    Scope,
    World,
)
from reconciler.core.risk import each
from reconciler.kinds.connector_driver import ConnectorDriver, health

FIRST = ("connector.class", "tasks.max", "topics", "topics.regex")


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One connector, named `CONNECT/NAME`; its whole configuration as text."""
    config = canonical(cast("Mapping[str, Json]", document.spec["config"]))
    config.pop("name", None)
    state = document.spec.get("state") or "running"
    yield Resource(
        f"{document.spec['connect']}/{document.name}", {"config": config, "state": state}
    )


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document each; what is secret becomes a reference, and what a reader looks for first stands first."""
    for resource in live:
        worker, name = parts(resource.name)
        config = readable(cast("Body", resource.settings["config"]), f"{worker}_{name}")
        first = [key for key in FIRST if key in config]
        spec: dict[str, Json] = {"connect": worker}
        if (state := resource.settings["state"]) in ("paused", "stopped"):
            spec["state"] = state
        spec["config"] = {key: config[key] for key in (*first, *sorted(config.keys() - {*first}))}
        yield {"name": name, "spec": spec}


def recalled(resource: Resource, scope: Scope) -> Resource:
    """A recorded connector, its references as far as they were followed when it was recorded."""
    wanted = cast("Body", scope.wanted.get(resource.name, {}).get("config") or {})
    bare = cast("Mapping[str, str]", resource.settings["config"])
    config, unproven = connect_config.recalled(bare, resource.facts, wanted)
    return Resource(resource.name, {**resource.settings, "config": config}, unproven=unproven)


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say."""
    config = cast("Mapping[str, Json]", document.spec["config"])
    yield from problems(config, ("spec", "config"))
    if config.get("name", document.name) != document.name:
        told = f"`name` is {config['name']!s:.80}, but the document is called {document.name}"
        yield ("spec", "config", "name"), f"{told}; leave it out"


def by_itself(path: Path, live: Json) -> bool:
    """A connector that failed, or comes to no end of starting: nobody asks Connect for either."""
    return path == ("state",) and live not in STEADY.values()


# --- what could hurt


def flow_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What stops or starts to flow."""
    if change.action is Action.DELETE:
        running = (change.before or {}).get("state") in ("running", "starting")
        yield Risk("KS251", "it is running") if running else Risk("KS152", "it is not running")
        return
    if change.before is None:
        return
    for edit in change.edits:
        if edit.path == ("config", "connector.class"):
            yield Risk("KS252", f"{edit.before} -> {edit.after}")
        elif edit.path == ("state",) and edit.after != "running":
            yield Risk("KS153", f"nothing flows through it once it is {edit.after}")
        elif edit.path == ("state",) and edit.before == "failed":
            yield Risk("KS154", "what has failed of it is started again")


CODES = (
    Code(
        "KS151",
        "The workers were not asked",
        "A secret of this connector cannot be had where the plan is made, so Connect was not asked what it thinks of"
        " the configuration. `apply` needs the secret; what Connect refuses shows only there.",
    ),
    Code(
        "KS152",
        "Deletes a connector that does not run",
        "The connector is paused, stopped or has failed, so nothing stops flowing. The offsets of a source connector"
        " stay with the workers, those of a sink connector in its consumer group.",
        "Make it again with the same name: it goes on where it was.",
    ),
    Code(
        "KS153",
        "Halts a connector",
        "The document asks for `paused` or `stopped`. Sources pile up, consumers of what it writes see nothing new.",
        "Ask for `running` again: it goes on where it was.",
    ),
    Code(
        "KS154",
        "Starts a connector again",
        "The connector, or some of its tasks, have failed. What has failed is started again; nothing else is touched."
        " If the reason is still there it fails again, and the apply says so.",
    ),
    Code(
        "KS155",
        "A key that looks like a slip",
        "Connect ignores keys it does not know, and this one is close to one that the plugin does know.",
    ),
    Code(
        "KS156",
        "Why it failed",
        "The first line of the trace that the workers keep of a connector or task that has failed. The whole trace:"
        " `GET /connectors/NAME/status` at the workers.",
    ),
    Code(
        "KS251",
        "Deletes a running connector",
        "What it carries stops flowing. The offsets of a source connector stay with the workers, those of a sink"
        " connector in its consumer group.",
        "Make it again with the same name: it goes on where it was, as far as the source still has the data.",
    ),
    Code(
        "KS252",
        "Makes a connector another one",
        "Another class under the same name takes over the offsets of the former, which it most likely cannot read:"
        " it may start from the beginning, or fail. A connector of a new name is the safe way.",
        "Set the former class again.",
    ),
    Code(
        "KS951",
        "Refused by Connect's validation",
        "The workers checked the configuration, as they would at apply, and this key is wrong by their own words.",
    ),
    Code(
        "KS952",
        "There is no such plugin",
        "No worker has a connector of this class. Install the plugin on every worker and restart them, or correct"
        " `connector.class`.",
    ),
    Code(
        "KS953",
        "A password in the open",
        "The plugin calls this key a password, and the document holds its value. Write a reference, `{env: NAME}` or"
        " `{file: PATH}`, or let the workers look it up: `${provider:path:key}`. And change the password: it is in"
        " the history of the repository.",
    ),
)

KIND = Kind(
    name="connector",
    document="Connector",
    resources=resources,
    check=check,
    among=unknown_worker,
    drivers=(ConnectorDriver(),),
    health=health,
    by_itself=by_itself,
    documents=documents,
    recalled=recalled,
    after=("acl", "quota", "schema", "topic", "user"),
    whole=True,
    secrets=frozenset({"config"}),
    owns="connectors",
    owned_as=lambda name: parts(name)[1],
    rules=(each(flow_rule),),
    codes=CODES,
)
