"""A fake GitHub for each test, and the client that kstate talks to it with."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.notify.github import GitHub, Where, connect
from tests.fakes.github import BOT, FakeGitHub, serve

TOKEN = "t0k3n-of-the-bot"


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with serve(FakeGitHub()) as made:
        yield made
        made.check()


@pytest.fixture
def client(fake: FakeGitHub) -> GitHub:
    """It does not sleep: it tells the fake's clock."""
    made = connect(Where(fake.url, f"{fake.url}/graphql", fake.repository, BOT), TOKEN, timeout=5)

    def sleep(seconds: float) -> None:
        fake.now += seconds

    made.sleep, made.clock = sleep, lambda: fake.now
    return made
