"""Whose Action a repository's workflows are to use in, which of its versions to pin out."""

from __future__ import annotations

import re

HOME = "kstate/kstate"
COMMIT = re.compile(r"[0-9a-f]{40}")
# A branch is neither: it moves with every push, and nobody has to agree to that here.
VERSION = re.compile(r"v?[0-9]+(\.[0-9]+)*([.-]?(a|alpha|b|beta|rc|dev|post)[.]?[0-9]*)?")


def pinned(place: str) -> str:
    """OWNER/REPO@REF of what was asked for as OWNER/REPO or OWNER/REPO@REF. Raises BadUsage for what would move."""
    from reconciler.errors import BadUsage

    repository, _, ref = place.partition("@")
    ref = ref or own(repository)
    if COMMIT.fullmatch(ref) or VERSION.fullmatch(ref):
        return f"{repository}@{ref}"
    raise BadUsage(
        f"--workflows {place}: {ref} is neither a full commit nor the tag of a version",
        hint="A branch moves, and what it moves to runs with your logins. Name 40 hex digits, or a tag as in v1.2.3.",
    )


def own(repository: str) -> str:
    """The commit that this kstate was installed from, where its installer says so; else the tag of its version."""
    from reconciler import __version__

    url, commit = _origin()
    same = re.fullmatch(
        rf"(https|ssh)://([^/]*@)?github\.com/{re.escape(repository)}(\.git)?/?", url
    )
    return commit if same and COMMIT.fullmatch(commit) else f"v{__version__}"


def _origin() -> tuple[str, str]:
    """The repository and commit of an installation from Git, by PEP 610's `direct_url.json`; nothing otherwise."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        told = json.loads(distribution("kstate").read_text("direct_url.json") or "{}")
    except (PackageNotFoundError, ValueError):
        return "", ""
    return str(told.get("url", "")), str(told.get("vcs_info", {}).get("commit_id", ""))


def moves(place: str) -> str:
    """What to know about a pin that is no commit; empty for one that is."""
    from reconciler.spec.skeleton import lookup

    _, _, ref = place.partition("@")
    if COMMIT.fullmatch(ref):
        return ""
    return f"the workflows use the tag {ref}, which can be moved; pin its commit, the last of: {lookup(place)}"
