"""A folder or a file in; the YAML files of the spec with their real places, and what cannot be read, out.

Nothing outside the folder is ever read: a link that leads out is a problem, whatever it points to.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import BadUsage, Problem
from reconciler.spec.yaml import LARGEST_FILE

_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Found:
    """`files`: relative path -> real path, sorted. `root` is real as well.

    `instead` are bytes that stand for those of a file, so that a change can be tried before it is written.
    """

    root: Path
    files: dict[str, Path] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    instead: Mapping[str, bytes] = field(default_factory=dict)

    def refuse(self, relative: str, message: str) -> None:
        self.problems.append(Problem(relative, 1, 1, message))


def find(root: Path, *, leave_out: Path | None = None) -> Found:
    """The files of a spec, without `leave_out` (the values file). Raises BadUsage if there is nothing at `root`."""
    try:
        real = root.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise BadUsage(
            f"there is no spec at {root}", hint="name a folder or a YAML file"
        ) from error
    if not real.is_dir():
        return Found(real.parent, {root.name: real})
    found = Found(real)
    seen = {leave_out.resolve()} if leave_out else set()
    for relative, file in sorted(_files(found)):
        if file not in seen:  # several links may lead to the same file
            seen.add(file)
            found.files[relative] = file
    return found


def content(found: Found, relative: str) -> bytes | None:
    """The bytes of a file; None where it cannot or must not be read, which is then a problem."""
    if relative in found.instead:
        return found.instead[relative]
    try:
        handle = os.open(found.files[relative], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                found.refuse(relative, "this is not a regular file")
                return None
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        found.refuse(relative, f"this file cannot be read: {error.strerror}")
        return None
    if len(data) > LARGEST_FILE:
        found.refuse(relative, f"this file is larger than {LARGEST_FILE >> 20} MiB")
        return None
    return data


def inside(root: Path, path: Path) -> Path:
    """The real path of something that must not lie outside `root`. Raises ValueError with the reason."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ValueError("it leads nowhere, or round in a circle") from error
    if not real.is_relative_to(root.resolve()):
        raise ValueError("it leads out of the spec folder")
    return real


def printable(name: str) -> str:
    """A file's name, fit to be shown."""
    return name if name.isprintable() else ascii(name)[1:-1]


def _files(found: Found) -> Iterator[tuple[str, Path]]:
    """Every YAML file below the root. A stack, not recursion: folders can be nested very deep."""
    folders = [("", found.root, frozenset((found.root,)))]
    while folders:
        prefix, folder, above = folders.pop()
        for entry in _entries(found, prefix, folder):
            relative, real = prefix + entry.name, _real(found, prefix, entry)
            if real is None:
                continue
            if not real.is_dir():
                yield relative, real
            elif real in above:
                found.refuse(relative, "this link leads back to a folder it is in")
            else:
                folders.append((relative + "/", real, above | {real}))


def _entries(found: Found, prefix: str, folder: Path) -> Iterator[os.DirEntry[str]]:
    """What of a folder counts: YAML files and folders, and links to either."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError as error:
        found.refuse(prefix, f"this folder cannot be read: {error.strerror}")
        return
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.name.endswith(_ENDINGS) or _is_folder(entry):
            yield entry


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads to itself
        return False


def _real(found: Found, prefix: str, entry: os.DirEntry[str]) -> Path | None:
    """Where an entry really is; None, and a problem, where it must not be followed."""
    relative = prefix + entry.name
    if not entry.name.isprintable():
        found.refuse(relative, "the file's name holds characters that cannot be shown; rename it")
        return None
    if not entry.is_symlink():
        return Path(entry.path)
    try:
        return inside(found.root, Path(entry.path))
    except ValueError as error:
        found.refuse(relative, f"this link is not followed: {error}")
        return None
