"""References where an address or a file is meant: what stands behind them is not shown unless it is an address."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.clients import http
from reconciler.core.model import Target
from reconciler.errors import BadUsage
from reconciler.platforms.properties import bootstrap
from reconciler.secrets import file
from reconciler.secrets.references import redact

CANARY = "canary-of-a-secret-91c4"


def target(*entries: str) -> Target:
    return Target("prod-eu", {"bootstrap": list(entries)})


@pytest.mark.parametrize(
    "value",
    ["a:1", "a.example.com:9092,b.example.com:9092", "SASL_SSL://a_b-c:9093", "[::1]:9092", " a:1"],
)
def test_addresses_behind_references(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SERVERS", value)
    assert bootstrap(target("env:SERVERS", "c:2")) == f"{value},c:2"


@pytest.mark.parametrize("value", [CANARY, f"a:1,{CANARY}", f"{CANARY}\nX=1", f"u:{CANARY}@a:1"])
def test_what_is_no_address_is_not_shown(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("SOMETHING", value)
    with pytest.raises(BadUsage) as refused:
        bootstrap(target("env:SOMETHING"))
    assert refused.value.message == "cluster prod-eu: what env:SOMETHING stands for is no address"
    assert CANARY not in redact(f"an error of a library about {value}")


def test_a_registry_that_is_no_address_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMETHING", CANARY)
    with pytest.raises(BadUsage) as refused:
        http.connect("the registry", {"url": "env:SOMETHING"}, ".", 1.0)
    assert CANARY not in refused.value.message
    assert "env:SOMETHING" in refused.value.message


def test_a_file_is_read_without_its_last_line_break(tmp_path: Path) -> None:
    for text in ("pw", "pw\n", "pw\r\n"):
        (tmp_path / "pw").write_bytes(text.encode())
        assert file.resolve("pw", str(tmp_path)) == "pw"
    (tmp_path / "pem").write_bytes(b"a\nb\n\n")
    assert file.resolve("pem", str(tmp_path)) == "a\nb\n"


def test_a_pipe_a_device_a_folder_and_what_never_ends_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "long").write_text("x" * (file.MOST + 1))
    for name, why in {
        "pipe": "it is no file",
        "/dev/zero": "it is no file",
        ".": "it is no file",
        "none": "No such file or directory",
        "long": "is longer than 1,048,576 characters",
    }.items():
        with pytest.raises(BadUsage, match=why):
            file.resolve(name, str(tmp_path))
