"""Canaries in every place a credential can come from: they appear nowhere but at the door they open."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from reconciler.clients import log
from reconciler.clients.kafka import login
from tests.live.conftest import Live
from tests.live.spec import Spec, acl, topic
from tests.live.test_users import user

KSTATE = (sys.executable, "-c", "from reconciler.cli.main import main; main()")
WRONG, NEW = "canary-wrong-5f81", "canary-new-user-a77c"


class Watched:
    """kstate as a process whose output, files and arguments are searched for canaries."""

    def __init__(self, folder: Path, canaries: list[str], **environment: str) -> None:
        self.folder = folder
        self.canaries = canaries
        self.environment = {**os.environ, "KSTATE_DEBUG": "1", **environment}

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = subprocess.Popen(
            [*KSTATE, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        seen: list[str] = []
        watcher = threading.Thread(target=_watch, args=(process.pid, seen))
        watcher.start()
        out, err = process.communicate(timeout=120)
        watcher.join()
        assert seen, "the process list was never looked at"
        self.search("\n".join([out, err, *seen]))
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def search(self, text: str) -> None:
        found = [canary for canary in self.canaries if canary in text]
        assert found == []


def _watch(pid: int, seen: list[str]) -> None:
    """Arguments of the process and all its children, as anybody on the machine sees them."""
    while psutil.pid_exists(pid):
        try:
            process = psutil.Process(pid)
            family = [process, *process.children(recursive=True)]
            seen += [" ".join(member.cmdline()) for member in family]
            if process.status() == psutil.STATUS_ZOMBIE:
                return
        except psutil.NoSuchProcess:
            return
        time.sleep(0.01)


@pytest.fixture
def estate(kafka: Live, spec: Spec, name: str) -> Spec:
    """Everything that needs a secret: a login by reference to the environment, users by file and by environment."""
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    properties = {k: v for k, v in kafka.login.items() if k != "bootstrap.servers"}
    properties["sasl.password"] = "env:KSTATE_TEST_PASSWORD"
    spec.cluster(kafka.scram_bootstrap, kafka=properties)
    (spec.folder / "secret.txt").write_text(NEW + "\n")
    grants = [{"role": "producer", "topics": [f"{name}a"]}]
    spec.write(
        topic(f"{name}a"),
        user(f"{name}one", password="file:secret.txt"),
        user(f"{name}two", password="env:KSTATE_TEST_USER"),
        acl("one", f"User:{name}one", grants=grants),
    )
    return spec


def test_canaries_appear_nowhere(kafka: Live, estate: Spec, name: str, tmp_path: Path) -> None:
    canaries = [kafka.password, NEW, WRONG]
    folder, saved = str(estate.folder), tmp_path / "saved.json"
    secrets = {"KSTATE_TEST_PASSWORD": kafka.password, "KSTATE_TEST_USER": NEW}
    kstate = Watched(estate.folder, canaries, **secrets)
    assert kstate.run("plan", folder, "--out", str(saved)).returncode == 0
    assert kstate.run("show", str(saved), "--format", "markdown").returncode == 0
    applied = kstate.run("apply", str(saved), "--format", "json")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    for verb in (["drift", folder], ["doctor", folder], ["history", folder, "--verify"]):
        assert kstate.run(*verb).returncode == 0
    kstate.search(saved.read_text())
    kstate.search(_ledger(kafka, f"__{name[-30:]}"))


def _ledger(kafka: Live, ledger: str) -> str:
    """Every byte of the ledger and its journal."""
    with closing(login("live", kafka.bootstrap, {}, 10.0)) as own:
        entries = [e for t in (ledger, f"{ledger}_journal") for e in log.read(own, t)]
    assert len(entries) > 5
    return "\n".join(f"{e.key} {(e.value or b'').decode(errors='replace')}" for e in entries)


def test_a_wrong_password_is_not_repeated(kafka: Live, estate: Spec) -> None:
    secrets = {"KSTATE_TEST_PASSWORD": WRONG, "KSTATE_TEST_USER": NEW}
    kstate = Watched(estate.folder, [kafka.password, NEW, WRONG], **secrets)
    refused = kstate.run("plan", str(estate.folder))
    assert (refused.returncode, "authentication failed" in refused.stderr) == (1, True)


def test_a_defect_in_the_middle_shows_no_secret(
    kafka: Live, estate: Spec, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the full traceback asked for, whose lines and values could hold one."""
    from reconciler.engine import reading
    from reconciler.kinds import user as kind

    def broken(*arguments: object) -> object:
        raise RuntimeError(f"while working with {arguments}, {kafka.password} and {NEW}")

    monkeypatch.setenv("KSTATE_TEST_PASSWORD", kafka.password)
    monkeypatch.setenv("KSTATE_TEST_USER", NEW)
    monkeypatch.setenv("KSTATE_DEBUG", "1")
    monkeypatch.setattr(kind.UserDriver, "write", broken)
    # Nothing was written that could still come true: one look is enough.
    monkeypatch.setattr(reading, "_wait", lambda changes, look: reading._seen(look, changes))
    said = estate.apply()
    assert said.code == 6
    assert "RuntimeError" in said.out
    assert kafka.password not in said.out + said.err
    assert NEW not in said.out + said.err


