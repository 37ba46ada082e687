"""References in, values out; every value seen is remembered, so that no text shown to anybody can hold it."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType

Resolve = Callable[[str, str], str]
MASK = "(secret)"
_seen: set[str] = set()


# What stands behind `SCHEME:` where a source does not say more of its form.
ANYTHING = re.compile(r"\S.*")


@cache
def _modules() -> Mapping[str, ModuleType]:
    """One file beside this one is one source: `SCHEME`, `resolve(reference, root)`, and `FORM` if it has one."""
    names = (m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)]))
    found = (
        importlib.import_module(f"reconciler.secrets.{name}")
        for name in names
        if name != "references"
    )
    return {module.SCHEME: module for module in found}


@cache
def sources() -> Mapping[str, Resolve]:
    """How each source resolves, by its scheme."""
    return {scheme: module.resolve for scheme, module in _modules().items()}


def is_reference(value: object) -> bool:
    """Whether a value is `SCHEME:something` of a known source."""
    return isinstance(value, str) and value.partition(":")[0] in sources() and ":" in value


def well_formed(value: object) -> bool:
    """Whether it is a reference, and what stands behind its scheme has the form that its source reads."""
    if not isinstance(value, str) or not is_reference(value):
        return False
    scheme, _, rest = value.partition(":")
    form: re.Pattern[str] = getattr(_modules()[scheme], "FORM", ANYTHING)
    return form.fullmatch(rest) is not None


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


def redact(text: str) -> str:
    """The text without any secret that was resolved in this process."""
    for value in sorted(_seen, key=len, reverse=True):
        text = text.replace(value, MASK)
    return text
