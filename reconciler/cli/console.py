"""What a person sees: colour only on a terminal, talk and progress on stderr, data on stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TextIO

from reconciler.errors import KstateError, SpecInvalid


def coloured(stream: TextIO) -> bool:
    """Colour on a terminal only; NO_COLOR (no-color.org) and a dumb terminal switch it off."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return wanted and stream.isatty()


def progress() -> Callable[[str], None]:
    """A line that replaces itself on a terminal; silence everywhere else, where nobody watches."""
    if not sys.stderr.isatty() or os.environ.get("CI"):
        return lambda _event: None
    return _replace_line


def _replace_line(event: str) -> None:
    width = os.get_terminal_size(sys.stderr.fileno()).columns
    sys.stderr.write(f"\r\x1b[2K{event[: width - 1]}")
    sys.stderr.flush()


def clear_progress() -> None:
    """Take the last progress line away again."""
    if sys.stderr.isatty() and not os.environ.get("CI"):
        sys.stderr.write("\r\x1b[2K")
        sys.stderr.flush()


def out(text: str) -> None:
    """Data, on stdout, with every secret masked."""
    from reconciler.secrets.references import redact

    sys.stdout.write(redact(text))


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
