"""Acl documents: roles become minimal bindings, names survive, mistakes are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.acls import Binding
from reconciler.core.model import Document
from reconciler.kinds.acl import RESOURCE, ROLES, bindings, check, decode, encode

DOCS = Path(__file__).parents[2] / "docs" / "acl-roles.md"
COLUMNS = (*RESOURCE, "cluster")


def document(spec: dict[str, Any]) -> Document:
    return Document("Acl", "a", {}, spec, "a.yaml", 1, lambda _path: (1, 1))


@given(st.builds(Binding, *[st.text()] * 7))
def test_decode_is_the_reverse_of_encode(binding: Binding) -> None:
    assert decode(encode(binding)) == binding


@pytest.mark.parametrize("role", ROLES)
def test_the_docs_say_what_each_role_grants(role: str) -> None:
    row = next(line for line in DOCS.read_text().splitlines() if line.startswith(f"| `{role}`"))
    cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
    said = {field: cell for field, cell in zip(COLUMNS, cells, strict=True) if cell}
    assert said == {field: ", ".join(rights) for field, rights in ROLES[role].items()}


def test_every_host_gets_every_binding() -> None:
    grants = [{"role": "consumer", "topics": ["t", {"prefix": "p."}]}]
    found = set(
        bindings({"principal": "User:a", "hosts": ["1.1.1.1", "2.2.2.2"], "grants": grants})
    )
    assert {(b.name, b.pattern, b.host) for b in found} == {
        (name, pattern, host)
        for name, pattern in (("t", "literal"), ("p.", "prefixed"))
        for host in ("1.1.1.1", "2.2.2.2")
    }


def test_a_streams_application_keeps_its_own_things() -> None:
    grants = [{"role": "streams", "applicationId": "enrich"}]
    found = {
        (b.resource, b.name, b.pattern) for b in bindings({"principal": "User:a", "grants": grants})
    }
    assert found == {
        ("topic", "enrich-", "prefixed"),
        ("group", "enrich", "literal"),
        ("transactional_id", "enrich", "prefixed"),
    }


def test_a_raw_binding_on_the_cluster_has_kafkas_name_for_it() -> None:
    raw = [{"resource": "cluster", "operation": "Describe"}]
    found = list(bindings({"principal": "User:a", "bindings": raw}))
    assert found == [
        Binding("User:a", "cluster", "kafka-cluster", "literal", "Describe", "allow", "*")
    ]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"grants": [{"role": "producer", "topics": ["t"], "groups": ["g"]}]},
            "no use for `groups`",
        ),
        ({"grants": [{"role": "consumer"}]}, "grants nothing"),
        ({}, "neither `grants` nor `bindings`"),
    ],
)
def test_a_grant_that_means_nothing_is_a_mistake(spec: dict[str, Any], words: str) -> None:
    assert any(words in message for _, message in check(document({"principal": "User:a", **spec})))
