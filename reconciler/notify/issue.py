"""A drift report's fingerprint and a body in; the one issue of its scope opened, changed, closed, opened again out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.clients.lean import LostAnswer
from reconciler.notify.comment import login
from reconciler.notify.github import GitHub
from reconciler.notify.marker import data, is_of

LABEL = "kstate-drift"
KIND = "drift"


@dataclass(frozen=True, slots=True)
class Sticky:
    """The issue of a scope as it is. `told` is what other channels were told last, by their names."""

    number: int
    open: bool
    fingerprint: str
    told: Mapping[str, str]
    url: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What the issue is to say. `fingerprint` is empty where nothing has drifted.

    `whole`: everything was looked at, so that nothing found means that nothing is there.
    """

    title: str
    body: str
    fingerprint: str
    told: Mapping[str, str]
    whole: bool


def find(github: GitHub, scope: str) -> Sticky | None:
    """The issue of this scope that we opened, closed ones included; the oldest one.

    GitHub drops labels silently where the token may not set them: so an open one is looked for without its label too.
    """
    for query in ({"labels": LABEL, "state": "all"}, {"state": "open"}):
        oldest_first = {**query, "sort": "created", "direction": "asc"}
        for found in github.every("issues", query=oldest_first):
            mine = login(found) == github.me and is_of(found["body"], scope, KIND)
            if mine and "pull_request" not in found:
                return _sticky(found)
    return None


def _sticky(found: Mapping[str, Any]) -> Sticky:
    about = data(found["body"])
    told = about.get("told")
    return Sticky(
        int(found["number"]),
        found["state"] == "open",
        str(about.get("fingerprint", "")),
        {str(n): str(v) for n, v in told.items()} if isinstance(told, Mapping) else {},
        str(found.get("html_url", "")),
    )


def decide(there: Sticky | None, wish: Wish) -> str:
    """What has to happen: `open`, `change`, `close`, `open again` or nothing. Pure.

    A look that did not see everything never closes, and never replaces what is told by less.
    """
    drifted = bool(wish.fingerprint)
    if there is None:
        return "open" if drifted else ""
    if not there.open:
        return "open again" if drifted else ""
    if not wish.whole:
        return ""
    if not drifted:
        return "close"
    same = (there.fingerprint, there.told) == (wish.fingerprint, wish.told)
    return "" if same else "change"


def keep(github: GitHub, scope: str, there: Sticky | None, wish: Wish) -> tuple[str, str]:
    """Make it so; what was done, and the address of the issue."""
    done = decide(there, wish)
    if done == "open":
        made = _open(github, scope, wish)
        return done, str(made.get("html_url", ""))
    if there is None:
        return "", ""
    if done:
        closed = {"state": "closed", "state_reason": "completed"}
        state = closed if done == "close" else {"state": "open"}
        text = {"title": wish.title, "body": wish.body}
        github.patch("issues", str(there.number), body={**state, **text})
    return done, there.url


def _open(github: GitHub, scope: str, wish: Wish) -> Mapping[str, Any]:
    body = {"title": wish.title, "body": wish.body, "labels": [LABEL]}
    post: Callable[[], Any] = lambda: github.post("issues", body=body)  # noqa: E731
    try:
        made: Mapping[str, Any] = post()
    except LostAnswer:
        if there := find(github, scope):
            return {"html_url": there.url}
        made = post()
    return made
