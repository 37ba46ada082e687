"""Bad usage as data: tests/cases/cli/bad-usage.txt holds commands, and what a person is told who types them.

A new case is a new line `$ kstate ...`; `KSTATE_GOLDEN=write` writes the answers, and the difference is for a person
to read.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.kinds.registry import load

FILE = Path(__file__).parents[1] / "cases" / "cli" / "bad-usage.txt"
CLUSTER = (
    "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {{name: prod-eu}}\n"
    "spec: {{platform: apache, bootstrap: ['127.0.0.1:1'], kafka: {kafka}}}\n"
)


def cases() -> dict[str, str]:
    blocks = (block.partition("\n") for block in FILE.read_text().split("$ ") if block)
    return {command: answer.strip("\n") for command, _, answer in blocks}


CASES = cases()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a spec, a plan file that must not be looked at, and what is neither."""
    for name in ("spec", "literal", "empty", "folder.json"):
        (tmp_path / name).mkdir()
    (tmp_path / "spec" / "cluster.yaml").write_text(CLUSTER.format(kafka="{}"))
    literal = CLUSTER.format(kafka="{sasl.password: canary-literal}")
    (tmp_path / "literal" / "cluster.yaml").write_text(literal)
    (tmp_path / "notes.txt").write_text("notes\n")
    (tmp_path / "plan.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KSTATE_SANDBOX_HOME", str(tmp_path / "sandboxes"))
    return tmp_path


@pytest.mark.parametrize("command", CASES)
def test_it_is_64_with_the_way_out_and_nothing_else(
    command: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(here.rglob("*"))
    code = run(shlex.split(command)[1:])
    said = capsys.readouterr()
    # A new kind changes no answer: where all are listed, the file has this word.
    _same(command, said.err.strip("\n").replace(", ".join(load()), "EVERY KIND"))
    assert (code, said.out) == (64, "")
    assert "canary" not in said.err
    assert sorted(here.rglob("*")) == before


def test_the_file_has_one_answer_a_command() -> None:
    assert FILE.read_text() == _written(cases())


def test_every_verb_is_there_that_can_be_used_badly() -> None:
    from reconciler.cli.main import VERBS

    assert {command.split()[1] for command in CASES} >= {verb.rstrip("_") for verb in VERBS}


def _same(command: str, answer: str) -> None:
    if os.environ.get("KSTATE_GOLDEN") == "write":
        FILE.write_text(_written(cases() | {command: answer}))
        return
    assert answer == CASES[command]


def _written(answers: dict[str, str]) -> str:
    return "\n".join(f"$ {command}\n{answer}\n" for command, answer in answers.items())
