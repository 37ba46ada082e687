"""A merged commit in; the digest that its pull request showed, and the risks that reviewers approved for it, out.

Whom is believed, and why, stands in docs/pull-requests.md. In short: the digest only from a comment that we wrote and
nobody else changed, for the very commit that was merged; an approval only from somebody who may write to the repository
and did not open the pull request, in a comment that names the digest and was never changed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from reconciler.errors import Blocked
from reconciler.notify.comment import find, login
from reconciler.notify.github import GitHub
from reconciler.notify.marker import data

DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
ORDER = re.compile(r"^/kstate approve (sha256:[0-9a-f]{64}) (KS\d{3}(?::\S.*)?)$", re.MULTILINE)
MAY_WRITE = frozenset({"admin", "write"})
RULES = "docs/pull-requests.md says what a comment must be to count."


@dataclass(frozen=True, slots=True)
class Given:
    """One approval, as `--approve` takes it, and who gave it where."""

    approval: str
    by: str
    url: str


@dataclass(frozen=True, slots=True)
class Consent:
    """What a pull request approves. `unheard` says why further approvals in it do not count."""

    pull: int
    digest: str
    given: tuple[Given, ...]
    unheard: tuple[str, ...]


def merged(github: GitHub, commit: str, branch: str) -> Mapping[str, Any]:
    """The pull request whose merge made this commit. Raises Blocked where there is none."""
    for pull in github.every("commits", commit, "pulls"):
        whole = pull.get("merged_at") and pull.get("merge_commit_sha") == commit
        if whole and pull["base"]["ref"] == branch:
            return pull  # type: ignore[no-any-return]
    raise Blocked(
        f"no pull request was merged into {branch} as commit {commit}, so nobody has approved anything",
        hint="A plan of what was pushed directly is approved by its digest, when the workflow is started by hand.",
    )


def consent(github: GitHub, pull: Mapping[str, Any], scope: str) -> Consent:
    """What the comment of this scope showed, and who approved which of its risks. Raises Blocked."""
    number = int(pull["number"])
    comment = find(github, number, scope)
    if comment is None:
        raise Blocked(
            f"pull request {number} has no plan for {scope} that kstate wrote", hint=RULES
        )
    author, editor = github.editor(str(comment["node_id"]))
    if author != github.me or editor not in ("", github.me):
        who = editor if author == github.me else author
        raise Blocked(f"the plan in pull request {number} was changed by {who}", hint=RULES)
    shown = data(str(comment["body"]))
    head = pull["head"]["sha"]
    if shown.get("head") != head:
        raise Blocked(
            f"the plan in pull request {number} is of commit {shown.get('head')}, but {head} was merged",
            hint="The plan of the last commit failed, or had not come yet when it was merged.",
        )
    digest = str(shown.get("digest", ""))
    if not DIGEST.fullmatch(digest):
        raise Blocked(f"the comment in pull request {number} shows no plan", hint=RULES)
    given, unheard = approvals(github, pull, digest)
    return Consent(number, digest, given, unheard)


def approvals(
    github: GitHub, pull: Mapping[str, Any], digest: str
) -> tuple[tuple[Given, ...], tuple[str, ...]]:
    """The approvals of this digest that count, and why others do not."""
    given: list[Given] = []
    unheard: list[str] = []
    judge = _Judge(github, pull)
    for comment in github.every("issues", str(pull["number"]), "comments"):
        asked = list(_asked(comment, digest)) if login(comment) != github.me else []
        if not asked:
            continue
        if why := judge.why_not(comment):
            unheard.append(f"the approval by {login(comment) or 'nobody'} does not count: {why}")
        else:
            url = str(comment.get("html_url", ""))
            given += [Given(approval, login(comment), url) for approval in asked]
    return tuple(given), tuple(unheard)


def _asked(comment: Mapping[str, Any], digest: str) -> Iterator[str]:
    text = str(comment["body"]).replace("\r\n", "\n")
    yield from (approval.strip() for shown, approval in ORDER.findall(text) if shown == digest)


@dataclass
class _Judge:
    """Whose approvals count in one pull request; GitHub is asked once about each person."""

    github: GitHub
    pull: Mapping[str, Any]
    may: dict[str, bool] = field(default_factory=dict)

    @cached_property
    def makers(self) -> frozenset[str]:
        """Who opened it, and who wrote its commits."""
        commits = self.github.every("pulls", str(self.pull["number"]), "commits")
        authors = (commit.get("author") or {} for commit in commits)
        return frozenset({login(self.pull), *(str(a["login"]) for a in authors if "login" in a)})

    def why_not(self, comment: Mapping[str, Any]) -> str:
        """Why an approval does not count; empty where it does."""
        who = login(comment)
        if not who or comment["user"].get("type") != "User":
            return "only people approve"
        if who in self.makers:
            return "nobody approves work of their own"
        if comment["created_at"] != comment["updated_at"]:
            return "the comment was changed after it was written"
        return "" if self._may_write(who) else "they may not write to this repository"

    def _may_write(self, who: str) -> bool:
        if who not in self.may:
            found = self.github.get("collaborators", who, "permission")
            self.may[who] = found.get("permission") in MAY_WRITE
        return self.may[who]


def missing(wanted: Iterable[str], given: Iterable[Given]) -> list[str]:
    """Which of the approvals that a plan needs nobody has given: by code and key, or by the code alone."""
    there = {one.approval for one in given}
    return [one for one in wanted if one not in there and one.partition(":")[0] not in there]
