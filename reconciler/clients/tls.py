"""An address in, how its server is verified out: by the authorities that this machine trusts."""

from __future__ import annotations

import ssl


def system(address: str) -> ssl.SSLContext | None:
    """None where there is no TLS to verify."""
    return ssl.create_default_context() if address.startswith("https:") else None
