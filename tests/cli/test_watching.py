"""Progress: a live line a cluster on a terminal, one plain line an event in a log, JSON lines for machines."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from reconciler.cli import console
from reconciler.cli.main import run
from reconciler.cli.watching import SELDOM, Board, Events, Log, say
from reconciler.core.events import Event, Step, to_json
from reconciler.core.model import Key, Outcome, Status
from reconciler.reports.words import columns
from reconciler.secrets import references
from tests.cli.test_streams import KSTATE, ON_A_TERMINAL

SCHEMA = Path(__file__).parents[2] / "schemas" / "event.v1.json"
FORM = jsonschema_rs.Draft202012Validator(json.loads(SCHEMA.read_text()))
SPEC = (
    "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: prod-eu}\n"
    "spec: {platform: apache, bootstrap: ['127.0.0.1:1']}\n"
)


@pytest.fixture
def spec(tmp_path: Path) -> str:
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "cluster.yaml").write_text(SPEC)
    return str(tmp_path / "spec")


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
events = st.builds(
    Event,
    st.sampled_from([s for s in Step if s not in (Step.OUTCOME, Step.START, Step.END)]),
    names,
    st.sampled_from(["topic", "acl", ""]),
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    names,
)


# --- on a terminal


def board(width: int, height: int = 24) -> Board:
    shown = Console(file=io.StringIO(), force_terminal=True, width=width, height=height)
    return Board(shown)


@pytest.mark.parametrize("width", [60, 80, 200])
@given(heard=st.lists(events, max_size=8))
def test_every_line_fits_whatever_the_names(width: int, heard: list[Event]) -> None:
    shown = board(width)
    for event in heard:
        shown.heard(event)
    for line in shown.shown(width, 24):
        assert columns(line) < width
        assert "\x1b" not in line


def test_a_line_says_cluster_step_figures_and_how_long() -> None:
    shown = board(60)
    for kind in ("topic", "acl"):
        shown.heard(Event(Step.READING, "prod-eu", kind))
    assert list(shown.shown(60, 24)) == ["prod-eu  reading acls, topics  0 s"]
    shown.heard(Event(Step.READ, "prod-eu", "acl", done=80_000))
    assert list(shown.shown(60, 24)) == ["prod-eu  reading topics; read 80,000 acls  0 s"]
    shown.heard(Event(Step.WAITING, "prod-eu", "", 463, 500, "until what was written can be read"))
    [narrow] = shown.shown(60, 24)
    [wide] = shown.shown(200, 24)
    assert wide == "prod-eu  waiting until what was written can be read (463 of 500)  0 s"
    assert (narrow[:24], narrow[-19:]) == ("prod-eu  waiting until w", "ad (463 of 500)  0 s"[-19:])


def test_more_clusters_than_lines_are_counted() -> None:
    shown = board(80, 10)
    for number in range(40):
        shown.heard(Event(Step.CONNECTING, f"cluster-{number:02}"))
    shown.heard(Event(Step.VETTING, "cluster-00", total=3))
    lines = list(shown.shown(80, 10))
    assert (len(lines), lines[-1]) == (9, "and 32 more clusters")
    # Those that something happens on are those that are shown.
    assert lines[0] == "cluster-00  asking the servers about 3 changes  0 s"
    assert lines[1].startswith("cluster-33")


def seen_on_a_terminal(
    width: int, *arguments: str, stop: bool = False, **more: str
) -> tuple[int, str]:
    """The exit code and every byte that a terminal of this width got. With `stop`, Ctrl-C as soon as a line moves."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, width))
    process = subprocess.Popen(
        [*KSTATE, *arguments],
        env={k: v for k, v in ON_A_TERMINAL.items() if k not in ("COLUMNS", "LINES")} | more,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65536):
            shown += part
            if stop and b"connecting" in shown:
                stop = False
                process.send_signal(signal.SIGINT)
    except OSError:
        pass
    os.close(ours)
    return process.wait(timeout=60), shown.decode()


