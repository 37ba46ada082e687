"""What is checked in for people to look at is what the tool says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from docs import generate, site
from reconciler.cli.main import run
from reconciler.core import plan as plans

ROOT = Path(__file__).parents[1]
PLAN = ROOT / "plans" / "example.json"


def test_the_example_estate_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", str(ROOT / "specs-example")]) == 0
    assert "2 clusters" in capsys.readouterr().err


def test_the_example_plan_has_the_form_and_can_be_shown(capsys: pytest.CaptureFixture[str]) -> None:
    schema = json.loads((ROOT / "schemas" / "plan.v1.json").read_text())
    Draft202012Validator(schema).validate(json.loads(PLAN.read_bytes()))
    plan = plans.parse(PLAN.read_bytes())
    assert {str(c.action) for c in plan.changes} == {"create", "update", "delete"}
    assert run(["show", str(PLAN)]) == 0
    shown = capsys.readouterr().out
    assert all(str(change.key.name) in shown for change in plan.changes)


def test_the_picture_shows_the_same_plan() -> None:
    svg = (ROOT / "docs" / "plan.svg").read_text()
    shown = re.sub(r"<[^>]+>", " ", svg).replace("&#160;", " ")
    assert plans.parse(PLAN.read_bytes()).digest in shown
    assert "http://" not in svg.replace("http://www.w3.org/2000/svg", "")


def test_the_generated_parts_of_the_docs_are_fresh() -> None:
    """`make docs` would change nothing."""
    stale = [page.name for page, text in generate.pages().items() if page.read_text() != text]
    assert stale == []


LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)\s#]+)(?:#[^)]*)?\)")
PAGES = [
    p for p in sorted(ROOT.rglob("*.md")) if not {".venv", ".git", "node_modules"} & set(p.parts)
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_points_at_nothing(page: Path) -> None:
    made = {ROOT / "docs" / path for path in site.generated()}
    missing = [
        to
        for to in LINK.findall(page.read_text())
        if not (page.parent / to).exists() and page.parent / to not in made
    ]
    assert missing == []
