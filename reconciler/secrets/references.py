"""References in, values out; every value seen is remembered, so that no text shown to anybody can hold it."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

Resolve = Callable[[str, str], str]
MASK = "(secret)"
_seen: set[str] = set()


@cache
def sources() -> Mapping[str, Resolve]:
    """One file beside this one is one source: its `SCHEME` and its `resolve(reference, root)`."""
    names = (m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]))
    modules = (
        importlib.import_module(f"reconciler.secrets.{name}")
        for name in names
        if name != "references"
    )
    return {module.SCHEME: module.resolve for module in modules}


def is_reference(value: object) -> bool:
    """Whether a value is `SCHEME:something` of a known source."""
    return isinstance(value, str) and value.partition(":")[0] in sources() and ":" in value


def resolve(value: str, root: str, *, secret: bool = True) -> str:
    """The value behind a reference; any other text is itself. Raises BadUsage when it cannot be had."""
    scheme, colon, rest = value.partition(":")
    if not colon or scheme not in sources():
        return value
    found = sources()[scheme](rest, root)
    if secret:
        remember(found)
    return found


def remember(value: str) -> None:
    """Mask this value in everything shown from now on. Short ones are left: they would mask ordinary words."""
    if len(value) >= 4:
        _seen.add(value)


def any_known() -> bool:
    """Whether there is anything to mask."""
    return bool(_seen)


def redact(text: str) -> str:
    """The text without any secret that was resolved in this process."""
    for value in sorted(_seen, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
