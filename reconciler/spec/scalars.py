"""The text of a plain YAML scalar in, the value it stands for in the YAML 1.2 core schema out.

So `on`, `no` and `12:30` are text, `012` is 12 and `0o14` is 12 too (https://yaml.org/spec/1.2.2/#103-core-schema).
"""

from __future__ import annotations

import math
import re
from functools import lru_cache

# Every scalar that is not text starts with one of these; all others need no further look.
STARTS = frozenset("-+.0123456789~nNtTfF")

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **{sign + word: math.inf for sign in ("", "+") for word in (".inf", ".Inf", ".INF")},
    **{"-" + word: -math.inf for word in (".inf", ".Inf", ".INF")},
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST = (
    64  # digits; int() itself refuses thousands of them, and nothing in Kafka has more than 20
)
_LARGEST = 2**63 - 1


@lru_cache(maxsize=4096)
def resolve(text: str) -> bool | int | float | str | None:
    """The value of a plain scalar. Raises ValueError for a whole number that 64 bits cannot hold."""
    if text in _WORDS:
        return _WORDS[text]
    if _WHOLE.fullmatch(text):
        return _number(text, 10)
    if _OCTAL.fullmatch(text):
        return _number(text, 8)
    if _HEXADECIMAL.fullmatch(text):
        return _number(text, 16)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def _number(text: str, base: int) -> int:
    number = int(text, base) if len(text) <= _LONGEST else _LARGEST + 1
    if abs(number) > _LARGEST:
        raise ValueError("the number needs more than 64 bits; put it in quotes if it is text")
    return number
