"""Risk codes: every one that the source can say is explained, every one explained can be said, and none twice."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from reconciler.cli.explain import codes
from reconciler.cli.main import run
from reconciler.core import drift, ignore, ownership, risk, validation
from reconciler.core.model import Level, Risk
from reconciler.kinds import registry

PACKAGE = Path(__file__).parents[1] / "reconciler"


def said() -> set[str]:
    texts = (file.read_text() for file in PACKAGE.rglob("*.py"))
    return {code for text in texts for code in re.findall(r'"(KS\d{3})"', text)}


def test_every_code_in_the_source_is_explained() -> None:
    assert said() == set(codes())


def test_no_code_means_two_things() -> None:
    own = [*risk.CODES, *ownership.CODES, *drift.CODES, *ignore.CODES, *validation.CODES]
    own += [code for kind in registry.load().values() for code in kind.codes]
    assert [name for name, count in Counter(code.code for code in own).items() if count > 1] == []


@pytest.mark.parametrize("code", sorted(codes()))
def test_explaining_says_what_it_is_and_what_lets_it_through(
    code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", code.lower()]) == 0
    page = capsys.readouterr().out
    level = Risk(code, "").level
    assert page.startswith(f"{code} ({level}): {codes()[code].title}")
    assert ("--approve" in page) == (level in (Level.DANGER, Level.LIMIT))
    assert ("cannot be approved" in page) == (level is Level.IMPOSSIBLE)
    assert max(len(line) for line in page.splitlines()) <= 100


def test_what_is_danger_says_whether_it_can_be_undone() -> None:
    silent = [c for c, found in codes().items() if c.startswith("KS2") and not found.undo]
    assert silent == []


def test_an_unknown_code_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["explain", "KS20"]) == 64
    assert "did you mean KS20" in capsys.readouterr().err
