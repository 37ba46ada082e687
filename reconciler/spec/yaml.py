"""The bytes of one YAML file in; its documents as plain values, and every fault with its place, out.

Values are built from libyaml's events rather than from its node tree: one pass, no recursion, and depth and size are
known before anything grows. A file is data that strangers may have written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import yaml

from reconciler.core.model import Json
from reconciler.spec.scalars import STARTS, resolve
from reconciler.spec.syntax import DEEPEST, in_our_words

LARGEST_FILE = 10 * 1024 * 1024
MOST_NODES = 1_000_000
MOST_FAULTS = 100

_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff"
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
FORBIDDEN = re.compile(f"[{_CONTROL}{_DIRECTION}]")
_BOM = b"\xef\xbb\xbf"
# In the place of a key: `_SKIP` throws the next value away, because its key is wrong; `_AS_KEY` throws two away,
# the collection or alias that stands where the key should be, and then its value.
_SKIP: Final = object()
_AS_KEY: Final = object()


class Fault(NamedTuple):
    """Something wrong with the YAML itself. Lines and columns count from 1."""

    line: int
    column: int
    message: str


class Tree(NamedTuple):
    """One document. `number` counts documents in the file. `line` is that of `metadata.name`, or of its start.

    `pointed`: it holds a number like `3.0`, which JSON Schema takes for a whole one and Kafka does not.
    """

    value: Json
    number: int
    line: int
    pointed: bool


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds. `whole` is false where reading had to stop before the end."""

    trees: tuple[Tree, ...]
    faults: tuple[Fault, ...]
    whole: bool = True


def read(data: bytes) -> Content:
    """All documents of a file that is no larger than `LARGEST_FILE`, and all its faults."""
    fault = unfit(data)
    if fault is not None:
        return Content((), (fault,), whole=False)
    builder = Builder()
    try:
        for event in iter(yaml.CSafeLoader(data).get_event, None):
            builder.handlers[type(event)](event)
    except yaml.MarkedYAMLError as error:
        builder.faults.append(Fault(*in_our_words(error)))
    except yaml.YAMLError as error:
        builder.faults.append(Fault(1, 1, f"this is not YAML: {error}"))
    except Stopped as stop:
        builder.faults.append(stop.fault)
    else:
        return Content(tuple(builder.trees), tuple(builder.faults))
    return Content(tuple(builder.trees), tuple(builder.faults), whole=False)


