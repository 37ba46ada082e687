"""A token and a repository in, the few calls of GitHub's API that kstate needs out; patient, never saying the token.

The API is that of https://docs.github.com/en/rest. The rules for waiting are those of its page "Rate limits for the
REST API": `retry-after`, else `x-ratelimit-reset` where nothing is left, else a minute, and longer each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.clients.http import Answer, Http
from reconciler.clients.lean import LostAnswer
from reconciler.clients.tls import system
from reconciler.errors import BadUsage, Failed, ServerRefused
from reconciler.secrets.references import remember

VERSION = "2022-11-28"
PAGE = "100"
# A notifier waits this long in all, in seconds, and then gives up: what it tells of is done already.
PATIENCE = 180.0
LIMITED = (403, 429)
PASSING = (500, 502, 503, 504)
HINTS = {
    403: "Which `permissions:` the job needs stands in docs/pull-requests.md.",
    404: "GitHub says so as well where the token may not see the repository.",
    410: "Issues are switched off in this repository.",
}
EDITOR = (
    "query($id: ID!) { node(id: $id) { ... on IssueComment"
    " { author { __typename login } editor { __typename login } } } }"
)


@dataclass
class GitHub:
    """One repository. `me` is the login that the token writes as. `slept` is how long it has waited so far."""

    http: Http
    graphql: Http
    repository: str
    me: str
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.time
    slept: float = field(default=0.0)

    def get(self, *path: str, query: Mapping[str, str] | None = None) -> Any:
        return self._ask("GET", path, query=query).body

    def every(self, *path: str, query: Mapping[str, str] | None = None) -> Iterator[Any]:
        """All entries of a list, page by page, as the `link` header leads on."""
        asked: Mapping[str, str] | None = {"per_page": PAGE, **(query or {})}
        while asked is not None:
            answer = self._ask("GET", path, query=asked)
            yield from answer.body or ()
            asked = _next(answer.headers.get("link", ""))

    def post(self, *path: str, body: Mapping[str, object]) -> Any:
        """Raises LostAnswer where it may have been carried out: look before doing it again."""
        return self._ask("POST", path, body=body).body

    def patch(self, *path: str, body: Mapping[str, object]) -> Any:
        """Says how something is to be, so a lost answer is no reason not to say it again."""
        try:
            return self._ask("PATCH", path, body=body).body
        except LostAnswer:
            return self._ask("PATCH", path, body=body).body

    def editor(self, node: str) -> tuple[str, str]:
        """Who wrote a comment and who changed it last (empty: nobody), as logins; a bot's ends in `[bot]`."""
        body = {"query": EDITOR, "variables": {"id": node}}
        answer = self._patiently("POST", lambda: self.graphql.send("POST", body=body))
        found = answer.body if isinstance(answer.body, Mapping) else {}
        if not answer.ok or found.get("errors") or not (found.get("data") or {}).get("node"):
            raise ServerRefused(f"GitHub does not say who wrote a comment: {answer.words}")
        about = found["data"]["node"]
        return _login(about["author"]), _login(about["editor"])

    def _ask(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> Answer:
        owner, name = self.repository.split("/")
        steps = ("repos", owner, name, *path)
        asked = tuple((query or {}).items())
        answer = self._patiently(
            method, lambda: self.http.send(method, *steps, query=asked, body=body)
        )
        if answer.ok:
            return answer
        words = f"GitHub refused {method} {'/'.join(steps)}: {answer.words}"
        raise ServerRefused(words, hint=HINTS.get(answer.status, ""))

    def _patiently(self, method: str, send: Callable[[], Answer]) -> Answer:
        """The answer, once GitHub does not ask to wait any more. Raises Failed when that takes too long."""
        for attempt in range(100):
            answer = send()
            wait = _wait(answer, method, attempt, self.clock())
            if wait is None:
                return answer
            if self.slept + wait > PATIENCE:
                raise Failed(
                    f"GitHub asks to wait {wait:,.0f} s more, which is too long: {answer.words}"
                )
            self.slept += wait
            self.sleep(wait)
        raise Failed("GitHub put the request off a hundred times")


def _wait(answer: Answer, method: str, attempt: int, now: float) -> float | None:
    """How many seconds to wait before the same request again; None where waiting changes nothing."""
    after, left = answer.headers.get("retry-after", ""), answer.headers.get("x-ratelimit-remaining")
    if answer.status in LIMITED:
        if after.isdigit():
            return max(1.0, float(after))
        if left == "0":
            reset = answer.headers.get("x-ratelimit-reset", "")
            return max(1.0, float(reset) - now + 1) if reset.isdigit() else 60.0
        return 60.0 * 2**attempt if "rate limit" in answer.words.lower() else None
    # A write that ended like this may have been carried out: whoever asked looks first.
    passing = answer.status in PASSING and method != "POST" and attempt < 3
    return 2.0**attempt if passing else None


def _next(link: str) -> dict[str, str] | None:
    """The query of the page that a `link` header calls next. Only the query: where to ask is ours to say."""
    for part in link.split(","):
        target, _, about = part.partition(";")
        if 'rel="next"' in about:
            return dict(parse_qsl(urlsplit(target.strip(" <>")).query))
    return None


def _login(actor: Mapping[str, str] | None) -> str:
    # GraphQL says `github-actions` where REST says `github-actions[bot]`.
    suffix = "[bot]" if actor and actor["__typename"] == "Bot" else ""
    return f"{actor['login']}{suffix}" if actor else ""


@dataclass(frozen=True, slots=True)
class Where:
    """A repository (`OWNER/NAME`), where its API is, and the login that the token writes as."""

    api: str
    graphql: str
    repository: str
    me: str


def connect(where: Where, token: str, *, timeout: float) -> GitHub:
    """A repository on GitHub or on a GitHub Enterprise Server. Raises BadUsage for what cannot be one."""
    if where.repository.count("/") != 1 or not all(where.repository.split("/")):
        raise BadUsage(f"GITHUB_REPOSITORY is {where.repository!r}, expected OWNER/NAME")
    if not token:
        raise BadUsage(
            "there is no token for GitHub",
            hint="Give the step `env: {GITHUB_TOKEN: ${{ github.token }}}`.",
        )
    remember(token)
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": VERSION,
        "User-Agent": "kstate",
    }
    first, second = (
        Http("GitHub", address, timeout, headers, system(address), patient=False)
        for address in (
            checked(where.api, "GITHUB_API_URL"),
            checked(where.graphql, "GITHUB_GRAPHQL_URL"),
        )
    )
    return GitHub(first, second, where.repository, where.me)


def checked(address: str, what: str) -> str:
    """An address that a secret may be sent to: by TLS, or on this machine. Raises BadUsage."""
    parts = urlsplit(address)
    here = parts.scheme == "http" and parts.hostname in ("127.0.0.1", "localhost", "::1")
    if not here and (parts.scheme != "https" or not parts.hostname):
        raise BadUsage(f"{what} must be an https address: a secret is sent there")
    return address
