"""Many clusters in one run, on a platform made for it: each may fail in its own way, and the answer is one code."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

import reconciler.platforms
from reconciler.cli.main import run
from reconciler.core.result import ORDER, fold
from reconciler.kinds import registry as kinds

# A platform whose clusters are files: how each of them behaves stands in its `kafka.mode`.
PLATFORM = '''
"""Shelves on this disk; how each behaves is said in its document."""
import json
from dataclasses import replace
from pathlib import Path

from reconciler.core.model import Outcome, Platform, Resource, Risk, Status
from reconciler.errors import Busy, Failed, Stale
from reconciler.kinds.quota import KIND


class Shelf:
    facts = {"brokers": 1}
    operations = frozenset()

    def __init__(self, target):
        kafka = target.spec["kafka"]
        self.cluster, self.cluster_id = target.name, f"id-{target.name}"
        self.mode, self.file = kafka.get("mode", "well"), Path(kafka["file"])
        if self.mode == "away":
            raise Failed(f"cluster {target.name}: nobody answers")
        if self.mode == "busy":
            raise Busy(f"cluster {target.name}: somebody else is applying")
        if self.mode == "stale":
            raise Stale(f"cluster {target.name}: it is another one")

    def client(self, wire):
        return self

    def reached(self):
        return {}

    def close(self):
        pass


class Quotas:
    wire = "shelf"
    batch = 10

    def read(self, session, scope):
        for name, limits in json.loads(session.file.read_text()).items():
            if scope.names is None or name in scope.names:
                yield Resource(name, {"limits": limits})

    def vet(self, session, changes):
        code = {"impossible": "KS903", "danger": "KS281"}.get(session.mode)
        return {change.key: [Risk(code, "so it says")] for change in changes if code}

    def write(self, session, changes):
        there = json.loads(session.file.read_text())
        for change in changes:
            if session.mode == "refuses":
                yield Outcome(change.key, Status.FAILED, "no, says the shelf")
                continue
            there[change.key.name] = dict((change.after or {})["limits"])
            yield Outcome(change.key, Status.DONE)
        session.file.write_text(json.dumps(there))


PLATFORM = Platform(
    name="shelf",
    title="Shelf",
    login=Shelf,
    wires=frozenset({"shelf"}),
    kinds={"quota": replace(KIND, drivers=(Quotas(),))},
)
'''
QUOTA = (
    "apiVersion: kstate/v1\nkind: Quota\nmetadata: {name: q}\n"
    "spec: {entity: {user: app}, limits: {request_percentage: 50}}\n"
)
# What each way to behave makes of `apply`, alone. `plan` fails for the same reasons, and knows no approvals.
MODES = {"well": 0, "away": 1, "stale": 4, "impossible": 3, "danger": 3, "busy": 5, "refuses": 1}


class Fleet:
    """A folder with one cluster a way to behave."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "quota.yaml").write_text(QUOTA)

    def cluster(self, name: str, mode: str = "well", env: str = "prod") -> None:
        state = self.folder / f"{name}.json"
        if not state.exists():
            state.write_text("{}")
        (self.folder / f"{name}.yaml").write_text(
            f"apiVersion: kstate/v1\nkind: Cluster\nmetadata: {{name: {name}, labels: {{env: {env}}}}}\n"
            f"spec: {{platform: shelf, bootstrap: ['x:1'], kafka: {{mode: {mode}, file: {state}}}}}\n"
        )

    def run(self, verb: str, *more: str) -> int:
        return run([verb, str(self.folder), *more])

    def done(self, name: str) -> bool:
        return json.loads((self.folder / f"{name}.json").read_text()) != {}


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fleet]:
    own = tmp_path / "platforms"
    own.mkdir()
    (own / "shelf.py").write_text(PLATFORM)
    path = [*reconciler.platforms.__path__, str(own)]
    monkeypatch.setattr(reconciler.platforms, "__path__", path)
    kinds.load.cache_clear()
    (tmp_path / "spec").mkdir()
    yield Fleet(tmp_path / "spec")
    sys.modules.pop("reconciler.platforms.shelf", None)


# --- one code for all