def unfit(data: bytes) -> Fault | None:
    """What is wrong with the characters themselves: the first such place."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        before = data[data.rfind(b"\n", 0, error.start) + 1 : error.start]
        column = len(before.removeprefix(_BOM).decode("utf-8", "replace")) + 1
        return Fault(line, column, f"byte 0x{data[error.start]:02X} is not UTF-8; save it as UTF-8")
    match = FORBIDDEN.search(text)
    if match is None:
        return None
    line = text.count("\n", 0, match.start()) + 1
    column = match.start() - text.rfind("\n", 0, match.start())
    return Fault(line, column, _forbidden(match[0]))


def _forbidden(character: str) -> str:
    what = (
        "a character that turns the direction of text"
        if character > "\xff"
        else "a control character"
    )
    return f"U+{ord(character):04X} is {what}; it has no place in a spec"


class Stopped(Exception):
    """Reading on would only make it worse."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Builder:
    """Builds values from events. `top` is the open collection, `key` the mapping key that waits for its value."""

    def __init__(self) -> None:
        self.trees: list[Tree] = []
        self.faults: list[Fault] = []
        self.index = -1
        self.nodes = 0
        self.handlers: dict[type[yaml.Event], Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: self._mapping,
            yaml.SequenceStartEvent: self._sequence,
            yaml.MappingEndEvent: self._close,
            yaml.SequenceEndEvent: self._close,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._start,
            yaml.DocumentEndEvent: self._end,
            yaml.StreamStartEvent: lambda _event: None,
            yaml.StreamEndEvent: lambda _event: None,
        }

    def _start(self, event: yaml.DocumentStartEvent) -> None:
        self.index += 1
        self.line, self.named = _place(event)[0], False
        self.root: Any = None
        self.top: Any = None
        self.key: Any = None
        self.pointed = False
        self.stack: list[tuple[Any, Any, str | None, int]] = []
        self.anchors: dict[str, tuple[Any, int]] = {}

    def _end(self, _event: yaml.DocumentEndEvent) -> None:
        if self.root is not None:
            self.trees.append(Tree(self.root, self.index, self.line, self.pointed))

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        self.nodes += 1
        text, style, top = event.value, event.style, self.top
        value = text if style or (text and text[0] not in STARTS) else self._plain(event, text)
        if style == '"' or event.tag is not None or event.anchor is not None:
            self._unusual(event, value)
        if self.key is None and type(top) is dict:
            self._key(event, value)
        else:
            self._put(value)
        if self.nodes > MOST_NODES:
            self._count(event, 0)

    def _unusual(self, event: yaml.ScalarEvent, value: Json) -> None:
        """What is rare enough not to be looked for at every scalar: a tag, an anchor, an escape."""
        if event.tag is not None:
            self._tagged(event)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, 1)
        forbidden = FORBIDDEN.search(event.value)  # only an escape can have brought it here
        if forbidden is not None:
            self._fault(event, _forbidden(forbidden[0]))

    def _plain(self, event: yaml.ScalarEvent, text: str) -> Json:
        try:
            value = resolve(text)
        except ValueError as error:
            self._fault(event, str(error))
            return 0
        if type(value) is float:
            self.pointed = self.pointed or value.is_integer()
            if not math.isfinite(value):
                self._fault(event, "a number must be finite; put it in quotes if it is text")
                return 0
        return value

    def _key(self, event: yaml.ScalarEvent, value: Json) -> None:
        self.key = _SKIP
        if not isinstance(value, str):
            self._fault(event, f"a key must be text; put `{event.value[:40]}` in quotes")
        elif value == "<<" and not event.style:
            self._fault(event, "`<<` is no merge in YAML 1.2; write the keys out, or use a Profile")
        elif value in self.top:
            self._fault(event, f"`{value[:80]}` stands twice in the same mapping; keep one of them")
        else:
            self.key = value
            if value == "name" and len(self.stack) == 2 and self.stack[1][1] == "metadata":
                self.line, self.named = _place(event)[0], True

    def _mapping(self, event: yaml.MappingStartEvent) -> None:
        self._open(event, {})

    def _sequence(self, event: yaml.SequenceStartEvent) -> None:
        self._open(event, [])

    def _open(self, event: yaml.CollectionStartEvent, new: Any) -> None:
        self._count(event, 1)
        if len(self.stack) >= DEEPEST:
            raise Stopped(_fault(event, f"nested more than {DEEPEST} deep"))
        if event.tag is not None:
            self._tagged(event)
        self._not_a_key(event)
        self.stack.append((self.top, self.key, event.anchor, self.nodes))
        self.top, self.key = new, None

    def _close(self, _event: yaml.CollectionEndEvent) -> None:
        value = self.top
        self.top, self.key, anchor, before = self.stack.pop()
        if anchor is not None:
            self.anchors[anchor] = (value, self.nodes - before + 1)
        self._put(value)

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._not_a_key(event)
        name = str(event.anchor)
        value, size = self.anchors.get(name, (None, 0))
        if not size:
            self._fault(event, f"`*{name[:40]}` names no anchor that is complete before it")
            self.key = _SKIP if type(self.key) is str else self.key
        self._count(event, size)
        if len(self.stack) + _height(value) > DEEPEST:
            raise Stopped(_fault(event, f"nested more than {DEEPEST} deep"))
        self._put(value)

    def _put(self, value: Any) -> None:
        top, key = self.top, self.key
        if type(top) is dict:
            self.key = _SKIP if key is _AS_KEY else None
            if type(key) is str:
                top[key] = value
        elif top is None:
            self.root = value
        else:
            top.append(value)

    def _not_a_key(self, event: yaml.NodeEvent) -> None:
        if self.key is None and type(self.top) is dict:
            self._fault(event, "a key must be text, written out")
            self.key = _AS_KEY

    def _tagged(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        self._fault(event, f"the tag `{str(event.tag)[:80]}` is not allowed: a spec is plain data")

    def _count(self, event: yaml.NodeEvent, size: int) -> None:
        self.nodes += size
        if self.nodes > MOST_NODES:
            many = f"more than {MOST_NODES:,} values once its aliases are expanded"
            raise Stopped(_fault(event, f"the file holds {many}"))

    def _fault(self, event: yaml.Event, message: str) -> None:
        self.faults.append(_fault(event, message))
        if len(self.faults) >= MOST_FAULTS:
            raise Stopped(_fault(event, "too much is wrong with this file to read on"))


def _fault(event: yaml.Event, message: str) -> Fault:
    return Fault(*_place(event), message)


def _place(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)


def _height(value: Json) -> int:
    """How many collections deep a value is; never more than `DEEPEST`, which held while it was built."""
    if isinstance(value, dict):
        return 1 + max(map(_height, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_height, value), default=0)
    return 0
