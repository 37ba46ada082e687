"""What stands behind a registry's or Connect's address: its make, its version, and what it lets this login see."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from reconciler.clients.http import Answer, Http


class Fact(NamedTuple):
    """One thing seen, and whether it is as it has to be."""

    ok: bool
    text: str


def registry(http: Http) -> Iterator[Fact]:
    """Whether subjects, levels and the mode can be read, which registry it is, and whether it takes anything."""
    yield Fact(True, f"{_place(http)}, {_registry_version(http)}")
    yield from _may(http, "see subjects", "subjects")
    yield from _may(http, "see compatibility levels", "config")
    answer = http.send("GET", "mode")
    if answer.ok and isinstance(answer.body, dict):
        mode = str(answer.body.get("mode"))
        closed = mode.startswith("READONLY")
        yield Fact(not closed, f"mode {mode}" + ("; it takes no schema" if closed else ""))
    else:
        yield from _said(answer, "see the mode")


def _registry_version(http: Http) -> str:
    """Confluent's and its kin say it themselves; Apicurio in its own API, beside the one that is spoken here."""
    answer = http.send("GET", "v1", "metadata", "version")
    if answer.ok and isinstance(answer.body, dict) and "version" in answer.body:
        return f"version {answer.body['version']}"
    root, apicurio, _ = http.url.partition("/apis/")
    if apicurio:
        own = replace(http, url=root).send("GET", "apis", "registry", "v3", "system", "info")
        if own.ok and isinstance(own.body, dict) and "version" in own.body:
            return f"{own.body.get('name', 'Apicurio')} {own.body['version']}"
    return "which does not tell its version"


def connect(http: Http) -> Iterator[Fact]:
    """Whether connectors and plugins can be read, and which Connect it is."""
    answer = http.send("GET")
    told = answer.body if answer.ok and isinstance(answer.body, dict) else {}
    version = f"Kafka Connect {told['version']}" if "version" in told else "of an unknown version"
    yield Fact(answer.ok, f"{_place(http)}, {version}" if answer.ok else answer.words)
    yield from _may(http, "see connectors", "connectors")
    yield from _may(
        http, "see plugins, and ask what they think of a configuration", "connector-plugins"
    )


def _place(http: Http) -> str:
    return f"{http.what} ({http.url})"


def _may(http: Http, what: str, *path: str) -> Iterator[Fact]:
    yield from _said(http.send("GET", *path), what)


def _said(answer: Answer, what: str) -> Iterator[Fact]:
    yield Fact(answer.ok, f"may {what}" if answer.ok else f"may not {what}: {answer.words}")