def test_no_form_of_a_secret_is_shown_where_one_is_written_out(
    kafka: Live, spec: Spec, name: str
) -> None:
    """On this machine a password may be literal, also by way of a values file; the output may be a public log."""
    odd = 'canary"quo\\te-ü-%41'
    values = spec.folder / "_values.yaml"
    values.write_text("keypass: canary-from-values\n")
    properties = {"ssl.key.password": odd, "ssl.keystore.password": "${keypass}"}
    spec.cluster(kafka.bootstrap, kafka=properties)
    spec.write(topic(f"{name}a"))
    for form in ("text", "json", "markdown"):
        said = spec.plan("--values", str(values), "--format", form)
        assert said.code == 2, said.err
        assert not [word for word in ("canary", "quo", "%41") if word in said.out + said.err]
    assert spec.apply("--values", str(values), "--format", "json").code == 0
    saved = spec.plan("--values", str(values), "--out", str(spec.folder / "saved.json"))
    assert (saved.code, (spec.folder / "saved.json").exists()) == (64, False)


@pytest.mark.parametrize("name", ["sasl.password", "ssl.key.password", "ssl.keystore.password"])
def test_a_reference_that_cannot_be_had_is_named_without_its_neighbours(
    kafka: Live, spec: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KSTATE_TEST_OTHER", NEW)
    other = "ssl.key.password" if name != "ssl.key.password" else "ssl.keystore.password"
    spec.cluster(
        kafka.bootstrap, kafka={name: "env:KSTATE_TEST_UNSET", other: "env:KSTATE_TEST_OTHER"}
    )
    spec.write(topic("x"))
    said = spec.plan()
    assert (said.code, "KSTATE_TEST_UNSET" in said.err) == (64, True)
    assert NEW not in said.out + said.err


def test_a_literal_password_is_for_this_machine_only_and_never_saved(
    kafka: Live, spec: Spec, tmp_path: Path
) -> None:
    properties = {k: v for k, v in kafka.login.items() if k != "bootstrap.servers"}
    spec.cluster(kafka.scram_bootstrap, kafka=properties)
    spec.write(topic("x"))
    shown = spec.plan_json()
    assert shown.code == 2
    assert kafka.password not in shown.out + shown.err
    saved = spec.plan("--out", str(tmp_path / "plan.json"))
    assert (saved.code, (tmp_path / "plan.json").exists()) == (64, False)
    spec.cluster("broker.example:9092", kafka=properties)
    refused = spec.plan()
    assert refused.code == 64
    assert refused.err.startswith("cluster.yaml:")
    assert kafka.password not in refused.out + refused.err
