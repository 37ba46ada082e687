"""A text in, a message to one of Slack's incoming webhooks out (https://api.slack.com/messaging/webhooks)."""

from __future__ import annotations

from urllib.parse import urlsplit

from reconciler.clients.http import Http
from reconciler.clients.tls import system
from reconciler.errors import ServerRefused
from reconciler.notify.github import checked
from reconciler.secrets.references import remember

MOST = 3_000


def escape(text: str) -> str:
    """Text that begins no link, mention or channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def send(address: str, text: str, *, timeout: float) -> None:
    """Raises Failed. The address is a secret: who has it can write into the channel."""
    remember(address)
    remember(urlsplit(address).path)
    http = Http(
        "Slack", checked(address, "the address of the Slack webhook"), timeout, tls=system(address)
    )
    try:
        answer = http.send("POST", body={"text": text[:MOST]})
    finally:
        http.close()
    if not answer.ok:
        raise ServerRefused(f"Slack refused the message: {answer.words}")
