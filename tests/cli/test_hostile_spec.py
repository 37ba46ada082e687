"""A spec that a stranger wrote: file names and values of any kind; nothing of it commands a terminal or a CI."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.cli.main import run

NAMES = [
    "a\n::error file=x::gone.yaml",
    "\x1b[2J\x1b]0;gone\x07.yaml",
    "a\r##[stop-commands]x.yaml",
    "\u202elmay.yaml",
    "::error::.yaml",
    "  ::error::x.yaml",
    "##vso[task.complete].yaml",
    "\udcff.yaml",
    "-rf.yaml",
    "\x9b2J.yaml",
]
WORDS = [
    '"\\e[2J"',
    '"a\\n::error::gone"',
    "'::error::gone'",
    '"\\u202e"',
    '"##[error]x"',
    '"\\x9b2J"',
]
DOCUMENTS = [
    "kind: {odd}",
    "apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: {odd}}}\nspec: {{}}",
    "apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: t, owner: {odd}}}\nspec: {{x: {odd}}}",
    "apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: t}}\nspec: {{profile: {odd}}}",
    "apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: t}}\nspec: {{config: {{{odd}: {odd}}}}}",
    "apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: t, clusters: [{odd}]}}\nspec: {{}}",
    "apiVersion: kstate/v1\nkind: Acl\nmetadata: {{name: a}}\nspec: {{principal: {odd}, {odd}: 1}}",
    "{odd}",
    "{odd}: [",
    "? {odd}\n: {odd}\n? {odd}\n: 1",
    "a: !!{odd} x",
]


def harmless(said: str) -> None:
    assert "Traceback" not in said
    assert "defect" not in said
    assert not [char for char in said if not char.isprintable() and char != "\n"]
    for line in said.splitlines():
        assert not line.lstrip().startswith("::")
        assert "##[" not in line
        assert "##vso[" not in line


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", ["kind: Nonsense", "a: [", "\x00", "kind: Topic\nkind: Topic"])
def test_the_name_of_a_file(
    name: str, content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / name).write_text(content)
    for verb in ("validate", "plan", "drift"):
        assert run([verb, str(tmp_path)]) == 64
        said = capsys.readouterr()
        assert said.out == ""
        harmless(said.err)


@pytest.mark.parametrize("odd", WORDS)
@pytest.mark.parametrize("document", DOCUMENTS)
def test_what_stands_in_a_file(
    odd: str, document: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.yaml").write_text(document.format(odd=odd))
    assert run(["validate", str(tmp_path)]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    harmless(said.err)


@pytest.mark.parametrize("name", NAMES)
def test_the_name_of_a_folder_or_a_plan_on_the_command_line(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments in (
        ["plan", f"no/{name}"],
        ["plan", f"--{name}"],
        ["apply", f"no/{name}.json"],
        ["show", f"no/{name}.json"],
        ["explain", name],
        ["plan", "--only", name],
        ["plan", "--out", name],
        ["plan", "--format", name],
        ["apply", "--approve", name],
        ["apply", "--expect", name],
        ["release", name],
        [name],
    ):
        assert run(arguments) == 64, arguments
        harmless(capsys.readouterr().err)
