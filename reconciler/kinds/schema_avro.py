"""An Avro schema in, one nested mapping that means the same whatever its layout out; and back. Apache Avro 1.12.

Names are full names, an attribute that says nothing is not there, and fields stand by name, with their order beside
them. Defaults are JSON text: in settings `None` has a meaning of its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from reconciler.core.model import Body, Json

PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NAMED = frozenset({"record", "error", "enum", "fixed"})
BUILT_IN = PRIMITIVES | NAMED | {"array", "map"}
# Members that have a place of their own in what is compared: of a type, and of a field.
ELSEWHERE = frozenset({"type", "name", "namespace", "fields", "items", "values"})
FIELD = frozenset({"type", "name"})
PLAIN = ("doc", "logicalType", "precision", "scale", "size", "order", "default")
DOCS = frozenset({"doc"})
# Members that say nothing when they are empty, or what goes without saying.
SILENT = frozenset({"aliases", "doc"})
ASCENDING = ("order", "ascending")


def parse(text: str, references: Iterable[str]) -> Json:
    """The schema of a text. Raises ValueError with what is wrong with it."""
    import fastavro.schema as avro

    found: Json = json.loads(text)
    known = {name: {"type": "record", "name": name, "fields": []} for name in references}
    try:
        avro.parse_schema(cast("Any", found), named_schemas=cast("Any", dict(known)))
    except avro.UnknownType as error:
        told = f"the type `{_type(error.name)}` is not known; name it under `references`"
        raise ValueError(told) from error
    except (avro.SchemaParseException, ValueError, TypeError, KeyError) as error:
        raise ValueError(f"this is no Avro schema: {_said(error)}") from error
    return found


def _type(found: object) -> object:
    return found.get("type") if isinstance(found, Mapping) else found


def _said(error: Exception) -> str:
    words = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
    return " ".join(words.split())[:300]


def shape(schema: Json, space: str = "") -> Json:
    """What is compared; the same for all ways to write one schema."""
    if isinstance(schema, str):
        return schema if schema in PRIMITIVES else _full(schema, space)
    if isinstance(schema, (list, tuple)):
        return _union([shape(part, space) for part in schema])
    # A dict is known for one a hundred times sooner than any other mapping.
    return _mapping(schema, space) if isinstance(schema, (dict, Mapping)) else str(schema)


def _union(parts: Sequence[Json]) -> Json:
    """Names only where that is all there is; otherwise each branch under its name, and their order."""
    if all(isinstance(part, str) for part in parts):
        return list(parts)
    names = [_name(part) for part in parts]
    branches = {name: part for name, part in zip(names, parts, strict=True) if name != part}
    return {"branches": branches, "union": names}


def _name(part: Json) -> str:
    if not isinstance(part, Mapping):
        return str(part)
    return str(part.get("name") or part["type"])


def _mapping(schema: Mapping[str, Json], space: str) -> Json:
    kind = schema.get("type")
    if not isinstance(kind, str) or (set(schema) == {"type"} and kind not in NAMED):
        return shape(kind, space)
    made: dict[str, Json] = {"type": kind if kind in BUILT_IN else _full(kind, space)}
    if kind in NAMED:
        own = _full(str(schema["name"]), str(schema.get("namespace") or space))
        made["name"], space = own, own.rpartition(".")[0]
    made.update(_attributes(schema, ELSEWHERE))
    for member in ("items", "values"):
        if member in schema:
            made[member] = shape(schema[member], space)
    if kind in ("record", "error"):
        fields = cast("Sequence[Mapping[str, Json]]", schema.get("fields") or ())
        made["fields"] = {str(field["name"]): _field(field, space) for field in fields}
        made["order"] = [str(field["name"]) for field in fields]
    return made


def _field(field: Mapping[str, Json], space: str) -> dict[str, Json]:
    return {
        "type": shape(field["type"], space),
        **_attributes(field, FIELD, field=True),
    }


def _attributes(
    given: Mapping[str, Json], but: frozenset[str], *, field: bool = False
) -> dict[str, Json]:
    """What else is said. A field's default, and whatever is no text or number, becomes JSON text."""
    made: dict[str, Json] = {}
    for name, value in given.items():
        if name in but or (not value and name in SILENT) or (name, value) == ASCENDING:
            continue
        if name in ("symbols", "aliases"):
            made[name] = list(cast("Sequence[str]", value))
        elif name in PLAIN and isinstance(value, (str, int)) and not (field and name == "default"):
            made[name] = value
        else:
            made[name + JSON] = "null" if value is None else json.dumps(value, sort_keys=True)
    return made


JSON = " (JSON)"


def unshape(found: Json) -> Json:
    """The reverse of `shape`, members in the order in which people write them."""
    if isinstance(found, str):
        return found
    if isinstance(found, (list, tuple)):
        return list(found)
    body = cast("Body", found)
    if "union" in body:
        branches = cast("Body", body.get("branches") or {})
        names = cast("Sequence[str]", body["union"])
        return [unshape(branches[name]) if name in branches else name for name in names]
    return _written(body)


def _written(body: Body) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for name in sorted(body, key=_rank):
        value = body[name]
        if name in ("items", "values"):
            made[name] = unshape(value)
        elif (name == "order" and not isinstance(value, str)) or name == "fields":
            continue
        elif name.endswith(JSON):
            made[name.removesuffix(JSON)] = json.loads(str(value))
        else:
            made[name] = value
    if body["type"] in ("record", "error"):
        fields = cast("Mapping[str, Body]", body.get("fields") or {})
        order = cast("Sequence[str]", body.get("order") or ())
        made["fields"] = [_written_field(name, fields[name]) for name in order]
    return made


def _written_field(name: str, body: Body) -> dict[str, Json]:
    rest = {key: value for key, value in body.items() if key != "type"}
    made: dict[str, Json] = {"name": name, "type": unshape(body["type"])}
    for key in sorted(rest, key=_rank):
        is_text = key.endswith(JSON)
        made[key.removesuffix(JSON)] = json.loads(str(rest[key])) if is_text else rest[key]
    return made


def _rank(name: str) -> tuple[int, str]:
    known = ("type", "name", "doc", "aliases")
    return (known.index(name) if name in known else len(known), name)


def _full(name: str, space: str) -> str:
    return name if "." in name or not space or name in PRIMITIVES else f"{space}.{name}"
