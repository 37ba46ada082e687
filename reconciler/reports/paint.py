"""A style and a text in, the text as a terminal or a file shows it out."""

from __future__ import annotations

from collections.abc import Callable

Paint = Callable[[str, str], str]

ANSI = {
    "good": "32",
    "change": "33",
    "bad": "31",
    "loud": "1;97;41",
    "alarm": "1;97;41",
    "warning": "1;33",
    "dim": "2",
    "strong": "1",
}


def plain(style: str, text: str) -> str:
    """No colour: for files, pipes, CI and NO_COLOR."""
    return f"!! {text}" if style in ("alarm", "warning") else text


def ansi(style: str, text: str) -> str:
    """Colour for a terminal."""
    return f"\x1b[{ANSI[style]}m{f' {text} ' if style == 'alarm' else text}\x1b[0m"
