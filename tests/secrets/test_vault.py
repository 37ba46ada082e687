"""Secrets in HashiCorp Vault: found by path and key, asked for once, refused in Vault's words and never shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import BadUsage
from reconciler.secrets import references, vault
from tests.fakes.server import Fault, Reply, Service
from tests.fakes.vault import Vault
from tests.fakes.vault import vault as serving

CANARY = "vault-canary-3f9d"


@pytest.fixture
def state() -> Vault:
    return Vault(
        secrets={
            ("secret", "orders/db"): {"password": CANARY, "user": "orders"},
            ("old", "orders"): {"password": CANARY},
        }
    )


@pytest.fixture
def service(state: Vault, monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    vault._read.cache_clear()
    with serving(state) as service:
        monkeypatch.setenv("VAULT_ADDR", service.url)
        monkeypatch.setenv("VAULT_TOKEN", state.token)
        yield service
    assert service.violations == []
    vault._read.cache_clear()


@pytest.mark.parametrize("where", ["secret/orders/db#password", "old/orders#password"])
def test_either_engine(service: Service, where: str) -> None:
    assert references.resolve(f"vault:{where}", ".") == CANARY
    assert references.redact(f"it is {CANARY}") == "it is (secret)"
    asked = len(service.calls)
    references.resolve(f"vault:{where}", ".")
    assert len(service.calls) == asked, "asked for once in a run"


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("secret/orders/db#pasword", "there is no key `pasword`; it has password, user"),
        ("secret/nowhere#password", "nothing is there, or not any more"),
        ("secret/gone#password", "nothing is there, or not any more"),
        ("secret/hidden#password", "permission denied"),
        ("elsewhere/orders#password", "preflight capability check returned 403"),
        ("secret#password", "expected `vault:MOUNT/PATH#KEY`"),
    ],
)
def test_what_cannot_be_had(service: Service, state: Vault, reference: str, words: str) -> None:
    state.secrets["secret", "gone"] = {"password": "x"}
    state.deleted.add("gone")
    state.denied.add("hidden")
    with pytest.raises(BadUsage) as told:
        references.resolve(f"vault:{reference}", ".")
    assert words in told.value.message
    assert f"vault:{reference.partition('#')[0]}" in told.value.message


def test_a_token_that_has_ended(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_TOKEN", "hvs.old-canary-0d0d")
    with pytest.raises(BadUsage) as told:
        references.resolve("vault:secret/orders/db#password", ".")
    assert "invalid token" in told.value.message
    assert "vault token lookup" in told.value.hint
    assert "canary" not in told.value.message + told.value.hint


def test_bad_days(service: Service) -> None:
    service.faults.append(Fault("GET .*mounts", Reply(500, {"errors": ["internal error"]})))
    with pytest.raises(BadUsage, match="internal error"):
        references.resolve("vault:secret/orders/db#password", ".")
    service.faults.append(Fault("GET .*mounts", hang_up=True))
    with pytest.raises(BadUsage, match="does not answer"):
        references.resolve("vault:secret/orders/db#password", ".")
    assert references.resolve("vault:secret/orders/db#password", ".") == CANARY


def test_nobody_there(monkeypatch: pytest.MonkeyPatch) -> None:
    vault._read.cache_clear()
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:1")
    with pytest.raises(BadUsage, match=r"http://127.0.0.1:1 does not answer: .*refused"):
        references.resolve("vault:secret/orders/db#password", ".")


def test_in_a_spec(service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It counts as a reference where a literal password is refused, and is looked up before anything is opened."""
    (tmp_path / "spec.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: one}\n"
        "spec: {platform: apache, bootstrap: ['broker.example:9092'],"
        " kafka: {sasl.password: 'vault:secret/orders/db#pw'}}\n"
    )
    from reconciler.cli.main import run

    assert run(["validate", str(tmp_path)]) == 0
    assert run(["plan", str(tmp_path)]) == 64


def test_the_client_is_imported_only_when_it_is_used() -> None:
    code = (
        "import sys; from reconciler.secrets import references as r; r.sources();"
        " assert not {'hvac', 'requests', 'boto3', 'azure'} & {*sys.modules}, sorted(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
