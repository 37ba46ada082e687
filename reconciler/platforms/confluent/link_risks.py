"""What could hurt about a cluster link, and what only a person may do to one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

from reconciler.core.model import Action, Body, Change, Code, Json, Risk, World
from reconciler.core.risk import each
from reconciler.platforms.confluent.link_topics import PREFIX, matching, prefix

SHOWN = 10
FROM = "from"
ONCE = ("link.mode", "connection.mode", PREFIX)


def flow_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What stops."""
    before = str((change.before or {}).get("state"))
    if change.action is Action.DELETE:
        yield Risk("KS165" if before == "paused" else "KS261", f"it is {before}")
    elif (change.after or {}).get("state") == "paused" and before != "paused":
        yield Risk("KS164", "nothing is copied once it is paused")


def fixed_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What is said once, when the link is made."""
    for edit in change.edits:
        if edit.path == ("source",) or (edit.path[0] == "configs" and edit.path[1] in ONCE):
            told = f"{'.'.join(edit.path)} {edit.before} -> {edit.after}: a link keeps what it was made with"
            yield Risk("KS992", f"{told}; delete it and make another under a new name")


def one_way_rule(change: Change, _world: World) -> Iterator[Risk]:
    """Mirror topics that were ended, and those that would have to be."""
    for edit in change.edits:
        if edit.path[0] != "topics":
            continue
        if edit.before == "stopped":
            told = f"{edit.path[1]} is STOPPED: it was promoted or failed over, and is an ordinary topic now"
            yield Risk(
                "KS992",
                f"{told}; take it out of the document, or bring it back by hand (truncate-and-restore)",
            )
        elif edit.after is None:
            told = f"{edit.path[1]} is still mirrored, and the document no longer has it"
            yield Risk("KS992", f"{told}; promote it or delete it by hand, kstate does neither")


def topics_rule(change: Change, world: World) -> Iterator[Risk]:
    """What it would copy now, and what of that is in its way on the target."""
    wanted = world.planned.get(change.key.name)
    if change.after is None or wanted is None:
        return
    here = world.nearby.get((change.key.cluster, "topic"))
    there = world.nearby.get((str(wanted.facts.get(FROM)), "topic"))
    if change.before is None:
        yield _matches(
            str(wanted.facts.get(FROM)), None if there is None else matching(wanted.settings, there)
        )
    if here is None:
        return
    mirrored = _topics(
        (world.live[change.key.name].settings) if change.key.name in world.live else None
    )
    for copy in sorted(_topics(change.after).keys() - mirrored.keys()):
        if copy in here:
            told = f"{copy} is on {change.key.cluster} already, and is no mirror topic of this link"
            yield Risk("KS992", f"{told}: a link fills only topics that it makes")
    if change.before is None and there is not None:
        names = [prefix(wanted.settings) + name for name in matching(wanted.settings, there)]
        blocked = sorted(
            name for name in names if name in here and name not in _topics(change.after)
        )
        if blocked:
            yield Risk(
                "KS162", f"on {change.key.cluster} already, so not mirrored: {_some(blocked)}"
            )


def _matches(source: str, found: list[str] | None) -> Risk:
    if found is None:
        return Risk("KS162", f"{source} cannot be read, so nobody knows which of its topics match")
    if not found:
        return Risk("KS162", f"no topic of {source} matches now; those to come will be copied")
    topics = "1 topic" if len(found) == 1 else f"{len(found):,} topics"
    return Risk("KS161", f"matches {topics} of {source} now: {_some(found)}")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _topics(body: Body | None) -> Mapping[str, Json]:
    found = cast("Mapping[str, Json]", (body or {}).get("topics") or {})
    return {name: state for name, state in found.items() if state is not None}


RULES = tuple(map(each, (flow_rule, fixed_rule, one_way_rule, topics_rule)))

CODES = (
    Code(
        "KS992",
        "Only by hand on a cluster link",
        "Promote, failover, reverse, truncate-and-restore and a new beginning are one-way: they end where a copy and"
        " its original part, and no difference between a document and a cluster can say that this is meant. kstate"
        " never does them. Do it with `confluent kafka mirror ...` or the console, and let the document say what is so"
        " then.",
    ),
)
