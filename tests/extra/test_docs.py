"""Every command block of the docs, run in order from an empty home; and what they are said to print."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from docs.walk import ROOT, blocks, cache_of_user, walk

PAGES = sorted(page for page in (ROOT / "docs").rglob("*.md") if blocks(page))
# Its blocks install kstate themselves; everywhere else the reader has it.
INSTALLS = {"getting-started.md"}


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT / "docs")))
def test_the_blocks_of_a_page_do_what_it_says(page: Path) -> None:
    path = "" if page.name in INSTALLS else str(Path(sys.executable).parent)
    walked = walk(page, cache=cache_of_user(), path=path)
    assert walked.code == 0, walked.printed[-6000:]
    assert not walked.missing, walked.printed[-6000:]
    print(f"{page.name}: {walked.seconds:.0f} s")
