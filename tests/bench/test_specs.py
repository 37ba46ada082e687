"""The estates that are measured: right by kstate's own schemas, and as large as they say."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import specs
from reconciler.kinds import acl, topic
from reconciler.platforms import apache
from reconciler.spec.folder import load


def test_the_spec_is_right_and_as_large_as_asked(tmp_path: Path) -> None:
    found = load(specs.write(tmp_path / "spec", topics=120, acls=80))
    assert [cluster.name for cluster in found.clusters] == ["bench"]
    assert sum(document.kind == "Topic" for document in found.documents) == 120
    resources = [
        resource
        for document in found.documents
        if document.kind == "Acl"
        for resource in acl.resources(document, apache.PLATFORM)
    ]
    assert len({resource.name for resource in resources}) == 80


def test_bare_calls_make_the_same_bindings(tmp_path: Path) -> None:
    found = load(specs.write(tmp_path / "spec", topics=0, acls=16))
    ours = {
        (binding.resource, binding.name, binding.principal, binding.operation)
        for document in found.documents
        for binding in acl.bindings(document.spec)
    }
    bare = {(kind.lower(), name, who, what.title()) for kind, name, who, what in specs.bindings(16)}
    assert ours == bare


def test_bare_calls_set_the_same_configs(tmp_path: Path) -> None:
    document = load(specs.write(tmp_path / "spec", topics=1)).documents[0]
    (resource,) = topic.resources(document, apache.PLATFORM)
    assert resource.name == specs.topic(0)
    assert resource.settings["config"] == specs.IN_KAFKA


def test_the_same_size_gives_the_same_files() -> None:
    assert specs.files(7, 8) == specs.files(7, 8)
    assert set(specs.files(101)) == {"cluster.yaml", "topics-00000.yaml", "topics-00100.yaml"}


def test_bindings_come_by_whole_services() -> None:
    with pytest.raises(ValueError, match="multiple of 8"):
        specs.files(1, 9)
