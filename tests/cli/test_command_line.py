"""The command line as a contract: codes, streams and words, without any cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.cli.main import VERBS, run

KSTATE = [sys.executable, "-c", "from reconciler.cli.main import main; main()"]
SPEC = (
    "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: prod-eu}\n"
    "spec: {platform: apache, bootstrap: ['127.0.0.1:1']}\n"
)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sandbox", "up"], "KSTATE_SANDBOX_HOME names another folder"),
        (["--install-completion", "bash"], "`kstate --show-completion` prints"),
    ],
)
def test_a_folder_that_cannot_be_written_is_named_and_no_defect(
    arguments: list[str],
    words: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    for variable in ("HOME", "KSTATE_SANDBOX_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "file" / "below"))
    assert run(arguments) == 1
    said = capsys.readouterr().err
    assert str(tmp_path / "file" / "below") in said
    assert words in said
    assert "defect" not in said


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "cluster.yaml").write_text(SPEC)
    return str(tmp_path / "spec")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["aply"], "aply"),
        (["plan", "--detailed-exit-code"], "--detailed-exitcode"),
        (["plan", "SPEC", "--format", "yaml"], "--format yaml: there is text, json"),
        (["apply", "SPEC", "--format", "yaml"], "--format yaml: there is text, json"),
        (["drift", "SPEC", "--format", "yaml"], "--format yaml: there is text, json"),
        (["plan", "SPEC", "--timeout", "soon"], "--timeout"),
        (["plan", "SPEC", "--timeout", "0"], "--timeout"),
        (["plan", "SPEC", "--timeout", "-1s"], "--timeout"),
        (["apply", "SPEC", "--wait", "soon"], "--wait"),
        (["plan", "SPEC", "-c", "prod-ue"], "no cluster prod-ue in the spec; it has prod-eu"),
        (["plan", "no/such/folder"], "no/such/folder"),
        (["validate", "no/such/folder"], "no/such/folder"),
        (["plan", "SPEC", "--values", "no-such.yaml"], "no-such.yaml"),
        (["apply", "no-such-plan.json"], "no-such-plan.json"),
        (["apply", "no-such-plan.json", "-c", "prod-eu"], "a saved plan is applied as it is"),
        (["apply", "no-such-plan.json", "--only", "topic/*"], "a saved plan is applied as it is"),
        (["show", "no-such-plan.json"], "no-such-plan.json"),
        (["explain", "KS99"], "did you mean"),
        (["unlock"], "Missing argument"),
        (["sandbox", "up", "--brokers", "0"], "--brokers 0: expected 1 to 9"),
        (["sandbox", "up", "--with", "zookeeper"], "there is connect, registry"),
        (["sandbox", "up", "--kafka", "2.8"], "--kafka 2.8"),
        (["sandbox", "up", "--name", "../x"], "--name ../x"),
    ],
)
def test_bad_usage_is_64_with_the_way_out_and_nothing_on_stdout(
    arguments: list[str], words: str, spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([spec if a == "SPEC" else a for a in arguments]) == 64
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("kstate: ")
    assert words in said.err
    assert "Traceback" not in said.err


def test_one_of_a_thing_is_told_as_one(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["validate", spec]) == 0
    assert capsys.readouterr().err == "valid: 0 documents for 1 cluster in 1 file\n"


def test_a_port_that_there_cannot_be_is_refused_wherever_it_comes_from(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """librdkafka takes 99999 for 34463."""
    file = Path(spec) / "cluster.yaml"
    file.write_text(SPEC.replace("127.0.0.1:1", "env:BOOTSTRAP"))
    monkeypatch.setenv("BOOTSTRAP", "127.0.0.1:9092, 127.0.0.1:99999")
    assert run(["plan", spec]) == 64
    assert "127.0.0.1:99999: a port is at most 65535" in capsys.readouterr().err
    file.write_text(SPEC.replace("127.0.0.1:1", "127.0.0.1:99999"))
    assert run(["plan", spec]) == 64
    assert "cluster.yaml:4:" in capsys.readouterr().err


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = verb.rstrip("_")
    assert run([name, "--help"]) == 0
    said = capsys.readouterr()
    assert f"kstate {name}" in said.out
    assert said.err == ""


def test_the_contract_of_verbs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out
    contract = {"validate", "plan", "apply", "drift", "show", "explain", "adopt", "release"}
    for verb in sorted(contract | {"import", "doctor", "sandbox", "history", "unlock"}):
        assert f"  {verb} " in listed


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) in {0, 64}
    said = capsys.readouterr()
    assert "validate" in said.out + said.err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("kstate 0.")


def test_an_unreachable_cluster_is_1_and_the_others_are_shown(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", spec, "--timeout", "1s"]) == 1
    said = capsys.readouterr()
    assert "cluster prod-eu: cannot reach 127.0.0.1:1 within 1 s" in said.err
    assert said.out == ""


def test_nobody_there_to_say_yes_is_64_before_anything_is_opened(spec: str, tmp_path: Path) -> None:
    """A plan of nothing needs no consent; this one cannot even be made, and must not ask first."""
    found = _kstate("apply", spec, "--timeout", "1s")
    assert found.returncode == 1
    assert found.stdout == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_can_be_shown_and_installed(shell: str, tmp_path: Path) -> None:
    shown = _kstate("--show-completion", shell, home=tmp_path)
    assert (shown.returncode, "kstate" in shown.stdout) == (0, True), shown.stderr
    done = _kstate("--install-completion", shell, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [file for file in tmp_path.rglob("*") if file.is_file()]


def test_a_closed_pipe_is_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        found = subprocess.run(
            [*KSTATE, "explain"], stdout=closed, stderr=subprocess.PIPE, text=True, check=False
        )
    assert found.returncode in {0, 1}
    assert "Traceback" not in found.stderr
    assert "BrokenPipe" not in found.stderr


def test_a_defect_is_said_in_one_sentence_and_in_full_only_on_request(
    spec: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_arguments: object) -> None:
        raise ZeroDivisionError("a canary")

    monkeypatch.setattr("reconciler.cli.common.read_spec", broken)
    assert run(["plan", spec]) == 1
    short = capsys.readouterr().err
    assert "this is a defect in kstate" in short
    assert "Traceback" not in short
    monkeypatch.setenv("KSTATE_DEBUG", "1")
    assert run(["plan", spec]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_without_a_terminal_there_is_no_colour_and_no_progress(spec: str) -> None:
    found = _kstate("plan", spec, "--timeout", "1s")
    assert "\x1b" not in found.stdout + found.stderr


def _kstate(*arguments: str, home: Path | None = None) -> subprocess.CompletedProcess[str]:
    # Which shell is running is told by the process tree, and a build has no shell there: the argument says it instead.
    told = {"HOME": str(home), "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}
    environment = {**os.environ, **(told if home else {})}
    return subprocess.run(
        [*KSTATE, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
        timeout=60,
        check=False,
    )
