"""`file:PATH` in, the text of that file out, without its last line break."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import BadUsage

SCHEME = "file"
MOST = 1 << 20  # characters; a chain of certificates has a hundred thousand at most


def path_of(reference: str, root: str) -> Path:
    """Where the reference points: relative to the spec folder, or absolute."""
    return Path(root, reference)


def resolve(reference: str, root: str) -> str:
    """The file's text. What cannot be read, or is no file of a sensible size, is BadUsage with the reason."""
    path = path_of(reference, root)
    try:
        if not path.is_file():
            # A device or a pipe may never end, and never begin.
            why = "it is no file" if path.exists() else "No such file or directory"
            raise BadUsage(f"file:{reference}: cannot read {path}: {why}")
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read(MOST + 1)
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadUsage(f"file:{reference}: cannot read {path}: {why}") from error
    if len(text) > MOST:
        raise BadUsage(f"file:{reference}: {path} is longer than {MOST:,} characters")
    return text.removesuffix("\n").removesuffix("\r")
