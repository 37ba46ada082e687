"""What an import puts aside, and where references lead from another folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.core.drafts import Draft
from reconciler.engine.drafting import _Folder, _moved, _put_aside
from reconciler.spec.writing import remove, save


def test_what_is_put_aside_overwrites_nothing_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "_left-out" / "connectors").mkdir(parents=True)
    (tmp_path / "_left-out" / "connectors" / "a-b-eu.yaml").write_text("mine")
    drafts = [
        Draft("connector", "Connector", n, ("eu",), {"connect": "main"}) for n in ("a b", "a?b")
    ]
    found = dict(_put_aside(dict.fromkeys(drafts, "it\nhas failed"), _Folder(tmp_path, {})))
    assert sorted(found) == [
        "_left-out/connectors/a-b-eu-2.yaml",
        "_left-out/connectors/a-b-eu-3.yaml",
    ]
    assert all(text.startswith("# Left out: it has failed\napiVersion") for text in found.values())


@pytest.mark.parametrize(
    ("reference", "moved"),
    [
        ("env:NAME", "env:NAME"),
        ("file:/run/secrets/pw", "file:/run/secrets/pw"),
        ("file:secrets/pw", "file:{root}/old/secrets/pw"),
        ("file:new/pw", "file:pw"),
    ],
)
def test_a_reference_leads_to_the_same_file_from_another_folder(
    tmp_path: Path, reference: str, moved: str
) -> None:
    """Never upwards, which no spec allows."""
    (tmp_path / "old" / "new").mkdir(parents=True)
    root = tmp_path.resolve()
    told = _moved({"kafka": [reference]}, root / "old", root / "old" / "new")
    assert told == {"kafka": [moved.format(root=root)]}
    assert _moved(reference, root / "old", root / "old") == reference


def test_all_files_are_written_or_none(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "there.yaml").write_text("mine")
    with pytest.raises(FileExistsError):
        save(tmp_path, {"a/new.yaml": "1", "b/there.yaml": "2"})
    assert sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*")) == [
        "b",
        "b/there.yaml",
    ]
    assert (tmp_path / "b" / "there.yaml").read_text() == "mine"
    made = save(tmp_path, {"a/new.yaml": "1", "b/new.yaml": "2"})
    remove(tmp_path, made)
    assert not (tmp_path / "a").exists()
    assert (tmp_path / "b" / "there.yaml").exists()
