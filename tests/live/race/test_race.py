"""Five processes race for one lock while they are killed and paused, and the broker restarts.

A quarter of it runs with the tests; `make crash-matrix` runs a hundred terms.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic

from reconciler.clients import log
from reconciler.clients.kafka import login
from reconciler.errors import Failed
from reconciler.ledger.store import TopicStore
from tests.live.conftest import Live
from tests.live.race.history import problems

LEDGER, ADMIN = "__race", "race-admin"
PROCESSES = 5
TERMS = int(os.environ.get("KSTATE_RACE_TERMS", "25"))
RESTARTS = (TERMS * 3 // 10, TERMS * 7 // 10)  # terms after which the broker is restarted
# What a killed transaction hides is given free quickly, as everything here is quicker than in earnest.
QUICK = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500"}


@pytest.mark.timeout(120 + 8 * TERMS)
def test_the_lock_keeps_its_promises(sandboxes: Callable[..., Live], tmp_path: Path) -> None:
    live = sandboxes(properties=QUICK)
    kafka = login("race", live.bootstrap, {}, 10.0)
    store = TopicStore(kafka, LEDGER)
    store.create()
    config = {"message.timestamp.type": "LogAppendTime"}
    live.admin.create_topics([NewTopic(ADMIN, 1, 1, config=config)])[ADMIN].result()
    with racers(live.bootstrap, tmp_path) as racing:
        try:
            harass(racing, live, store)
        finally:
            print(why(tmp_path), file=sys.stderr)
    journal = [json.loads(e.value or b"") for e in store.journal()]
    admin = [json.loads(e.value or b"") for e in log.read(kafka, ADMIN)]
    lines = [
        line for file in tmp_path.glob("told-*[0-9]") for line in file.read_text().splitlines(True)
    ]
    told = [json.loads(line) for line in lines if line.endswith("\n")]
    assert len({record["epoch"] for record in journal}) >= TERMS
    assert len({record["pid"] for record in journal}) > PROCESSES  # killed ones were followed
    assert problems(journal, admin, told) == []


Start = Callable[[], subprocess.Popen[bytes]]


@contextmanager
def racers(bootstrap: str, folder: Path) -> Iterator[tuple[list[subprocess.Popen[bytes]], Start]]:
    """So many workers, and a way to start another; none is left at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        file = folder / f"told-{len(started)}"
        command = [
            sys.executable,
            "-m",
            "tests.live.race.worker",
            bootstrap,
            LEDGER,
            ADMIN,
            str(file),
        ]
        started.append(subprocess.Popen(command, stderr=subprocess.DEVNULL))
        return started[-1]

    try:
        yield [start() for _ in range(PROCESSES)], start
    finally:
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.kill()
            process.wait()


def harass(
    racing: tuple[list[subprocess.Popen[bytes]], Start], live: Live, store: TopicStore
) -> None:
    """Kill, pause and restart at random until so many terms were served, some by the followers of killed workers."""
    workers, start = racing
    chance = random.Random(os.environ.get("KSTATE_RACE_SEED", "7"))
    restarts = list(RESTARTS)
    end = time.monotonic() + 60 + 8 * TERMS
    while len(served := _served(store)) < TERMS or len(set(served.values())) <= PROCESSES:
        terms = len(served)
        assert time.monotonic() < end, f"only {terms} terms, of {len(set(served.values()))} workers"
        assert all(worker.poll() is None for worker in workers), "a worker ended by itself"
        if restarts and terms >= restarts[0]:
            restarts.pop(0)
            _restart(live.cluster.nodes[0])
        at = chance.randrange(PROCESSES)
        if chance.random() < 0.3:
            workers[at].kill()
            workers[at] = start()
        else:
            _pause(workers[at], chance.uniform(0.1, 4.0))
        time.sleep(chance.uniform(0.2, 1.5))


def why(folder: Path) -> str:
    """What each worker was last stopped by: shown when a test fails, of which these are all that is left."""
    files = sorted(folder.glob("told-*.why"))
    return "\n".join(f"{f.name}: {f.read_text().splitlines()[-3:]}" for f in files)


def _pause(worker: subprocess.Popen[bytes], seconds: float) -> None:
    worker.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    worker.send_signal(signal.SIGCONT)


def _restart(node: Any) -> None:
    node.kill()
    node.start()


def _served(store: TopicStore) -> dict[int, int]:
    """The worker of every term so far; a broker that is just starting does not tell."""
    end = time.monotonic() + 30
    while True:
        try:
            records = [json.loads(entry.value or b"") for entry in store.journal()]
            return {record["epoch"]: record["pid"] for record in records}
        except Failed:
            assert time.monotonic() < end
            time.sleep(0.2)
