"""What stdout and stderr are: a terminal, a file, a CI's log, full, closed. Colour and progress on terminals only."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.cli import common
from reconciler.cli.main import run
from reconciler.core.plan import render
from reconciler.errors import BadUsage, Blocked, KstateError
from reconciler.reports.forms import NAMES
from tests.cli.test_plan_file import PLAN

KSTATE = (sys.executable, "-c", "from reconciler.cli.main import main; main()")
QUIET = ("NO_COLOR", "CI", "PYTHONUNBUFFERED", "PYTHONIOENCODING")
PLAIN = {name: value for name, value in os.environ.items() if name not in QUIET}
ON_A_TERMINAL = PLAIN | {"TERM": "xterm"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "plan.json").write_bytes(render(PLAN))
    return tmp_path / "plan.json"


def on_a_terminal(environment: Mapping[str, str], *arguments: str) -> tuple[int, str]:
    """The exit code, and what a person would have seen, both streams together."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*KSTATE, *arguments], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
    except OSError:  # the other end is closed: it has ended
        pass
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_colour_on_a_terminal(file: Path) -> None:
    code, shown = on_a_terminal(ON_A_TERMINAL, "show", str(file))
    assert code == 0
    assert "\x1b[1;97;41m" in shown


@pytest.mark.parametrize("off", [{"NO_COLOR": "1"}, {"CI": "true"}, {"TERM": "dumb"}])
def test_no_colour_where_it_is_not_wanted(off: dict[str, str], file: Path) -> None:
    code, shown = on_a_terminal(ON_A_TERMINAL | off, "show", str(file))
    assert (code, "\x1b[1;97;41m" in shown) == (0, False)


@pytest.mark.parametrize("off", [{"CI": "true"}, {"TERM": "dumb"}])
def test_no_escape_code_at_all_where_no_terminal_obeys_it(off: dict[str, str], file: Path) -> None:
    assert "\x1b" not in on_a_terminal(ON_A_TERMINAL | off, "show", str(file))[1]


@pytest.mark.parametrize("form", NAMES)
def test_a_file_or_a_pipe_gets_plain_text(form: str, file: Path) -> None:
    found = kstate("show", str(file), "--format", form)
    assert (found.returncode, found.stderr) == (0, "")
    assert "\x1b" not in found.stdout


def kstate(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*KSTATE, *arguments],
        env=PLAIN | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def in_a_shell(redirection: str, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", *KSTATE, *arguments],
        env=PLAIN | more,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


BUFFERED = [{}, {"PYTHONUNBUFFERED": "1"}]
NOISE = ("Traceback", "Exception ignored", "defect", "BrokenPipe")


@pytest.mark.parametrize("buffered", BUFFERED)
@pytest.mark.parametrize("arguments", [("explain",), ("--help",), ("show", "FILE")])
def test_a_full_disk_is_said_in_words(
    arguments: tuple[str, ...], buffered: dict[str, str], file: Path
) -> None:
    named = [str(file) if word == "FILE" else word for word in arguments]
    found = in_a_shell(">/dev/full", *named, **buffered)
    assert found.returncode == 1
    assert found.stderr == "kstate: cannot write the answer: No space left on device\n"


@pytest.mark.parametrize("buffered", BUFFERED)
def test_a_refusal_stays_one_when_its_words_find_no_reader(
    buffered: dict[str, str], file: Path
) -> None:
    """As in `kstate apply plan.json | head -0`: the plan cannot be shown, and is blocked as well."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as closed:
        found = subprocess.run(
            [*KSTATE, "apply", str(file)],
            env=PLAIN | buffered,
            stdin=subprocess.DEVNULL,
            stdout=closed,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert found.returncode in {1, 3}
    assert not [word for word in NOISE if word in found.stderr]


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_nowhere(closed: str, file: Path) -> None:
    found = in_a_shell(closed, "show", str(file))
    assert (found.returncode, found.stderr) == (0, "")
    wrong = in_a_shell(closed, "show", "no-such.json")
    assert (wrong.returncode, wrong.stdout) == (64, "")


def test_an_encoding_that_lacks_a_letter_is_no_defect(tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_bytes(render(replace(PLAN, estate="café")))
    shown = kstate("show", str(tmp_path / "plan.json"), PYTHONIOENCODING="ascii")
    assert (shown.returncode, "caf\\xe9" in shown.stdout) == (0, True)
    wrong = kstate("show", "café.json", PYTHONIOENCODING="ascii")
    assert (wrong.returncode, "caf\\xe9.json" in wrong.stderr) == (64, True)


def test_help_goes_to_stdout_and_no_arguments_are_bad_usage() -> None:
    asked, bare = kstate("--help"), kstate()
    assert (asked.returncode, asked.stderr) == (0, "")
    assert (bare.returncode, bare.stdout) == (64, "")
    assert bare.stderr == asked.stdout
    group = kstate("sandbox")
    assert (group.returncode, group.stderr.startswith("Usage: kstate sandbox")) == (64, True)


def test_completion_names_the_verbs(tmp_path: Path) -> None:
    """What the shell asks when a person presses Tab."""
    asked = {"_KSTATE_COMPLETE": "complete_bash", "COMP_WORDS": "kstate d", "COMP_CWORD": "1"}
    found = kstate(HOME=str(tmp_path), **asked)
    assert set(found.stdout.split()) == {"drift", "doctor"}


# --- consent


@pytest.mark.parametrize("answer", ["y", "Y", "no", "YES", "", "yes please", "true"])
def test_only_the_word_yes_is_consent(answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_question, **_more: answer)
    with pytest.raises(Blocked):
        common.consent("Apply 3 changes?", interactive=True)
    monkeypatch.setattr("typer.prompt", lambda *_question, **_more: " yes ")
    common.consent("Apply 3 changes?", interactive=True)


def test_where_nobody_can_be_asked_it_is_bad_usage() -> None:
    with pytest.raises(BadUsage, match="nobody is here to say yes"):
        common.consent("Apply 3 changes?", interactive=False)


# --- words of servers and strangers on stderr


@pytest.mark.parametrize(
    "odd", ["\x1b[2J", "a\n::error file=x::gone", "a\r##[stop-commands]x", "\u202etxet", "\x08\x08"]
)
def test_an_error_of_a_server_commands_neither_a_terminal_nor_a_ci(
    odd: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Odd(KstateError):
        pass

    def refuse(*_arguments: object) -> None:
        raise Odd(f"it said: {odd}", hint=odd)

    monkeypatch.setattr("reconciler.cli.common.read_spec", refuse)
    assert run(["plan", "spec"]) == 1
    said = capsys.readouterr().err
    assert not [char for char in said if not char.isprintable() and char != "\n"]
    assert not [line for line in said.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in said