ROWS = [
    (64, "bad usage or an invalid spec"),
    (1, "it failed"),
    (4, "stale, tampered with, expired or for another cluster"),
    (3, "refused"),
    (5, "somebody else is applying"),
    (2, "changes, or drift"),
    (0, "done"),
]


@pytest.mark.parametrize(("code", "_meaning"), ROWS)
def test_each_row_of_the_table_wins_over_those_below(code: int, _meaning: str) -> None:
    order = [row for row, _ in ROWS]
    below = order[order.index(code) :]
    assert fold(below) == code
    assert fold(reversed(below)) == code
    assert fold([code]) == code
    assert all(fold([code, other]) == code for other in below)


def test_whatever_was_written_in_part_is_told_and_a_signal_is_no_success() -> None:
    assert all(fold([6, other]) == 6 for other in ORDER)
    assert fold([130, 0]) == fold([130, 2]) == 130
    assert fold([130, 1]) == 1
    assert fold([]) == 0


@pytest.mark.parametrize("pair", list(combinations(MODES, 2)), ids="-".join)
def test_one_cluster_never_hides_another(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], pair: tuple[str, str]
) -> None:
    """Two clusters, each in its own way: both are told, and nothing is written where one is not ready."""
    for mode in pair:
        fleet.cluster(mode, mode)
    code = fleet.run("apply", "--yes")
    said = capsys.readouterr()
    # Who refuses while it is written to is not asked at all where another one is not ready.
    unready = {*pair} - {"well", "refuses"}
    if unready:
        assert code == fold(MODES[mode] for mode in unready)
        assert not any(fleet.done(mode) for mode in pair)
    else:
        assert (code, fleet.done("well")) == (6, True)
    assert all(f"cluster {mode}: " in said.err for mode in unready & {"away", "stale", "busy"})
    assert all(f"{mode}/quota/" in said.err for mode in unready & {"impossible", "danger"})


