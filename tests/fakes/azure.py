"""Azure on loopback: Microsoft Entra ID, Resource Manager with one Event Hubs namespace, and a key vault.

Everything over TLS with an authority of its own, as azure-identity wants it. Tokens are JWTs for one audience each;
the parts behind them look at the audience as Azure does.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from tests.fakes.azure_arm import Namespace, resource_manager
from tests.fakes.server import Call, Reply, Route, Service, serving
from tests.live.certificates import Authority

TENANT = "11111111-2222-3333-4444-555555555555"
CLIENT = "aaaaaaaa-0000-4000-8000-000000000001"
OBJECT = "bbbbbbbb-0000-4000-8000-000000000001"
SECRET = "entra-canary-7f31"
ASSERTION = "github-oidc-canary-2c88"
MANAGER = "https://management.azure.com"
VAULTS = "https://vault.azure.net"
VAULT_VERSIONS = frozenset({"2026-04-01", "2025-07-01", "7.6", "7.5", "7.4"})


@dataclass
class Entra:
    """Gives tokens to one application, by its secret or by a federated token. `lifetime` is in seconds.

    What is in `revoked` is taken by nobody any more. `given` counts tokens by audience.
    """

    lifetime: float = 3600.0
    revoked: set[str] = field(default_factory=set)
    given: dict[str, int] = field(default_factory=dict)
    key: bytes = field(default_factory=lambda: secrets.token_bytes(16))

    def give(self, audience: str) -> dict[str, Any]:
        """RFC 6749, section 5.1."""
        self.given[audience] = self.given.get(audience, 0) + 1
        now = int(time.time())
        claims = {"aud": audience, "oid": OBJECT, "tid": TENANT, "appid": CLIENT, "iat": now}
        claims |= {"exp": now + self.lifetime, "jti": secrets.token_hex(8)}
        lifetime = int(self.lifetime)
        return {"token_type": "Bearer", "expires_in": lifetime, "access_token": self._sign(claims)}

    def _sign(self, claims: Mapping[str, Any]) -> str:
        body = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
        return f"{body}.{_b64(hmac.digest(self.key, body.encode(), hashlib.sha256))}"

    def fault(self, token: str, audience: str) -> str | None:
        """What is wrong with a token for this audience; None where nothing is."""
        body, _, signature = token.rpartition(".")
        if signature != _b64(hmac.digest(self.key, body.encode(), hashlib.sha256)):
            return "the token is not signed by this directory"
        claims = json.loads(base64.urlsafe_b64decode(body.split(".")[1] + "=="))
        if claims["aud"] != audience:
            return f"the audience is {claims['aud']}, not {audience}"
        if claims["exp"] < time.time() or token in self.revoked:
            return "the token has expired"
        return None


def _b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def entra(tokens: Entra) -> Service:
    """OpenID Connect discovery and the token endpoint (Microsoft identity platform, v2.0)."""

    def discover(call: Call) -> Reply:
        base = f"{service.url}/{call.path['tenant']}"
        return Reply(
            body={
                "issuer": f"{base}/v2.0",
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "tenant_region_scope": "EU",
            }
        )

    def token(call: Call) -> Reply:
        form = dict(parse_qsl(call.data.decode()))
        assertion = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        known = form.get("client_secret") == SECRET or (
            form.get("client_assertion") == ASSERTION
            and form.get("client_assertion_type") == assertion
        )
        if form.get("grant_type") != "client_credentials":
            return _oauth_error("unsupported_grant_type", "AADSTS70003: unsupported grant type")
        if form.get("client_id") != CLIENT or not known:
            return _oauth_error("invalid_client", "AADSTS7000215: Invalid client secret provided.")
        return Reply(body=tokens.give(form["scope"].removesuffix("/.default")))

    where = "https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow"
    routes = (
        Route("GET", "/{tenant}/v2.0/.well-known/openid-configuration", discover, document=where),
        Route("POST", "/{tenant}/oauth2/v2.0/token", token, document=where),
    )
    service = Service("Microsoft Entra ID", routes)
    return service


def _oauth_error(code: str, words: str) -> Reply:
    return Reply(401, {"error": code, "error_description": words, "error_codes": [7000215]})


def vault(tokens: Entra, authority: Callable[[], str], kept: Mapping[str, Any]) -> Service:
    """Secrets of one vault, with the challenge that says whose tokens it takes. A value of None is a disabled one."""

    def login(call: Call) -> Reply | None:
        token = call.header("Authorization").removeprefix("Bearer ")
        why = tokens.fault(token, VAULTS) if token else "no token"
        if why is None:
            return None
        challenge = f'Bearer authorization="{authority()}/{TENANT}", resource="{VAULTS}"'
        body = {"error": {"code": "Unauthorized", "message": f"AKV10000: {why}"}}
        return Reply(401, body, {"WWW-Authenticate": challenge})

    def get(call: Call) -> Reply:
        name, version = call.path["name"], call.path.get("version", "")
        if call.query.get("api-version") not in VAULT_VERSIONS:
            service.violations.append(f"api-version of {call.url}")
        full = f"{name}/{version}" if version else name
        if full not in kept:
            words = f"A secret with (name/id) {full} was not found in this key vault."
            return Reply(404, {"error": {"code": "SecretNotFound", "message": words}})
        if kept[full] is None:
            words = "Operation get is not allowed on a disabled secret."
            inner = {"code": "SecretDisabled"}
            told = {"code": "Forbidden", "message": words, "innererror": inner}
            return Reply(403, {"error": told})
        return Reply(body={"value": kept[full], "id": f"https://vault/secrets/{full}"})

    where = "https://learn.microsoft.com/rest/api/keyvault/secrets/get-secret/get-secret"
    query = frozenset({"api-version"})
    routes = (
        Route("GET", "/secrets/{name}/", get, query=query, document=where),
        Route("GET", "/secrets/{name}/{version}", get, query=query, document=where),
    )
    service = Service("Azure Key Vault", routes, login=login, version=_version)
    return service


def _version(call: Call) -> str:
    return call.query.get("api-version", "")


@dataclass
class Azure:
    """All of it, running. `environment` is what a client's process has to have."""

    tokens: Entra
    entra: Service
    manager: Service
    namespace: Namespace
    vault: Service
    secrets: dict[str, Any]
    environment: dict[str, str]

    @property
    def endpoints(self) -> dict[str, str]:
        """What a Cluster document has to say."""
        return {"resource_manager": self.manager.url, "authority": self.entra.url}

    def violations(self) -> list[str]:
        return [what for service in self._services() for what in service.violations]

    def reset(self) -> None:
        """As it was at the start, for the next story."""
        vars(self.namespace).update(vars(Namespace()))
        vars(self.tokens).update(lifetime=Entra().lifetime, revoked=set(), given={})
        self.secrets.clear()
        for service in self._services():
            for noted in (service.calls, service.violations, service.faults):
                noted.clear()

    def _services(self) -> tuple[Service, ...]:
        return self.entra, self.manager, self.vault


