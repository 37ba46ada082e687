"""Chat and webhook: what arrives is signed, escaped and whole; what is refused is said without the address."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.errors import BadUsage, ServerRefused
from reconciler.notify import memory, slack, webhook
from reconciler.secrets.references import redact
from tests.fakes.hooks import Hook, serve

SECRET = "whsec-0123456789"


@pytest.fixture
def hook() -> Iterator[Hook]:
    with serve() as made:
        yield made


def test_an_event_carries_a_signature_that_its_receiver_can_check(hook: Hook) -> None:
    event = {"event": "found", "scope": "prod", "names": ["ü", "</script>"]}
    webhook.send(f"{hook.url}/drift", event, SECRET, timeout=5, clock=lambda: 1_795_500_000.7)
    [(path, headers, body)] = hook.got
    assert path == "/drift"
    assert json.loads(body) == event
    stamp, signature = (part.split("=", 1)[1] for part in headers[webhook.HEADER].split(","))
    assert stamp == "1795500000"
    mine = hmac.new(SECRET.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    assert hmac.compare_digest(mine, signature)
    assert webhook.sign(body + b" ", SECRET, 1_795_500_000) != headers[webhook.HEADER]
    assert webhook.sign(body, SECRET, 1_795_500_001) != headers[webhook.HEADER]


def test_a_message_begins_no_mention_and_no_link(hook: Hook) -> None:
    slack.send(f"{hook.url}/services/T0/B0/xyz", slack.escape("<!channel> & <@U1>"), timeout=5)
    [(path, headers, body)] = hook.got
    assert path == "/services/T0/B0/xyz"
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"text": "&lt;!channel&gt; &amp; &lt;@U1&gt;"}


@pytest.mark.parametrize("status", [400, 404, 410, 500])
def test_what_is_refused_is_said_without_the_address(hook: Hook, status: int) -> None:
    hook.status, hook.words = status, b"no_service"
    with pytest.raises(ServerRefused, match="no_service") as caught:
        slack.send(f"{hook.url}/services/T0/B0/s3cr3t", "text", timeout=5)
    assert "s3cr3t" not in redact(caught.value.message)
    with pytest.raises(ServerRefused, match="no_service"):
        webhook.send(hook.url, {}, SECRET, timeout=5)


def test_nothing_secret_goes_out_in_the_clear() -> None:
    with pytest.raises(BadUsage, match="https"):
        slack.send("http://hooks.example/services/x", "text", timeout=1)
    with pytest.raises(BadUsage, match="https"):
        webhook.send("http://hooks.example", {}, SECRET, timeout=1)


def test_the_file_keeps_each_scope_apart(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    assert memory.load(file, "prod") == {}
    file.write_bytes(memory.render(file, "prod", {"slack": "sha256:a"}))
    file.write_bytes(memory.render(file, "test", {"slack": "sha256:b"}))
    assert memory.load(file, "prod") == {"slack": "sha256:a"}
    assert memory.load(file, "test") == {"slack": "sha256:b"}


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "kstate.state/v1", "scopes": {"a": 1}}']
)
def test_another_file_is_not_taken_for_it(tmp_path: Path, text: str) -> None:
    file = tmp_path / "state.json"
    file.write_text(text)
    with pytest.raises(BadUsage, match="--state"):
        memory.load(file, "prod")
