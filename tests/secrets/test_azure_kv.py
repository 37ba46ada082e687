"""Secrets in Azure Key Vault: the vendor's client against a vault with its challenge, asked for once, never shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import BadUsage
from reconciler.secrets import azure_kv, references
from tests.fakes.azure import Azure, azure, found_at
from tests.fakes.azure_arm import Namespace
from tests.fakes.server import Fault, Reply

CANARY, FORMER = "vault-canary-60f2", "former-canary-b113"
VERSION = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azure]:
    with azure(tmp_path_factory.mktemp("azure"), Namespace()) as found:
        yield found


@pytest.fixture
def cloud(running: Azure, monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    """A vault `acme`, found under its own name."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    running.reset()
    azure_kv.forget()
    found_at(running.vault, ".vault.azure.net", monkeypatch)
    running.secrets.update({"orders": CANARY, f"orders/{VERSION}": FORMER, "closed": None})
    yield running
    azure_kv.forget()
    assert running.violations() == []


def test_the_current_one_and_a_version(cloud: Azure) -> None:
    assert references.resolve("azure-kv:acme/orders", ".") == CANARY
    assert references.resolve(f"azure-kv:acme/orders/{VERSION}", ".") == FORMER
    assert references.resolve("azure-kv:acme.vault.azure.net/orders", ".") == CANARY
    assert references.redact(f"{CANARY}, {FORMER}") == "(secret), (secret)"
    asked = len(cloud.vault.calls)
    references.resolve("azure-kv:acme/orders", ".")
    assert len(cloud.vault.calls) == asked, "asked for once in a run"
    assert cloud.tokens.given == {"https://vault.azure.net": 1}


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("acme/nothing", "was not found in this key vault"),
        (f"acme/orders/{'f' * 32}", "was not found in this key vault"),
        ("acme/closed", "Operation get is not allowed on a disabled secret."),
        ("acme", "expected `azure-kv:VAULT/NAME[/VERSION]`"),
        ("acme/orders/latest", "expected `azure-kv:VAULT/NAME[/VERSION]`"),
        ("ac/orders", "expected `azure-kv:VAULT/NAME[/VERSION]`"),
        ("acme/or_ders", "expected `azure-kv:VAULT/NAME[/VERSION]`"),
    ],
)
def test_what_cannot_be_had(cloud: Azure, reference: str, words: str) -> None:
    with pytest.raises(BadUsage) as caught:
        references.resolve(f"azure-kv:{reference}", ".")
    assert words in caught.value.message
    assert caught.value.message.startswith("azure-kv:")


def test_no_right_to_read_it(cloud: Azure) -> None:
    inner = {"code": "ForbiddenByRbac"}
    told = {"code": "Forbidden", "message": "Caller is not authorized.", "innererror": inner}
    cloud.vault.faults.append(Fault("^GET /secrets/orders/", reply=Reply(403, {"error": told})))
    with pytest.raises(BadUsage) as caught:
        references.resolve("azure-kv:acme/orders", ".")
    assert "Caller is not authorized." in caught.value.message
    assert "Key Vault Secrets User" in caught.value.hint


def test_a_login_that_azure_refuses(cloud: Azure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "guess-canary")
    with pytest.raises(BadUsage) as caught:
        references.resolve("azure-kv:acme/orders", ".")
    assert "AADSTS7000215" in caught.value.message
    assert "az login" in caught.value.hint
    assert "guess-canary" not in caught.value.message


def test_a_vault_that_is_busy_for_a_moment(cloud: Azure) -> None:
    busy = Reply(429, {"error": {"code": "Throttled", "message": "later"}}, {"Retry-After": "0"})
    cloud.vault.faults.append(Fault("^GET /secrets/orders/", reply=busy, times=2))
    assert references.resolve("azure-kv:acme/orders", ".") == CANARY


def test_where_a_reference_may_stand() -> None:
    assert references.well_formed("azure-kv:acme/orders")
    assert not references.well_formed("azure-kv:acme")
    assert not references.well_formed("azure-kv:")


def test_nobody_pays_for_it_who_does_not_use_it() -> None:
    code = "import sys; from reconciler.secrets import references as r; r.sources(); print('azure' in sys.modules)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert found.stdout.strip() == "False", found.stderr
