"""The JSON Schemas themselves: valid, strict, described, and one for every kind in one file for editors."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from ruamel.yaml import YAML

from reconciler.core.model import Json
from reconciler.core.units import duration_ms, size_bytes
from reconciler.spec import schema
from reconciler.spec.explain import explain
from reconciler.spec.folder import load

from .writing import CLUSTER, problems, topic, write

FOLDER = schema.folder()
FORMS = schema.known(FOLDER)
BODIES = {form.kind: form.body for form in FORMS.values()}
EXAMPLES = Path(__file__).parent.parent / "cases" / "spec" / "right"
CONFIG = BODIES["Topic"]["properties"]["spec"]["properties"]["config"]["properties"]
DURATIONS = [name for name in CONFIG if name.endswith(".ms")]


def test_the_kinds_are_the_files() -> None:
    for version, kind in FORMS:
        assert (FOLDER / f"{kind.lower()}.{version.partition('/')[2]}.json").is_file()
    assert {"Estate", "Cluster", "Profile", "Topic", "Acl"} <= set(BODIES)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.name)
def test_every_schema_is_one(file: Path) -> None:
    body = json.loads(file.read_text())
    assert body["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(body)
    jsonschema_rs.meta.validate(body)


@pytest.mark.parametrize("kind", ["Estate", "Cluster", "Profile", "Topic", "Acl"])
def test_everything_is_described_and_strict(kind: str) -> None:
    for path, part in _objects(BODIES[kind], ()):
        assert "additionalProperties" in part, path
        for name, inner in part.get("properties", {}).items():
            assert inner.get("description"), (*path, name)


@pytest.mark.parametrize("kind", ["Topic", "Profile"])
def test_all_topic_settings_of_kafka_are_there(kind: str) -> None:
    config = BODIES[kind]["properties"]["spec"]["properties"]["config"]
    assert len(config["properties"]) == 33
    assert config == BODIES["Topic"]["properties"]["spec"]["properties"]["config"]


def test_the_same_parts_say_the_same() -> None:
    def without_words(kind: str) -> Any:
        metadata = json.loads(json.dumps(BODIES[kind]["properties"]["metadata"]))
        del metadata["properties"]["name"]
        return metadata

    assert without_words("Topic") == without_words("Acl")
    assert without_words("Estate") == without_words("Cluster") == without_words("Profile")


def test_the_schema_for_editors_is_made_of_the_others() -> None:
    text = json.dumps(schema.for_editors(FORMS), indent=2) + "\n"
    assert (FOLDER / "spec.v1.json").read_text() == text, "`make docs` writes it anew"


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.y*ml")), ids=lambda file: file.name)
def test_the_schema_for_editors_takes_the_examples(file: Path) -> None:
    validator = _for_editors()
    for document in YAML(typ="safe", pure=True).load_all(file):
        assert not list(validator.iter_errors(json.loads(json.dumps(document))))
        assert list(validator.iter_errors({**document, "spec": {"nonsense": 1}}))
        assert list(validator.iter_errors({**document, "kind": "Nonsense"}))


def test_the_examples_are_right() -> None:
    assert load(EXAMPLES).estate is not None


def test_a_new_kind_is_one_schema(tmp_path: Path) -> None:
    body: dict[str, Any] = {
        "properties": {
            "apiVersion": {"const": "kstate/v1"},
            "kind": {"const": "Flag"},
            "metadata": {"type": "object"},
            "spec": {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "colour": {"anyOf": [{"enum": ["red", "blue"]}, {"type": "integer"}]},
                    "pole": {
                        "oneOf": [
                            {
                                "type": "object",
                                "required": ["wood"],
                                "properties": {"wood": {"type": "string"}},
                            },
                            {
                                "type": "object",
                                "required": ["steel"],
                                "properties": {"steel": {"type": "integer"}},
                            },
                        ]
                    },
                    "size": {"type": "string", "maxLength": 3},
                    "never": False,
                },
            },
        },
        "required": ["spec"],
    }
    for file in FOLDER.glob("*.json"):
        (tmp_path / file.name).write_text(file.read_text())
    (tmp_path / "flag.v1.json").write_text(json.dumps(body))
    flag: Json = {"colour": "rad", "pole": {"wood": 5}, "size": "large"}
    assert [finding.message for finding in explain(body, {"spec": flag})] == [
        "`colour` must be one of `red`, `blue` or a whole number, found `rad`",
        "`wood` must be text, found `5`; YAML reads that as a number: put it in quotes",
        "`size` does not keep to `maxLength 3`",
    ]
    text = "apiVersion: kstate/v1\nkind: Flag\nmetadata: {name: f}\nspec: {colour: red, pole: {steel: 3}}\n"
    spec = load(write(tmp_path / "spec", {"c.yaml": CLUSTER, "f.yaml": text}), schemas=tmp_path)
    assert [document.kind for document in spec.documents] == ["Flag"]


def test_a_message_never_shows_the_schema(tmp_path: Path) -> None:
    told = problems(
        write(
            tmp_path, {"c.yaml": CLUSTER, "t.yaml": topic("t", "spec: {config: {retention.ms: x}}")}
        )
    )
    assert told
    assert not re.search(r"\^|additionalProperties|'type'", told[0])


@given(
    st.sampled_from(DURATIONS),
    st.integers(1, 9_999),
    st.sampled_from(["ms", "s", "m", "h", "d", ""]),
)
def test_every_duration_that_fits_the_schema_can_be_read(name: str, count: int, unit: str) -> None:
    text = f"{count}{unit}"
    assert jsonschema_rs.is_valid(CONFIG[name], text)
    assert duration_ms(text) >= count


@given(
    st.from_regex(r"(-1|unlimited|-?[0-9]{1,5}(\.[0-9])? ?[KMGTkmgi]{0,2}[Bb]?)", fullmatch=True)
)
def test_sizes_in_the_schema_are_those_that_can_be_read(text: str) -> None:
    form = CONFIG["retention.bytes"]
    try:
        size_bytes(text)
    except ValueError:
        assert not jsonschema_rs.is_valid(form, text)
    else:
        assert jsonschema_rs.is_valid(form, text) or text.endswith(" ")


names = st.one_of(
    st.text("ab.-_", min_size=0, max_size=4),
    st.text(st.characters(codec="utf-8"), max_size=5),
    st.integers(245, 253).map(lambda length: "a" * length),
)


@given(names)
def test_topic_names_are_kafkas(name: str) -> None:
    """org.apache.kafka.common.internals.Topic.validate, said otherwise."""
    legal = re.fullmatch(r"[a-zA-Z0-9._-]{1,249}", name) is not None and name not in (".", "..")
    form = BODIES["Topic"]["properties"]["metadata"]["properties"]["name"]
    assert jsonschema_rs.is_valid(form, name) == legal
    assert (explain(form, name) == []) == legal


def _objects(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every place of a schema where a mapping is described; conditions only add to such a place."""
    if isinstance(part, dict):
        if "properties" in part and "type" in part:
            yield path, part
        for key, inner in part.items():
            if key not in ("if", "then", "else"):
                yield from _objects(inner, (*path, key))
    if isinstance(part, list):
        for index, inner in enumerate(part):
            yield from _objects(inner, (*path, str(index)))


def _for_editors() -> Any:
    bodies = [(file.name, json.loads(file.read_text())) for file in FOLDER.glob("*.json")]
    registry: Registry[Any] = Registry().with_resources(
        (name, Resource.from_contents(body)) for name, body in bodies
    )
    return Draft202012Validator(schema.for_editors(FORMS), registry=registry)
