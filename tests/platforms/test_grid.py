"""Every cell of the grid that says no: refused at its line, with the grid's own reason.

The other cells are the stories beside this file: each platform's folder has one that takes every kind that its forms
offer from nothing to converged, changed and gone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.cli.main import run
from reconciler.core.plan import plain
from reconciler.engine.grid import Cell, Column, How, columns
from reconciler.kinds import registry as kinds
from reconciler.platforms import registry

CELLS = [(column, kind, cell) for column in columns() for kind, cell in column.cells.items()]
NAMESPACE = {
    "subscription": "99999999-8888-7777-6666-555555555555",
    "resource_group": "rg-streams",
    "namespace": "acme-streams",
}
# What a Cluster document needs beside what leads to a form of its platform.
MORE: dict[str, dict[str, Any]] = {
    "apache": {"bootstrap": ["broker.example:9092"]},
    "redpanda": {"bootstrap": ["broker.example:9092"]},
    "eventhubs": {"eventhubs": NAMESPACE},
}
SPECS: dict[str, dict[str, Any]] = {
    "topic": {"partitions": 1},
    "acl": {"principal": "User:app", "grants": [{"role": "producer", "topics": ["t"]}]},
    "user": {"password": "env:PW"},
    "quota": {"entity": {"user": "app"}, "limits": {"producer_byte_rate": 1000}},
    "schema": {"type": "avro", "schema": '"string"'},
    "connector": {"connect": "main", "config": {"connector.class": "x"}},
    "consumergroup": {"topics": ["t"]},
    "mirror": {"source": "there", "topics": ["t"], "connect": "main"},
}


def cluster(column: Column) -> dict[str, Any]:
    """A Cluster document of this form of the platform."""
    platform, _, form = column.name.partition(" ")
    tier = {k: v for k, v in registry.load(platform).tiers.get(form, {}).items() if v}
    spec = {"platform": platform, **tier}
    for name, more in MORE.get(platform, {}).items():
        spec[name] = {**more, **tier.get(name, {})} if isinstance(more, dict) else more  # type: ignore[dict-item]
    return {"kind": "Cluster", "metadata": {"name": "there"}, "spec": plain(spec)}


def test_the_grid_has_every_kind_on_every_form() -> None:
    names = {column.name.partition(" ")[0] for column in columns()}
    assert names == {"apache", "confluent", "eventhubs", "msk", "redpanda"}
    assert {kind for _, kind, _ in CELLS} == kinds.load().keys()
    assert all(cell.reason for _, _, cell in CELLS if cell.how is How.NONE)


@pytest.mark.parametrize(
    ("column", "kind", "cell"),
    [pytest.param(*c, id=f"{c[0].name}-{c[1]}") for c in CELLS if c[2].how is How.NONE],
)
def test_what_is_not_offered_is_refused_with_the_reason(
    column: Column, kind: str, cell: Cell, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = kinds.load()[kind].document
    metadata = {"name": "x", "clusters": ["there"]}
    wanted = {"kind": document, "metadata": metadata, "spec": SPECS[kind]}
    with (tmp_path / "spec.yaml").open("w") as stream:
        found = [{"apiVersion": "kstate/v1", **d} for d in (wanted, cluster(column))]
        YAML(typ="safe").dump_all(found, stream)
    assert run(["validate", str(tmp_path)]) == 64
    said = capsys.readouterr().err
    assert f"spec.yaml:2:7: no cluster can hold this {document}: there:" in said
    assert cell.reason in said
