"""What a person sees: colour only on a terminal, talk and progress on stderr, data on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

from reconciler.errors import KstateError, SpecInvalid


def coloured(stream: TextIO) -> bool:
    """Colour on a terminal only; NO_COLOR (no-color.org), CI and a dumb terminal switch it off."""
    return _interactive(stream) and not os.environ.get("NO_COLOR")


def _interactive(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def progress() -> Callable[[str], None]:
    """A line that replaces itself on a terminal; silence everywhere else, where nobody watches."""
    return _replace_line if _interactive(sys.stderr) else lambda _event: None


def _replace_line(event: str) -> None:
    import shutil

    from reconciler.reports.words import visible

    width = shutil.get_terminal_size().columns
    sys.stderr.write(f"\r\x1b[2K{visible(event)[: width - 1]}")
    sys.stderr.flush()


def clear_progress() -> None:
    """Take the last progress line away again."""
    if _interactive(sys.stderr):
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def out(text: str) -> None:
    """Data, on stdout, with every secret masked."""
    from reconciler.secrets.references import redact

    sys.stdout.write(redact(text))


def out_json(found: object, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Data as JSON, on stdout: in ASCII, so that no text in it can command a terminal or a CI."""
    import json

    text = json.dumps(masked(found), indent=indent, sort_keys=sort_keys)
    # A `#` stands in strings only; `##[...]` is an order to a CI wherever it stands.
    sys.stdout.write(text.replace("##", "\\u0023#") + "\n")


def masked(found: object) -> object:
    """Before the escapes of JSON come between a text and the secret in it."""
    from reconciler.secrets.references import redact

    if isinstance(found, dict):
        return {redact(str(name)): masked(inner) for name, inner in found.items()}
    if isinstance(found, (list, tuple)):
        return [masked(inner) for inner in found]
    return redact(found) if isinstance(found, str) else found


def tell(text: str) -> None:
    """Talk, on stderr, with every secret masked."""
    from reconciler.secrets.references import redact

    clear_progress()
    sys.stderr.write(redact(text).rstrip("\n") + "\n")


def complain(error: KstateError) -> None:
    """An error as a person needs it: all problems of a spec, or one sentence, then what to do."""
    from reconciler.reports.words import visible

    if isinstance(error, SpecInvalid):
        for problem in error.problems:
            tell(visible(str(problem)))
    lines = [visible(line) for line in error.message.split("\n")]
    tell("kstate: " + "\n".join(lines))
    if error.hint:
        tell(visible(error.hint))
