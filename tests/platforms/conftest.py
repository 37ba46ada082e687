"""What holds for all tests of platforms: no call to a vendor that docs/vendor-calls.md does not have."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.vendor_calls import PAGE, trace
from tests.fakes.server import TRACE


@pytest.fixture(scope="session", autouse=True)
def every_call_is_documented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Notes every call to a fake, and compares with the page when the last test is done."""
    given = os.environ.get(TRACE)
    folder = Path(given) if given else tmp_path_factory.mktemp("trace")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TRACE, str(folder))
        yield
    if given:
        return  # the page is being written from this very run
    text = PAGE.read_text(encoding="utf-8")
    missing = [
        f"{method} {path}: {what}"
        for (_, path, method), seen in trace(folder).items()
        for what in _missing(text, f"| `{method} {path}` |", {*seen.fields, *seen.query})
    ]
    assert not missing, f"not in docs/vendor-calls.md, run `make vendor-calls`: {missing}"


def _missing(text: str, begins: str, names: set[str]) -> Iterator[str]:
    rows = [line for line in text.splitlines() if line.startswith(begins)]
    if not rows:
        yield "the call itself"
    known = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}
    yield from sorted(names - known) if rows else ()
