"""`file:line` of a spec in, a place as its repository knows it out."""

from __future__ import annotations

import posixpath
from typing import NamedTuple


class Place(NamedTuple):
    """A file relative to where the repository begins, and a line that counts from 1."""

    file: str
    line: int


def place(root: str, source: str) -> Place:
    """Where a document begins. `root` is the spec's folder, or its only file."""
    file, _, line = source.rpartition(":")
    return Place(within(root, file), int(line) if line.isdecimal() and int(line) > 0 else 1)


def within(root: str, file: str) -> str:
    return posixpath.normpath(posixpath.join(root, file))
