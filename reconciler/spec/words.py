"""Parts of a JSON Schema and a value in; what was expected and what was found, as a person would say it, out."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from reconciler.core.model import Json, Path

SECRET = re.compile(
    r"password|passphrase|secret|jaas|^bearer$|token(?!\.endpoint\.url$)|(^|\.)key(\.pem)?$",
    re.IGNORECASE,
)
_USERINFO = re.compile(r"://[^/\s]*@")
_TYPES = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "`true` or `false`",
    "array": "a list",
    "object": "a mapping",
}


class Finding(NamedTuple):
    """One thing wrong inside a document. `at_key`: it is the key that is wrong, not its value."""

    path: Path
    message: str
    at_key: bool = False


def expected(form: Mapping[str, Any]) -> str:
    """What a schema asks for. A `title` is its author's own noun for it."""
    if "title" in form:
        return str(form["title"])
    if "const" in form:
        fixed = form["const"]
        return f"`{fixed if isinstance(fixed, str) else json.dumps(fixed)}`"
    if "enum" in form:
        return "one of " + ", ".join(f"`{word}`" for word in form["enum"] if word is not None)
    kinds = form.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    said = [_TYPES[kind] for kind in kinds if kind != "null"]
    return (" or ".join(said) or "something else") + _bounds(form)


def _bounds(form: Mapping[str, Any]) -> str:
    low, high = form.get("minimum"), form.get("maximum")
    if (above := form.get("exclusiveMinimum")) is not None and high is None:
        return f" above {above}"
    if low is not None and high is not None:
        return f" from {low} to {high}"
    if low is not None:
        return f" from {low} up"
    return f" up to {high}" if high is not None else ""


def found(value: Json, path: Path) -> str:
    """A value, short enough for a sentence; never one that may be a secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "a list" if value else "an empty list"
    if value is None:
        return "nothing"
    if any(SECRET.search(step) for step in path):
        return "something that is not shown here"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{_shown(str(value))}`" if value != "" else "an empty text"


def label(path: Path) -> str:
    """The last key of a path with the list positions behind it: `hosts[1]`."""
    text = ""
    for step in reversed(path):
        if not step.isdigit():
            return f"`{step[:80]}{text}`"
        text = f"[{step}]{text}"
    return f"`{text}`" if text else "the document"


def _shown(text: str) -> str:
    safe = _USERINFO.sub("://...@", text)
    cut = safe if len(safe) <= 60 else safe[:57] + "..."
    return cut if cut.isprintable() else repr(cut)[1:-1]
