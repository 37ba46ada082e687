"""A few cells of the matrix through a registry and Connect; `python -m tests.crash.web` runs all of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reconciler.sandbox.shape import Cluster
from tests.crash import web

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with web.ground() as found:
        yield found


@pytest.mark.parametrize(
    ("fault", "at"),
    [
        ("lost before", 10),
        ("lost after", 12),
        ("cut short", 9),
        ("busy", 11),
        ("refused", 12),
        ("killed after", 9),
        ("killed after", 13),
    ],
)
def test_the_next_apply_ends_what_was_begun(cluster: Cluster, fault: str, at: int) -> None:
    cell = web.run(cluster, fault, at)
    assert cell.harm.hit, "the apply ended before it came to that write"
    assert cell.broken == []
