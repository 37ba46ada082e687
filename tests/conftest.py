"""What holds for every test."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from reconciler.clients.http import Http

pytest_plugins = ("tests.clusters",)

# A busy machine is slow now and then, and no test is about that. KSTATE_EXAMPLES makes a search shorter or longer.
settings.register_profile(
    "kstate",
    deadline=None,
    max_examples=int(os.environ.get("KSTATE_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kstate")


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every request to a registry or to Connect, as `GET subjects`."""
    told: list[str] = []
    plain = Http.send

    def send(self: Http, method: str, *path: str, **more: Any) -> Any:
        told.append(f"{method} {'/'.join(path)}")
        return plain(self, method, *path, **more)

    monkeypatch.setattr(Http, "send", send)
    return told
