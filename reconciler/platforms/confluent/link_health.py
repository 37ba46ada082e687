"""Live cluster links in; how they do, by what REST v3 tells of each mirror topic, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.model import Condition, Resource, Session
from reconciler.platforms.confluent.link_driver import STOPPED, rest_of

SHOWN = 5
WELL = ("ACTIVE", "PAUSED", "LINK_PAUSED")


def health(session: Session, resources: Sequence[Resource]) -> Iterator[Condition]:
    """The link itself, its mirror topics, and how far they are behind."""
    rest = rest_of(session)
    links = rest.links() if resources else {}
    for resource in resources:
        if resource.name in links:
            mirrors = rest.mirrors(resource.name)
            told = [*_link(resource.name, links[resource.name]), *_mirrors(resource.name, mirrors)]
            ill = [condition for condition in told if not condition.well]
            yield from ill or told


def _link(name: str, link: Mapping[str, Any]) -> Iterator[Condition]:
    state = str(link.get("link_state") or "ACTIVE")
    if state in ("FAILED", "UNAVAILABLE"):
        why = str(link.get("link_error_message") or link.get("link_error") or "").strip()
        yield Condition(name, False, f"the link is {state}" + (f": {why}" if why else ""))


def _mirrors(name: str, mirrors: Sequence[Mapping[str, Any]]) -> Iterator[Condition]:
    by_status: dict[str, list[str]] = {}
    for mirror in mirrors:
        by_status.setdefault(str(mirror["mirror_status"]), []).append(
            str(mirror["mirror_topic_name"])
        )
    for status, topics in sorted(by_status.items()):
        if status == STOPPED:
            told = "promoted or failed over, so that nothing is copied into it any more"
            yield Condition(name, False, f"{STOPPED}, {told}: {_some(topics)}")
        elif status not in WELL and not status.startswith("PENDING"):
            yield Condition(name, False, f"{status}: {_some(topics)}")
    lag = max((_lag(mirror) for mirror in mirrors), default=0)
    copied = sum(map(len, by_status.values())) - len(by_status.get(STOPPED, ()))
    behind = f"; at most {lag:,} records behind in a partition" if lag else ", none behind"
    yield Condition(name, True, f"topics mirrored: {copied:,}{behind}")


def _lag(mirror: Mapping[str, Any]) -> int:
    items = (mirror.get("mirror_lags") or {}).get("items") or ()
    return max((int(item.get("lag") or 0) for item in items), default=0)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(sorted(names)[:SHOWN]) + more
