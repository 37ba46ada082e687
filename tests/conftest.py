"""What holds for every test."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ("tests.clusters",)

# A busy machine is slow now and then, and no test is about that. KSTATE_EXAMPLES makes a search shorter or longer.
settings.register_profile(
    "kstate",
    deadline=None,
    max_examples=int(os.environ.get("KSTATE_EXAMPLES", "100")),
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("kstate")
