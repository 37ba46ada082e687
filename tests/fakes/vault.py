"""HashiCorp Vault as far as reading secrets goes: tokens, mounts, key-value engines of both versions.

Source: Vault's HTTP API, "KV secrets engine - version 1 / version 2" and `/sys/internal/ui/mounts/:path`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.server import Call, Reply, Route, Service, serving

DOCUMENT = "https://developer.hashicorp.com/vault/api-docs/secret/kv/"


@dataclass
class Vault:
    """`engines` are mounts with their version; `secrets` by mount and path; `denied` are paths not to be read."""

    token: str = "hvs.canary-token-77aa"
    engines: Mapping[str, str] = field(default_factory=lambda: {"secret": "2", "old": "1"})
    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)
    denied: set[str] = field(default_factory=set)

    def service(self) -> Service:
        routes = [
            Route("GET", "/v1/sys/internal/ui/mounts/{mount}", self._mount, document=DOCUMENT),
            Route("GET", "/v1/{mount}/data/{path*}", self._second, document=DOCUMENT + "kv-v2"),
            Route("GET", "/v1/{mount}/{path*}", self._first, document=DOCUMENT + "kv-v1"),
        ]
        return Service("vault", routes, self._login, lambda _call, why: _errors(404, why))

    def _login(self, call: Call) -> Reply | None:
        if call.header("X-Vault-Token") == self.token:
            return None
        return _errors(403, "permission denied", "invalid token")

    def _mount(self, call: Call) -> Reply:
        mount = call.path["mount"]
        if mount not in self.engines:
            return _errors(
                403,
                "preflight capability check returned 403, please ensure client's policies grant access",
            )
        options = {"version": self.engines[mount]}
        return Reply(200, {"data": {"type": "kv", "path": f"{mount}/", "options": options}})

    def _second(self, call: Call) -> Reply:
        if self.engines.get(call.path["mount"]) != "2":
            return self._first(
                Call(
                    **{**call.__dict__, "path": {**call.path, "path": f"data/{call.path['path']}"}}
                )
            )
        found = self._found(call)
        if isinstance(found, Reply):
            return found
        if call.path["path"] in self.deleted:
            gone: dict[str, Any] = {
                "data": None,
                "metadata": {"deletion_time": "2026-11-01T00:00:00Z"},
            }
            return Reply(404, {"data": gone})
        return Reply(200, {"data": {"data": found, "metadata": {"version": 1}}})

    def _first(self, call: Call) -> Reply:
        found = self._found(call)
        return found if isinstance(found, Reply) else Reply(200, {"data": found})

    def _found(self, call: Call) -> Reply | dict[str, str]:
        if call.path["path"] in self.denied:
            return _errors(403, "1 error occurred:\n\t* permission denied\n\n")
        found = self.secrets.get((call.path["mount"], call.path["path"]))
        return Reply(404, {"errors": []}) if found is None else found


def _errors(status: int, *errors: str) -> Reply:
    return Reply(status, {"errors": list(errors)})


@contextmanager
def vault(state: Vault) -> Iterator[Service]:
    with serving(state.service()) as service:
        yield service
