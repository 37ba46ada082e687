"""A holder of the lock, and a broker that stands still: what was to be written is there once, or the lock is lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.clients import log
from reconciler.clients.kafka import login
from reconciler.errors import Busy
from reconciler.ledger import lock
from reconciler.ledger.lock import Held
from reconciler.ledger.store import TopicStore
from tests.live.conftest import Live

# A transaction is given up after a second, a lease is over after six: everything here is quicker than in earnest.
QUICK = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "300"}
TRANSACTION_MS, LEASE = 1_000, 6.0


@pytest.fixture(scope="module")
def stalling(sandboxes: Callable[..., Live]) -> Live:
    """A broker of its own, to be stopped and sent on."""
    return sandboxes(properties=QUICK)


@pytest.fixture
def store(stalling: Live, name: str, monkeypatch: pytest.MonkeyPatch) -> TopicStore:
    monkeypatch.setattr(log, "TRANSACTION_MS", TRANSACTION_MS)
    made = TopicStore(login("stalling", stalling.bootstrap, {}, 3.0), f"__{name[-20:]}")
    made.create()
    return made


@pytest.mark.parametrize("seconds", [0.5, 1.5, 3.0])
def test_a_broker_that_stands_still_is_waited_for(
    stalling: Live, store: TopicStore, seconds: float
) -> None:
    node = stalling.cluster.nodes[0]
    with lock.acquire(store, "c1", "ann", lease=LEASE) as held:
        for stall in range(3):
            writing = threading.Thread(target=write_on, args=(held, stall, 200))
            writing.start()
            time.sleep(0.05 + 0.03 * stall)
            stand_still(node, seconds)
            writing.join()
        assert held.valid()
    wanted = {f"{stall}-{number}": 1 for stall in range(3) for number in range(200)}
    assert Counter(e.key for e in store.entries() if "|" not in e.key) == wanted
    assert Counter(json.loads(e.value or b"") for e in store.journal()) == wanted


def write_on(held: Held, stall: int, count: int) -> None:
    for number in range(count):
        about = f"{stall}-{number}"
        held.write([(about, b"x")], [json.dumps(about).encode()])


def stand_still(node: Any, seconds: float) -> None:
    node.pause()
    time.sleep(seconds)
    node.resume()


def test_a_stall_beyond_the_lease_ends_the_holding(stalling: Live, store: TopicStore) -> None:
    held = lock.acquire(store, "c1", "ann", lease=2.0)
    stalled = threading.Thread(target=stand_still, args=(stalling.cluster.nodes[0], 4.0))
    stalled.start()
    with pytest.raises(Busy):
        write_on(held, 0, 10_000)
    stalled.join()
    assert not held.valid()
    with lock.acquire(store, "c1", "ben", wait=10, lease=LEASE) as other:
        assert other.took_over


def test_who_was_cut_off_and_not_succeeded_goes_on(store: TopicStore) -> None:
    with lock.acquire(store, "c1", "ann", lease=LEASE) as held:
        store.writer("c1")
        write_on(held, 0, 3)
        assert held.valid()
    assert [e.key for e in store.entries() if "|" not in e.key] == ["0-0", "0-1", "0-2"]


def test_who_slept_through_its_lease_has_lost_the_lock(store: TopicStore) -> None:
    held = lock.acquire(store, "c1", "ann", lease=0.5)
    time.sleep(1.0)
    with pytest.raises(lock.Lost):
        held.write()
    with pytest.raises(lock.Lost):
        held.write()
