"""A JSON Schema and a document that does not fit it in; every reason, in sentences, out.

The slow path: jsonschema is imported here and nowhere else, and nobody imports this before something has failed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from reconciler.core.model import Json, Path
from reconciler.core.near import did_you_mean
from reconciler.spec.words import Finding, expected, found, label

MOST_FINDINGS = 100
Error = Any  # jsonschema's ValidationError, whose fields are typed as "perhaps not set", which here they always are


def explain(schema: Mapping[str, Any], value: Json) -> list[Finding]:
    """What is wrong, each thing once, in the order of the paths; a hundred things at most."""
    errors = _EXACT(dict(schema)).iter_errors(value)
    findings = (finding for error in errors for finding in _say(error, ()))
    return sorted(_loudest(islice(findings, MOST_FINDINGS)))


def _loudest(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Of several complaints about one value the last one: conditions come last, and know more than the general rule."""
    by_place: dict[tuple[Path, str], Finding] = {}
    for finding in findings:
        about = "value" if " must " in finding.message else finding.message
        by_place[finding.path, about] = finding
    yield from by_place.values()


def _say(error: Error, around: Path) -> Iterator[Finding]:
    path = (*around, *map(str, error.relative_path))
    if "propertyNames" in error.relative_schema_path:
        yield from _name(error, path)
    else:
        yield from _WORDS.get(str(error.validator), _rule)(error, path)


def _value(error: Error, path: Path) -> Iterator[Finding]:
    """A value that is not of the type, in the range, or of the pattern that its schema asks for."""
    near = ""
    if error.validator == "enum" and isinstance(error.instance, str):
        near = did_you_mean(
            error.instance, [word for word in error.schema["enum"] if isinstance(word, str)]
        )
    wanted, got = expected(error.schema), found(error.instance, path)
    yield Finding(path, f"{label(path)} must be {wanted}, found {got}{near}{_unquoted(error)}")


def _unquoted(error: Error) -> str:
    """What a text looked like to YAML, where text was asked for and nobody wrote the quotes."""
    if error.validator != "type" or error.schema.get("type") != "string":
        return ""
    if isinstance(error.instance, bool):
        return "; YAML reads that as true or false: put it in quotes"
    if isinstance(error.instance, int | float):
        return "; YAML reads that as a number: put it in quotes"
    return ""


def _rule(error: Error, path: Path) -> Iterator[Finding]:
    """A keyword without words of its own: its schema's, else named, with its value only where that is short."""
    if "title" in error.schema:
        yield Finding(path, f"{label(path)} must be {expected(error.schema)}")
        return
    value = error.validator_value
    limit = f" {value}" if isinstance(value, int | float | str) else ""
    yield Finding(path, f"{label(path)} does not keep to `{error.validator}{limit}`")


def _unknown(error: Error, path: Path) -> Iterator[Finding]:
    right = error.schema.get("properties", {})
    free = [word for word in right if word not in error.instance]
    for key in error.instance:
        if key not in right:
            where = f" in {label(path)}" if path else ""
            yield Finding(
                (*path, key),
                f"unknown key {found(key, ())}{where}{did_you_mean(key, free)}",
                at_key=True,
            )


def _missing(error: Error, path: Path) -> Iterator[Finding]:
    """jsonschema reports one missing key at a time, and which one only in its own words."""
    where = f" in {label(path)}" if path else ""
    for key in error.validator_value:
        if key not in error.instance:
            yield Finding(path, f"the key `{key}` is missing{where}", at_key=True)


def _forbidden(_error: Error, path: Path) -> Iterator[Finding]:
    yield Finding(path, f"{label(path)} has no place here", at_key=True)


def _name(error: Error, path: Path) -> Iterator[Finding]:
    """A wrong key where keys are free: jsonschema reports the key as the instance, at the mapping."""
    key = str(error.instance)
    yield Finding(
        (*path, key), f"the key {found(key, ())} must be {expected(error.schema)}", at_key=True
    )


def _empty(_error: Error, path: Path) -> Iterator[Finding]:
    yield Finding(path, f"{label(path)} must not be empty")


def _twice(error: Error, path: Path) -> Iterator[Finding]:
    for index in _repeated(error.instance):
        where = (*path, str(index))
        yield Finding(where, f"{label(path)} holds {found(error.instance[index], where)} twice")


def _either(error: Error, path: Path) -> Iterator[Finding]:
    """None of several forms fits: speak of the one that comes nearest, as if it were the only one."""
    branches: dict[int, list[Error]] = {}
    for inner in error.context:
        branches.setdefault(int(inner.relative_schema_path[0]), []).append(inner)
    if not branches:
        yield Finding(
            path, f"{label(path)} fits more than one of the forms it can have; it must fit one"
        )
    elif all(_only_missing(branch) for branch in branches.values()):
        keys = [
            f"`{key}`"
            for branch in branches.values()
            for inner in branch
            for key in inner.validator_value
        ]
        yield Finding(
            path, f"one of the keys {', '.join(keys)} is missing in {label(path)}", at_key=True
        )
    elif all(_wrong_at_all(branch) for branch in branches.values()):
        wanted = " or ".join(
            dict.fromkeys(expected(branch[0].schema) for branch in branches.values())
        )
        yield Finding(path, f"{label(path)} must be {wanted}, found {found(error.instance, path)}")
    else:
        for inner in min(branches.values(), key=_distance):
            yield from _say(inner, path)


def _only_missing(branch: list[Error]) -> bool:
    return all(inner.validator == "required" and not inner.relative_path for inner in branch)


def _wrong_at_all(branch: list[Error]) -> bool:
    return any(inner.validator in _VALUES and not inner.relative_path for inner in branch)


def _distance(branch: list[Error]) -> tuple[bool, bool, int]:
    """Smaller is nearer: the right type first, then the right constants (which tell forms apart), then fewer errors."""
    constants = any(inner.validator == "const" for inner in branch)
    return _wrong_at_all(branch), constants, len(branch)


_VALUES = (
    *("type", "const", "enum", "pattern", "not"),
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
)
_WORDS: dict[str, Callable[[Error, Path], Iterator[Finding]]] = {
    **dict.fromkeys(_VALUES, _value),
    **dict.fromkeys(("minItems", "minLength", "minProperties"), _empty),
    **dict.fromkeys(("anyOf", "oneOf"), _either),
    "additionalProperties": _unknown,
    "required": _missing,
    "uniqueItems": _twice,
    "None": _forbidden,  # the schema is `false`
}


def _whole(_checker: object, value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _pattern(
    _validator: object, pattern: str, value: object, _schema: object
) -> Iterator[ValidationError]:
    """As JSON Schema means it: `$` is the end of the text, where Python would let a line end follow."""
    if isinstance(value, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), value):
        yield ValidationError(f"does not match {pattern}")


def _unique(
    _validator: object, wanted: object, value: object, _schema: object
) -> Iterator[ValidationError]:
    """Like jsonschema's own, but never quadratic: a list may be long, and written by a stranger."""
    if wanted and isinstance(value, list) and next(_repeated(value), None) is not None:
        yield ValidationError("has equal entries")


def _repeated(entries: list[Json]) -> Iterator[int]:
    """The positions of entries that were there before."""
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        text = json.dumps(entry, sort_keys=True)
        if text in seen:
            yield index
        seen.add(text)


_EXACT: Callable[[dict[str, Any]], Any] = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    validators={"pattern": _pattern, "uniqueItems": _unique},
    type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", _whole),
)
