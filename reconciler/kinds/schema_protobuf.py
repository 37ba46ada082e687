"""A .proto text in, one nested mapping that means the same whatever its layout out; and back.

Containers are mappings under `message Order`; everything in them is one line of text under its name. Comments are
layout: a registry keeps them, and nothing is decided by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from reconciler.core.model import Body, Json

if TYPE_CHECKING:
    from proto_schema_parser import ast

DOCS: frozenset[str] = frozenset()
CONTAINERS = ("Message", "Enum", "OneOf", "Service", "Extension", "Group")
FIRST = re.compile(r"(syntax|edition|package|import|option)( |$)")
NUMBER = re.compile(r"= *(\d+)")


def parse(text: str, _references: Iterable[str]) -> ast.File:
    """The syntax tree of a text. Raises ValueError with what is wrong with it."""
    from proto_schema_parser.parser import Parser

    try:
        found: ast.File = Parser(setup_lexer=_strict, setup_parser=_strict).parse(text)
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"this is no protobuf: {' '.join(str(error).split())[:300]}") from error
    if not any(type(element).__name__ in CONTAINERS for element in found.file_elements):
        raise ValueError("this protobuf has no message and no enum")
    return found


def _strict(recognizer: Any) -> None:
    """ANTLR prints what it finds wrong and goes on with a guess; here the first thing wrong is the end."""
    from antlr4.error.ErrorListener import ErrorListener

    class Strict(ErrorListener):  # type: ignore[misc]  # it has no annotations
        def syntaxError(self, *found: Any) -> None:  # noqa: N802
            _, _, line, column, message, _ = found
            told = message.partition(" expecting ")[0]
            raise ValueError(f"line {line}, column {column + 1}: {told}")

    recognizer.removeErrorListeners()
    recognizer.addErrorListener(Strict())


def shape(file: ast.File) -> dict[str, Json]:
    """What is compared; the same for all ways to lay out one file."""
    head = {"syntax": f'syntax = "{file.syntax}";'} if file.syntax else {}
    head |= {"edition": f'edition = "{file.edition}";'} if file.edition else {}
    return {**head, **dict(_members(file.file_elements))}


def _members(elements: Sequence[Any]) -> Iterator[tuple[str, Json]]:
    for element in elements:
        kind = type(element).__name__
        if kind == "Comment":
            continue
        if kind in CONTAINERS:
            inner: dict[str, Json] = dict(_members(element.elements))
            yield _head(element), inner or {"": ""}
        else:
            line = _line(element)
            yield _named(element, line), line


def _head(element: Any) -> str:
    kind = type(element).__name__
    word = {"OneOf": "oneof", "Extension": "extend"}.get(kind, kind.lower())
    return f"{word} {element.typeName if kind == 'Extension' else element.name}"


def _named(element: Any, line: str) -> str:
    kind = type(element).__name__
    if kind in ("Field", "MapField", "EnumValue"):
        return str(element.name)
    if kind == "Method":
        return f"rpc {element.name}"
    if kind == "Package":
        return "package"
    return line.rstrip(";").partition(" = ")[0] if kind == "Option" else line.rstrip(";")


def _line(element: Any) -> str:
    from proto_schema_parser import ast
    from proto_schema_parser.generator import Generator

    kind = type(element).__name__
    own = {"EnumValue": ast.Enum, "EnumReserved": ast.Enum, "Method": ast.Service}
    alone = kind in ("Package", "Import", "Option")
    inside = element if alone else own.get(kind, ast.Message)(name="_", elements=[element])
    text = " ".join(Generator().generate(ast.File(file_elements=[inside])).split())
    return text if alone else text.partition("{")[2].removesuffix("}").strip()


def unshape(found: Body) -> str:
    """The reverse of `shape`: a whole .proto text, what is numbered in the order of its numbers."""
    return "\n".join(_lines(found, "")) + "\n"


def _lines(body: Mapping[str, Json], indent: str) -> Iterator[str]:
    for name in sorted(body, key=lambda name: _rank(name, body[name])):
        value = body[name]
        if isinstance(value, Mapping):
            yield f"{indent}{name} {{"
            yield from _lines(value, indent + "  ")
            yield f"{indent}}}"
        elif value:
            yield f"{indent}{value}"


def _rank(name: str, value: Json) -> tuple[int, int, str]:
    if FIRST.match(name):
        order = ("syntax", "edition", "package", "import", "option")
        return (0, order.index(name.split(" ", maxsplit=1)[0]), name)
    number = NUMBER.search(str(value)) if isinstance(value, str) else None
    return (1, int(number[1]) if number else 0, name)
