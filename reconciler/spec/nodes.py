"""The text of a YAML file in; its documents as nodes that know where they stand in the text, out.

For who changes a person's file: places are character positions, aliases stay aliases, and nothing is resolved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml


@dataclass(slots=True)
class Node:
    """A scalar, a mapping, a sequence or an alias. `start` and `end` are positions in the text.

    `end` is where its own last character ends, whatever blanks and comments follow. `anchor` is its own name, or for
    an alias the name it refers to. `flow`: written with brackets. `style` is how a scalar is quoted, empty for plain.
    """

    what: str
    start: int
    end: int
    anchor: str = ""
    flow: bool = False
    style: str = ""
    value: str = ""
    pairs: list[tuple[Node, Node]] = field(default_factory=list)
    items: list[Node] = field(default_factory=list)

    def get(self, name: str) -> Node | None:
        """The value of a key of a mapping."""
        return next((value for key, value in self.pairs if key.value == name), None)


def documents(text: str) -> list[Node]:
    """The root node of every document that has one. Raises yaml.YAMLError."""
    stream = iter(yaml.CSafeLoader(text).get_event, None)
    return [
        _node(next(stream), stream)
        for event in stream
        if isinstance(event, yaml.DocumentStartEvent)
    ]


def pieces(text: str) -> list[str]:
    """The text in one piece for each document, so that changing one costs nothing for the others."""
    starts: list[int] = []
    for event in iter(yaml.CSafeLoader(text).get_event, None):
        if isinstance(event, yaml.DocumentStartEvent) and event.start_mark:
            starts.append(event.start_mark.index)  # noqa: PERF401  # the type checker follows an `if` only
    ends = [*starts[1:], len(text)]
    return [text[start:end] for start, end in zip([0, *starts[1:]], ends, strict=True)]


def aliases(node: Node) -> set[str]:
    """The names that aliases below refer to."""
    own = {node.anchor} if node.what == "alias" else set()
    below = [*node.items, *(inner for pair in node.pairs for inner in pair)]
    return own.union(*map(aliases, below))


def _node(event: Any, stream: Any) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    anchor = event.anchor or ""
    match event:
        case yaml.AliasEvent():
            return Node("alias", start, end, anchor)
        case yaml.ScalarEvent():
            return Node("scalar", start, end, anchor, style=event.style or "", value=event.value)
        case yaml.SequenceStartEvent():
            return _sequence(Node("sequence", start, end, anchor, bool(event.flow_style)), stream)
        case _:
            return _mapping(Node("mapping", start, end, anchor, bool(event.flow_style)), stream)


def _sequence(made: Node, stream: Any) -> Node:
    for event in stream:
        if isinstance(event, yaml.SequenceEndEvent):
            return _closed(made, event, made.items)
        made.items.append(_node(event, stream))
    raise AssertionError("libyaml closes what it opens")


def _mapping(made: Node, stream: Any) -> Node:
    for event in stream:
        if isinstance(event, yaml.MappingEndEvent):
            return _closed(made, event, [value for _, value in made.pairs])
        key = _node(event, stream)
        made.pairs.append((key, _node(next(stream), stream)))
    raise AssertionError("libyaml closes what it opens")


def _closed(made: Node, event: Any, inner: list[Node]) -> Node:
    """In block style libyaml sees the end only where something else begins."""
    made.end = event.end_mark.index if made.flow or not inner else inner[-1].end
    return made
