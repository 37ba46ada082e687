"""The bytes of one YAML file in; the same as `yaml.read` out, sooner where documents are alike.

A spec of 10,000 documents has a handful of shapes: the same text but for the words in it. The first two documents of a
shape are read by libyaml, and all others by the shape: their words are put where the reader put those of the second.
What has no such shape, or anything wrong with it, is the reader's alone, so what is said of a file never hangs on this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from sys import intern
from typing import Any, NamedTuple

import yaml as libyaml

from reconciler.core.model import Json
from reconciler.spec import yaml
from reconciler.spec.scalars import STARTS, resolve
from reconciler.spec.yaml import Content, Tree

MOST_SHAPES = 1_000
LONGEST_WORD = 200
# What can stand anywhere a plain scalar can, whatever it says: its place alone decides what it is. A word that a colon
# follows may be a key, and is part of the shape.
_WORD = re.compile(
    r"(?<![A-Za-z0-9_./-])((?>[A-Za-z0-9_][A-Za-z0-9_./-]*))(?![\"']?:(?:[\s,\]}\"'\[{]|\Z))"
)
_MARK = re.compile(r"qZ([0-9]+)Zq")
_BETWEEN = re.compile(r"^---[ \t]*\n", re.MULTILINE)
_NOTHING = re.compile(r"(?: *(?:#[^\n]*)?(?:\n|\Z))*\Z")
# What libyaml takes for the end of a line beside "\n", and for the start of a file.
_BREAKS = re.compile("[\r\x85\u2028\u2029\ufeff]")

Words = Sequence[str]
Fill = Callable[[Words], Any]


class _Shape(NamedTuple):
    """`fill` makes the value from a document's words; `line` counts from 0; `nodes` are scalars and collections."""

    fill: Fill
    line: int
    nodes: int


class _Odd(Exception):
    """This file is the reader's alone."""


class _Slot(NamedTuple):
    """A scalar in which words stand: texts, and between them the numbers of words. `plain`: it may be a number."""

    parts: tuple[str | int, ...]
    plain: bool


_shapes: dict[str, _Shape | None] = {}
_seen: set[int] = set()


def read(data: bytes) -> Content:
    """All documents of a file that is no larger than `yaml.LARGEST_FILE`, and all its faults."""
    try:
        return Content(tuple(_trees(data)), ())
    except _Odd:
        return yaml.read(data)


def _trees(data: bytes) -> Iterator[Tree]:
    text = _text(data)
    line, number, nodes = 1, 0, 0
    for at, chunk in enumerate(_BETWEEN.split(text)):
        if at or not _NOTHING.match(chunk):
            tree, size = _document(chunk, line)
            nodes += size
            if nodes > yaml.MOST_NODES:
                raise _Odd
            yield tree._replace(number=number)
            number += 1
        line += chunk.count("\n") + 1


def _text(data: bytes) -> str:
    if yaml.unfit(data) is not None:
        raise _Odd
    text = data.decode("utf-8")
    if _BREAKS.search(text):
        raise _Odd
    return text


def _document(chunk: str, line: int) -> tuple[Tree, int]:
    """One document that begins in this line of its file, and how many nodes it has."""
    if chunk.startswith("---") or "\n---" in chunk:  # a line that begins a document and goes on
        raise _Odd
    parts = _WORD.split(chunk)
    words = list(map(intern, parts[1::2]))  # the same few words, ten thousand times over
    outline = "\0".join(parts[::2])
    shape = _shapes.get(outline) or _known(outline, words)
    if shape is None or max(map(len, words), default=0) > LONGEST_WORD:
        return _by_itself(chunk, line)
    try:
        return Tree(shape.fill(words), 0, line + shape.line, pointed=False), shape.nodes
    except ValueError as error:  # a number that is too large: the reader says where
        raise _Odd from error


def _known(outline: str, words: Words) -> _Shape | None:
    """The shape of an outline that was seen before; None for the first one, and for what has no shape."""
    if outline in _shapes or len(_shapes) >= MOST_SHAPES or "qZ" in outline:
        return None
    if hash(outline) not in _seen:
        _seen.add(hash(outline))
        return None
    _shapes[outline] = _shape(outline, len(words))
    return _shapes[outline]