@contextmanager
def azure(folder: Path, namespace: Namespace) -> Iterator[Azure]:
    """Everything on ports of its own, as long as the block lasts; certificates go to the folder."""
    authority = Authority("Azure on loopback")
    trusted = folder / "azure-ca.pem"
    trusted.write_text(authority.certificate)
    hosts = ("localhost", "127.0.0.1", "*.vault.azure.net")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.sign("localhost", *hosts).write(folder, "azure"))
    tokens, kept = Entra(), {}
    with ExitStack() as stack:
        directory = stack.enter_context(serving(entra(tokens), context))
        manager = resource_manager(namespace, lambda token: tokens.fault(token, MANAGER))
        stack.enter_context(serving(manager, context))
        held = stack.enter_context(serving(vault(tokens, lambda: directory.url, kept), context))
        environment = {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_CLIENT_SECRET": SECRET,
            "AZURE_AUTHORITY_HOST": directory.url,
            "AZURE_TOKEN_CREDENTIALS": "EnvironmentCredential",
            "REQUESTS_CA_BUNDLE": str(trusted),
            "SSL_CERT_FILE": str(trusted),
        }
        yield Azure(tokens, directory, manager, namespace, held, kept, environment)


def found_at(service: Service, suffix: str, patch: pytest.MonkeyPatch) -> None:
    """Names that end so lead to the service, as private DNS would have it."""
    port = int(service.url.rpartition(":")[2])
    real = socket.getaddrinfo

    def look_up(host: Any, *about: Any, **more: Any) -> Any:
        if str(host).endswith(suffix):
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]
        return real(host, *about, **more)

    patch.setattr(socket, "getaddrinfo", look_up)
