"""The clock, the rounds and the page, with stubs for tools: a failure is never shown as a time."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bench.peers.__main__ import _arguments, _command, _estates
from bench.peers.clock import Outcome, timed
from bench.peers.estate import Estate
from bench.peers.page import Facts, Measured, render, section
from bench.peers.rounds import Course, Result, rounds
from bench.peers.tool import Absent, Command, Step, Tool
from bench.samples import Sample

ESTATE = Estate(topics=200)
FACTS = Facts(
    machine="2 cores, load average 0.3 before the run",
    software="kstate 0.1.0",
    when="2026-11-24",
    commit="abc1234",
    runs=3,
    limit=300.0,
    command="python -m bench.peers",
    partitions=1,
)


@dataclass(frozen=True)
class Stub:
    """A tool that is a line of shell; $STEP is the step it is asked for."""

    name: str
    script: str = "true"
    called: str = "stub"
    version: str = "stub v1"
    does: str = "does little."
    acls: bool = True

    def takes(self, estate: Estate) -> bool:
        return self.acls or bool(estate.topics)

    def environment(self, folder: Path, bootstrap: str) -> Mapping[str, str]:
        return {"HERE": bootstrap, "TOLD": str(folder)}

    def files(self, estate: Estate, folder: Path, bootstrap: str) -> Mapping[str, str]:
        return {"in/estate": f"{estate} {estate.changed}"}

    def command(self, step: Step, estate: Estate, folder: Path) -> Command:
        return Command(("/bin/sh", "-c", f"STEP='{step.value}'; {self.script}"), (str(folder),))


@dataclass
class Fake:
    """A cluster that is as written, unless told otherwise; counts how often it was emptied."""

    bootstrap: str = "127.0.0.1:1"
    problem: str = ""
    wiped: int = 0
    asked: list[bool] = field(default_factory=list)

    def wipe(self) -> None:
        self.wiped += 1

    def wrong(self, estate: Estate) -> str:
        self.asked.append(estate.changed)
        return self.problem


def course(tmp_path: Path, world: Fake | None = None, limit: float = 30.0) -> Course:
    return Course(world or Fake(), tmp_path, limit)


def shell(script: str) -> Command:
    return Command(("/bin/sh", "-c", script), ())


# --- the clock


def test_what_ends_well_has_a_time(tmp_path: Path) -> None:
    outcome = timed(shell("exit 0"), {}, tmp_path, 30)
    assert outcome.trouble == ""
    assert outcome.sample is not None
    assert 0 < outcome.sample.wall < 30


def test_what_ends_with_an_error_has_none_but_its_last_words(tmp_path: Path) -> None:
    script = f"echo 'Error: no broker in {tmp_path}/a'; echo; echo more; echo ..; exit 3"
    outcome = timed(shell(script), {}, tmp_path, 30)
    assert outcome == Outcome(None, "failed, exit code 3", "Error: no broker in DIR/a")


def test_a_program_that_is_not_there_has_failed(tmp_path: Path) -> None:
    outcome = timed(Command((str(tmp_path / "absent"),), ()), {}, tmp_path, 30)
    assert outcome == Outcome(None, "failed, exit code 127")


def test_the_exit_code_has_to_be_the_one_that_says_done(tmp_path: Path) -> None:
    wanted = Command(("/bin/sh", "-c", "exit 2"), (), code=2)
    assert timed(wanted, {}, tmp_path, 30).sample is not None
    missed = Command(("/bin/sh", "-c", "exit 0"), (), code=2)
    assert timed(missed, {}, tmp_path, 30).trouble == "failed, exit code 0"


def test_what_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/child; wait"
    outcome = timed(shell(script), {}, tmp_path, 0.7)
    assert outcome == Outcome(None, "did not finish in 0.7 s")
    child = int((tmp_path / "child").read_text())
    end = time.monotonic() + 5
    while _alive(child) and time.monotonic() < end:
        time.sleep(0.05)
    assert not _alive(child)


def _alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return False
    return state != "Z"


def test_settings_of_the_shell_do_not_reach_a_peer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TF_LOG", "TOPICCTL_CLUSTER_CONFIG", "KAFKA_CA_CERT"):
        monkeypatch.setenv(name, "x")
    script = 'test "$HERE" = a && ! env | grep -q "^TF_\\|^TOPICCTL_\\|^KAFKA_"'
    assert timed(shell(script), {"HERE": "a"}, tmp_path, 30).trouble == ""


# --- rounds


def test_a_round_is_a_whole_life_and_begins_with_another_tool_each_time(tmp_path: Path) -> None:
    world = Fake()
    results = list(rounds([Stub("a"), Stub("b")], ESTATE, course(tmp_path, world), 2))
    lives = [result.tool for result in results if result.step is Step.CREATE]
    assert lives == ["a", "b", "b", "a"]
    assert [result.step for result in results[:4]] == list(Step)
    assert world.wiped == 4
    # The cluster is as before until the change was made, also after it was planned.
    assert world.asked[:4] == [False, False, False, True]


def test_bindings_are_made_and_compared_by_those_who_take_them(tmp_path: Path) -> None:
    tools: list[Tool] = [Stub("a"), Stub("topics alone", acls=False)]
    estate = Estate(bindings=8)
    results = list(rounds(tools, estate, course(tmp_path), 2))
    assert [(one.tool, one.step) for one in results] == [("a", Step.CREATE), ("a", Step.SAME)] * 2
    assert "topics alone" not in section(tools, Measured(estate, results), Step.CREATE)


def test_state_lasts_a_life_and_no_longer(tmp_path: Path) -> None:
    script = 'cd "$0"; if [ "$STEP" = create ]; then test ! -e state; fi && echo >> state'
    results = list(rounds([Stub("a", script)], ESTATE, course(tmp_path), 2))
    assert [result.outcome.trouble for result in results] == [""] * 8


def test_files_are_those_of_the_step(tmp_path: Path) -> None:
    script = """
    case "$STEP" in *change) want=True;; *) want=False;; esac
    test "$(cat "$0/in/estate")" = "200 topics $want" && test "$TOLD" = "$0"
    """
    results = list(rounds([Stub("a", script)], ESTATE, course(tmp_path), 1))
    assert [result.outcome.trouble for result in results] == [""] * 4


def test_who_fails_is_not_started_again_and_the_others_go_on(tmp_path: Path) -> None:
    bad = Stub("bad", 'test "$STEP" != same')
    results = list(rounds([bad, Stub("good")], ESTATE, course(tmp_path), 3))
    assert [result.step for result in results if result.tool == "bad"] == [Step.CREATE, Step.SAME]
    assert len([result for result in results if result.tool == "good"]) == 12


def test_who_needs_long_for_one_life_has_had_its_turn(tmp_path: Path) -> None:
    slow = Stub("slow", "sleep 0.6")
    results = list(rounds([slow], ESTATE, course(tmp_path, limit=2.0), 3))
    assert len(results) == 4
    assert all(result.outcome.sample for result in results)


def test_ending_with_0_is_not_believed(tmp_path: Path) -> None:
    world = Fake(problem="100 of 200 topics are missing")
    [result] = rounds([Stub("idle")], ESTATE, course(tmp_path, world), 3)
    assert result.outcome == Outcome(
        None, "ended well, cluster not as written", "100 of 200 topics are missing"
    )


# --- the page


def result(tool: str, *walls: float, step: Step = Step.CREATE) -> list[Result]:
    return [Result(tool, step, Outcome(Sample(wall, wall / 2, 40))) for wall in walls]


def page(tools: list[Tool], results: list[Result], absent: list[Absent] | None = None) -> str:
    return render(tools, absent or [], [Measured(ESTATE, results)], FACTS)


def test_a_peer_that_is_faster_stands_there_just_so() -> None:
    tools: list[Tool] = [Stub("kstate"), Stub("other")]
    measured = Measured(ESTATE, [*result("kstate", 2, 3, 4), *result("other", 0.5, 0.6)])
    assert section(tools, measured, Step.CREATE).splitlines() == [
        "## Make 200 topics",
        "",
        "| | wall | range | CPU | peak memory | runs |",
        "|---|---:|---:|---:|---:|---:|",
        "| kstate | 3.00 s | 2.00 s to 4.00 s | 1.50 s | 40 MiB | 3 |",
        "| other | 550 ms | 500 ms to 600 ms | 275 ms | 40 MiB | 2 |",
    ]


def test_a_failure_shows_no_time_even_after_runs_that_went_well() -> None:
    bad = Result("bad", Step.CREATE, Outcome(None, "failed, exit code 1", "a `b` | c"))
    text = page([Stub("bad")], [*result("bad", 0.1), bad])
    assert (
        "| bad | failed, exit code 1 | | | | 2 |\n\n- bad: failed, exit code 1: `a 'b' / c`" in text
    )
    assert "100 ms" not in text
    assert text.count("| bad | not reached | | | | 0 |") == 3


def test_a_stub_that_fails_at_once_is_reported_as_failing(tmp_path: Path) -> None:
    tools: list[Tool] = [Stub("broken", "echo 'error: cannot reach the broker' >&2; exit 1")]
    text = page(tools, list(rounds(tools, ESTATE, course(tmp_path), 3)))
    assert "| broken | failed, exit code 1 | | | | 1 |" in text
    assert "`error: cannot reach the broker`" in text
    assert " ms" not in text


def test_the_page_names_what_was_measured_where_and_what_was_not() -> None:
    absent = [Absent("topicctl", "`topicctl` is not on the PATH")]
    text = page([Stub("kstate"), Stub("other")], result("kstate", 1.0), absent)
    assert "Written as a whole by `python -m bench.peers`" in text
    assert "load average 0.3 before the run" in text
    assert "- **other** (stub v1): does little.\n" in text
    assert "## Not measured here\n\n- topicctl: `topicctl` is not on the PATH.\n" in text
    assert "## 2 of 200 topics changed: plan\n" in text
    assert "No other tool" not in text
    assert "{" not in text
    assert os.getcwd() not in text


def test_a_page_of_kstate_alone_says_that_it_compares_nothing() -> None:
    assert "**No other tool was found" in page([Stub("kstate")], result("kstate", 1.0))


# --- the command


def test_bindings_come_by_whole_services() -> None:
    assert _estates([100, 1_000]) == [
        Estate(topics=100),
        Estate(topics=1_000),
        Estate(bindings=104),
        Estate(bindings=1_000),
    ]


@pytest.mark.parametrize(
    "told", ["", "--runs 5", "--limit 60", "--sizes 10 20", "--runs 1 --limit 9 --sizes 7"]
)
def test_the_page_shows_the_command_that_was_given(told: str) -> None:
    assert _command(_arguments(told.split())) == f"python -m bench.peers {told}".strip()


@pytest.mark.parametrize("told", ["--runs 0", "--limit -1", "--sizes ten"])
def test_what_is_no_number_of_anything_is_refused(
    told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        _arguments(told.split())
    assert "argument --" in capsys.readouterr().err
