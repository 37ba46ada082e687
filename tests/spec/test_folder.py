"""A spec as a whole: order, places, single problems at their exact place, and what it costs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.spec.folder import load
from reconciler.spec.literals import literal_secrets

from .writing import CLUSTER, problems, topic, write

FULL = """\
apiVersion: kstate/v1
kind: Topic
metadata:
  clusters: [prod-eu]
  name: orders
spec:
  partitions: 3
  config:
    "retention.ms": 7d
    cleanup.policy:
      - compact
      - delete
"""


def test_places(tmp_path: Path) -> None:
    root = write(tmp_path, {"c.yaml": CLUSTER, "topics/t.yaml": topic("first") + "---\n" + FULL})
    first, second = load(root).documents
    assert first.source == "topics/t.yaml:3"
    assert second.source == "topics/t.yaml:10"
    assert second.locate(("spec", "partitions")) == (12, 15)
    assert second.locate(("spec", "config", "retention.ms")) == (14, 21)
    assert second.locate(("spec", "config", "cleanup.policy", "1")) == (17, 9)
    assert second.locate(("spec", "config", "not.there")) == (14, 5)
    assert second.locate(("metadata", "clusters", "0")) == (9, 14)
    assert second.locate(()) == (6, 1)


def test_places_when_the_file_is_gone(tmp_path: Path) -> None:
    root = write(tmp_path, {"c.yaml": CLUSTER, "t.yaml": FULL})
    (document,) = load(root).documents
    (root / "t.yaml").unlink()
    assert document.locate(("spec", "partitions")) == (1, 1)


def test_a_document_without_settings(tmp_path: Path) -> None:
    root = write(tmp_path, {"c.yaml": CLUSTER, "t.yaml": topic("a", "")})
    (document,) = load(root).documents
    assert document.spec == {}


def test_aliases_are_plain_data(tmp_path: Path) -> None:
    text = topic("a", "spec: {config: &c {retention.ms: 7d}}") + "---\n"
    text += topic("b", "spec:\n  partitions: &n 3\n  replication: *n")
    first, second = load(write(tmp_path, {"c.yaml": CLUSTER, "t.yaml": text})).documents
    assert first.spec == {"config": {"retention.ms": "7d"}}
    assert second.spec == {"partitions": 3, "replication": 3}


def test_profiles_do_not_leak_into_each_other(tmp_path: Path) -> None:
    text = (
        "apiVersion: kstate/v1\nkind: Profile\nmetadata: {name: p}\nspec: {config: {retention.ms: 7d}}\n---\n"
        + topic("a", "spec: {profile: p, config: {retention.ms: 1d, flush.ms: 1s}}")
        + "---\n"
        + topic("b", "spec: {profile: p}")
    )
    first, second = load(write(tmp_path, {"c.yaml": CLUSTER, "t.yaml": text})).documents
    assert first.spec == {"config": {"retention.ms": "1d", "flush.ms": "1s"}}
    assert second.spec == {"config": {"retention.ms": "7d"}}


def test_a_values_file_inside_the_folder_is_no_document(tmp_path: Path) -> None:
    root = write(
        tmp_path,
        {
            "c.yaml": CLUSTER,
            "prod.yaml": "n: 3\n",
            "t.yaml": topic("t", "spec: {partitions: '${n}'}"),
        },
    )
    (document,) = load(root, values=root / "prod.yaml").documents
    assert document.spec == {"partitions": 3}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ("a: [1]\n", "1:1: `a` must be a single value, not a mapping or a list"),
        ("A-b: 1\n", "1:1: no `${...}` can name `A-b`: use a-z, 0-9 and `_`"),
        ("- a\n", "1:1: a values file is one mapping of names to values"),
        ("a: 1\n---\nb: 2\n", "1:1: a values file is one mapping of names to values"),
        ("a: 1\na: 2\n", "2:1: `a` stands twice in the same mapping; keep one of them"),
        ("a: {\n", "2:1: this is not YAML: a value was expected here"),
    ],
)
def test_a_wrong_values_file(tmp_path: Path, values: str, told: str) -> None:
    write(tmp_path, {"spec/c.yaml": CLUSTER, "values.yaml": values})
    file = tmp_path / "values.yaml"
    assert problems(tmp_path / "spec", file) == [f"{file}:{told}"]


def test_an_empty_values_file(tmp_path: Path) -> None:
    write(tmp_path, {"spec/c.yaml": CLUSTER, "values.yaml": "# nothing\n"})
    assert problems(tmp_path / "spec", tmp_path / "values.yaml") == []


def test_a_whole_variable_brings_its_type_but_no_point(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "spec/c.yaml": CLUSTER,
            "spec/t.yaml": topic("t", "spec: {partitions: '${n}'}"),
            "v.yaml": "n: 3.0",
        },
    )
    (told,) = problems(tmp_path / "spec", tmp_path / "v.yaml")
    assert told == "t.yaml:4:20: `partitions` must be a whole number from 1 to 100000, found `3.0`"


def test_a_secret_from_a_values_file_is_still_in_the_open(tmp_path: Path) -> None:
    cluster = CLUSTER.replace("bootstrap:", 'kafka: {sasl.password: "${pw}"}, bootstrap:')
    write(tmp_path, {"spec/c.yaml": cluster, "v.yaml": "pw: hunter2"})
    (told,) = problems(tmp_path / "spec", tmp_path / "v.yaml")
    assert "`sasl.password` holds a secret in the open" in told
    assert "hunter2" not in told


def test_literal_secrets_are_found_where_they_are_allowed(tmp_path: Path) -> None:
    cluster = CLUSTER.replace("env:BOOTSTRAP", "localhost:9092").replace(
        "bootstrap:", "kafka: {sasl.password: x}, bootstrap:"
    )
    (document,) = load(write(tmp_path, {"c.yaml": cluster})).clusters
    assert literal_secrets(document) == [("spec", "kafka", "sasl.password")]


entries = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True)


@settings(max_examples=25, deadline=None)
@given(entries, st.randoms(use_true_random=False))
def test_the_order_of_writing_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, numbers: list[int], random: object
) -> None:
    files = {f"{'abc'[n % 3]}/{n}.yaml": topic(f"t{n}") for n in numbers} | {"c.yaml": CLUSTER}
    shuffled = list(files)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one = load(write(tmp_path_factory.mktemp("one"), files))
    other = load(write(tmp_path_factory.mktemp("other"), {name: files[name] for name in shuffled}))
    assert one.documents == other.documents
    assert one.files == other.files
    assert one.documents == tuple(sorted(one.documents, key=lambda d: (d.file, d.line)))


def test_what_is_right_never_imports_what_explains(tmp_path: Path) -> None:
    write(tmp_path, {"c.yaml": CLUSTER, "t.yaml": FULL})
    code = (
        "import sys, pathlib; from reconciler.spec.folder import load; load(pathlib.Path(sys.argv[1]));"
        "heavy = {'jsonschema', 'ruamel', 'difflib'} & set(sys.modules); assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=60)
