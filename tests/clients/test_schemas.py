"""A registry's list of subjects: in pages, in one piece, and while others make and delete some."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.clients import http, schemas
from reconciler.clients.http import Http
from reconciler.errors import Failed, ServerRefused, Unreachable
from tests.clients.test_http import Answer, Server, client, serving


def answering(server: Server, listed: Callable[[int, int], object]) -> None:
    """`listed(limit, offset)` is what the registry says."""

    def answer() -> Answer:
        query = parse_qs(urlsplit(server.asked[-1][1]).query)
        limit, offset = int(query["limit"][0]), int(query["offset"][0])
        return 200, {}, json.dumps(listed(limit, offset)).encode()

    server.next = answer  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schemas, "PAGE", 10)
    monkeypatch.setattr(schemas, "OVERLAP", 3)


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 19, 20, 28, 29])
def test_every_page_is_read(count: int) -> None:
    names = [f"s{number:02}" for number in range(count)]
    with serving() as server:
        answering(server, lambda limit, offset: names[offset : offset + limit])
        assert sorted(schemas.subjects(client(server))) == names


@pytest.mark.parametrize("count", [0, 9, 10, 11, 25])
def test_a_registry_that_knows_no_pages(count: int) -> None:
    names = [f"s{number:02}" for number in range(count)]
    with serving() as server:
        answering(server, lambda _limit, _offset: names)
        assert sorted(schemas.subjects(client(server))) == names


@pytest.mark.parametrize("goes", [["s00"], ["s09"], ["s10"], ["s20"], ["s01", "s02", "s03", "s04"]])
def test_those_that_go_between_two_pages_hide_no_other(goes: list[str]) -> None:
    names = [f"s{number:02}" for number in range(25)]

    def listed(limit: int, offset: int) -> list[str]:
        if offset:
            names[:] = [name for name in names if name not in goes]
        return names[offset : offset + limit]

    with serving() as server:
        answering(server, listed)
        found = schemas.subjects(client(server))
    assert set(found) - set(goes) == set(names)


@given(st.integers(20, 60), st.integers())
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_whose_order_changes_among_neighbours_hide_none(count: int, seed: int) -> None:
    """As Apicurio slices them: by when they came, in any order where that was at once, each page sorted by name."""
    names = [f"s{number:02}" for number in range(count)]
    chance = random.Random(seed)

    def listed(limit: int, offset: int) -> list[str]:
        twos = [
            chance.sample(names[at : at + 2], len(names[at : at + 2])) for at in range(0, count, 2)
        ]
        order = [name for two in twos for name in two]
        return sorted(order[offset : offset + limit], reverse=True)

    with serving() as server:
        answering(server, listed)
        assert set(schemas.subjects(client(server))) == set(names)


def test_a_list_that_never_holds_still_is_an_error() -> None:
    names = [f"s{number:03}" for number in range(500)]

    def listed(limit: int, offset: int) -> list[str]:
        del names[:4]
        return names[offset : offset + limit]

    with serving() as server:
        answering(server, listed)
        with pytest.raises(ServerRefused, match="come and go while they are listed"):
            schemas.subjects(client(server))


V = schemas.Version("orders", 0, 0, "JSON", "{}")
QUESTIONS: dict[str, Callable[[Http], object]] = {
    "subjects": schemas.subjects,
    "version": lambda registry: schemas.version(registry, "orders"),
    "in force": lambda registry: schemas.in_force(registry, "compatibility", "orders"),
    "own": lambda registry: schemas.own(registry, "mode", "orders", "READWRITE"),
    "lookup": lambda registry: schemas.lookup(registry, V, normalize=False),
    "compatible": lambda registry: schemas.compatible(registry, V, with_all=False),
    "compatible with all": lambda registry: schemas.compatible(registry, V, with_all=True),
    "referrers": lambda registry: schemas.referrers(registry, "orders"),
    "count": lambda registry: schemas.count(registry, "orders"),
}
ODD = ['{"a": 1}', '"login"', "5", "null", "<html>login</html>", "", '{"is_compatible": "yes"}']


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("odd", ODD)
def test_an_answer_that_is_none_is_refused_and_never_a_defect(question: str, odd: str) -> None:
    """A proxy's page, for example; least of all is it a yes."""
    with serving() as server:
        server.answers = [(200, {}, odd.encode())]
        with pytest.raises(Failed, match="not what such a server says"):
            QUESTIONS[question](client(server))


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_registry_that_cannot_say_is_out_of_reach_and_has_not_answered(
    question: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never "compatible", never "nobody refers to it"."""
    monkeypatch.setattr(http, "ATTEMPTS", 1)
    with serving() as server:
        server.answers = [(status, {"Retry-After": "0"}, b'{"message": "not today"}')]
        with pytest.raises(Unreachable, match=f"{status} not today"):
            QUESTIONS[question](client(server))


@pytest.mark.parametrize("question", ["lookup", "compatible"])
def test_a_question_is_asked_again_whatever_its_method(question: str) -> None:
    fine = json.dumps({"version": 3, "is_compatible": True}).encode()
    with serving() as server:
        server.answers = [None, (502, {}, b""), (200, {}, fine)]
        assert QUESTIONS[question](client(server)) in (3, (True, []))
