"""GitHub's REST API as far as kstate uses it, over real HTTP, with state; it refuses whatever GitHub would refuse.

Paths, members, statuses and messages are those of https://docs.github.com/en/rest. What no call of kstate's should ever
ask for is a complaint, which `check` raises at the end of a test.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

BOT = "github-actions[bot]"
MERGED = "c" * 40
LONGEST = 65_536
LARGEST = 1 << 20
VERSIONS = {"2022-11-28"}
SECONDARY = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
PRIMARY = "API rate limit exceeded for installation ID 1234."


class Refused(Exception):
    """An answer that is not a 2xx."""

    def __init__(
        self, status: int, message: str, headers: dict[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(message)
        self.status, self.body, self.headers = status, {"message": message, **more}, headers or {}


@dataclass
class FakeGitHub:
    """One repository. `tokens` are logins with what their token may write; `limits` are answers to give first.

    `lose` many POSTs are carried out and get no answer. `now` is the clock, in seconds.
    """

    repository: str = "acme/kafka"
    tokens: dict[str, tuple[str, set[str]]] = field(
        default_factory=lambda: {"t0k3n-of-the-bot": (BOT, {"issues", "pull-requests"})}
    )
    users: dict[str, str] = field(default_factory=dict)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    commits: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    comments: dict[int, dict[str, Any]] = field(default_factory=dict)
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    locked: set[int] = field(default_factory=set)
    has_issues: bool = True
    drops_labels: bool = False
    limits: list[Refused] = field(default_factory=list)
    lose: int = 0
    page: int = 100
    now: float = 1_795_500_000.0
    log: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    url: str = ""
    numbers: int = 100
    lock: threading.Lock = field(default_factory=threading.Lock)

    # --- what a test arranges

    def pull(
        self, number: int, author: str, head: str = "a" * 40, base: str = "b" * 40
    ) -> dict[str, Any]:
        self.pulls[number] = {
            "number": number,
            "user": user(author),
            "head": {"sha": head},
            "base": {"sha": base, "ref": "main"},
            "merged_at": None,
            "merge_commit_sha": None,
        }
        self.commits[number] = [{"sha": head, "author": user(author)}]
        return self.pulls[number]

    def merge(self, number: int, commit: str) -> None:
        self.pulls[number] |= {"merged_at": self.stamp(), "merge_commit_sha": commit}

    def comment(self, number: int, author: str, body: str) -> dict[str, Any]:
        self.numbers += 1
        self.now += 1
        made = {
            "id": self.numbers,
            "node_id": f"IC_{self.numbers}",
            "issue": number,
            "user": user(author),
            "body": body,
            "created_at": self.stamp(),
            "updated_at": self.stamp(),
            "html_url": f"https://github.example/{self.repository}/pull/{number}#issuecomment-{self.numbers}",
            "editor": None,
        }
        self.comments[self.numbers] = made
        return made

    def edit(self, comment: dict[str, Any], editor: str, body: str) -> None:
        self.now += 1
        comment |= {"body": body, "updated_at": self.stamp(), "editor": editor}

    def stamp(self) -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.now))

    def limit(self, status: int, message: str, **headers: str) -> None:
        """The next request gets this answer instead of its own."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.limits.append(Refused(status, message, names))

    def check(self) -> None:
        assert self.complaints == []

    # --- the API

    def answer(
        self, method: str, target: str, headers: Any, data: bytes
    ) -> tuple[int, Any, dict[str, str]]:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.log.append(f"{method} {target}")
        login, scopes = self._who(headers)
        if self.limits:
            raise self.limits.pop(0)
        if len(data) > LARGEST:
            raise Refused(413, "Payload too large")
        body = self._json(headers, data) if data else None
        if parts.path == "/graphql":
            return 200, self._graphql(method, body), {}
        steps = tuple(parts.path.strip("/").split("/"))
        if steps[:3] != ("repos", *self.repository.split("/")):
            return self._unknown(method, target)
        for known, pattern, act in self._routes():
            if known == method and (found := re.fullmatch(pattern, "/".join(steps[3:]))):
                return act(Request(login, scopes, query, body, found.groups()))
        return self._unknown(method, target)

    def _routes(
        self,
    ) -> list[tuple[str, str, Callable[[Request], tuple[int, Any, dict[str, str]]]]]:
        return [
            ("GET", r"issues/(\d+)/comments", self._list_comments),
            ("POST", r"issues/(\d+)/comments", self._create_comment),
            ("PATCH", r"issues/comments/(\d+)", self._update_comment),
            ("GET", r"issues", self._list_issues),
            ("POST", r"issues", self._create_issue),
            ("PATCH", r"issues/(\d+)", self._update_issue),
            ("GET", r"commits/([0-9a-f]{40})/pulls", self._pulls_of),
            ("GET", r"pulls/(\d+)/commits", self._commits_of),
            ("PUT", r"pulls/(\d+)/merge", self._merge),
            ("GET", r"collaborators/([^/]+)/permission", self._permission),
        ]

    def _unknown(self, method: str, target: str) -> tuple[int, Any, dict[str, str]]:
        self.complaints.append(f"nobody knows {method} {target}")
        raise Refused(404, "Not Found")

    def _who(self, headers: Any) -> tuple[str, set[str]]:
        if not headers.get("User-Agent"):
            raise Refused(
                403,
                "Request forbidden by administrative rules. Please make sure your request has a User-Agent",
            )
        if headers.get("X-GitHub-Api-Version") not in VERSIONS:
            raise Refused(400, "API version is not supported")
        if headers.get("Accept") != "application/vnd.github+json":
            self.complaints.append(f"Accept is {headers.get('Accept')}")
        scheme, _, token = (headers.get("Authorization") or "").partition(" ")
        if scheme != "Bearer" or token not in self.tokens:
            raise Refused(401, "Bad credentials")
        return self.tokens[token]

    def _json(self, headers: Any, data: bytes) -> Any:
        if headers.get("Content-Type") != "application/json":
            self.complaints.append(f"Content-Type is {headers.get('Content-Type')}")
        try:
            return json.loads(data)
        except ValueError:
            raise Refused(400, "Problems parsing JSON") from None

    def _listed(
        self, request: Request, path: str, found: list[Any], known: set[str]
    ) -> tuple[int, Any, dict[str, str]]:
        """One page, with the `link` header that leads on."""
        strange = request.query.keys() - known - {"per_page", "page"}
        if strange:
            self.complaints.append(f"{path}: nobody knows {sorted(strange)}")
        size = min(int(request.query.get("per_page", "30")), 100, self.page)
        number = int(request.query.get("page", "1"))
        shown = found[(number - 1) * size : number * size]
        rest = "&".join(f"{k}={v}" for k, v in request.query.items() if k != "page")
        base = f"{self.url}/repositories/1/{path}?{rest}"
        links = [f'<{base}&page={number - 1}>; rel="prev"'] if number > 1 else []
        if number * size < len(found):
            links.append(f'<{base}&page={number + 1}>; rel="next"')
        return 200, shown, {"Link": ", ".join(links)} if links else {}

    def _may(self, request: Request, scope: str) -> None:
        if scope not in request.scopes:
            raise Refused(
                403,
                "Resource not accessible by integration",
                documentation_url="https://docs.github.com/rest",
            )

    def _text(self, request: Request, known: set[str], member: str = "body") -> Any:
        """The request's body, whose text GitHub would take. Raises Refused."""
        body = request.body
        if not isinstance(body, dict):
            raise Refused(422, "Invalid request.")
        if strange := body.keys() - known:
            self.complaints.append(f"nobody knows {sorted(strange)}")
        text = body.get(member)
        if not isinstance(text, str) or not text.strip():
            raise Refused(
                422, "Validation Failed", errors=[{"code": "missing_field", "field": member}]
            )
        if len(str(body.get("body", ""))) > LONGEST:
            why = {
                "code": "custom",
                "field": "body",
                "message": f"body is too long (maximum is {LONGEST} characters)",
            }
            raise Refused(422, "Validation Failed", errors=[why])
        return body

    def _list_comments(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        number = int(request.found[0])
        if number not in self.pulls and number not in self.issues:
            raise Refused(404, "Not Found")
        own = [shown(c) for c in self.comments.values() if c["issue"] == number]
        return self._listed(request, f"issues/{number}/comments", own, {"since"})

    def _create_comment(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        number = int(request.found[0])
        self._may(request, "pull-requests" if number in self.pulls else "issues")
        if number in self.locked:
            raise Refused(403, "Unable to create comment because issue is locked.")
        if number not in self.pulls and number not in self.issues:
            raise Refused(404, "Not Found")
        body = self._text(request, {"body"})
        made = self.comment(number, request.login, body["body"])
        return 201, shown(made), {}

    def _update_comment(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        self._may(request, "pull-requests")
        found = self.comments.get(int(request.found[0]))
        if found is None:
            raise Refused(404, "Not Found")
        self.edit(found, request.login, self._text(request, {"body"})["body"])
        return 200, shown(found), {}

    def _list_issues(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        if not self.has_issues:
            raise Refused(410, "Issues has been disabled in this repository.")
        state, labels = request.query.get("state", "open"), request.query.get("labels", "")
        if state not in ("open", "closed", "all"):
            raise Refused(422, "Validation Failed")
        own = [
            issue
            for issue in self.issues.values()
            if state in ("all", issue["state"])
            and (not labels or labels in [label["name"] for label in issue["labels"]])
        ]
        known = {"state", "labels", "sort", "direction"}
        return self._listed(request, "issues", own, known)

    def _create_issue(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        if not self.has_issues:
            raise Refused(410, "Issues has been disabled in this repository.")
        self._may(request, "issues")
        body = self._text(request, {"title", "body", "labels"}, "title")
        if len(body["title"]) > 256:
            raise Refused(
                422,
                "Validation Failed",
                errors=[{"message": "title is too long (maximum is 256 characters)"}],
            )
        self.numbers += 1
        made = {
            "number": self.numbers,
            "title": body["title"],
            "body": body.get("body"),
            "user": user(request.login),
            "state": "open",
            "labels": [{"name": n} for n in body.get("labels", []) if not self.drops_labels],
            "html_url": f"https://github.example/{self.repository}/issues/{self.numbers}",
        }
        self.issues[self.numbers] = made
        return 201, made, {}

    def _update_issue(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        self._may(request, "issues")
        found = self.issues.get(int(request.found[0]))
        if found is None:
            raise Refused(404, "Not Found")
        body = self._text(request, {"title", "body", "state", "state_reason"}, "title")
        if body.get("state", "open") not in ("open", "closed"):
            raise Refused(422, "Validation Failed")
        found |= {name: body[name] for name in ("title", "body", "state") if name in body}
        return 200, found, {}

    def _pulls_of(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        commit = request.found[0]
        own = [
            p for p in self.pulls.values() if commit in (p["merge_commit_sha"], p["head"]["sha"])
        ]
        return self._listed(request, f"commits/{commit}/pulls", own, set())

    def _commits_of(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        number = int(request.found[0])
        return self._listed(request, f"pulls/{number}/commits", self.commits[number], set())

    def _merge(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        """By people only: no workflow of kstate's merges anything."""
        if user(request.login)["type"] != "User":
            self.complaints.append(f"{request.login} merges")
        number = int(request.found[0])
        if self.pulls[number]["merged_at"]:
            raise Refused(405, "Pull Request is not mergeable")
        self.merge(number, MERGED)
        return 200, {"sha": MERGED, "merged": True}, {}

    def _permission(self, request: Request) -> tuple[int, Any, dict[str, str]]:
        login = request.found[0]
        found = self.users.get(login)
        if found is None:
            raise Refused(404, f"{login} is not a user")
        legacy = {"maintain": "write", "triage": "read"}.get(found, found)
        return 200, {"permission": legacy, "role_name": found, "user": user(login)}, {}

    def _graphql(self, method: str, body: Any) -> Any:
        """The one query that kstate asks; another one is answered as GitHub answers what it cannot parse."""
        if method != "POST" or not isinstance(body, dict) or set(body) != {"query", "variables"}:
            return {
                "errors": [{"message": "A query attribute must be specified and must be a string."}]
            }
        asked = " ".join(body["query"].split())
        person = "{ __typename login }"
        fields = f"author {person} editor {person}"
        wanted = f"query($id: ID!) {{ node(id: $id) {{ ... on IssueComment {{ {fields} }} }} }}"
        if asked != wanted:
            self.complaints.append(f"nobody knows the query {asked}")
            return {"errors": [{"message": "Parse error"}]}
        found = next(
            (c for c in self.comments.values() if c["node_id"] == body["variables"]["id"]), None
        )
        if found is None:
            return {
                "data": {"node": None},
                "errors": [{"type": "NOT_FOUND", "message": "Could not resolve to a node"}],
            }
        return {
            "data": {
                "node": {"author": actor(found["user"]["login"]), "editor": actor(found["editor"])}
            }
        }


@dataclass
class Request:
    """One call that was let in."""

    login: str
    scopes: set[str]
    query: dict[str, str]
    body: Any
    found: tuple[str, ...]


def user(login: str) -> dict[str, str]:
    return {"login": login, "type": "Bot" if login.endswith("[bot]") else "User"}


def actor(login: str | None) -> dict[str, str] | None:
    """GraphQL leaves the suffix of a bot's login away."""
    if login is None:
        return None
    return {"__typename": user(login)["type"], "login": login.removesuffix("[bot]")}


def shown(comment: dict[str, Any]) -> dict[str, Any]:
    """A comment as REST shows it: who changed it last is not said."""
    return {name: value for name, value in comment.items() if name not in ("editor", "issue")}


@contextmanager
def serve(fake: FakeGitHub) -> Iterator[FakeGitHub]:
    """The fake on a port of its own, until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                with fake.lock:
                    status, body, headers = fake.answer(self.command, self.path, self.headers, data)
            except Refused as refused:
                status, body, headers = refused.status, refused.body, refused.headers
            if fake.lose and self.command == "POST" and status == 201:
                fake.lose -= 1
                self.close_connection = True
                self.connection.close()
                return
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(text)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = handle_any  # noqa: N815

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()


def main(folder: Path, seconds: float) -> None:
    """A stand-in to try the commands with: ann has opened pull request 1, and bob may approve it.

    Writes `github.env` into the folder, to be sourced, when it is ready; ends by itself.
    """
    bot, ann, bob = "token-of-the-bot", "token-of-ann", "token-of-bob"
    writes = {"issues", "pull-requests"}
    fake = FakeGitHub(tokens={bot: (BOT, writes), ann: ("ann", writes), bob: ("bob", writes)})
    fake.users = {"ann": "write", "bob": "maintain"}
    (folder / "event.json").write_text(json.dumps({"pull_request": fake.pull(1, "ann")}))
    with serve(fake):
        known = {
            "GITHUB_API_URL": fake.url,
            "GITHUB_GRAPHQL_URL": f"{fake.url}/graphql",
            "GITHUB_REPOSITORY": fake.repository,
            "GITHUB_EVENT_PATH": str(folder / "event.json"),
            "GITHUB_REF_NAME": "main",
            "GITHUB_TOKEN": bot,
        }
        ready = folder / "github.env.new"
        ready.write_text("".join(f"export {name}={value}\n" for name, value in known.items()))
        ready.rename(folder / "github.env")
        time.sleep(seconds)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), float(sys.argv[2]))