def test_a_plan_shows_what_it_could_read_and_says_what_it_could_not(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("near")
    fleet.cluster("far", "away")
    code = fleet.run("plan")
    said = capsys.readouterr()
    assert code == 1
    assert "cluster near" in said.out
    assert "cluster far: nobody answers" in said.err


@pytest.mark.parametrize("verb", ["plan", "apply"])
def test_what_is_told_in_groups_can_be_seen_one_by_one(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    """The verb that names `--limit 0` has it."""
    for name in ("a", "b", "c"):
        fleet.cluster(name)
    more = ["--yes"] if verb == "apply" else []
    assert fleet.run(verb, "--limit", "1", *more) == 0
    assert "`--limit 0` shows all" in capsys.readouterr().out
    for name in ("a", "b", "c"):
        (fleet.folder / f"{name}.json").write_text("{}")
    assert fleet.run(verb, "--limit", "0", *more) == 0
    assert capsys.readouterr().out.count("+ quota") == 3


# --- chosen by label


def test_clusters_are_chosen_by_label(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.cluster("one", env="staging")
    fleet.cluster("two")
    fleet.cluster("three")
    assert fleet.run("apply", "--yes", "-l", "env=staging") == 0
    assert [fleet.done(name) for name in ("one", "two", "three")] == [True, False, False]
    assert fleet.run("apply", "--yes", "-l", "env!=staging", "-c", "two") == 0
    assert [fleet.done(name) for name in ("one", "two", "three")] == [True, True, False]
    capsys.readouterr()
    assert fleet.run("plan", "-l", "env=nowhere") == 64
    assert "the labels there are: env=prod, env=staging" in capsys.readouterr().err


# --- waves


def test_waves_go_one_after_the_other(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    fleet.cluster("first", env="staging")
    fleet.cluster("second")
    assert fleet.run("apply", "--yes", "--wave", "env=staging", "--wave", "env=prod") == 0
    assert "env=staging (first), then env=prod (second)" in capsys.readouterr().out
    assert fleet.done("first")
    assert fleet.done("second")


def test_a_wave_that_fails_stops_those_after_it(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("first", "refuses", env="staging")
    fleet.cluster("second")
    waves = ("--wave", "env=staging", "--wave", "env=prod")
    assert fleet.run("apply", "--yes", "--format", "json", *waves) == 1
    told = json.loads(capsys.readouterr().out)
    assert {c["key"].partition("/")[0]: c["status"] for c in told["changes"]} == {
        "first": "failed",
        "second": "skipped",
    }
    assert told["changes"][1]["words"] == "not tried: wave env=staging did not come out right"
    assert not fleet.done("second")


def test_a_later_wave_that_is_not_ready_leaves_the_first_applied(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("first", env="staging")
    fleet.cluster("second")
    waves = ("--wave", "env=staging", "--wave", "env=prod")
    saved = str(fleet.folder / "plan.json")
    assert fleet.run("plan", "--out", saved, *waves) == 0
    # Somebody was there in between: it is neither as it was planned from nor as planned for.
    (fleet.folder / "second.json").write_text('{"user=app": {"request_percentage": "7"}}')
    capsys.readouterr()
    assert run(["apply", saved]) == 6
    said = capsys.readouterr().out
    assert "1 of 2 changes are as planned" in said
    assert fleet.done("first")
    assert "request_percentage was None when planned" in said


def test_the_order_of_waves_is_part_of_what_is_approved(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("first", env="staging")
    fleet.cluster("second")
    one, other = (
        ("--wave", "env=staging", "--wave", "env=prod"),
        ("--wave", "env=prod", "--wave", "env=staging"),
    )

    def digest(*waves: str) -> str:
        capsys.readouterr()
        fleet.run("plan", "--format", "json", *waves)
        return str(json.loads(capsys.readouterr().out)["digest"])

    assert len({digest(), digest(*one), digest(*other)}) == 3
    assert digest(*one) == digest(*one)
    assert fleet.run("apply", "--yes", *other, "--expect", digest(*one)) == 4
    assert fleet.run("apply", "--yes", *one, "--expect", digest(*one)) == 0


def test_what_is_in_no_wave_is_said_and_left(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("first", env="staging")
    fleet.cluster("second")
    assert fleet.run("apply", "--yes", "--wave", "env=staging") == 0
    assert "in no wave, so left as they are: second" in capsys.readouterr().out
    assert not fleet.done("second")
    assert fleet.run("plan", "--wave", "env=staging", "--wave", "env=staging") == 64
    assert "belong to a wave before it" in capsys.readouterr().err


def test_a_plan_file_whose_stages_do_not_add_up_is_refused(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    from reconciler.core.plan import sha256

    fleet.cluster("first", env="staging")
    fleet.cluster("second")
    saved = fleet.folder / "plan.json"
    fleet.run("plan", "--out", str(saved), "--wave", "env=staging", "--wave", "env=prod")
    body = json.loads(saved.read_text())
    body["stages"] = body["stages"][1:]
    body.pop("seal")
    saved.write_text(json.dumps(body | {"seal": sha256(body)}))
    assert run(["apply", str(saved)]) == 4
    assert not fleet.done("second")


# --- jobs


def test_results_of_many_jobs_are_one_result(
    fleet: Fleet, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fleet.cluster("one")
    fleet.cluster("two", "refuses")
    assert run(["fleet", "matrix", str(fleet.folder)]) == 0
    (tmp_path / "matrix.json").write_text(capsys.readouterr().out)
    for name, code in (("one", 0), ("two", 1)):
        assert fleet.run("apply", "--yes", "--format", "json", "-c", name) == code
        (tmp_path / f"{name}.json").write_text(capsys.readouterr().out)
    files = [str(tmp_path / f"{name}.json") for name in ("one", "two")]
    merge = ["fleet", "merge", "--matrix", str(tmp_path / "matrix.json")]
    assert run([*merge, *files, "--out", str(tmp_path / "all.json")]) == 6
    told = json.loads(capsys.readouterr().out)
    assert (told["clusters"], told["summary"]["done"], told["summary"]["failed"]) == (
        ["one", "two"],
        1,
        1,
    )
    assert json.loads((tmp_path / "all.json").read_text()) == told
    assert run([*merge, files[0]]) == 1
    assert "no file speaks of group 2 (two)" in capsys.readouterr().err
    assert run([*merge, *files, str(tmp_path / "matrix.json")]) == 64
    body = json.loads((tmp_path / "one.json").read_text())
    (tmp_path / "one.json").write_text(json.dumps(body | {"surprise": 1}))
    assert run([*merge, *files]) == 4
