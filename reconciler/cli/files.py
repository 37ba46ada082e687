"""Bytes and a path in, a file that is whole or not there out."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from reconciler.errors import BadUsage


def check_target(option: str, path: str | None) -> None:
    """Raises BadUsage for a file that cannot be written, before anything is done for it."""
    if path is None:
        return
    target = Path(path)
    if target.is_dir() or not target.parent.is_dir():
        what = "it is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise BadUsage(f"{option} {path}: {what}")


def write(path: str, data: bytes, *, mode: int = 0o644) -> None:
    """Written aside and renamed. Raises BadUsage with the system's words."""
    target = Path(path)
    try:
        handle, aside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(aside).chmod(mode)
        Path(aside).replace(target)
    except OSError as error:
        raise BadUsage(f"cannot write {path}: {error.strerror}") from error


def read_json(option: str, path: str) -> object:
    """The JSON of a file, None where there is no such file. Raises BadUsage for what is no JSON."""
    import json

    try:
        return json.loads(Path(path).read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise BadUsage(f"{option} {path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise BadUsage(f"{option} {path}: it is not JSON") from error
