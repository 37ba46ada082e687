"""Many subjects come by the page from a registry that tells whose they are, and one by one from any other."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import pytest

from reconciler.clients.http import Http
from reconciler.core.model import Resource, Scope, Session
from reconciler.kinds.schema_driver import MANY, SchemaDriver
from tests.fakes.confluent import basic
from tests.fakes.confluent_registry import Registry
from tests.fakes.server import Call, Reply, Service, serving

MANY_MORE = 5 * MANY


class Only:
    """As much of a session as the driver asks for."""

    cluster = "eu"

    def __init__(self, registry: Http) -> None:
        self.registry = registry

    def client(self, _wire: str) -> Http:
        return self.registry


@pytest.fixture
def registry() -> Registry:
    """Each subject has two versions, and only the newer one has a second field."""
    found = Registry()
    for number in range(MANY_MORE):
        name = f"orders-{number:03d}-value"
        found.versions[name] = [_version(name, version, number) for version in (1, 2)]
    return found


def _version(subject: str, version: int, number: int) -> dict[str, Any]:
    fields = [{"name": f"f{n}", "type": "long"} for n in range(version)]
    text = json.dumps({"type": "record", "name": f"R{number}", "fields": fields})
    about = {"subject": subject, "version": version, "id": 2 * number + version}
    return {**about, "schema": text, "schemaType": "AVRO", "references": []}


@contextmanager
def listening(registry: Registry) -> Iterator[Service]:
    with serving(registry.service()) as service:
        yield service
        assert service.violations == []


def read(service: Service, registry: Registry, names: frozenset[str]) -> dict[str, Resource]:
    headers = {"Authorization": basic(registry.key, registry.secret)}
    session = cast("Session", Only(Http("the registry", service.url, 10.0, headers)))
    return {r.name: r for r in SchemaDriver().read(session, Scope(names, others=True))}


def asked(service: Service, path: str) -> int:
    return sum(call.url.partition("?")[0].startswith(path) for call in service.calls)


def test_a_page_for_a_thousand_and_a_request_for_what_no_page_has(registry: Registry) -> None:
    elsewhere = ":.eu:orders-value"
    registry.versions[elsewhere] = [_version(elsewhere, 1, 0)]
    with listening(registry) as service:
        found = read(service, registry, frozenset(registry.versions))
        assert asked(service, "/subjects/") == 1
        assert asked(service, "/schemas") == 2
    assert found.keys() == registry.versions.keys()
    for name, versions in registry.versions.items():
        fields = json.loads(versions[-1]["schema"])["fields"]
        assert len(cast("Any", found[name].settings["schema"])["fields"]) == len(fields)


def test_what_is_read_is_the_same_one_by_one(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = frozenset(registry.versions)
    with listening(registry) as service:
        by_the_page = read(service, registry, names)
        monkeypatch.setattr("reconciler.kinds.schema_driver.MANY", MANY_MORE + 1)
        assert read(service, registry, names) == by_the_page
        assert asked(service, "/subjects/") == MANY_MORE


@pytest.mark.parametrize("few", [MANY - 1, MANY])
def test_few_of_many_are_asked_for_one_by_one(registry: Registry, few: int) -> None:
    names = frozenset(sorted(registry.versions)[:few])
    with listening(registry) as service:
        found = read(service, registry, names)
        assert asked(service, "/schemas") == 0
        assert asked(service, "/subjects/") == few
    assert {name for name, resource in found.items() if resource.settings} == names


def older_ones_too(registry: Registry, call: Call) -> Reply:
    found = [version for own in registry.versions.values() for version in own]
    start = int(call.query["offset"])
    return Reply(200, found[start : start + int(call.query["limit"])])


def texts_alone(registry: Registry, _call: Call) -> Reply:
    return Reply(200, [{"schema": own[-1]["schema"]} for own in registry.versions.values()])


def no_such_path(_registry: Registry, _call: Call) -> Reply:
    return Reply(404, {"error_code": 404, "message": "HTTP 404 Not Found"})


def forbidden(_registry: Registry, _call: Call) -> Reply:
    return Reply(403, {"error_code": 40301, "message": "User is denied operation Read"})


def a_proxys_page(_registry: Registry, _call: Call) -> Reply:
    return Reply(200, b"<html>nothing here</html>")


@pytest.mark.parametrize(
    "way", [older_ones_too, texts_alone, no_such_path, forbidden, a_proxys_page]
)
def test_a_registry_that_cannot_tell_is_asked_for_each(
    registry: Registry, way: Callable[[Registry, Call], Reply], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Registry, "_schemas", way)
    with listening(registry) as service:
        found = read(service, registry, frozenset(registry.versions))
        assert asked(service, "/subjects/") == MANY_MORE
    settings = [cast("Any", found[name].settings) for name in registry.versions]
    assert {len(one["schema"]["fields"]) for one in settings} == {2}
