"""A folder of JSON Schemas in; the kinds of document there are, and whether a document fits its own, out.

A kind is whatever has a file `<kind>.v1.json` that fixes `kind` and `apiVersion`; nothing lists them a second time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path as File
from typing import Any

from reconciler.core.model import Json
from reconciler.core.near import did_you_mean
from reconciler.spec.words import Finding, found


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """The form of one kind in one version."""

    kind: str
    version: str
    body: Mapping[str, Any]


def folder() -> File:
    """Where the schemas are: inside the installed package, or beside it in a checkout."""
    packaged = File(__file__).parent.parent / "schemas"
    return packaged if packaged.is_dir() else packaged.parent.parent / "schemas"


@lru_cache(maxsize=8)
def known(schemas: File) -> Mapping[tuple[str, str], Schema]:
    """Every form in a folder, by (version, kind)."""
    forms = (_document(file) for file in sorted(schemas.glob("*.v*.json")))
    return {(form.version, form.kind): form for form in forms if form is not None}


def _document(file: File) -> Schema | None:
    """The form that a file describes; None where it describes something else, such as a plan."""
    body = json.loads(file.read_text(encoding="utf-8"))
    properties = body.get("properties", {})
    kind = properties.get("kind", {}).get("const")
    version = properties.get("apiVersion", {}).get("const")
    return Schema(kind, version, body) if kind and version else None


def choose(value: Json, forms: Mapping[tuple[str, str], Schema]) -> Schema | Finding:
    """The form that a document says it has, in its newest version if it names none that is known."""
    if not isinstance(value, dict):
        return Finding((), "a document must be a mapping with `kind`")
    version, kind = value.get("apiVersion"), value.get("kind")
    if isinstance(version, str) and isinstance(kind, str) and (version, kind) in forms:
        return forms[version, kind]
    kinds = {known_kind for _, known_kind in forms}
    if not isinstance(kind, str) or kind not in kinds:
        return _unknown_kind(value, kinds)
    return max(
        (form for form in forms.values() if form.kind == kind), key=lambda form: form.version
    )


def check(form: Schema, value: Json, *, exactly: bool) -> list[Finding]:
    """What keeps a document from having its form: nothing, nearly always, and found quickly.

    `exactly`: it holds numbers like `3.0`, where only the slower validator tells them from whole ones.
    """
    if not exactly and _fast(form).is_valid(value):
        return []
    from reconciler.spec.explain import explain

    findings = explain(form.body, value)
    if not findings and not _fast(form).is_valid(value):
        findings.append(Finding((), f"this does not fit the form of a {form.kind}"))
    return findings


@lru_cache(maxsize=64)
def _fast(form: Schema) -> Any:
    import jsonschema_rs

    return jsonschema_rs.Draft202012Validator(dict(form.body))


def _unknown_kind(value: Mapping[str, Json], kinds: set[str]) -> Finding:
    listed = ", ".join(f"`{word}`" for word in sorted(kinds))
    if "kind" not in value:
        flat = not any(isinstance(inner, dict | list) for inner in value.values())
        aside = " (a file of values belongs in a folder whose name starts with `_`)" if flat else ""
        return Finding((), f"the key `kind` is missing; it is one of {listed}{aside}")
    kind = value["kind"]
    if not isinstance(kind, str):
        return Finding(("kind",), f"`kind` must be one of {listed}, found {found(kind, ())}")
    near = did_you_mean(kind, kinds) or f"; it is one of {listed}"
    return Finding(("kind",), f"`kind: {found(kind, ())[1:-1]}` is not known{near}")


def for_editors(forms: Mapping[tuple[str, str], Schema]) -> dict[str, Any]:
    """One schema that tells documents apart by their `kind`: what `spec.v1.json` holds, for editors."""
    chosen = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"$ref": f"{kind.lower()}.{version.partition('/')[2]}.json"},
        }
        for version, kind in sorted(forms)
    ]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A document of a kstate spec",
        "description": "Any document of a spec; its `kind` says which form it has.",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "properties": {
            "apiVersion": {"enum": sorted({version for version, _ in forms})},
            "kind": {"enum": sorted({kind for _, kind in forms})},
        },
        "allOf": chosen,
    }
