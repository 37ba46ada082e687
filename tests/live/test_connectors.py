"""Connectors on a real Kafka Connect: what it refuses, what it hides, what fails after it said yes."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.conftest import Live, api
from tests.live.spec import Spec

FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


@pytest.fixture
def workers(
    connected: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str
) -> Iterator[Spec]:
    """A spec folder about them; connectors that a story leaves behind are taken away."""
    spec = Spec(tmp_path, capfd)
    connect = [{"name": "main", "url": connected.cluster.connect_url}]
    spec.cluster(connected.bootstrap, connect=connect, owns={"connectors": [name]})
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    yield spec
    for left in api(connected, "GET", "connectors"):
        if left.startswith(name):
            api(connected, "DELETE", f"connectors/{left}")


def sink(name: str, file: Path | str, **more: Any) -> dict[str, Any]:
    """A connector that writes a topic to a file."""
    config = {"connector.class": FILE_SINK, "topics": f"{name}t", "tasks.max": 1, "file": str(file)}
    spec: dict[str, Any] = {"connect": "main", "config": config | more.pop("config", {})} | more
    return {"kind": "Connector", "metadata": {"name": f"{name}sink"}, "spec": spec}


def test_from_nothing_to_nothing_left_to_do_and_away_again(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    workers.write(sink(name, tmp_path / "out"))
    assert workers.plan().code == 2
    assert workers.apply().code == 0
    status = api(connected, "GET", f"connectors/{name}sink/status")
    assert [task["state"] for task in status["tasks"]] == ["RUNNING"]
    assert workers.plan().code == 0
    workers.write(sink(name, tmp_path / "out", config={"tasks.max": 2, "topics": ["a", "b"]}))
    assert workers.apply().code == 0
    assert api(connected, "GET", f"connectors/{name}sink")["config"]["topics"] == "a,b"
    assert workers.plan().code == 0
    (tmp_path / "spec.yaml").unlink()
    gone = workers.plan_json()
    assert gone.codes == {"KS251", "KS231"}
    assert workers.apply("--approve", "KS251", "--approve", "KS231").code == 0
    assert f"{name}sink" not in api(connected, "GET", "connectors")


@pytest.mark.parametrize("state", ["paused", "stopped"])
def test_states(connected: Live, workers: Spec, name: str, tmp_path: Path, state: str) -> None:
    """Made at rest, set going, brought to rest: each time the workers agree, and nothing is left to do."""
    for asked in (state, "running", state):
        workers.write(sink(name, tmp_path / "out", state=asked))
        said = workers.apply()
        assert said.code == 0, said.out + said.err
        found = api(connected, "GET", f"connectors/{name}sink/status")["connector"]["state"]
        assert found == asked.upper()
        assert workers.plan().code == 0


def test_a_key_added_by_hand_is_shown_and_removed(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    workers.write(sink(name, tmp_path / "out"))
    assert workers.apply().code == 0
    config = api(connected, "GET", f"connectors/{name}sink/config")
    api(connected, "PUT", f"connectors/{name}sink/config", config | {"errors.tolerance": "all"})
    drifted = workers.run("drift", str(workers.folder))
    assert (drifted.code, "errors.tolerance: is all" in drifted.out) == (2, True), drifted.out
    assert "errors.tolerance  all -> (none)" in workers.plan().out
    assert workers.apply().code == 0
    assert "errors.tolerance" not in api(connected, "GET", f"connectors/{name}sink/config")


def test_what_validation_refuses_stands_in_the_plan_key_by_key(
    workers: Spec, name: str, tmp_path: Path
) -> None:
    workers.write(sink(name, tmp_path / "out", config={"tasks.max": "many", "topics": None}))
    found = workers.plan()
    assert found.code == 3
    assert (
        "KS951 impossible: tasks.max: Invalid value many for configuration tasks.max" in found.out
    )
    assert "KS951 impossible: topics: Must configure one of topics or topics.regex" in found.out


def test_a_plugin_that_is_not_there_and_those_that_are(
    workers: Spec, name: str, tmp_path: Path
) -> None:
    wrong = {"connector.class": FILE_SINK.replace("Sink", "Snik")}
    workers.write(sink(name, tmp_path / "out", config=wrong))
    found = workers.plan()
    assert (found.code, workers.plan_json().codes) == (3, {"KS952"})
    assert f"did you mean `{FILE_SINK}`?" in found.out
    assert "MirrorSourceConnector" in found.out


def test_a_key_nobody_knows_is_pointed_out_where_it_looks_like_a_slip(
    workers: Spec, name: str, tmp_path: Path
) -> None:
    slip = {"errors.tolerence": "all", "acme.own.key": "1"}
    workers.write(sink(name, tmp_path / "out", config=slip))
    found = workers.plan()
    assert "errors.tolerence: the plugin knows no such key; did you mean `errors.tolerance`?" in (
        found.out
    )
    assert "acme.own.key: the plugin" not in found.out


def test_one_that_fails_after_connect_said_yes_is_not_done(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    """Nothing about this file is checked before the task opens it."""
    workers.write(sink(name, "/nowhere/at/all"))
    said = workers.apply()
    assert said.code == 6, "it is there, so something was written"
    assert "task 0 failed: org.apache.kafka.connect.errors.ConnectException" in said.out
    shown = workers.plan()
    assert "KS121" not in shown.out, "kstate has made it, and nobody else"
    assert "state  failed -> running" in shown.out
    assert "KS156 notice: task 0 failed:" in shown.out
    workers.write(sink(name, tmp_path / "out"))
    assert workers.apply().code == 0
    assert workers.plan().code == 0
    workers.write(sink(name, "/nowhere/at/all"))
    said = workers.apply()
    assert "task 0 failed" in said.out, "a changed configuration is no more believed than a new one"


def test_what_failed_is_started_again_when_its_reason_is_gone(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "later"
    workers.write(sink(name, folder / "out"))
    assert workers.apply().code != 0
    folder.mkdir()
    assert workers.plan_json().codes >= {"KS154", "KS156"}
    said = workers.apply()
    assert said.code == 0, said.out
    assert workers.plan().code == 0


def test_what_fails_by_itself_is_not_said_to_be_changed_by_hand(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    """In plan and drift; it is told with its reason, and what a hand did beside it is told apart."""
    folder = tmp_path / "there"
    folder.mkdir()
    workers.write(sink(name, folder / "out"))
    assert workers.apply().code == 0
    shutil.rmtree(folder)
    api(connected, "POST", f"connectors/{name}sink/restart?includeTasks=true")
    until_it_has(connected, f"{name}sink", "FAILED")
    found = workers.run("drift", str(workers.folder))
    assert found.code == 2
    assert f"connector main/{name}sink  not well" in found.out
    assert "state: is failed, wanted running, applied running" in found.out
    assert "task 0 failed: org.apache.kafka.connect.errors.ConnectException" in found.out
    assert "Drift: 1 resource is not well" in found.out
    assert "by hand" not in found.out + workers.plan().out
    assert "came about by itself since apply" in workers.plan().out
    refused = workers.run("drift", str(workers.folder), "--to-spec")
    assert "no document can ask for it" in refused.err
    config = api(connected, "GET", f"connectors/{name}sink/config")
    api(connected, "PUT", f"connectors/{name}sink/config", config | {"tasks.max": "2"})
    until_it_has(connected, f"{name}sink", "FAILED")
    report = workers.run("drift", str(workers.folder), "--format", "json").json
    told = {f["what"]: [field["path"][-1] for field in f["fields"]] for f in report["findings"]}
    assert told == {"changed": ["tasks.max"], "unhealthy": ["state"]}


def until_it_has(live: Live, connector: str, state: str) -> None:
    end = time.monotonic() + 20
    while state not in json.dumps(api(live, "GET", f"connectors/{connector}/status")):
        assert time.monotonic() < end
        time.sleep(0.1)


# --- secrets


def test_a_secret_is_compared_and_never_shown(
    connected: Live, workers: Spec, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINK_PW", "hunter2-hunter2")
    one = sink(name, tmp_path / "out", config={"db.password": {"env": "SINK_PW"}})
    workers.write(one)
    plan = tmp_path.parent / f"{tmp_path.name}-plan.json"
    shown = [workers.plan("--out", str(plan)), workers.plan_json(), workers.apply()]
    assert shown[2].code == 0
    config = api(connected, "GET", f"connectors/{name}sink/config")
    assert config["db.password"] == "hunter2-hunter2"
    assert workers.plan().code == 0
    api(connected, "PUT", f"connectors/{name}sink/config", config | {"db.password": "by-hand-123"})
    changed = workers.plan()
    assert "db.password  (secret) -> env:SINK_PW" in changed.out
    shown += [changed, workers.plan_json(), workers.run("drift", str(workers.folder))]
    assert workers.apply().code == 0
    assert api(connected, "GET", f"connectors/{name}sink/config") == config
    everything = "".join(said.out + said.err for said in shown) + plan.read_text()
    assert "hunter2" not in everything
    assert "by-hand-123" not in everything


def test_without_the_secret_the_plan_says_what_it_could_not_compare(
    workers: Spec, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SINK_PW", "hunter2-hunter2")
    workers.write(sink(name, tmp_path / "out", config={"db.password": {"env": "SINK_PW"}}))
    assert workers.apply().code == 0
    monkeypatch.delenv("SINK_PW")
    found = workers.plan()
    assert found.code == 0
    assert "db.password was not compared: what it refers to cannot be had here" in found.out
    config = {"db.password": {"env": "SINK_PW"}, "tasks.max": 2}
    workers.write(sink(name, tmp_path / "out", config=config))
    assert workers.plan_json().codes == {"KS151"}
    said = workers.apply()
    assert (said.code, "SINK_PW is not set" in said.err) == (64, True), said.err


def test_a_lookup_of_the_workers_is_no_secret(
    connected: Live, workers: Spec, name: str, tmp_path: Path
) -> None:
    lookup = "${env:KSTATE_NOT_THERE}"
    workers.write(sink(name, tmp_path / "out", config={"db.password": lookup}))
    assert workers.apply().code == 0
    assert api(connected, "GET", f"connectors/{name}sink/config")["db.password"] == lookup
    assert workers.plan().code == 0


# --- what is wrong before anything is opened


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"config": {"db.password": "hunter2"}}, "`db.password` holds a secret in the open"),
        ({"config": {"x": {"enw": "A"}}}, "a reference such as `{env: NAME}`"),
        ({"config": {"name": "other"}}, "`name` is other, but the document is called"),
        (
            {"connect": "mian"},
            "there is no Connect `mian`: cluster live has main; did you mean `main`",
        ),
        ({"state": "stoped"}, "`stopped`"),
        ({"config": {"connector.class": None}}, "connector.class"),
    ],
)
def test_a_wrong_connector_is_told_with_its_place(
    workers: Spec, name: str, change: dict[str, Any], words: str
) -> None:
    workers.write(sink(name, "/x", **change))
    found = workers.plan()
    assert (found.code, words in found.err) == (64, True), found.err
    assert "spec.yaml:" in found.err
    assert "hunter2" not in found.err


# --- others


def test_those_of_others_are_counted_and_an_import_is_followed_by_an_empty_plan(
    connected: Live, workers: Spec, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"connector.class": FILE_SINK, "topics": "x", "file": str(tmp_path / "o")}
    secret = {"db.password": "hunter2-hunter2"}
    api(connected, "PUT", f"connectors/{name}theirs/config", config | secret)
    workers.write(sink(name, tmp_path / "out"))
    assert workers.apply().code == 0
    assert f"live/connector/main/{name}theirs" in workers.plan_json().json["unmanaged"]
    to = tmp_path.parent / f"{tmp_path.name}-import"
    assert workers.run("import", str(tmp_path), "-c", "live", "--out", str(to)).code == 0
    written = "".join(file.read_text() for file in to.rglob("*.yaml"))
    assert "hunter2" not in written
    monkeypatch.chdir(to)
    empty = workers.run("plan", str(to), "--detailed-exitcode", "--only", "connector/*")
    assert empty.code == 0, empty.out + empty.err
