"""`kstate notify` and `kstate approved` as a job runs them: what is told, what is only warned of, what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.main import run
from reconciler.core import drift as drifts
from reconciler.core.drift import Drift
from reconciler.core.model import Outcome, Status
from reconciler.core.plan import Plan, render
from reconciler.core.result import Result, to_json
from tests.cli.test_plan_file import PLAN
from tests.fakes.github import BOT, FakeGitHub, serve
from tests.fakes.hooks import Hook
from tests.fakes.hooks import serve as serve_hook
from tests.reports.test_github import drifted
from tests.reports.test_golden import GONE, plan

TOKEN = "t0k3n-of-the-bot"
HEAD, MERGED = "a" * 40, "c" * 40
RISKY = replace(PLAN, waves=((replace(GONE, key=PLAN.changes[0].key),),), risks=())


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeGitHub]:
    """The environment of a job about pull request 1, and the GitHub it talks to."""
    with serve(FakeGitHub()) as made:
        event = {"pull_request": made.pull(1, "ann", HEAD)}
        (tmp_path / "event.json").write_text(json.dumps(event))
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": made.url,
            "GITHUB_TOKEN": TOKEN,
            "GITHUB_REPOSITORY": made.repository,
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_SERVER_URL": "https://github.example",
            "GITHUB_RUN_ID": "7",
            "GITHUB_SHA": MERGED,
            "GITHUB_REF_NAME": "main",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.delenv("GITHUB_GRAPHQL_URL", raising=False)
        made.users = {"bob": "write"}
        yield made
        made.check()


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hook]:
    with serve_hook() as made:
        monkeypatch.setenv("SLACK_WEBHOOK", f"{made.url}/services/T0/B0/s3cr3t-path")
        monkeypatch.setenv("HOOK_URL", f"{made.url}/hook")
        monkeypatch.setenv("HOOK_SECRET", "whsec-0123456789")
        yield made


def saved(tmp_path: Path, what: Plan | Drift | Result) -> str:
    file = tmp_path / "report.json"
    if isinstance(what, Plan):
        file.write_bytes(render(what))
    elif isinstance(what, Drift):
        file.write_text(json.dumps(drifts.to_json(what)))
    else:
        file.write_text(json.dumps(to_json(what)))
    return str(file)


def ours(fake: FakeGitHub) -> list[str]:
    return [c["body"] for c in fake.comments.values() if c["user"]["login"] == BOT]


# --- the comment


def test_a_plan_its_approvals_and_its_end(
    fake: FakeGitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = saved(tmp_path, RISKY)
    assert run(["notify", report, "--comment", "--scope", "prod"]) == 0
    assert "the comment of pull request 1: created" in capsys.readouterr().err
    assert "2 approvals are missing" in ours(fake)[0]
    approval = f"KS203:{RISKY.changes[0].key}"
    fake.comment(1, "bob", f"/kstate approve {RISKY.digest} {approval}")
    assert run(["notify", report, "--comment", "--scope", "prod"]) == 0
    assert "One approval is missing" in ours(fake)[0]
    assert f"- `{approval}` by bob" in ours(fake)[0]
    fake.merge(1, MERGED)
    assert run(["approved", "--scope", "prod", "--format", "github"]) == 0
    out = capsys.readouterr().out
    assert out == f"--expect {RISKY.digest}\n--approve {approval}\n"
    assert approval in (tmp_path / "output").read_text()
    assert run(["approved", "--scope", "prod", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["digest"], found["approvals"][0]["by"]) == (RISKY.digest, "bob")
    done = Result(RISKY, tuple(Outcome(c.key, Status.DONE) for c in RISKY.changes), written=True)
    assert run(["notify", saved(tmp_path, done), "--comment", "--scope", "prod"]) == 0
    assert "read back as planned" in ours(fake)[0]
    assert len(ours(fake)) == 1


def test_no_changes_begin_no_comment_and_shrink_one(fake: FakeGitHub, tmp_path: Path) -> None:
    nothing = replace(PLAN, waves=(), records=(), owners={})
    assert run(["notify", saved(tmp_path, nothing), "--comment"]) == 0
    assert ours(fake) == []
    assert run(["notify", saved(tmp_path, PLAN), "--comment"]) == 0
    assert run(["notify", saved(tmp_path, nothing), "--comment"]) == 0
    assert "no changes" in ours(fake)[0]
    assert len(ours(fake)[0].splitlines()) == 3
    assert run(["notify", "--comment"]) == 0
    assert "no plan" in ours(fake)[0]


def test_it_ends_with_what_the_report_came_to(fake: FakeGitHub, tmp_path: Path) -> None:
    failed = Result(PLAN, tuple(Outcome(c.key, Status.FAILED) for c in PLAN.changes), written=True)
    assert run(["notify", saved(tmp_path, failed), "--comment"]) == 6
    assert run(["notify", saved(tmp_path, drifted(1)), "--issue"]) == 2
    assert run(["notify", saved(tmp_path, drifted(0)), "--issue"]) == 0
    blind = replace(drifted(1), failures=(("ap", "no answer"),))
    assert run(["notify", saved(tmp_path, blind), "--issue"]) == 1


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("no permission", "permissions:"),
        ("locked", "issue is locked"),
        ("wrong token", "Bad credentials"),
        ("nobody there", "GitHub"),
        ("no token", "no token for GitHub"),
    ],
)
def test_what_cannot_be_told_is_a_warning_and_no_more(
    fake: FakeGitHub,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    how: str,
    words: str,
) -> None:
    match how:
        case "no permission":
            fake.tokens = {TOKEN: (BOT, set())}
        case "locked":
            fake.locked = {1}
        case "wrong token":
            fake.tokens = {}
        case "nobody there":
            monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
        case "no token":
            monkeypatch.setenv("GITHUB_TOKEN", "")
    assert run(["notify", saved(tmp_path, PLAN), "--comment"]) == 0
    seen = capsys.readouterr()
    assert words in seen.err
    assert seen.out.startswith("::warning title=kstate notify::the comment could not be told")
    assert TOKEN not in seen.err + seen.out


# --- drift


def test_only_a_change_of_state_is_told(fake: FakeGitHub, hook: Hook, tmp_path: Path) -> None:
    channels = ["--issue", "--slack", "env:SLACK_WEBHOOK"]
    channels += ["--webhook", "env:HOOK_URL", "--webhook-secret", "env:HOOK_SECRET"]

    def look(count: int) -> list[str]:
        hook.got.clear()
        assert run(["notify", saved(tmp_path, drifted(count)), *channels]) == (2 if count else 0)
        return [path for path, _, _ in hook.got]

    both = ["/services/T0/B0/s3cr3t-path", "/hook"]
    assert look(0) == []
    assert look(1) == both
    assert json.loads(hook.got[1][2])["event"] == "found"
    assert look(1) == []
    assert look(2) == both
    assert json.loads(hook.got[1][2])["event"] == "changed"
    [issue] = fake.issues.values()
    assert issue["html_url"] in json.loads(hook.got[0][2])["text"]
    assert look(0) == both
    event = json.loads(hook.got[1][2])
    assert (event["event"], event["fingerprint"], event["findings"]) == ("cleared", "", [])
    assert look(0) == []
    assert issue["state"] == "closed"


def test_a_channel_that_failed_is_told_next_time(
    fake: FakeGitHub, hook: Hook, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = saved(tmp_path, drifted(1))
    channels = ["notify", report, "--slack", "env:SLACK_WEBHOOK", "--state", str(tmp_path / "s")]
    hook.status, hook.words = 404, b"no_service"
    assert run(channels) == 2
    seen = capsys.readouterr()
    assert "warning: slack could not be told" in seen.err
    assert "s3cr3t-path" not in seen.err + seen.out
    hook.status = 200
    assert run(channels) == 2
    assert run(channels) == 2
    assert len(hook.got) == 2, "told once, after it failed once"
    assert (tmp_path / "s").stat().st_mode & 0o077 == 0


def test_a_look_that_did_not_see_everything_clears_nothing(
    fake: FakeGitHub, hook: Hook, tmp_path: Path
) -> None:
    state = str(tmp_path / "s")
    channels = ["--issue", "--slack", "env:SLACK_WEBHOOK", "--state", state]
    assert run(["notify", saved(tmp_path, drifted(1)), *channels]) == 2
    blind = replace(drifted(0), failures=(("us", "no answer"),))
    assert run(["notify", saved(tmp_path, blind), *channels]) == 1
    [issue] = fake.issues.values()
    assert (issue["state"], len(hook.got)) == ("open", 1)


# --- what does not go together


@pytest.mark.parametrize(
    ("report", "arguments", "words"),
    [
        ("plan", [], "nobody is to be told"),
        ("plan", ["--issue"], "tell of drift"),
        ("drift", ["--comment"], "drift has no pull request"),
        ("plan", ["--comment", "--issue"], "--comment is for a plan"),
        ("drift", ["--slack", "env:SLACK_WEBHOOK"], "give --state FILE or --issue"),
        ("drift", ["--issue", "--webhook", "env:HOOK_URL"], "belong together"),
        ("drift", ["--issue", "--scope", "a b"], "--scope"),
        ("partial", ["--comment"], "say with --scope"),
        ("other", ["--comment"], "no report that kstate wrote"),
        ("broken", ["--comment"], "it is not JSON"),
        ("missing", ["--comment"], "there is no such file"),
        ("bare", ["--issue"], "has not its form"),
    ],
)
def test_what_does_not_go_together_is_told_before_anything_is_sent(
    fake: FakeGitHub,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    report: str,
    arguments: list[str],
    words: str,
) -> None:
    written: dict[str, Any] = {"plan": PLAN, "drift": drifted(1), "partial": plan(partial=True)}
    texts = {"other": "{}", "broken": "{", "bare": '{"format": "kstate.drift/v1"}'}
    file = str(tmp_path / "report.json")
    if report in written:
        file = saved(tmp_path, written[report])
    elif report in texts:
        Path(file).write_text(texts[report])
    assert run(["notify", file, *arguments]) == 64
    assert words in capsys.readouterr().err
    assert fake.log == []


def test_a_secret_in_clear_text_is_not_taken(
    fake: FakeGitHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report, state = saved(tmp_path, drifted(1)), str(tmp_path / "s")
    address = "https://hooks.slack.example/services/T0/B0/s3cr3t"
    assert run(["notify", report, "--slack", address, "--state", state]) == 2
    seen = capsys.readouterr()
    assert "takes a reference" in seen.err
    assert "s3cr3t" not in seen.err


def test_a_plan_that_was_damaged_is_not_told(fake: FakeGitHub, tmp_path: Path) -> None:
    file = Path(saved(tmp_path, PLAN))
    file.write_text(file.read_text().replace('"unchanged": 0', '"unchanged": 5'))
    assert run(["notify", str(file), "--comment"]) == 4
    assert fake.log == []


@pytest.mark.parametrize(
    ("arguments", "gone", "code", "words"),
    [
        ([], "", 3, "no pull request was merged"),
        (["--commit", "f" * 40, "--branch", "dev"], "", 3, "merged into dev as commit ffff"),
        ([], "GITHUB_SHA", 64, "--commit and --branch"),
        (["--format", "xml"], "", 64, "there is text, json, github"),
    ],
)
def test_nothing_approved_is_refused(
    fake: FakeGitHub,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    gone: str,
    code: int,
    words: str,
) -> None:
    if gone:
        monkeypatch.delenv(gone)
    assert run(["approved", *arguments]) == code
    assert words in capsys.readouterr().err
