"""A holder of the lock, and a broker that stands still: what was to be written is there once, or the lock is lost."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from kafka.protocol.producer import InitProducerIdRequest, ProduceRequest
from kafka.record.default_records import DefaultRecordBatchBuilder

from reconciler.clients import log
from reconciler.clients.kafka import login
from reconciler.errors import Busy
from reconciler.ledger import lock
from reconciler.ledger.lock import Held
from reconciler.ledger.store import TopicStore
from tests.live.conftest import Live

# A transaction is given up after a second, a lease is over after six: everything here is quicker than in earnest.
QUICK = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "300",
    # Lets a test write what no coordinator knows of: what a broker leaves that was killed at the wrong moment.
    "transaction.partition.verification.enable": "false",
}
CONCURRENT_TRANSACTIONS = 51
TRANSACTION_MS, LEASE = 1_000, 6.0


@pytest.fixture(scope="module")
def stalling(sandboxes: Callable[..., Live]) -> Live:
    """A broker of its own, to be stopped and sent on."""
    return sandboxes(properties=QUICK)


@pytest.fixture
def store(stalling: Live, name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[TopicStore]:
    monkeypatch.setattr(log, "TRANSACTION_MS", TRANSACTION_MS)
    with closing(login("stalling", stalling.bootstrap, {}, 3.0)) as client:
        made = TopicStore(client, f"__{name[-20:]}")
        made.create()
        yield made


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


def test_a_transaction_that_the_broker_has_forgotten_hides_nothing_for_ever(
    store: TopicStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "HIDDEN", 1.0)
    forgotten(store, "c1")
    with lock.acquire(store, "c1", "ann", lease=LEASE) as held:
        write_on(held, 0, 1)
    assert [e.key for e in store.entries() if "|" not in e.key] == ["0-0"]


def test_what_was_left_unfinished_is_not_committed_by_the_next_writer(store: TopicStore) -> None:
    forgotten(store, "c1")
    store.writer("c1").write([("mine", b"x")], [])
    assert [e.key for e in store.entries()] == ["mine"]


def forgotten(store: TopicStore, about: str) -> None:
    """A record in a transaction that nobody will end: the coordinator has never heard of it."""
    store.writer(about)  # finds the coordinator, which makes its topic for the first one who asks
    lean = store.kafka.lean
    name = f"kstate-{store.name}-{about}"
    asking = InitProducerIdRequest(
        transactional_id=name, transaction_timeout_ms=1000, max_version=2
    )
    while (begun := lean.send(asking)).error_code == CONCURRENT_TRANSACTIONS:
        time.sleep(0.1)  # the one before is just being ended
    assert begun.error_code == 0
    batch = DefaultRecordBatchBuilder(2, 0, 1, begun.producer_id, begun.producer_epoch, 0, 1000)
    batch.append(0, None, b"never", b"x", [])
    data = ProduceRequest.TopicProduceData
    part = data.PartitionProduceData(index=0, records=bytes(batch.build()))
    topics = [data(name=store.name, partition_data=[part])]
    produce = ProduceRequest(
        transactional_id=name, acks=-1, timeout_ms=3000, topic_data=topics, max_version=9
    )
    (answered,) = lean.send(produce).responses
    assert [part.error_code for part in answered.partition_responses] == [0]
