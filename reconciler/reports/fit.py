"""A report in, the same for a terminal of so many columns out: lines break at blanks, and hang below themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reconciler.reports.words import columns

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
# A command between backticks is copied, so it is one word; so is the mark of a risk.
_WORD = re.compile(r" *(?:`[^`]*`|\[KS\d+ [a-z]+\]|[^ ])+| +$")
RESET = "\x1b[0m"
HANG = 4
# What a person copies: a line break of ours inside it would be copied too, one of the terminal's is not.
COPIED = ("--", "digest ", "fingerprint ")


def fit(text: str, width: int | None) -> str:
    """The text as it is where no width is given. Nothing is left out, and nothing that is copied is broken."""
    if width is None:
        return text
    return "\n".join(part for line in text.split("\n") for part in _parts(line, width))


def _parts(line: str, width: int) -> Iterator[str]:
    bare = _COLOUR.sub("", line)
    if columns(bare) <= width or bare.lstrip().startswith(COPIED):
        yield line
        return
    indent = min(len(bare) - len(bare.lstrip()) + HANG, width // 2)
    yield from _broken(line, width, " " * indent)


def _broken(line: str, width: int, indent: str) -> Iterator[str]:
    """Colour ends before a break and begins again after it, so that no blank is painted."""
    now, colour = "", ""
    for word in _WORD.findall(line):
        room = columns(_COLOUR.sub("", word.lstrip()))
        over = columns(_COLOUR.sub("", now + word)) > width
        # A word that no line could hold gains nothing by a line of its own.
        if over and now.strip() and len(indent) + room <= width:
            yield now + (RESET if colour else "")
            now = indent + colour + word.lstrip(" ")
        else:
            now += word
        for code in _COLOUR.findall(word):
            colour = "" if code == RESET else code
    yield now
