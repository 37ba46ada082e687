"""Azure Resource Manager: a path and an API version in, the answer out when what was asked is over.

Plain REST over http.py instead of the management SDKs: their nine calls here are GET, PUT and DELETE without more, and
azure-mgmt-authorization alone is 15 MB. Lost answers stay lost answers, and are settled by reading.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from reconciler.clients.azure import Login
from reconciler.clients.http import Answer, Http
from reconciler.clients.lean import LostAnswer
from reconciler.errors import Failed, LoginFailed, ServerRefused, Unreachable
from reconciler.secrets.references import redact

# How long an operation may go on that was accepted, and how often it is asked after where it does not say, in seconds.
PATIENCE = 120.0
EVERY = 1.0
BUSY = 429
OVER = frozenset({"succeeded", "failed", "canceled"})


@dataclass
class Arm:
    """One cloud's Resource Manager. `scope` is what tokens for it are asked for."""

    http: Http
    login: Login
    scope: str

    def get(self, path: Sequence[str], version: str) -> Answer:
        return self._in_time("GET", path, version, None)

    def put(self, path: Sequence[str], version: str, body: Any) -> Answer:
        return self._settled(self._in_time("PUT", path, version, body))

    def delete(self, path: Sequence[str], version: str) -> Answer:
        return self._settled(self._in_time("DELETE", path, version, None))

    def listed(self, found: Answer, what: str) -> Iterator[Mapping[str, Any]]:
        """Everything a list has, page after page. Raises ServerRefused for anything that is no list."""
        while True:
            if not found.ok or not isinstance(found.body, dict) or "value" not in found.body:
                raise refused(f"{self.http.what}: {what}", found)
            yield from found.body["value"]
            following = found.body.get("nextLink")
            if not following:
                return
            found = self._followed(str(following))

    def _followed(self, url: str) -> Answer:
        """An address that Azure named, asked of where we ask everything: our token goes nowhere else."""
        named = urlsplit(url)
        query = f"?{named.query}" if named.query else ""
        return self.http.follow(f"{self.http.url.rstrip('/')}{named.path}{query}")

    def _in_time(self, method: str, path: Sequence[str], version: str, body: Any) -> Answer:
        """As often as Azure puts us off, within PATIENCE; it takes its buckets' refills, which are a second each."""
        end = time.monotonic() + PATIENCE
        found = self._again(method, path, version, body)
        while found.status == BUSY and time.monotonic() < end:
            time.sleep(min(_seconds(found), PATIENCE))
            found = self._again(method, path, version, body)
        return found

    def _again(self, method: str, path: Sequence[str], version: str, body: Any) -> Answer:
        """Once more with a new token where one was refused that may have ended, or been revoked, in between."""
        query = [("api-version", version)]
        try:
            return self.http.send(method, *path, query=query, body=body)
        except LoginFailed:
            if not self.login.renew(self.scope):
                raise
            return self.http.send(method, *path, query=query, body=body)

    def _settled(self, answer: Answer) -> Answer:
        """The last word on what was only accepted ("Track asynchronous Azure operations"). Raises LostAnswer."""
        status, place = (answer.headers.get(n, "") for n in ("azure-asyncoperation", "location"))
        if answer.status not in (201, 202) or not (status or place):
            return answer
        end, found = time.monotonic() + PATIENCE, answer
        while time.monotonic() < end:
            time.sleep(min(_seconds(found), PATIENCE))
            found = self._followed(status or place)
            if ended := _outcome(found) if status else (found if found.status != 202 else None):
                return ended
        raise LostAnswer(f"{self.http.what}: accepted, and not over after {PATIENCE:g} s")


def _seconds(answer: Answer) -> float:
    told = answer.headers.get("retry-after", "")
    return float(told) if told.isdigit() else EVERY


def _outcome(answer: Answer) -> Answer | None:
    """What the status of an operation says: how it ended, or None while it goes on."""
    if not answer.ok or not isinstance(answer.body, dict):
        return answer
    status = str(answer.body.get("status", ""))
    if status.lower() not in OVER:
        return None
    if status.lower() == "succeeded":
        return answer
    told = answer.body.get("error") or {"code": status, "message": "the operation did not succeed"}
    return Answer(409, {"error": told}, answer.text, answer.headers)


def words(answer: Answer) -> str:
    """A refusal in Azure's words: code, message, and the details, where the cause often is."""
    error = answer.body.get("error") if isinstance(answer.body, Mapping) else None
    if not isinstance(error, Mapping):
        return answer.words
    told = [_sentence(error), *(_sentence(d) for d in error.get("details") or ())]
    text = " ".join("; ".join(dict.fromkeys(part for part in told if part)).split())
    return redact(f"{answer.status} {text[:1000]}")


def _sentence(error: object) -> str:
    if not isinstance(error, Mapping):
        return ""
    return ": ".join(str(error[name]) for name in ("code", "message") if error.get(name))


def refused(what: str, answer: Answer) -> Failed:
    """A read that was refused, with what to do where rights are missing; Unreachable for a server that cannot say."""
    if answer.status == BUSY or answer.status >= 500:
        return Unreachable(f"{what}: {words(answer)}")
    hint = "Give this login the role Reader on the namespace." if answer.status == 403 else ""
    return ServerRefused(f"{what}: {words(answer)}", hint=hint)


@contextmanager
def understood(what: str) -> Iterator[None]:
    """What nobody documented, in an answer that came, is a failure of the server and no defect of ours."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        told = f"{what}: not what Resource Manager says: {type(error).__name__}: {error}"
        raise Failed(redact(told)[:1000]) from error
