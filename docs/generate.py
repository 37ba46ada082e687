"""`make docs`: writes what follows from the code: tables of fields, the page of codes, the platforms' own settings.

A page keeps what people wrote; only what stands between `<!-- NAME -->` and `<!-- /NAME -->` is written anew.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from reconciler.cli.explain import codes
from reconciler.core.model import Level, Risk

DOCS = Path(__file__).parent
SCHEMAS = DOCS.parent / "schemas"
PLATFORMS = DOCS.parent / "reconciler" / "platforms"
LEVELS = {
    Level.NOTICE: "Notice: it never blocks.",
    Level.DANGER: "Danger: it blocks until approved.",
    Level.LIMIT: "Limit: it blocks until approved.",
    Level.IMPOSSIBLE: "Cannot be done, and cannot be approved.",
}


def main() -> int:
    for page, text in pages().items():
        page.write_text(text)
    return 0


def pages() -> dict[Path, str]:
    """Every page that holds something generated, as it should be."""
    found = {DOCS / "codes.md": _codes(), SCHEMAS / "cluster.v1.json": _cluster()}
    for page in sorted((DOCS / "kinds").glob("*.md")):
        schema = json.loads((SCHEMAS / f"{page.stem}.v1.json").read_text())
        found[page] = _between(page.read_text(), "fields", _fields(schema))
    return found


def _cluster() -> str:
    """The form of Cluster documents with a member for each platform that has settings of its own."""
    form = json.loads((SCHEMAS / "cluster.v1.json").read_text())
    members = form["properties"]["spec"]["properties"]
    for file in sorted(PLATFORMS.glob("*/cluster.json")):
        members[file.parent.name] = json.loads(file.read_text())
    return json.dumps(form, indent=2) + "\n"


def _between(text: str, name: str, new: str) -> str:
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    if begin not in text:
        raise ValueError(f"no {begin} in the page")
    return re.sub(f"{begin}.*?{end}", lambda _: f"{begin}\n{new}\n{end}", text, flags=re.DOTALL)


def _fields(schema: Mapping[str, Any]) -> str:
    rows = ["| field | value | what it says |", "|---|---|---|"]
    for path, body, required in _walk(schema["properties"]["spec"], "spec"):
        name = f"`{path}`" + (" (required)" if required else "")
        rows.append(f"| {name} | {_value(body)} | {_cell(body.get('description', ''))} |")
    return "\n".join(rows)


def _walk(body: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    for name, inner in body.get("properties", {}).items():
        at = f"{path}.{name}"
        if inner.get("not") == {}:
            continue
        yield at, inner, name in body.get("required", ())
        yield from _walk(inner, at)
        if isinstance(inner.get("items"), dict):
            yield from _walk(inner["items"], f"{at}[]")


def _value(body: Mapping[str, Any]) -> str:
    if "enum" in body:
        return " ".join(f"`{value}`" for value in body["enum"] if value is not None)
    if "const" in body:
        return f"`{json.dumps(body['const'])}`"
    kind = body.get("type", "")
    return _cell(body.get("title") or (kind if isinstance(kind, str) else " or ".join(kind)))


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _codes() -> str:
    lines = [
        "# Codes",
        "",
        "Everything a plan may warn of, by its code; `kstate explain CODE` says the same. Written by `make docs`.",
    ]
    for code in codes().values():
        level = LEVELS[Risk(code.code, "").level]
        lines += ["", f"## {code.code}: {code.title}", "", f"{level} {code.text}"]
        lines += ["", f"Undo: {code.undo}"] if code.undo else []
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
