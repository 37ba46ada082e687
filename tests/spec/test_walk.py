"""Which files are the spec, and that nothing outside its folder is ever read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.errors import BadUsage
from reconciler.spec import walk
from reconciler.spec.folder import load

from .writing import CLUSTER, problems, topic, write


def test_what_counts(tmp_path: Path) -> None:
    files = {
        "b.yml": topic("b"),
        "a/z.yaml": topic("z"),
        "a.yaml": CLUSTER,
        ".hidden.yaml": "nonsense",
        "_draft.yaml": "nonsense",
        ".git/x.yaml": "nonsense",
        "_old/x.yaml": "nonsense",
        "notes.txt": "nonsense",
        "x.yaml.bak": "nonsense",
        "folder.yaml/c.yaml": topic("c"),
    }
    spec = load(write(tmp_path, files))
    assert spec.files == ("a.yaml", "a/z.yaml", "b.yml", "folder.yaml/c.yaml")
    assert [document.name for document in spec.documents] == ["z", "b", "c"]
    assert spec.root == tmp_path.resolve()


def test_one_file(tmp_path: Path) -> None:
    root = write(tmp_path, {"spec.yaml": CLUSTER + "---\n" + topic("a"), "other.yaml": "nonsense"})
    spec = load(root / "spec.yaml")
    assert spec.files == ("spec.yaml",)
    assert spec.root == root.resolve()


def test_a_folder_whose_own_name_is_skipped_below(tmp_path: Path) -> None:
    root = write(tmp_path / "_spec", {"a.yaml": CLUSTER})
    assert load(root).files == ("a.yaml",)


def test_nothing_there(tmp_path: Path) -> None:
    with pytest.raises(BadUsage, match="there is no spec at"):
        load(tmp_path / "missing")
    with pytest.raises(BadUsage, match="there is no values file at"):
        load(write(tmp_path, {"a.yaml": CLUSTER}), values=tmp_path / "missing.yaml")


def test_no_documents(tmp_path: Path) -> None:
    assert problems(tmp_path) == [".:1:1: no `*.yaml` or `*.yml` here holds a document"]


def test_links_that_lead_out(tmp_path: Path) -> None:
    root = write(tmp_path / "spec", {"a.yaml": CLUSTER})
    write(tmp_path / "outside", {"x.yaml": topic("secret"), "folder/y.yaml": topic("secret")})
    (root / "file.yaml").symlink_to(tmp_path / "outside" / "x.yaml")
    (root / "relative.yaml").symlink_to("../outside/x.yaml")
    (root / "folder").symlink_to("../outside/folder")
    (root / "device.yaml").symlink_to("/dev/zero")
    told = "1:1: this link is not followed: it leads out of the spec folder"
    names = ["device.yaml", "file.yaml", "folder", "relative.yaml"]
    assert problems(root) == [f"{name}:{told}" for name in names]


def test_links_that_lead_nowhere_or_round(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": CLUSTER, "topics/t.yaml": topic("t")})
    (root / "broken.yaml").symlink_to("missing.yaml")
    (root / "self.yaml").symlink_to("self.yaml")
    (root / "topics" / "up").symlink_to("..")
    assert problems(root) == [
        "broken.yaml:1:1: this link is not followed: it leads nowhere, or round in a circle",
        "self.yaml:1:1: this link is not followed: it leads nowhere, or round in a circle",
        "topics/up:1:1: this link leads back to a folder it is in",
    ]


def test_links_inside_are_read_once(tmp_path: Path) -> None:
    root = write(
        tmp_path, {"a.yaml": CLUSTER, "_shared/t.yaml": topic("t"), "topics/u.yaml": topic("u")}
    )
    (root / "one.yaml").symlink_to("_shared/t.yaml")
    (root / "two.yaml").symlink_to("_shared/t.yaml")
    (root / "more").symlink_to("topics")
    spec = load(root)
    assert [document.name for document in spec.documents] == ["u", "t"]
    assert spec.files == ("a.yaml", "more/u.yaml", "one.yaml")


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": CLUSTER})
    os.mkfifo(root / "pipe.yaml")
    assert problems(root) == ["pipe.yaml:1:1: this is not a regular file"]


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(
        tmp_path, {"a.yaml": CLUSTER, "shut.yaml": topic("t"), "folder/x.yaml": topic("x")}
    )
    really_open, really_list = os.open, os.scandir

    def refusing_open(path: Path, flags: int) -> int:
        if path.name == "shut.yaml":
            raise PermissionError(13, "Permission denied")
        return really_open(path, flags)

    def refusing_list(path: Path) -> object:
        if path.name == "folder":
            raise PermissionError(13, "Permission denied")
        return really_list(path)

    monkeypatch.setattr(os, "open", refusing_open)
    monkeypatch.setattr(os, "scandir", refusing_list)
    assert problems(root) == [
        "folder/:1:1: this folder cannot be read: Permission denied",
        "shut.yaml:1:1: this file cannot be read: Permission denied",
    ]


def test_names_that_cannot_be_shown(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": CLUSTER, "x\n::error::.yaml": topic("t")})
    (told,) = problems(root)
    assert told == (
        r"x\n::error::.yaml:1:1: the file's name holds characters that cannot be shown; rename it"
    )


def test_very_deep_folders(tmp_path: Path) -> None:
    root = write(tmp_path, {"a.yaml": CLUSTER})
    write(root / Path(*["d"] * 300), {"t.yaml": topic("t")})
    assert [document.name for document in load(root).documents] == ["t"]


def test_inside(tmp_path: Path) -> None:
    write(tmp_path, {"spec/avro/x.avsc": "{}", "outside.avsc": "{}"})
    root = tmp_path / "spec"
    assert walk.inside(root, root / "avro/x.avsc") == (root / "avro/x.avsc").resolve()
    with pytest.raises(ValueError, match="leads out of the spec folder"):
        walk.inside(root, root / "../outside.avsc")
    with pytest.raises(ValueError, match="leads out of the spec folder"):
        walk.inside(root, root / "/etc/passwd")
    with pytest.raises(ValueError, match="leads nowhere"):
        walk.inside(root, root / "missing")
