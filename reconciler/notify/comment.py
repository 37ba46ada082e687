"""A body for a pull request in, the one comment of its scope made so out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.clients.lean import LostAnswer
from reconciler.notify.github import GitHub
from reconciler.notify.marker import is_of


def find(github: GitHub, number: int, scope: str) -> Mapping[str, Any] | None:
    """The comment of this scope, among those that we wrote: what others write with our marker is theirs."""
    for found in github.every("issues", str(number), "comments"):
        if login(found) == github.me and is_of(found["body"], scope):
            return found  # type: ignore[no-any-return]
    return None


def stick(github: GitHub, number: int, scope: str, body: str, *, only_update: bool = False) -> str:
    """Make it so: `created`, `updated`, `unchanged`, or `nothing` where only an update was asked for."""
    there = find(github, number, scope)
    if there is None:
        return "nothing" if only_update else _create(github, number, scope, body)
    return _update(github, there, body)


def _create(github: GitHub, number: int, scope: str, body: str) -> str:
    for _ in range(2):
        try:
            github.post("issues", str(number), "comments", body={"body": body})
        except LostAnswer:
            # It may be there. Looking is safe, writing it twice is not.
            if there := find(github, number, scope):
                return _update(github, there, body)
        else:
            return "created"
    raise LostAnswer("GitHub did not answer twice, and the comment is not there")


def _update(github: GitHub, there: Mapping[str, Any], body: str) -> str:
    # GitHub keeps no blanks at the end.
    if str(there["body"]).replace("\r\n", "\n").strip() == body.strip():
        return "unchanged"
    github.patch("issues", "comments", str(there["id"]), body={"body": body})
    return "updated"


def login(found: Mapping[str, Any]) -> str:
    """Who wrote a comment, a review or an issue; empty where the account is gone."""
    user = found.get("user")
    return str(user["login"]) if isinstance(user, Mapping) else ""
