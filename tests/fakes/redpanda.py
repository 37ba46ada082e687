"""Redpanda as far as it differs from Kafka: its Admin API for users, and what its brokers do with topics' settings.

Source of the Admin API: Redpanda's `admin/api-doc/security.json` and `admin/security.cc`. Source of what brokers do:
`kafka/server/handlers/topics/types.h` (settings without effect), `create_topics` (unknown settings are left out, the
clean-up policy is pinned), and the answer to more partitions than the controller takes at once.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka.protocol import admin as messages

from reconciler.platforms.redpanda.topics import DROPPED, KNOWN, TOO_MUCH
from tests.fakes.server import Call, Reply, Route, Service, serving
from tests.live.proxy import Meddler, Request, between, decoded, encoded

DOCUMENT = "https://docs.redpanda.com/api/doc/admin/"
ALGORITHMS = frozenset({"SCRAM-SHA-256", "SCRAM-SHA-512"})
UNKNOWN_SERVER_ERROR = -1


@dataclass
class AdminApi:
    """Users by name, each with an algorithm and a password. `leader`, if set, is where writes have to go."""

    user: str = "root"
    password: str = "root-canary-41c7"
    users: dict[str, tuple[str, str]] = field(default_factory=dict)
    leader: str = ""

    def service(self) -> Service:
        path, one = "/v1/security/users", "/v1/security/users/{user}"
        ephemeral = frozenset({"include_ephemeral"})
        made = frozenset({"username", "password", "algorithm"})
        routes = [
            Route("GET", path, self._list, ephemeral, document=DOCUMENT),
            Route("POST", path, self._create, fields=made, document=DOCUMENT),
            Route("PUT", one, self._update, fields=made - {"username"}, document=DOCUMENT),
            Route("DELETE", one, self._delete, document=DOCUMENT),
        ]
        unknown = lambda _call, why: Reply(404, {"message": why, "code": 404})  # noqa: E731
        return Service("redpanda admin", routes, self._login, unknown)

    def _login(self, call: Call) -> Reply | None:
        told = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        if call.header("Authorization") == f"Basic {told}":
            return None
        return Reply(401, {"message": "Unauthorized", "code": 401})

    def _list(self, _call: Call) -> Reply:
        return Reply(200, sorted(self.users))

    def _elsewhere(self, call: Call) -> Reply | None:
        return Reply(307, headers={"Location": f"{self.leader}{call.url}"}) if self.leader else None

    def _create(self, call: Call) -> Reply:
        if (away := self._elsewhere(call)) or (away := _wrong(call.json)):
            return away
        name, wanted = call.json.get("username"), (call.json["algorithm"], call.json["password"])
        if not isinstance(name, str) or not name:
            return _bad("String username missing")
        if self.users.setdefault(name, wanted) != wanted:
            return _bad("Creating user: User already exists")
        return Reply(200)

    def _update(self, call: Call) -> Reply:
        if (away := self._elsewhere(call)) or (away := _wrong(call.json)):
            return away
        if call.path["user"] not in self.users:
            return _bad("Updating user: User does not exist")
        self.users[call.path["user"]] = (call.json["algorithm"], call.json["password"])
        return Reply(200)

    def _delete(self, call: Call) -> Reply:
        if away := self._elsewhere(call):
            return away
        self.users.pop(call.path["user"], None)
        return Reply(200)


def _wrong(body: dict[str, str]) -> Reply | None:
    if not isinstance(body.get("password"), str):
        return _bad("String password smissing")
    if body.get("algorithm") not in ALGORITHMS:
        return _bad(f"Unknown scram algorithm: {body.get('algorithm')}")
    return None


def _bad(message: str) -> Reply:
    return Reply(400, {"message": message, "code": 400})


@contextmanager
def admin_api(api: AdminApi) -> Iterator[Service]:
    with serving(api.service()) as service:
        yield service


# --- the brokers


@dataclass
class Brokers:
    """What brokers do to requests on their way. `busy`: how many CreateTopics still get the answer of too much work."""

    busy: int = 0
    refused: int = 0

    @property
    def meddler(self) -> Meddler:
        return Meddler(forth=self._forth, back=self._back)

    def _forth(self, request: Request) -> bytes:
        if request.api == "CreateTopics":
            return self._create(request)
        if request.api == "IncrementalAlterConfigs":
            return _altered(request)
        return request.frame

    def _create(self, request: Request) -> bytes:
        body = request.body
        for topic in body.topics:
            topic.configs = [c for c in topic.configs if c.name in KNOWN]
            if not any(c.name == "cleanup.policy" for c in topic.configs):
                pinned = messages.CreateTopicsRequest.CreatableTopic.CreatableTopicConfig
                topic.configs.append(pinned(name="cleanup.policy", value="delete"))
        if not body.validate_only and self.busy > 0:
            body.validate_only = True  # nothing is made; the answer is replaced below
        return encoded(body)

    def _back(self, request: Request, answer: bytes) -> bytes:
        if request.api != "CreateTopics" or request.body.validate_only or self.busy <= 0:
            return answer
        self.busy -= 1
        self.refused += 1
        told = decoded(request, answer)
        for topic in told.topics:
            topic.error_code, topic.error_message = UNKNOWN_SERVER_ERROR, TOO_MUCH
        return encoded(told)


def _altered(request: Request) -> bytes:
    body = request.body
    for resource in body.resources:
        resource.configs = [c for c in resource.configs if c.name not in DROPPED]
    return encoded(body)


@contextmanager
def brokers(port: int, how: Brokers) -> Iterator[str]:
    """The bootstrap address of a Redpanda before the broker's port."""
    with between(port, how.meddler) as proxy:
        yield proxy.bootstrap
