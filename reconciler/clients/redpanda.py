"""Redpanda's Admin API: who may log in by SCRAM, listed and written. It tells neither passwords nor mechanisms.

Source: Redpanda's `admin/api-doc/security.json`, `GET|POST /v1/security/users`, `PUT|DELETE /v1/security/users/{user}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from reconciler.clients.http import Answer, Http
from reconciler.errors import ServerRefused

USERS = ("v1", "security", "users")
# Every write is carried out by the leader of the controller; any other broker says where that is.
ELSEWHERE = frozenset({307, 308})


def users(admin: Http) -> frozenset[str]:
    """Everybody who has a SCRAM credential. Raises ServerRefused."""
    found = admin.send("GET", *USERS)
    if not found.ok or not isinstance(found.body, list):
        raise ServerRefused(
            f"{admin.what} refuses to list users: {found.words}",
            hint="The Admin API wants a superuser: `spec.redpanda.admin.auth` in the Cluster document.",
        )
    return frozenset(str(name) for name in found.body)


def make(admin: Http, user: str, password: str, mechanism: str) -> Answer:
    """A new user. One that is there with another password is an error, one with the same is none."""
    body = {"username": user, "password": password, "algorithm": mechanism}
    return _sent(admin, "POST", USERS, body)


def change(admin: Http, user: str, password: str, mechanism: str) -> Answer:
    """Another password, or another mechanism: it takes the place of the one credential a user has."""
    return _sent(admin, "PUT", (*USERS, user), {"password": password, "algorithm": mechanism})


def remove(admin: Http, user: str) -> Answer:
    """The user goes; that it was gone already is no error."""
    return _sent(admin, "DELETE", (*USERS, user), None)


def _sent(
    admin: Http, method: str, path: tuple[str, ...], body: Mapping[str, str] | None
) -> Answer:
    answer = admin.send(method, *path, body=body)
    if answer.status not in ELSEWHERE:
        return answer
    there = urlsplit(answer.headers.get("location", ""))
    if there.scheme != urlsplit(admin.url).scheme or not there.netloc:
        return answer  # a password never goes where less is verified
    return replace(admin, url=f"{there.scheme}://{there.netloc}").send(method, *path, body=body)
