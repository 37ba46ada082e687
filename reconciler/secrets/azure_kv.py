"""`azure-kv:VAULT/NAME[/VERSION]` in, the value of that Azure Key Vault secret out.

VAULT is a vault's name, or its whole host where that does not end in `vault.azure.net`. Who asks is found by
azure-identity's DefaultAzureCredential: environment, workload identity, managed identity, Azure CLI.
"""

from __future__ import annotations

import logging
import os
import re
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reconciler.errors import BadUsage

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential
    from azure.keyvault.secrets import SecretClient

SCHEME = "azure-kv"
# A vault: 3 to 24 letters, digits and hyphens; a secret: 1 to 127 (Azure's resource name rules, Microsoft.KeyVault).
FORM = re.compile(
    r"(?P<vault>[A-Za-z][A-Za-z0-9-]{1,22}[A-Za-z0-9]|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]{1,5})?)"
    r"/(?P<name>[A-Za-z0-9-]{1,127})(/(?P<version>[0-9a-f]{32}))?"
)
# Seconds for one answer, and how often one is asked for again.
PATIENCE = {"connection_timeout": 10, "read_timeout": 10, "retry_total": 3}
LOGIN = "Log in with `az login`, or say who: AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_FEDERATED_TOKEN_FILE."
# Authorities that Microsoft's libraries know by themselves; any other is not looked up at login.microsoftonline.com.
KNOWN = frozenset(
    {"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn"}
)


def resolve(reference: str, _root: str) -> str:
    """The secret's value, asked for once in a process. Anything that stands in the way is BadUsage."""
    found = FORM.fullmatch(reference)
    if found is None:
        raise BadUsage(f"azure-kv:{reference}: expected `azure-kv:VAULT/NAME[/VERSION]`")
    vault = found["vault"]
    host = vault if "." in vault else f"{vault}.vault.azure.net"
    return _value(host, found["name"], found["version"] or "")


@cache
def _value(host: str, name: str, version: str) -> str:
    from azure.core.exceptions import AzureError

    what = f"azure-kv:{host}/{name}" + (f"/{version}" if version else "")
    try:
        value = _client(host).get_secret(name, version or None).value
    except (AzureError, ValueError) as error:
        raise BadUsage(f"{what}: {said(error)}", hint=_hint(error)) from error
    if value is None:
        raise BadUsage(f"{what}: the vault gave no value")
    return value


@cache
def _client(host: str) -> SecretClient:
    from azure.keyvault.secrets import SecretClient

    return SecretClient(f"https://{host}", credential(), **PATIENCE)


def forget() -> None:
    """Ask anew for everything: for a process that outlives a login."""
    _value.cache_clear()
    _client.cache_clear()


def credential(authority: str = "") -> TokenCredential:
    """Who we are to Azure, at the authority given, or in AZURE_AUTHORITY_HOST, or Azure's public one."""
    from azure.identity import (
        ChainedTokenCredential,
        DefaultAzureCredential,
        WorkloadIdentityCredential,
    )

    for noisy in ("azure", "msal", "urllib3"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL + 1)
    host = authority or os.environ.get("AZURE_AUTHORITY_HOST", "")
    options: dict[str, Any] = {"authority": host} if host else {}
    if host and urlsplit(host if "//" in host else f"//{host}").hostname not in KNOWN:
        options["disable_instance_discovery"] = True
    if not host or not os.environ.get("AZURE_FEDERATED_TOKEN_FILE"):
        return DefaultAzureCredential(**options)
    # DefaultAzureCredential tells its workload identity nothing of an authority.
    workload = WorkloadIdentityCredential(**options)
    if os.environ.get("AZURE_TOKEN_CREDENTIALS", "").lower() == "workloadidentitycredential":
        return workload
    others = DefaultAzureCredential(exclude_workload_identity_credential=True, **options)
    return ChainedTokenCredential(workload, others)


def said(error: BaseException) -> str:
    """What Azure's libraries say of a failure, on one line."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    return text.partition(" To mitigate this issue")[0][:1000]


def _hint(error: BaseException) -> str:
    from azure.core.exceptions import ClientAuthenticationError

    if isinstance(error, ClientAuthenticationError):
        return LOGIN
    if getattr(error, "status_code", None) == 403:
        return "Give this login the role Key Vault Secrets User on the secret."
    return ""
