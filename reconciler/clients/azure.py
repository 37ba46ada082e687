"""An identity in, tokens for Azure's services out: azure-identity's, kept until shortly before they end."""

from __future__ import annotations

import base64
import binascii
import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

from reconciler.errors import LoginFailed, Unreachable
from reconciler.secrets.azure_kv import LOGIN, credential, said
from reconciler.secrets.references import remember

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

# A token is used up to here before its end, in seconds; azure-identity has a new one by then.
SOON = 300.0
# One that is younger than this, in seconds, is the answer to a refusal that another thread has met.
YOUNG = 5.0


class Kept(NamedTuple):
    """A token, when it ends and since when we have it, in seconds since 1970."""

    token: str
    ends: float
    since: float


@dataclass
class Login:
    """Who we are to Azure. `what` stands in errors: `cluster prod-azure`. Safe to share among threads."""

    what: str
    authority: str = ""
    make: Callable[[str], TokenCredential] = field(default=credential, repr=False)
    _known: TokenCredential | None = field(default=None, repr=False)
    _tokens: dict[str, Kept] = field(default_factory=dict, repr=False)
    _had: set[str] = field(default_factory=set, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def token(self, scope: str) -> tuple[str, float]:
        """A bearer token, and when it ends in seconds since 1970. Raises LoginFailed, Unreachable."""
        with self._lock:
            kept = self._tokens.get(scope)
            if kept is None or kept.ends - SOON < time.time():
                self._tokens[scope] = kept = self._asked(scope)
                self._had.add(scope)
            return kept.token, kept.ends

    def renew(self, scope: str) -> bool:
        """Forget a token that a server has refused. False when there never was one: another would be no better."""
        with self._lock:
            kept = self._tokens.get(scope)
            if kept is None or kept.since + YOUNG < time.time():
                self._known = None
                self._tokens.pop(scope, None)
            return scope in self._had

    def object_id(self, scope: str) -> str:
        """The object id of this identity in its directory, as the token says; empty where it says none."""
        return str(_claims(self.token(scope)[0]).get("oid", ""))

    def _asked(self, scope: str) -> Kept:
        from azure.core.exceptions import AzureError, ClientAuthenticationError

        try:
            self._known = self._known or self.make(self.authority)
            found = self._known.get_token(scope)
        except (ClientAuthenticationError, ValueError) as error:
            raise LoginFailed(
                f"{self.what}: no token for {scope}: {said(error)}", hint=LOGIN
            ) from error
        except AzureError as error:
            raise Unreachable(f"{self.what}: no token for {scope}: {said(error)}") from error
        remember(found.token)
        return Kept(found.token, float(found.expires_on), time.time())


def _claims(token: str) -> Mapping[str, object]:
    """What a token (RFC 7519) says, unverified: it is ours, and only shown."""
    try:
        body = token.split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (IndexError, ValueError, binascii.Error):
        return {}
    return cast("Mapping[str, object]", found) if isinstance(found, dict) else {}
