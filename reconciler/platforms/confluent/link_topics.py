"""Patterns of a Mirror document in; the names and beginnings that a cluster link knows, and what they match, out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, cast

from reconciler.core.model import Body, Json

PREFIX = "cluster.link.prefix"
TOPIC_FILTERS = "auto.create.mirror.topics.filters"
_LITERAL = re.compile(r"(?:[A-Za-z0-9_-]|\\[.\-])+")
# The link leaves these out by itself, as MirrorMaker 2 does.
INTERNAL = re.compile(r"__.*|_confluent.*|_schemas.*|.*\.internal")


class Pattern(NamedTuple):
    """A whole name, or with `prefixed` the beginning of one; the empty beginning is everything."""

    name: str
    prefixed: bool

    def fits(self, name: str) -> bool:
        return name.startswith(self.name) if self.prefixed else name == self.name

    @property
    def filter(self) -> dict[str, str]:
        r"""In the words of a link: `{"name": "orders.", "patternType": "PREFIXED"}`."""
        if self.prefixed and not self.name:
            return {"name": "*", "patternType": "LITERAL"}
        return {"name": self.name, "patternType": "PREFIXED" if self.prefixed else "LITERAL"}


def parse(expression: str) -> Pattern | None:
    r"""`orders\.placed` and `orders\..*` as what they mean; None for any other regular expression."""
    text = expression.removeprefix("^").removesuffix("$")
    stem = text.removesuffix(".*")
    if stem and not _LITERAL.fullmatch(stem):
        return None
    if not stem and stem == text:
        return None
    return Pattern(re.sub(r"\\(.)", r"\1", stem), stem != text)


def filters(what: str, included: Sequence[Pattern], excluded: Sequence[Pattern] = ()) -> str:
    """Filters as JSON, `what` being `topic` or `group`, in one fixed form."""
    entries = [{**p.filter, "filterType": "INCLUDE"} for p in included]
    entries += [{**p.filter, "filterType": "EXCLUDE"} for p in excluded]
    return _text(f"{what}Filters", entries)


def canonical(name: str, value: str) -> str:
    """A link's setting in the form in which it is compared: the order of filters and blanks have no meaning."""
    wanted = _entries(value) if name.endswith(".filters") and value else []
    return _text(f"{_of(name)}Filters", wanted) if wanted else value


def _of(name: str) -> str:
    """What the filters of a setting are of."""
    return "group" if "group" in name else "topic"


def _text(member: str, entries: Iterable[Mapping[str, str]]) -> str:
    upper = [
        {**e, "patternType": e["patternType"].upper(), "filterType": e["filterType"].upper()}
        for e in entries
    ]
    ordered = sorted(upper, key=lambda e: (e["filterType"], e["patternType"], e["name"]))
    return json.dumps({member: ordered}, separators=(",", ":"))


def matching(settings: Body, names: Iterable[str]) -> list[str]:
    """The topics of the source that a link of these settings copies."""
    wanted = {
        original(settings, name)
        for name in cast("Mapping[str, Json]", settings.get("topics") or {})
    }
    included, excluded = _auto(settings)
    return sorted(
        name
        for name in names
        if name in wanted
        or (
            any(p.fits(name) for p in included)
            and not any(p.fits(name) for p in excluded)
            and not INTERNAL.fullmatch(name)
        )
    )


def _auto(settings: Body) -> tuple[list[Pattern], list[Pattern]]:
    """What the link makes mirror topics of by itself, and what not."""
    config = cast("Mapping[str, str]", settings.get("configs") or {})
    if config.get("auto.create.mirror.topics.enable") != "true":
        return [], []
    sides: dict[str, list[Pattern]] = {"INCLUDE": [], "EXCLUDE": []}
    for entry in _entries(canonical(TOPIC_FILTERS, config.get(TOPIC_FILTERS) or "")):
        everything = entry["name"] == "*" and entry["patternType"] == "LITERAL"
        prefixed = everything or entry["patternType"] == "PREFIXED"
        pattern = Pattern("" if everything else entry["name"], prefixed)
        sides.setdefault(entry["filterType"], []).append(pattern)
    return sides["INCLUDE"], sides["EXCLUDE"]


def _entries(text: str) -> list[dict[str, str]]:
    """The filters of a text; none of what somebody set that is not of their form."""
    try:
        ((_, entries),) = json.loads(text).items()
        return [{k: str(e[k]) for k in ("name", "patternType", "filterType")} for e in entries]
    except (ValueError, KeyError, TypeError, AttributeError):
        return []


def prefix(settings: Body) -> str:
    """What a copy's name begins with."""
    return str(cast("Mapping[str, Json]", settings.get("configs") or {}).get(PREFIX) or "")


def original(settings: Body, copy: str) -> str:
    """What a topic of the target is called at the source."""
    return copy.removeprefix(prefix(settings))


def carried(settings: Body, names: Iterable[str]) -> Iterator[str]:
    """The topics of the target that a link fills."""
    own = [name for name in names if name.startswith(prefix(settings))]
    found = set(matching(settings, (original(settings, name) for name in own)))
    yield from (name for name in own if original(settings, name) in found)
