"""A document and the values of an environment in; the document with every `${name}` filled in out.

`${name}` with `[a-z_][a-z0-9_]*` and nothing else: Connect's `${file:a:b}` stays as it is. `$${` is a literal `${`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path as File

from reconciler.core.model import Json, Path
from reconciler.core.near import did_you_mean
from reconciler.errors import BadUsage, Problem
from reconciler.spec.walk import Found, content, printable
from reconciler.spec.words import Finding
from reconciler.spec.yaml import Fault, read

MOST_FINDINGS = 100
_NAME = re.compile(r"[a-z_][a-z0-9_]*")
_USE = re.compile(r"\$\$\{|\$\{([a-z_][a-z0-9_]*)\}")

Values = Mapping[str, Json]


def load(file: File) -> tuple[Values, list[Problem]]:
    """A values file: one flat mapping. Raises BadUsage if it is not there."""
    if not file.is_file():
        raise BadUsage(f"there is no values file at {file}")
    name = printable(str(file))
    found = Found(file.parent, {name: file.resolve()})
    data = content(found, name)
    if data is None:
        return {}, found.problems
    parsed = read(data)
    faults = [*parsed.faults]
    trees = [tree.value for tree in parsed.trees]
    flat = trees[0] if len(trees) == 1 and isinstance(trees[0], dict) else {}
    if parsed.whole and not faults and (len(trees) > 1 or (trees and trees[0] is not flat)):
        faults.append(Fault(1, 1, "a values file is one mapping of names to values"))
    faults += [Fault(1, 1, message) for message in _misfits(flat)]
    return flat, [Problem(name, *fault) for fault in faults]


def fill(value: Json, values: Values | None) -> tuple[Json, list[Finding]]:
    """`value` with its variables filled in, and those that could not be. It is copied, never changed."""
    findings: list[Finding] = []
    return _fill(value, values, (), findings), findings


def _fill(value: Json, values: Values | None, path: Path, findings: list[Finding]) -> Json:
    if isinstance(value, str):
        return _text(value, values, path, findings) if "${" in value else value
    if isinstance(value, Mapping):
        return {key: _fill(inner, values, (*path, key), findings) for key, inner in value.items()}
    if isinstance(value, list):
        return [
            _fill(inner, values, (*path, str(index)), findings) for index, inner in enumerate(value)
        ]
    return value


def _text(text: str, values: Values | None, path: Path, findings: list[Finding]) -> Json:
    undefined = [name for name in _names(text) if name not in (values or {})]
    if undefined:
        few = undefined[: max(0, MOST_FINDINGS - len(findings))]
        findings += [Finding(path, _undefined(name, values)) for name in few]
        return text
    given = values or {}
    whole = _USE.fullmatch(text)
    if whole is not None and whole[1]:
        return given[whole[1]]
    findings += [
        Finding(path, f"`${{{name}}}` has no value that could stand inside a text")
        for name in _names(text)
        if given[name] is None
    ]
    return _USE.sub(lambda use: _said(given[use[1]]) if use[1] else "${", text)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(use[1] for use in _USE.finditer(text) if use[1]))


def _undefined(name: str, values: Values | None) -> str:
    if values is None:
        return f"`${{{name}}}` needs a values file (--values); write `$${{{name}}}` for the text itself"
    return f"`${{{name}}}` is not in the values file{did_you_mean(name, values)}"


def _said(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _misfits(flat: Values) -> list[str]:
    wrong = [key for key in flat if not _NAME.fullmatch(key)]
    nested = [key for key, value in flat.items() if isinstance(value, (dict, list))]
    return [
        *(f"no `${{...}}` can name `{printable(key[:80])}`: use a-z, 0-9 and `_`" for key in wrong),
        *(
            f"`{printable(key[:80])}` must be a single value, not a mapping or a list"
            for key in nested
        ),
    ]
