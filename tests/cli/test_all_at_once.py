"""What is wrong with a spec is told in one go: by form, by what a kind knows of its documents, and between them."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import run
from tests.spec.writing import CLUSTER, topic, write

MISSPELT = topic("a", "spec: {partitons: 1}")
WRONG_UNIT = topic("b", "spec: {config: {retention.ms: 7 fortnights}}")
NO_SCHEMA = "apiVersion: kstate/v1\nkind: Schema\nmetadata: {name: s}\nspec: {type: avro, schema: {type: recrd}}\n"
QUOTA = (
    "apiVersion: kstate/v1\nkind: Quota\nmetadata: {name: q}\n"
    "spec: {entity: {user: a, ip: 1.2.3.4}, limits: {request_percentage: 0}}\n"
)
REGISTRY = CLUSTER.replace("spec: {", "spec: {registry: {url: 'http://a'}, ")


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert run(["validate", str(folder)]) == 64
    return capsys.readouterr().err.splitlines()


def test_mistakes_of_every_sort_are_told_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {"a.yaml": MISSPELT, "b.yaml": WRONG_UNIT, "c.yaml": REGISTRY, "s.yaml": NO_SCHEMA}
    lines = told(write(tmp_path, files), capsys)
    assert [line.split(":")[0] for line in lines] == ["a.yaml", "b.yaml", "s.yaml", "kstate"]
    assert "did you mean `partitions`" in lines[0]
    assert "7 fortnights" in lines[1]
    assert "avro: " in lines[2]
    assert lines[3] == "kstate: 3 problems in the spec"


def test_where_clusters_are_in_doubt_nothing_is_said_that_hangs_on_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = REGISTRY.replace("bootstrap", "bootsrap")
    lines = told(write(tmp_path, {"s.yaml": NO_SCHEMA, "c.yaml": broken}), capsys)
    assert [line.split(":")[0] for line in lines] == ["c.yaml", "kstate"]


def test_a_document_under_a_broken_profile_is_not_judged_by_half(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    profile = "apiVersion: kstate/v1\nkind: Profile\nmetadata: {name: p}\nspec: {confg: {}}\n"
    under = topic("__consumer_offsets", "spec: {profile: p}")
    files = {"b.yaml": under, "c.yaml": REGISTRY, "p.yaml": profile}
    lines = told(write(tmp_path, files), capsys)
    assert [line.split(":")[0] for line in lines] == ["p.yaml", "kstate"]


def test_limits_are_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = told(write(tmp_path, {"c.yaml": REGISTRY, "q.yaml": QUOTA}), capsys)
    assert "`entity` must be `ip` alone (Kafka does not combine it" in lines[0]
    assert "`request_percentage` must be a number above 0, found `0`" in lines[1]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = NO_SCHEMA.replace("schema: {type: recrd}", "file: avro/nothing.avsc")
    lines = told(write(tmp_path, {"c.yaml": REGISTRY, "s.yaml": named}), capsys)
    assert (
        lines[0]
        == "s.yaml:4:26: the file `avro/nothing.avsc` cannot be used: there is no such file"
    )