def _by_itself(chunk: str, line: int) -> tuple[Tree, int]:
    builder = _parsed(chunk, yaml.Builder())
    tree = builder.trees[0]
    # Without a name a document stands where it starts, which is at the line between it and the one before.
    begins = line + tree.line - 1 if builder.named or line == 1 else line - 1
    return tree._replace(line=begins), builder.nodes


def _parsed(chunk: str, builder: yaml.Builder) -> yaml.Builder:
    """The builder with exactly one document in it. Raises _Odd for anything else, and for any fault."""
    try:
        for event in iter(libyaml.CSafeLoader(chunk).get_event, None):
            builder.handlers[type(event)](event)
    except (libyaml.YAMLError, yaml.Stopped) as error:
        raise _Odd from error
    if builder.faults or len(builder.trees) != 1 or builder.index:
        raise _Odd
    return builder


# --- making a shape


def _shape(outline: str, count: int) -> _Shape | None:
    """What libyaml makes of the outline with a mark in the place of each word."""
    texts = outline.split("\0")
    marked = "".join(
        text + (f"qZ{number}Zq" if number < count else "") for number, text in enumerate(texts)
    )
    shaper = _Shaper()
    try:
        _parsed(marked, shaper)
    except _Odd:
        return None
    if not (shaper.fits and shaper.named) or shaper.trees[0].pointed:
        return None
    return _Shape(_filler(shaper.trees[0].value), shaper.trees[0].line - 1, shaper.nodes)


class _Shaper(yaml.Builder):
    """The reader, with slots where marks stand. A mark in a key fits no shape: keys are compared, slots are not."""

    def __init__(self) -> None:
        super().__init__()
        self.handlers[libyaml.ScalarEvent] = self._marked
        self.fits = True  # false where a word means more than itself: as a key, or in an anchor

    def _open(self, event: libyaml.CollectionStartEvent, new: Any) -> None:
        self.fits = self.fits and not event.anchor
        super()._open(event, new)

    def _marked(self, event: libyaml.ScalarEvent) -> None:
        key = self.key is None and isinstance(self.top, dict)
        escaped = event.style == '"' and yaml.FORBIDDEN.search(event.value)
        if event.anchor:
            self.fits = False
        if not _MARK.search(event.value):
            self._scalar(event)
        elif key or escaped or event.tag:
            self.fits = False
            self._scalar(event)
        else:
            self.nodes += 1
            pieces = _MARK.split(event.value)
            parts = [int(p) if at % 2 else p for at, p in enumerate(pieces) if at % 2 or p]
            self._put(_Slot(tuple(parts), plain=not event.style))


def _filler(value: Any) -> Fill:
    if isinstance(value, _Slot):
        return _scalar_filler(value)
    if isinstance(value, dict):
        members = [(key, _filler(inner)) for key, inner in value.items()]
        return lambda words: {key: fill(words) for key, fill in members}
    if isinstance(value, list):
        entries = [_filler(inner) for inner in value]
        return lambda words: [fill(words) for fill in entries]
    return lambda _words: value


def _scalar_filler(slot: _Slot) -> Fill:
    first = slot.parts[0]
    if len(slot.parts) > 1:
        return lambda words: _joined(slot, words)
    assert isinstance(first, int)
    if not slot.plain:
        return lambda words: words[first]
    return lambda words: word if (word := words[first])[0] not in STARTS else _resolved(word)


def _joined(slot: _Slot, words: Words) -> Json:
    text = "".join([words[part] if isinstance(part, int) else part for part in slot.parts])
    return _resolved(text) if slot.plain and text[0] in STARTS else text


def _resolved(text: str) -> Json:
    """Raises ValueError for what 64 bits cannot hold, and for fractions: whether they are whole matters elsewhere."""
    value = resolve(text)
    if isinstance(value, float):
        raise ValueError(text)
    return value
