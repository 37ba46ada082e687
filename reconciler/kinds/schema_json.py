"""A JSON Schema in, one nested mapping that means the same whatever its layout out; and back.

What settings have no words for (nothing, an empty mapping) stands in a list of one marked mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import cast

from reconciler.core.model import Body, Json

MARK = "(JSON)"
# JSON Schema, 2020-12, Validation: their order has no meaning.
UNORDERED = frozenset({"required", "type", "enum"})
DOCS = frozenset({"title", "description", "$comment", "examples", "deprecated"})
FIRST = ("$schema", "$id", "title", "description", "type", "properties", "required")


def parse(text: str, _references: Iterable[str]) -> Json:
    """The schema of a text. Raises ValueError with what is wrong with it."""
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for

    found = json.loads(text)
    if not isinstance(found, (Mapping, bool)):
        raise ValueError("a JSON Schema is a mapping, `true` or `false`")
    try:
        validator_for(found).check_schema(
            dict(found) if isinstance(found, Mapping) else cast("dict[str, Json]", found)
        )
    except SchemaError as error:
        where = "/".join(map(str, error.absolute_path)) or "the whole"
        raise ValueError(f"this is no JSON Schema: {where}: {error.message[:300]}") from error
    whole: Json = found
    return whole


def shape(schema: Json) -> Json:
    """What is compared; the same for all ways to write one schema."""
    if isinstance(schema, Mapping) and schema:
        return {name: _inner(name, value) for name, value in schema.items()}
    if schema is None or isinstance(schema, (Mapping, float)):
        return [{MARK: json.dumps(schema)}]
    if isinstance(schema, (list, tuple)):
        return list(schema)
    return schema


def _inner(name: str, value: Json) -> Json:
    if name in UNORDERED and isinstance(value, (list, tuple)):
        return sorted(value, key=lambda item: json.dumps(item, sort_keys=True))
    return shape(value)


def unshape(found: Json) -> Json:
    """The reverse of `shape`, members in the order in which people write them."""
    if isinstance(found, Mapping):
        return {name: unshape(found[name]) for name in sorted(found, key=_rank)}
    if isinstance(found, (list, tuple)):
        marked = len(found) == 1 and isinstance(found[0], Mapping) and set(found[0]) == {MARK}
        return json.loads(str(cast("Body", found[0])[MARK])) if marked else list(found)
    return found


def _rank(name: str) -> tuple[int, str]:
    return (FIRST.index(name) if name in FIRST else len(FIRST), name)
