"""References in, values out; every value seen is remembered, so that no text shown to anybody can hold it."""

from __future__ import annotations

import html
import importlib
import json
import pkgutil
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from types import ModuleType
from urllib.parse import quote, quote_plus

Resolve = Callable[[str, str], str]
MASK = "(secret)"
SHORTEST = 4
LINE = 8  # of a secret of many lines, a key say: shorter ones may be anybody's words
HEX = re.compile("%[0-9A-F]{2}")
# An environment may hold bytes that are no text, and Python keeps them as halves of pairs.
ODD = "surrogatepass"


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
    if len(value) >= SHORTEST:
        _seen.add(value)


def any_known() -> bool:
    """Whether there is anything to mask."""
    return bool(_seen.forms())


def redact(text: str) -> str:
    """The text without any secret that was resolved in this process, however it is written there."""
    for form in _seen.forms():
        text = text.replace(form, MASK)
    return text


class _Seen:
    """The secrets so far and all their forms, the longest first. Many threads ask while some add."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        self._forms: set[str] = set()
        self._sorted: tuple[str, ...] = ()
        self._lock = threading.Lock()

    def add(self, value: str) -> None:
        with self._lock:
            if value not in self._values:
                self._values.add(value)
                self._forms.update(_forms(value))

    def forms(self) -> tuple[str, ...]:
        with self._lock:
            if len(self._sorted) < len(self._forms):
                self._sorted = tuple(sorted(self._forms, key=lambda form: (-len(form), form)))
            return self._sorted


_seen = _Seen()


def _forms(value: str) -> Iterator[str]:
    """How a value is written in messages: as it is, on one line, line by line, and as others encode each of these."""
    lines = [line for line in value.splitlines() if len(line.strip()) >= LINE]
    for text in {value, " ".join(value.split()), *lines}:
        yield from (form for form in _encoded(text.strip() or value) if len(form) >= SHORTEST)


def _encoded(text: str) -> Iterator[str]:
    """As it is; in JSON, in JSON inside JSON, in Python; in a URL; in HTML; and as what cannot be seen is spelt out."""
    yield text
    for ascii_only in (True, False):
        once = json.dumps(text, ensure_ascii=ascii_only)[1:-1]
        yield from (once, once.replace("/", "\\/"), json.dumps(once, ensure_ascii=ascii_only)[1:-1])
    yield repr(text)[1:-1]
    for url in (quote(text, "", errors=ODD), quote(text, errors=ODD), quote_plus(text, errors=ODD)):
        yield from (url, HEX.sub(lambda found: found[0].lower(), url))
    yield from (html.escape(text), html.escape(text, quote=False))
    yield "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
