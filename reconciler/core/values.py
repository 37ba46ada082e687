"""A setting as a person writes it in, the same text as Kafka means it out; so that `7d` equals `604800000`."""

from __future__ import annotations

import re
from functools import lru_cache

from reconciler.core.model import Json
from reconciler.core.units import duration_ms, say_duration, say_size, size_bytes

_FRACTION = re.compile(r"-?\d+\.\d+")
# The order of these lists has no meaning to Kafka.
_SETS = frozenset({"cleanup.policy"})


def canonical(name: str, value: Json) -> str | None:
    """One text for every way to write the same value of a configuration. None stays: it means unset.

    Names that end in `.ms` are durations and those that end in `bytes` are sizes, with units or as bare numbers of
    milliseconds and bytes. Raises ValueError for a unit that does not exist.
    """
    match value:
        case None:
            return None
        case bool():
            return "true" if value else "false"
        case list() | tuple():
            return _text(name, ",".join(str(canonical(name, item)) for item in value))
        case _:
            return _text(name, str(value))


@lru_cache(maxsize=4096)
def _text(name: str, value: str) -> str:
    text = value.strip()
    if name.endswith((".ms", "bytes")) and text and not text.lstrip("-").isdigit():
        return str(duration_ms(text) if name.endswith(".ms") else size_bytes(text))
    if text.lower() in ("true", "false"):
        return text.lower()
    if _FRACTION.fullmatch(text):
        return text.rstrip("0").rstrip(".")
    if "," in text:
        parts = [part.strip() for part in text.split(",")]
        return ",".join(sorted(parts) if name in _SETS else parts)
    return text


def lenient(name: str, value: str) -> str:
    """The same for a value that a server gave: what cannot be understood is kept as it is."""
    try:
        return _text(name, value)
    except ValueError:
        return value


def spoken(name: str, value: str) -> Json:
    """A server's value as a person writes it: `7d` for 604800000, numbers and booleans as such.

    What comes out means the same as what went in: `canonical(name, spoken(name, value)) == lenient(name, value)`.
    """
    text = lenient(name, value)
    found: Json = text
    if text.lstrip("-").isdigit() and str(int(text)) == text:
        number = int(text)
        said = say_duration(number) if name.endswith(".ms") else None
        said = said or (say_size(number) if name.endswith("bytes") else None)
        found = said or number
    elif text in ("true", "false"):
        found = text == "true"
    try:
        return found if canonical(name, found) == text else text
    except ValueError:
        return text
