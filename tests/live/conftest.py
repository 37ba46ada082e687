"""What holds for all tests of this folder; the clusters they run on are in tests/clusters.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clusters import Live, api

__all__ = ["Live", "api"]

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder is live."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.live)
