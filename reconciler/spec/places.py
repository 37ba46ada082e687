"""A YAML file and a path inside one of its documents in; the line and column where that stands out.

Marks of 10,000 documents would cost more memory than the documents. So nothing is kept: whoever has something to say
about a place has the one file read again. Of a file that is monstrously big or deep only the beginning is marked;
further in, the nearest thing around stands for it.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path as File
from typing import Any, NamedTuple

import yaml

from reconciler.core.model import Path
from reconciler.spec.syntax import DEEPEST


class Place(NamedTuple):
    """Where a key and its value stand, as (line, column) from 1. A list entry has no key: one place."""

    key: tuple[int, int]
    value: tuple[int, int]


MOST_VALUES = 300_000
_START = Place((1, 1), (1, 1))


def place(file: File, index: int, path: Path) -> Place:
    """The place of `path` in document `index`, or of the nearest thing around it that is written in the file."""
    try:
        stamp = os.stat(file)
        documents = _places(file, stamp.st_mtime_ns, stamp.st_size)
    except OSError:
        return _START
    found = documents[index] if index < len(documents) else {}
    while path and path not in found:
        path = path[:-1]
    return found.get(path, _START)


def locate(file: File, index: int, path: Path) -> tuple[int, int]:
    """(line, column) of a value: what `Document.locate` calls."""
    return place(file, index, path).value


@lru_cache(maxsize=4)
def _places(file: File, _modified: int, _size: int) -> tuple[dict[Path, Place], ...]:
    marker = _Marker()
    try:
        for event in iter(yaml.CSafeLoader(file.read_bytes()).get_event, None):
            if marker.full():
                break
            marker.see(event)
    except yaml.YAMLError:
        pass  # the reader has reported it; everything before it still has its place
    return tuple(marker.documents)


class _Marker:
    """Walks events and notes where each path begins. A stack entry is [path, key or next index, place of the key]."""

    def __init__(self) -> None:
        self.documents: list[dict[Path, Place]] = []
        self.stack: list[list[Any]] = []
        self.values = 0

    def full(self) -> bool:
        return self.values > MOST_VALUES or len(self.stack) > DEEPEST

    def see(self, event: yaml.Event) -> None:
        match event:
            case yaml.DocumentStartEvent():
                self.documents.append({})
                self.stack = []
            case yaml.CollectionStartEvent():
                path = self._value(event)
                mapping = isinstance(event, yaml.MappingStartEvent)
                self.stack.append([path, None if mapping else 0, None])
            case yaml.CollectionEndEvent():
                self.stack.pop()
            case yaml.ScalarEvent() if self.stack and self.stack[-1][1] is None:
                self.stack[-1][1:] = [event.value, _at(event)]
            case yaml.NodeEvent():
                self._value(event)
            case _:  # the ends of documents and of the stream
                pass

    def _value(self, event: yaml.NodeEvent) -> Path:
        """Note a value's place and return its path; the first of two equal keys keeps its place."""
        at = _at(event)
        self.values += 1
        if not self.stack:
            path: Path = ()
            self.documents[-1].setdefault(path, Place(at, at))
            return path
        top = self.stack[-1]
        around, step, key = top
        if step is None:  # a collection or an alias as a key: the reader has refused it
            step = top[1] = ""
            return (*around, step)
        path = (*around, str(step))
        self.documents[-1].setdefault(path, Place(key or at, at))
        top[1:] = [step + 1, None] if isinstance(step, int) else [None, None]
        return path


def _at(event: yaml.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (1, 1)
