"""Every folder in tests/cases/spec is a spec with what must come of it: its problems, or its documents."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from reconciler.core.model import Document
from reconciler.errors import SpecInvalid
from reconciler.spec import schema
from reconciler.spec.folder import load

CASES = Path(__file__).parent.parent / "cases" / "spec"
STORIES = sorted(folder.name for folder in CASES.iterdir())
# A new kind changes no story: where all are listed, the story has this word.
EVERY_KIND = "EVERY KIND"
KINDS = ", ".join(f"`{kind}`" for kind in sorted(k for _, k in schema.known(schema.folder())))


@pytest.mark.parametrize("story", STORIES)
def test_story(story: str) -> None:
    folder = CASES / story
    values = folder / "_values.yaml"
    lines = told(folder, values if values.exists() else None)
    got = "".join(f"{line.replace(KINDS, EVERY_KIND)}\n" for line in lines)
    expected = folder / "expected.txt"
    if os.environ.get("KSTATE_GOLDEN") == "write":
        expected.write_text(got)
    assert got == expected.read_text()


def told(folder: Path, values: Path | None) -> list[str]:
    try:
        spec = load(folder, values=values)
    except SpecInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    estate = (spec.estate,) if spec.estate else ()
    return [_said(document) for document in (*estate, *spec.clusters, *spec.documents)]


def _said(document: Document) -> str:
    body = json.dumps(document.spec, ensure_ascii=False)
    about = json.dumps(document.metadata, ensure_ascii=False)
    return f"{document.source} {document.kind} {document.name} {about} {body}"


def test_no_story_tells_a_secret() -> None:
    told_by_all = [file.read_text() for file in CASES.glob("*/expected.txt")]
    assert told_by_all
    assert not [text for text in told_by_all if "hunter2" in text or "12345678`" in text]
