"""Real sandboxes, as a person starts, kills and stops them."""

from __future__ import annotations

import json
import shlex
import signal
import socket
import stat
import time
import urllib.request
from pathlib import Path

import psutil
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from reconciler.errors import Failed
from reconciler.sandbox import estate, ports, ready
from reconciler.sandbox.shape import Options, Sandbox
from tests.sandbox.conftest import run, start

pytestmark = pytest.mark.live

WRONG = {"log.retention.ms": "soon"}


@pytest.fixture(scope="module")
def standing(home: Path) -> Sandbox:
    """One sandbox, started from the command line, that several tests look at."""
    done = run("up", "--name", "standing")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "starting Kafka 4.3.1" in done.stderr
    found = estate.status("standing")
    assert found
    return found


def marked(folder: Path) -> list[int]:
    """Every process that was started from below the folder."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
        except psutil.Error:
            continue
        if any(word.startswith(f"@{folder}/") for word in words):
            found.append(process.pid)
    return found


def test_env_is_what_a_shell_needs(standing: Sandbox) -> None:
    done = run("env", "--name", "standing")
    lines = [shlex.split(line) for line in done.stdout.splitlines()]
    found = dict(line[1].split("=", 1) for line in lines if line[0] == "export")
    assert done.stderr == ""
    assert set(found) == {
        "KSTATE_SANDBOX_BOOTSTRAP",
        "KSTATE_SANDBOX_SCRAM_BOOTSTRAP",
        "KSTATE_SANDBOX_USER",
        "KSTATE_SANDBOX_PASSWORD",
    }
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-256",
        "sasl.username": found["KSTATE_SANDBOX_USER"],
        "sasl.password": found["KSTATE_SANDBOX_PASSWORD"],
    }
    admin = ready.client(found["KSTATE_SANDBOX_SCRAM_BOOTSTRAP"], **login)
    assert admin.describe_cluster(request_timeout=5).result().nodes


def test_a_second_up_leaves_it_alone(standing: Sandbox) -> None:
    before = [node.pid() for node in standing.nodes]
    done = run("up", "--name", "standing")
    assert done.returncode == 0
    assert "already running" in done.stderr
    assert [node.pid() for node in standing.nodes] == before


def test_an_up_with_other_options_is_not_said_to_be_fine(standing: Sandbox) -> None:
    done = run("up", "--name", "standing", "--brokers", "3")
    assert done.returncode == 1
    assert "other options" in done.stderr


def test_status_lists_what_runs(standing: Sandbox) -> None:
    done = run("status", "--name", "standing")
    assert done.returncode == 0
    assert f"running (pid {standing.nodes[0].pid()})" in done.stdout


def test_its_password_is_in_no_process_list_and_in_no_readable_file(
    standing: Sandbox, home: Path
) -> None:
    for pid in marked(home / "standing"):
        assert standing.password not in " ".join(psutil.Process(pid).cmdline())
    assert stat.S_IMODE((home / "standing").stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "standing/sandbox.json").stat().st_mode) == 0o600


def test_a_killed_broker_comes_back_with_its_data(standing: Sandbox) -> None:
    cluster, node = standing.clusters[0], standing.clusters[0].nodes[0]
    admin = ready.client(cluster.bootstrap)
    admin.create_topics([NewTopic("kept", 1)])["kept"].result()
    node.kill()
    assert standing.missing == (node,)
    node.start()
    ready.brokers(cluster)
    assert _has_topic(admin, "kept")


def test_a_paused_broker_says_nothing_and_then_goes_on(standing: Sandbox) -> None:
    node = standing.clusters[0].nodes[0]
    node.pause()
    with socket.create_connection(("127.0.0.1", node.ports["PLAIN"])) as connection:
        connection.sendall(b"\0\0\0\x0a" + b"\0\x12\0\0\0\0\0\x01\0\0")  # ApiVersions
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        node.resume()
        connection.settimeout(10)
        assert connection.recv(1)


def test_a_dead_sandbox_is_not_running_and_the_next_up_starts_anew(home: Path) -> None:
    assert run("up", "--name", "dying").returncode == 0
    first = estate.status("dying")
    assert first
    first.nodes[0].kill()
    assert run("status", "--name", "dying").returncode == 1
    assert run("env", "--name", "dying").returncode == 1
    assert run("up", "--name", "dying").returncode == 0
    assert run("down", "--name", "dying").returncode == 0
    assert marked(home / "dying") == []
    assert sorted(path.name for path in (home / "dying").iterdir()) == ["lock", "logs"]
    again = run("down", "--name", "dying")
    assert (again.returncode, again.stdout) == (0, "")
    assert "not running" in again.stderr


def test_two_ups_at_once_make_one_sandbox(home: Path) -> None:
    both = [start("up", "--name", "twice") for _ in range(2)]
    words = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], words
    assert sum("already running" in text for text in words) == 1
    assert len(marked(home / "twice")) == 1
    assert estate.down("twice")


def test_an_up_that_is_killed_is_cleared_away_by_the_next(home: Path) -> None:
    killed = start("up", "--name", "killed")
    record = home / "killed/nodes/broker-1/process.json"
    deadline = time.monotonic() + 60
    while not record.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    killed.kill()
    killed.communicate()
    orphan = json.loads(record.read_text())["pid"]
    assert marked(home / "killed") == [orphan]
    assert run("status", "--name", "killed").returncode == 1
    record.unlink()  # as if it had been killed a moment earlier still
    assert run("up", "--name", "killed").returncode == 0
    running = estate.status("killed")
    assert running
    assert marked(home / "killed") == [running.nodes[0].pid()] != [orphan]
    assert estate.down("killed")


def test_an_interrupted_up_stops_what_it_started(home: Path) -> None:
    interrupted = start("up", "--name", "interrupted")
    record = home / "interrupted/nodes/broker-1/process.json"
    deadline = time.monotonic() + 60
    while not record.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    interrupted.send_signal(signal.SIGINT)
    interrupted.communicate(timeout=60)
    assert interrupted.returncode == 130
    assert marked(home / "interrupted") == []


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(name="wrong", properties=WRONG), "soon"),
        (Options(name="wrong", flags=("-XX:NoSuchFlag=1",)), "NoSuchFlag"),
    ],
    ids=["while formatting", "while starting"],
)
def test_a_start_that_fails_shows_its_log_and_leaves_nothing_running(
    home: Path, options: Options, words: str
) -> None:
    with pytest.raises(Failed, match=words) as caught:
        estate.up(options)
    assert str(home / "wrong/logs/broker-1.log") in caught.value.hint
    assert words in (home / "wrong/logs/broker-1.log").read_text()
    assert marked(home / "wrong") == []


def test_a_port_that_is_taken_meanwhile_is_exchanged(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        free, first = ports._take, [somebody.getsockname()[1]]
        monkeypatch.setattr(ports, "_take", lambda held: first.pop() if first else free(held))
        sandbox = estate.up(Options(name="faster"), say=said.append)
    assert "broker-1: a port was taken meanwhile; trying others" in said
    assert not sandbox.missing
    assert estate.down("faster")


def test_two_clusters_with_registry_and_connect(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONNECT_GREETING", "hello")
    done = run("up", "--name", "estate", "--clusters", "2", "--with", "registry,connect")
    assert done.returncode == 0, done.stderr
    sandbox = estate.status("estate")
    assert sandbox
    found = estate.environment(sandbox)
    assert _get(found["KSTATE_SANDBOX_REGISTRY_URL"] + "/subjects") == []
    for url in (found["KSTATE_SANDBOX_CONNECT_URL"], found["KSTATE_SANDBOX_2_CONNECT_URL"]):
        plugins = {plugin["class"].rsplit(".", 1)[1] for plugin in _get(url + "/connector-plugins")}
        assert {"MirrorSourceConnector", "MirrorCheckpointConnector"} <= plugins
    assert found["KSTATE_SANDBOX_BOOTSTRAP"] != found["KSTATE_SANDBOX_2_BOOTSTRAP"]
    assert sandbox.clusters[0].connect
    assert sandbox.clusters[0].connect.environment["CONNECT_GREETING"] == "hello"
    # A busy machine makes a broker's heartbeat late, which its controller calls an error; it heals by itself.
    told = [line for node in sandbox.nodes for line in node.tail().splitlines()]
    assert [line for line in told if "ERROR" in line and "Heartbeat" not in line] == []
    assert estate.down("estate")
    assert marked(home / "estate") == []


def test_three_brokers_hold_three_replicas(home: Path) -> None:
    sandbox = estate.up(Options(name="three", brokers=3))
    admin = ready.client(sandbox.clusters[0].bootstrap)
    admin.create_topics([NewTopic("t", 1, 3)])["t"].result()
    assert _has_topic(admin, "t")
    assert len(admin.list_topics(timeout=5).brokers) == 3
    assert estate.down("three")


def _has_topic(admin: AdminClient, name: str) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if name in admin.list_topics(timeout=5).topics:
            return True
        time.sleep(0.05)
    return False


def _get(url: str) -> list[dict[str, str]]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=10) as answer:
        found: list[dict[str, str]] = json.load(answer)
        return found