def test_a_terminal_that_is_gone_ends_a_run_like_a_signal(spec: str) -> None:
    ours, theirs = os.openpty()
    # By `nohup` SIGHUP would be ignored, and so it would be by what pytest starts.
    program = "import signal; signal.signal(1, signal.SIG_DFL);" + KSTATE[-1]
    process = subprocess.Popen(
        [sys.executable, "-c", program, "plan", spec, "--timeout", "20s"],
        env=ON_A_TERMINAL,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while b"connecting" not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    assert process.wait(timeout=60) == 130


CURSOR = re.compile(r"\x1b\[[0-9;?]*[A-Za-ln-z]")


@pytest.mark.parametrize("width", [60, 200])
def test_the_live_line_comes_and_goes_and_nothing_of_it_stays(width: int, spec: str) -> None:
    code, shown = seen_on_a_terminal(width, "plan", spec, "--timeout", "1s")
    assert code == 1
    assert "prod-eu  connecting" in shown
    assert CURSOR.search(shown)
    after = CURSOR.split(shown)[-1]
    assert "connecting" not in after
    assert "cannot reach 127.0.0.1:1" in after
    # Hidden while it moves, and there again afterwards.
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") >= 1


def test_an_interrupted_run_gives_the_cursor_back(spec: str) -> None:
    code, shown = seen_on_a_terminal(80, "plan", spec, "--timeout", "3s", stop=True)
    assert code == 130
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") >= 1


@pytest.mark.parametrize("off", [{"CI": "true"}, {"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_nothing_moves_where_that_is_not_wanted(off: dict[str, str], spec: str) -> None:
    _, shown = seen_on_a_terminal(80, "plan", spec, "--timeout", "1s", **off)
    assert not CURSOR.search(shown)


# --- in a log


def told(capsys: pytest.CaptureFixture[str], log: Log, *heard: Event) -> list[str]:
    capsys.readouterr()
    for event in heard:
        log(event)
    return capsys.readouterr().err.splitlines()


def test_a_log_is_told_of_reading_only_where_it_lasts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console.begin()
    now = [100.0]
    monkeypatch.setattr("reconciler.cli.watching.time.monotonic", lambda: now[0])
    kinds = ("acl", "topic", "user")
    reading = [Event(Step.READING, "eu", kind) for kind in kinds]
    counts = zip(kinds, (1, 2_000, 0), strict=True)
    read = [Event(Step.READ, "eu", kind, done=count) for kind, count in counts]
    log = Log(every=False)
    assert told(capsys, log, *reading, *read) == []
    told(capsys, log, *reading, *read[:2])
    now[0] += SELDOM + 1
    assert told(capsys, log, read[2]) == ["eu: read 1 acl, 2,000 topics"]


def test_figures_that_move_are_told_once_in_a_while_and_a_wait_at_once(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    console.begin()
    now = [100.0]
    monkeypatch.setattr("reconciler.cli.watching.time.monotonic", lambda: now[0])
    log = Log(every=False)
    sent = [Event(Step.WRITTEN, "eu", "topic", done, 2_000) for done in (500, 1_000)]
    assert told(capsys, log, *sent) == []
    now[0] += SELDOM + 1
    assert told(capsys, log, Event(Step.WRITTEN, "eu", "topic", 1_500, 2_000)) == [
        "eu: sent 1,500 of 2,000 changes"
    ]
    assert told(capsys, log, Event(Step.WRITTEN, "eu", "topic", 2_000, 2_000)) == []
    fence = Event(Step.WAITING, "eu", words="until something is over")
    assert told(capsys, log, fence) == ["eu: waiting until something is over"]


def test_verbose_tells_everything(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["plan", spec, "--timeout", "1s", "--verbose"]) == 1
    assert capsys.readouterr().err.startswith("prod-eu: connecting\n")
    assert run(["plan", spec, "--timeout", "1s"]) == 1
    assert "connecting" not in capsys.readouterr().err


# --- as JSON


def lines(text: str) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in text.splitlines()]
    assert text == "" or text.endswith("\n")
    return found


def test_talk_as_json_is_json_to_the_last_line(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", spec, "--timeout", "1s", "--log-format", "json", "--verbose"]) == 1
    said = capsys.readouterr()
    first, error = lines(said.err)
    assert (first["level"], first["event"], first["cluster"]) == ("info", "connecting", "prod-eu")
    assert (error["level"], error["exit_code"]) == ("error", 1)
    assert "cannot reach 127.0.0.1:1" in error["message"]
    assert error["hint"]


def test_every_problem_of_a_spec_is_a_line_with_its_place(
    spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (Path(spec) / "topic.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Topic\nmetadata: {name: a}\nspec: {partitons: 1}\n"
    )
    assert run(["plan", spec, "--log-format", "json"]) == 64
    problem, end = lines(capsys.readouterr().err)
    assert (problem["file"], problem["line"], problem["column"]) == ("topic.yaml", 4, 8)
    assert end["exit_code"] == 64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--log-format", "xml"], "--log-format xml: there is text, json"),
        (["--events", "no/such/folder/x"], "--events no/such/folder/x: cannot write"),
        (["--events", "-", "--format", "json"], "both want stdout"),
    ],
)
def test_what_cannot_be_told_is_said_first(
    arguments: list[str], words: str, spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["plan", spec, *arguments]) == 64
    said = capsys.readouterr()
    assert (words in said.err, said.out) == (True, "")


def test_events_begin_and_end_even_where_nothing_works(
    spec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "events.jsonl"
    assert run(["plan", spec, "--timeout", "1s", "--events", str(file)]) == 1
    found = lines(file.read_text())
    assert [event["event"] for event in found] == ["start", "connecting", "end"]
    assert (found[0]["verb"], found[-1]["exit_code"]) == ("plan", 1)
    for event in found:
        FORM.validate(event)
    capsys.readouterr()
    assert run(["plan", spec, "--timeout", "1s", "--events", "-"]) == 1
    said = capsys.readouterr()
    assert [event["event"] for event in lines(said.out)] == ["start", "connecting", "end"]


@given(events)
def test_every_event_has_the_form_it_says(event: Event) -> None:
    FORM.validate({"at": console.now(), **to_json(event)})


def test_an_outcome_has_it_too() -> None:
    outcome = Outcome(Key("eu", "topic", "a/b"), Status.FAILED, "no")
    event = Event(Step.OUTCOME, "eu", "topic", outcome=outcome)
    FORM.validate({"at": console.now(), **to_json(event)})
    assert not FORM.is_valid({"at": console.now(), "event": "outcome"})


class Full(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_reader_that_goes_away_is_told_of_once_and_changes_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    console.begin()
    console.talk.events = Events(Full(), "x")
    for _ in range(3):
        say(Event(Step.NOTE, words="x"))
    console.end(0)
    assert capsys.readouterr().err.count("no more events: [Errno 28]") == 1


def test_a_secret_is_in_no_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "_seen", references._Seen())
    references.remember('can"ary')
    shown = io.StringIO()
    Events(shown, "x").write(to_json(Event(Step.NOTE, words='it is can"ary')))
    assert "ary" not in shown.getvalue()
    assert "(secret)" in shown.getvalue()


def test_no_terminal_pays_for_what_only_terminals_need() -> None:
    code = (
        "import sys\nfrom reconciler.cli.main import run\n"
        "run(['plan', 'no-such-folder'])\nassert 'rich' not in sys.modules"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stderr
