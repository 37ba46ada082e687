"""A schema's text in, what is compared of it out; and back. One module beside this one for each type."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from reconciler.core.model import Json, Path
from reconciler.core.unicode import spelt
from reconciler.kinds import schema_avro, schema_json, schema_protobuf


class Form(NamedTuple):
    """How one type of schema is read, compared and written. `docs` are members that only explain."""

    parse: Callable[[str, Iterable[str]], Any]
    shape: Callable[[Any], Json]
    text: Callable[[Any], str]
    docs: frozenset[str]


def _compact(found: Json) -> str:
    return spelt(json.dumps(found, ensure_ascii=False, separators=(",", ":")))


FORMS: Mapping[str, Form] = {
    "AVRO": Form(
        schema_avro.parse,
        schema_avro.shape,
        lambda found: _compact(schema_avro.unshape(found)),
        schema_avro.DOCS,
    ),
    "JSON": Form(
        schema_json.parse,
        schema_json.shape,
        lambda found: _compact(schema_json.unshape(found)),
        schema_json.DOCS,
    ),
    "PROTOBUF": Form(
        schema_protobuf.parse, schema_protobuf.shape, schema_protobuf.unshape, schema_protobuf.DOCS
    ),
}
# What a registry holds and no parser of ours reads is compared as it stands.
AS_IT_STANDS = "text as it stands"


@lru_cache(maxsize=8192)
def shape(kind: str, text: str, references: tuple[str, ...] = ()) -> Json:
    """What is compared of a text. Raises ValueError for one that is not of its type."""
    form = FORMS[kind]
    return form.shape(form.parse(text, references))


def live_shape(kind: str, text: str) -> Json:
    """The same of what a registry holds, which may be anything."""
    try:
        return FORMS[kind].shape(_read(kind, text))
    except (ValueError, KeyError, TypeError, AttributeError):
        return {AS_IT_STANDS: text}


def _read(kind: str, text: str) -> Any:
    """Without a second opinion on whether it is right: the registry took it."""
    return FORMS[kind].parse(text, ()) if kind == "PROTOBUF" else json.loads(text)


def text_of(kind: str, found: Json) -> str:
    """The text that is sent for what is wanted."""
    return FORMS[kind].text(found)


def fingerprint(kind: str, found: Json) -> str:
    """The same for two schemas that mean the same to a record, whatever they say to explain it."""
    bare = _without(found, FORMS[kind].docs)
    canonical = json.dumps(bare, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def explains(kind: str, path: Path) -> bool:
    """Whether a setting below the schema only explains."""
    return path[-1].removesuffix(schema_avro.JSON) in FORMS[kind].docs


def _without(found: Json, docs: frozenset[str]) -> Json:
    if not isinstance(found, Mapping):
        return found
    kept = {n: v for n, v in found.items() if not (n in docs and not isinstance(v, Mapping))}
    return {name: _without(value, docs) for name, value in kept.items()}


def laid_out(text: str, width: int = 100) -> str:
    """JSON over several lines: what fits on one stands on one. A text that is no JSON stays as it is."""
    try:
        return _laid_out(json.loads(text), "", width)
    except ValueError:
        return text


def _laid_out(found: Json, indent: str, width: int) -> str:
    line = json.dumps(found, ensure_ascii=False)
    deep = any(isinstance(inner, (dict, list)) for inner in _inner(found))
    if not isinstance(found, (dict, list)) or not found:
        return line
    if len(indent) + len(line) <= width and (indent or not deep):
        return line
    below = indent + "  "
    if isinstance(found, dict):
        rows = [f"{json.dumps(n)}: {_laid_out(v, below, width)}" for n, v in found.items()]
        return "{\n" + ",\n".join(below + row for row in rows) + f"\n{indent}}}"
    rows = [_laid_out(inner, below, width) for inner in found]
    return "[\n" + ",\n".join(below + row for row in rows) + f"\n{indent}]"


def _inner(found: Json) -> Iterable[Json]:
    if isinstance(found, dict):
        return found.values()
    return found if isinstance(found, list) else ()
