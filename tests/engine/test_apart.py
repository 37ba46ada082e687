"""Two Cluster documents of one cluster, by what was read of them and by what their ledgers call them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.engine.intent import check_apart
from reconciler.errors import SpecInvalid
from reconciler.spec.folder import Spec, load

HEAD = "apiVersion: kstate/v1\nkind: {}\nmetadata: {{name: {}}}\nspec: {}\n"
CLUSTER = '{platform: apache, bootstrap: ["localhost:9092"]}'


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    documents = [HEAD.format("Estate", "acme", "{}")]
    documents += [HEAD.format("Cluster", name, CLUSTER) for name in ("blue", "green")]
    (tmp_path / "all.yaml").write_text("---\n".join(documents))
    return load(tmp_path)


@pytest.mark.parametrize(
    ("ids", "called", "wrong"),
    [
        ({"blue": "1", "green": "2"}, {}, ""),
        ({"blue": "1", "green": "1"}, {}, "clusters blue (all.yaml:8) and green are one and the"),
        ({"green": "1"}, {"green": "green"}, ""),
        ({"green": "1"}, {"green": ""}, ""),  # of a ledger from before names were kept
        ({"green": "1"}, {"green": "teal"}, ""),  # given up: renamed
        ({"green": "1"}, {"green": "blue"}, "cluster green is, by its ledger, cluster blue"),
        ({"blue": "2", "green": "1"}, {"green": "blue", "blue": "green"}, ""),  # changed places
    ],
)
def test_each_cluster_is_spoken_of_once(
    spec: Spec, ids: Mapping[str, str], called: Mapping[str, str], wrong: str
) -> None:
    if not wrong:
        check_apart(spec, ids, called)
        return
    with pytest.raises(SpecInvalid) as refused:
        check_apart(spec, ids, called)
    (problem,) = refused.value.problems
    assert problem.message.startswith(wrong)
    assert (problem.file, problem.line) == ("all.yaml", 13)
