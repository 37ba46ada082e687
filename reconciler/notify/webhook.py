"""An event in, a signed request to an address of the person's own out.

`X-Kstate-Signature: t=SECONDS,v1=HEX`, where HEX is HMAC-SHA256 over `SECONDS.BODY` with the shared secret. Who gets it
computes the same, compares in constant time, and refuses what is older than a few minutes.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping

from reconciler.clients.http import Http
from reconciler.clients.tls import system
from reconciler.errors import ServerRefused
from reconciler.notify.github import checked

HEADER = "X-Kstate-Signature"


def sign(body: bytes, secret: str, at: int) -> str:
    """The header's value."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def send(
    address: str,
    event: Mapping[str, object],
    secret: str,
    *,
    timeout: float,
    clock: Callable[[], float] = time.time,
) -> None:
    """Raises Failed for anything but a 2xx."""
    body = json.dumps(dict(event), sort_keys=True).encode()
    headers = {HEADER: sign(body, secret, int(clock())), "User-Agent": "kstate"}
    address = checked(address, "the address of the webhook")
    http = Http("the webhook", address, timeout, headers, system(address))
    try:
        answer = http.send("POST", body=body)
    finally:
        http.close()
    if not answer.ok:
        raise ServerRefused(f"the webhook refused the event: {answer.words}")
