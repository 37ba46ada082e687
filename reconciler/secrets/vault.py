"""`vault:MOUNT/PATH#KEY` in, what HashiCorp Vault holds there out: a key-value engine of either version.

Where Vault is and who asks is said by the environment, as for Vault's own command line: VAULT_ADDR, VAULT_TOKEN (or
`~/.vault-token`), VAULT_NAMESPACE, VAULT_CACERT.
"""

from __future__ import annotations

import os
import re
from functools import cache
from typing import Any

from reconciler.errors import BadUsage

SCHEME = "vault"
FORM = re.compile(r"[^\s#/]+/[^\s#]+#[^\s#]+")
TIMEOUT = 10


def resolve(reference: str, _root: str) -> str:
    """The text under KEY. Whatever keeps it from being had is BadUsage, with Vault's own words."""
    where, _, key = reference.partition("#")
    mount, _, path = where.partition("/")
    if not (mount and path and key):
        raise BadUsage(f"vault:{reference}: expected `vault:MOUNT/PATH#KEY`")
    found = _read(mount, path)
    if key not in found:
        there = ", ".join(sorted(found)) or "none"
        raise BadUsage(f"vault:{reference}: there is no key `{key}`; it has {there}")
    return str(found[key])


@cache
def _read(mount: str, path: str) -> dict[str, Any]:
    """Everything at a path, asked for once in a run."""
    import hvac
    import requests

    client = _client()
    try:
        engine = client.read(f"sys/internal/ui/mounts/{mount}") or {}
        options = (engine.get("data") or {}).get("options") or {}
        if options.get("version") == "2":
            answer = client.secrets.kv.v2.read_secret_version(
                path, mount_point=mount, raise_on_deleted_version=True
            )
            return dict(answer["data"]["data"])
        return dict(client.secrets.kv.v1.read_secret(path, mount_point=mount)["data"])
    except hvac.exceptions.InvalidPath as error:
        raise BadUsage(f"vault:{mount}/{path}: nothing is there, or not any more") from error
    except hvac.exceptions.VaultError as error:
        raise BadUsage(f"vault:{mount}/{path}: {_words(error)}", hint=ASK) from error
    except requests.RequestException as error:
        where = os.environ.get("VAULT_ADDR", "https://localhost:8200")
        raise BadUsage(f"vault:{mount}/{path}: {where} does not answer: {_cause(error)}") from error


ASK = "`vault token lookup` says whose token it is and how long it holds; it needs `read` on that path."


def _client() -> Any:
    try:
        import hvac
    except ImportError as error:
        raise BadUsage(
            "vault: the client for HashiCorp Vault is not installed",
            hint="pip install 'kstate[vault]'",
        ) from error
    return hvac.Client(timeout=TIMEOUT, namespace=os.environ.get("VAULT_NAMESPACE"))


def _words(error: Exception) -> str:
    """Vault's reasons, without the request that hvac writes behind them."""
    said = getattr(error, "errors", None) or [str(error).partition(", on ")[0]]
    return "; ".join(str(reason) for reason in said if reason) or type(error).__name__


def _cause(error: Exception) -> str:
    return str(error).rpartition(": ")[2].strip("'\")") or type(error).__name__
