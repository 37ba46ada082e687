"""Labels of documents in, and what a person asks of them, `env=prod,region=eu`; which ones fit, out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import cast

from reconciler.core.model import Document, Json

_ASKED = re.compile(r"([^=!,\s]+)(?:(!?=)([^=!,]*))?")


def check(selector: str) -> None:
    """Raises ValueError for what asks nothing, or not in so many words."""
    for part in selector.split(","):
        if not _ASKED.fullmatch(part.strip()):
            raise ValueError("expected KEY=VALUE, KEY!=VALUE or KEY, several joined by commas")


def fits(selector: str, labels: Mapping[str, Json]) -> bool:
    """Whether all of it holds: a value is, or is not, the one named; a key alone: there is one."""
    return all(_holds(part.strip(), labels) for part in selector.split(","))


def _holds(part: str, labels: Mapping[str, Json]) -> bool:
    match = _ASKED.fullmatch(part)
    if match is None:
        return False
    key, sign, value = match.groups()
    if sign is None:
        return key in labels
    return (key in labels and said(labels[key]) == value.strip()) == (sign == "=")


def said(value: Json) -> str:
    """A label's value as a person writes it on a command line: YAML has three types for it, a shell one."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def labels(document: Document) -> Mapping[str, Json]:
    return cast("Mapping[str, Json]", document.metadata.get("labels") or {})


def known(documents: Iterable[Document]) -> list[str]:
    """Every label that any of these has, as it is asked for."""
    return sorted({f"{key}={said(v)}" for d in documents for key, v in labels(d).items()})
