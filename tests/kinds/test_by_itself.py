"""Live values that nobody can set: a failure is told as what it is, never as somebody's doing."""

from __future__ import annotations

import pytest

from reconciler.kinds import registry


@pytest.mark.parametrize(
    ("kind", "live", "told"),
    [
        ("connector", "failed", True),
        ("connector", "starting", True),
        ("connector", "paused", False),
        ("connector", "running", False),
        ("mirror", "failed", True),
        ("mirror", "source running, checkpoint failed, heartbeat running", True),
        ("mirror", "source starting, checkpoint running, heartbeat running", True),
        ("mirror", "source paused, checkpoint failed, heartbeat running", False),
        ("mirror", "source missing, checkpoint running, heartbeat running", False),
        ("mirror", "running", False),
        ("mirror", "stopped", False),
        ("topic", "failed", False),
    ],
)
def test_whose_doing_a_state_is(kind: str, live: str, told: bool) -> None:
    own = registry.load()[kind]
    assert own.by_itself(("state",), live) is told
    assert own.by_itself(("config", "state"), live) is False
