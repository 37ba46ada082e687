"""A new kind is one file and one JSON Schema, a new platform one file: both made here, in a folder of their own."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import reconciler.kinds
import reconciler.platforms
from reconciler.cli.main import run
from reconciler.kinds import registry as kinds
from reconciler.spec import schema

KIND = '''
"""Shelves of a library, each with a number of books, kept in a JSON file."""
import json
from pathlib import Path

from reconciler.core.model import Kind, Outcome, Resource, Risk, Status, Code


def resources(document, platform):
    yield Resource(document.name, {"books": document.spec["books"]})


def rule(changes, world):
    for change in changes:
        if change.after is None:
            yield change.key, Risk("KS299", "the shelf goes, and so do its books")


class Shelves:
    wire = "library"
    batch = 10

    def read(self, session, scope):
        for name, books in json.loads(session.client(self.wire).read_text()).items():
            if scope.names is None or name in scope.names:
                yield Resource(name, {"books": books})
            elif scope.others:
                yield Resource(name, {})

    def vet(self, session, changes):
        return {}

    def write(self, session, changes):
        file = session.client(self.wire)
        shelves = json.loads(file.read_text())
        for change in changes:
            if change.after is None:
                del shelves[change.key.name]
            else:
                shelves[change.key.name] = change.after["books"]
            yield Outcome(change.key, Status.DONE)
        file.write_text(json.dumps(shelves))


KIND = Kind(
    name="shelf",
    document="Shelf",
    resources=resources,
    drivers=(Shelves(),),
    rules=(rule,),
    codes=(Code("KS299", "Removes a shelf", "The shelf and its books go."),),
)
'''
PLATFORM = '''
"""A library on this disk; `bootstrap` says where."""
from pathlib import Path

from reconciler.core.model import Platform


class Library:
    operations = frozenset()
    facts = {}

    def __init__(self, target):
        self.cluster = target.name
        self.cluster_id = "the-one-library"
        self.file = Path(target.spec["kafka"]["file"])

    def secret(self, reference):
        raise AssertionError(reference)

    def client(self, wire):
        return self.file

    def reached(self):
        return {}

    def close(self):
        pass


PLATFORM = Platform(name="library", title="Library", login=Library, wires=frozenset({"library"}))
'''


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The library's file, with the kind, its schema and the platform installed beside kstate's own."""
    for package, text in ((reconciler.kinds, KIND), (reconciler.platforms, PLATFORM)):
        folder = tmp_path / package.__name__
        folder.mkdir()
        name = "shelf" if package is reconciler.kinds else "library"
        (folder / f"{name}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(folder)])
    schemas = Path(shutil.copytree(schema.folder(), tmp_path / "schemas"))
    body = json.loads((schemas / "topic.v1.json").read_text())
    body["properties"]["kind"] = {"const": "Shelf"}
    books = {"type": "integer", "minimum": 0}
    body["properties"]["spec"] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["books"],
        "properties": {"books": books},
    }
    (schemas / "shelf.v1.json").write_text(json.dumps(body))
    monkeypatch.setattr(schema, "folder", lambda: schemas)
    kinds.load.cache_clear()
    file = tmp_path / "library.json"
    file.write_text("{}")
    yield file
    kinds.load.cache_clear()
    for module in ("reconciler.kinds.shelf", "reconciler.platforms.library"):
        sys.modules.pop(module, None)


def write(folder: Path, library: Path, *shelves: str) -> str:
    folder.mkdir(exist_ok=True)
    cluster = (
        "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: town}\n"
        f"spec: {{platform: library, bootstrap: ['localhost:1'], kafka: {{file: {library}}}}}\n"
    )
    (folder / "spec.yaml").write_text("---\n".join([cluster, *shelves]))
    return str(folder)


def shelf(name: str, books: int, ensure: str = "present") -> str:
    return (
        "apiVersion: kstate/v1\nkind: Shelf\n"
        f"metadata: {{name: {name}, ensure: {ensure}}}\nspec: {{books: {books}}}\n"
    )


def test_a_toy_kind_on_a_toy_platform_converges(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write(tmp_path / "spec", library, shelf("novels", 3), shelf("maps", 1))
    assert run(["plan", spec, "--detailed-exitcode"]) == 2
    assert run(["apply", spec, "--yes"]) == 0
    assert json.loads(library.read_text()) == {"maps": 1, "novels": 3}
    assert run(["plan", spec, "--detailed-exitcode"]) == 0
    library.write_text('{"maps": 2, "novels": 3, "comics": 9}')
    assert run(["plan", spec, "--detailed-exitcode"]) == 2
    capsys.readouterr()
    gone = write(tmp_path / "spec", library, shelf("novels", 3), shelf("maps", 1, "absent"))
    assert run(["apply", gone, "--yes"]) == 3
    assert "KS299" in capsys.readouterr().err
    assert run(["apply", gone, "--yes", "--approve", "KS299"]) == 0
    assert json.loads(library.read_text()) == {"novels": 3, "comics": 9}
    assert run(["explain", "KS299"]) == 0


def test_its_documents_are_checked_like_all_others(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = write(tmp_path / "spec", library, shelf("novels", -3).replace("books", "boks"))
    assert run(["plan", spec]) == 64
    assert "did you mean `books`" in capsys.readouterr().err


def test_what_the_toy_platform_lacks_is_refused_while_planning(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    topic = (
        "apiVersion: kstate/v1\nkind: Topic\nmetadata: {name: t, clusters: [town]}\n"
        "spec: {partitions: 1}\n"
    )
    assert run(["plan", write(tmp_path / "spec", library, topic)]) == 64
    told = capsys.readouterr().err
    assert (
        "spec.yaml:7:7: no cluster can hold this Topic: town: Library does not offer topic" in told
    )


def test_where_another_cluster_can_hold_it_the_one_that_cannot_is_told_in_the_plan(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = (
        "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: other}\n"
        "spec: {platform: apache, bootstrap: ['127.0.0.1:1']}\n"
    )
    topic = (
        "apiVersion: kstate/v1\nkind: Topic\nmetadata: {name: t, clusters: [town, other]}\n"
        "spec: {partitions: 1}\n"
    )
    assert run(["plan", write(tmp_path / "spec", library, other, topic), "-c", "town"]) == 3
    told = capsys.readouterr().out
    assert "KS901" in told
    assert "Library does not offer topic" in told
