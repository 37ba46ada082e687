"""The Schema Registry with its own key, and subjects of contexts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.confluent_registry import Registry
from tests.fakes.server import serving
from tests.platforms.confluent.conftest import Estate, document

MONEY = {"type": "record", "name": "Money", "fields": [{"name": "amount", "type": "long"}]}
ORDER = {"type": "record", "name": "Order", "fields": [{"name": "total", "type": "Money"}]}


def schema(subject: str, body: dict[str, Any], **more: Any) -> dict[str, Any]:
    metadata = more.pop("metadata", {})
    return document("Schema", subject, {"schema": body, **more}, **metadata)


@pytest.fixture
def registry(estate: Estate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Registry]:
    monkeypatch.setenv("SR_KEY", "SRKEY")
    monkeypatch.setenv("SR_SECRET", "sr-secret")
    found = Registry()
    with serving(found.service()) as service:
        auth = {"basic": {"username": "env:SR_KEY", "password": "env:SR_SECRET"}}
        estate.cluster(
            more={"registry": {"url": service.url, "auth": auth}, "owns": {"subjects": [":.eu:"]}}
        )
        yield found
        assert service.violations == []


def test_contexts_are_kept_apart(estate: Estate, registry: Registry) -> None:
    estate.converges(
        schema("money", {**MONEY, "doc": "of the default context"}),
        schema(":.eu:money", MONEY, compatibility="FULL"),
        schema(":.eu:orders-value", ORDER, references=[{"name": "Money", "subject": ":.eu:money"}]),
    )
    assert sorted(registry.versions) == [":.eu:money", ":.eu:orders-value", "money"]
    assert registry.versions[":.eu:money"][0]["id"] == registry.versions["money"][0]["id"] == 1
    assert registry.levels == {"": "BACKWARD", ":.eu:money": "FULL"}
    registry.versions[":.eu:by-hand"] = [
        dict(registry.versions[":.eu:money"][0], subject=":.eu:by-hand")
    ]
    assert estate.spec.plan_json().json["unmanaged"] == ["cc/schema/:.eu:by-hand"]
    assert estate.codes(schema(":.eu:money", MONEY, metadata={"ensure": "absent"})) >= {"KS944"}


def test_a_context_comes_back_from_an_import(estate: Estate, registry: Registry) -> None:
    estate.converges(schema(":.eu:money", MONEY))
    out = estate.spec.folder.parent / "imported"
    found = estate.spec.run("import", str(estate.spec.folder), "-c", "cc", "--out", str(out))
    assert found.code == 0, found.err
    again = estate.spec.run("plan", str(out), "--detailed-exitcode")
    assert again.code == 0, again.out + again.err


def test_an_incompatible_one_in_a_context_is_refused(estate: Estate, registry: Registry) -> None:
    estate.converges(schema(":.eu:money", MONEY))
    worse = {**MONEY, "fields": [*MONEY["fields"], {"name": "currency", "type": "string"}]}
    assert estate.codes(schema(":.eu:money", worse)) == {"KS945"}
    better = {
        **MONEY,
        "fields": [*MONEY["fields"], {"name": "currency", "type": "string", "default": "EUR"}],
    }
    estate.converges(schema(":.eu:money", better))
    estate.converges(
        schema(":.eu:money", better, metadata={"ensure": "absent"}), approve=("KS241",)
    )
    assert registry.versions == {}


def test_many_subjects_come_by_the_page(
    estate: Estate, registry: Registry, sent: list[str]
) -> None:
    names = [f"orders-{number:02d}-value" for number in range(60)]
    estate.converges(*(schema(name, MONEY) for name in names))
    sent.clear()
    estate.converges(*(schema(name, MONEY) for name in names))
    assert "GET schemas" in sent
    assert not [told for told in sent if " subjects/" in told]
