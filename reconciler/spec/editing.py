"""The text of a YAML document and a new value in; the text with just that value changed out.

Only the characters of a value change: a round trip through a library would keep the comments too, but lay lines out
anew that nobody asked about, and a reviewer would have to read them all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, cast

from reconciler.core.model import Json, Path
from reconciler.spec.nodes import Node, aliases, documents
from reconciler.spec.scalars import resolve
from reconciler.spec.yaml import read

REMOVED = object()
_PLAIN = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._/+-]*[A-Za-z0-9._/+])?")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9._-]*")


class CannotEdit(Exception):
    """A change that would take more than putting another value in place; the message says why."""


def edit(text: str, path: Path, value: Any) -> str:
    """The text of one document with `value` at `path`; with `REMOVED` without what is there.

    Raises CannotEdit where it cannot be done by changing that one place.
    """
    roots = documents(text)
    if len(roots) != 1:
        raise CannotEdit("this is not one document")
    made = _removed(text, roots[0], path) if value is REMOVED else _set(text, roots[0], path, value)
    if _value(made) != _with(_value(text), path, value):
        raise CannotEdit("its YAML is written in a way that cannot be changed in one place")
    return made


# --- finding the place


def _deepest(root: Node, path: Path) -> tuple[Node, Path]:
    """The node at the longest beginning of `path` that is written there, and what is left of the path."""
    node = root
    for done, step in enumerate(path):
        inner = node.get(step) if node.what == "mapping" else None
        if inner is None:
            return node, path[done:]
        if inner.what == "alias" and done + 1 < len(path):
            raise CannotEdit(f"`{step}` is shared with other places by the alias `*{inner.anchor}`")
        node = inner
    return node, ()


def _check_unshared(root: Node, path: Path) -> None:
    """Raises CannotEdit where the place, or something around it, is what an alias elsewhere repeats."""
    used, node = aliases(root), root
    for step in path:
        inner = node.get(step)
        if inner is None:
            return
        if inner.what != "alias" and inner.anchor in used:
            raise CannotEdit(
                f"`{step}` is shared with other places by its anchor `&{inner.anchor}`"
            )
        node = inner


# --- another value, or a new one


def _set(text: str, root: Node, path: Path, value: Json) -> str:
    _check_unshared(root, path)
    node, left = _deepest(root, path)
    if left:
        return _added(text, node, left, value)
    if node.what == "scalar" and "${" in node.value:
        raise CannotEdit(
            f"`{path[-1]}` is `{node.value[:80]}`, whose value stands in a values file"
        )
    if node.style in ("|", ">") or ((node.items or node.pairs) and not node.flow):
        raise CannotEdit(f"`{path[-1]}` stands on several lines")
    return text[: node.start] + _written(value, node.style) + text[node.end :]


def _added(text: str, node: Node, left: Path, value: Json) -> str:
    """With a further entry behind the last one of a mapping."""
    entry = _entry(left, value)
    if node.what == "scalar" and resolve(node.value) is None and not node.style:
        blank = "" if node.start != node.end or text[node.start - 1 : node.start] == " " else " "
        return f"{text[: node.start]}{blank}{{{entry}}}{text[node.end :]}"
    if node.what != "mapping":
        raise CannotEdit(f"there is no mapping that `{left[0]}` could be added to")
    if node.flow:
        at = node.pairs[-1][1].end if node.pairs else node.end - 1
        return f"{text[:at]}{', ' if node.pairs else ''}{entry}{text[at:]}"
    key, last = node.pairs[-1]
    if last.style in ("|", ">"):
        raise CannotEdit(f"it would have to follow `{key.value}`, which stands on several lines")
    end = text.find("\n", last.end)
    end = len(text) if end < 0 else end
    # Under the first key, which in a list stands behind a dash.
    first = node.pairs[0][0].start
    indent = " " * (first - (text.rfind("\n", 0, first) + 1))
    return f"{text[:end]}\n{indent}{entry}{text[end:]}"


def _entry(left: Path, value: Json) -> str:
    name = (
        left[0]
        if _WORD.fullmatch(left[0]) and isinstance(resolve(left[0]), str)
        else _quoted(left[0])
    )
    inner = _written(value, "") if len(left) == 1 else f"{{{_entry(left[1:], value)}}}"
    return f"{name}: {inner}"


def _written(value: Json, style: str) -> str:
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_written(item, style) for item in value)}]"
    if isinstance(value, Mapping):
        raise CannotEdit("the new value is a whole mapping")
    if not isinstance(value, str):
        return json.dumps(value)
    if style == "'" and value.isprintable():
        return "'" + value.replace("'", "''") + "'"
    plain = not style and _PLAIN.fullmatch(value) and resolve(value) == value
    return value if plain else _quoted(value)


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=not value.isprintable())


# --- taking away


def _removed(text: str, root: Node, path: Path) -> str:
    _check_unshared(root, path)
    node, left = _deepest(root, path[:-1])
    if left or node.what != "mapping" or node.get(path[-1]) is None:
        raise CannotEdit(f"there is no `{path[-1]}` to take away")
    if len(node.pairs) == 1 and len(path) > 1:
        return _removed(text, root, path[:-1]) if len(path) > 2 else _emptied(text, node)
    at = next(i for i, (key, _) in enumerate(node.pairs) if key.value == path[-1])
    return _out_of_flow(text, node, at) if node.flow else _out_of_block(text, node, at)


def _emptied(text: str, node: Node) -> str:
    return f"{text[: node.start]}{{}}{text[node.end :]}"


def _out_of_flow(text: str, node: Node, at: int) -> str:
    """With one of the commas beside it."""
    if at + 1 < len(node.pairs):
        return text[: node.pairs[at][0].start] + text[node.pairs[at + 1][0].start :]
    return text[: node.pairs[at - 1][1].end] + text[node.pairs[at][1].end :]


def _out_of_block(text: str, node: Node, at: int) -> str:
    """Its lines, with what stands behind it on the last one."""
    key, value = node.pairs[at]
    begin = text.rfind("\n", 0, key.start) + 1
    if text[begin : key.start].strip():
        raise CannotEdit(f"`{key.value}` shares its line with something else")
    end = text.find("\n", value.end)
    return text[:begin] + (text[end + 1 :] if end >= 0 else "")


# --- proof


def _value(text: str) -> Json:
    """What the document says; None where it is broken."""
    content = read(text.encode("utf-8", "surrogatepass"))
    return None if content.faults or len(content.trees) != 1 else content.trees[0].value


def _with(tree: Json, path: Path, value: Any) -> Json:
    body = dict(cast("Mapping[str, Json]", tree if isinstance(tree, Mapping) else {}))
    if len(path) > 1:
        body[path[0]] = _with(body.get(path[0]), path[1:], value)
        if value is REMOVED and not body[path[0]] and len(path) > 1 and path[0] != "spec":
            del body[path[0]]
    elif value is REMOVED:
        body.pop(path[0], None)
    else:
        body[path[0]] = list(value) if isinstance(value, (tuple, list)) else value
    return body
