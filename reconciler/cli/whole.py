"""Bytes in, a whole file or none out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write_whole(path: str, data: bytes) -> None:
    """Written aside and renamed: the file is whole or not there. Raises BadUsage."""
    from reconciler.errors import BadUsage

    target = Path(path)
    try:
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(aside).replace(target)
    except OSError as error:
        raise BadUsage(f"cannot write {path}: {error.strerror}") from error


def check_writable(path: str, option: str = "--out") -> None:
    """Raises BadUsage for what cannot become a file, before anything else is done."""
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "it is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise BadUsage(f"{option} {shell(path)}: {what}")
