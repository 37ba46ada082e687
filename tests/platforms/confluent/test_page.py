"""The page of the platform: its documents are a spec that kstate takes, its table of roles what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.platforms.confluent.roles import GRANTS

PAGE = (Path(__file__).parents[3] / "docs" / "platforms" / "confluent.md").read_text()


def test_its_documents_are_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    (tmp_path / "spec.yaml").write_text("---\n".join(blocks))
    assert run(["validate", str(tmp_path)]) == 0, capsys.readouterr().err


def test_its_table_of_roles_is_that_of_the_code() -> None:
    for role, rights in GRANTS.items():
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{role}` |")]
        cells = [cell.strip() for cell in row.strip("|").split("|")][1:]
        fields = ("topics", "groups", "transactionalIds", "cluster")
        told = [", ".join(rights.get(field, ())) for field in fields]
        assert [cell if cell != "refused" else "" for cell in cells] == told, role
