"""`file:PATH` in, the text of that file out, without its last line break."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import BadUsage

SCHEME = "file"


def path_of(reference: str, root: str) -> Path:
    """Where the reference points: relative to the spec folder, or absolute."""
    return Path(root, reference)


def resolve(reference: str, root: str) -> str:
    """The file's text. What cannot be read is BadUsage with the system's words."""
    path = path_of(reference, root)
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadUsage(f"file:{reference}: cannot read {path}: {why}") from error
