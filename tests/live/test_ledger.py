"""The ledger's contract, the same for every store: order, atomicity, one writer, one lock."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.kafka import Kafka, login
from reconciler.errors import Busy
from reconciler.ledger import lock
from reconciler.ledger.file import FileStore
from reconciler.ledger.store import Store, TopicStore

Make = Callable[[], Store]


@pytest.fixture(params=["file", "topic"])
def store(request: pytest.FixtureRequest, tmp_path: Path, name: str) -> Store:
    if request.param == "file":
        made: Store = FileStore(tmp_path / "ledger")
    else:
        kafka = request.getfixturevalue("kafka")
        made = TopicStore(login("live", kafka.bootstrap, {}, 10.0), f"__{name[-20:]}")
    assert not made.exists()
    made.create()
    made.create()
    assert made.exists()
    return made


def test_what_is_written_is_read_in_order(store: Store) -> None:
    writer = store.writer("c1")
    writer.write([("a", b"1"), ("b", b"2")], [b"first"])
    writer.write([("a", None)], [])
    assert [(e.key, e.value) for e in store.entries()] == [("a", b"1"), ("b", b"2"), ("a", None)]
    assert [e.value for e in store.journal()] == [b"first"]


def test_only_the_last_writer_writes(store: Store) -> None:
    old = store.writer("c1")
    old.write([("a", b"1")], [])
    store.writer("c1").write([("a", b"2")], [])
    with pytest.raises(Busy):
        old.write([("a", b"3")], [b"never"])
    assert [e.value for e in store.entries()] == [b"1", b"2"]
    assert list(store.journal()) == []


def test_writers_of_two_clusters_do_not_disturb_each_other(store: Store) -> None:
    one, two = store.writer("c1"), store.writer("c2")
    one.write([("a", b"1")], [])
    two.write([("b", b"2")], [])
    one.write([("a", b"3")], [])
    assert [e.value for e in store.entries()] == [b"1", b"2", b"3"]


def test_one_holder_at_a_time_and_a_free_lock_after(store: Store) -> None:
    with lock.acquire(store, "c1", "ann on a laptop"):
        with pytest.raises(Busy, match="ann on a laptop"):
            lock.acquire(store, "c1", "ben")
        with lock.acquire(store, "c2", "ben"):
            pass
    with lock.acquire(store, "c1", "ben") as held:
        assert not held.took_over


def test_a_dead_holder_is_followed_after_its_lease_and_cannot_write_again(store: Store) -> None:
    dead = lock.acquire(store, "c1", "dead", lease=1.5)
    with lock.acquire(store, "c1", "next", wait=15, lease=5.0) as held:
        assert held.took_over
        with pytest.raises(Busy):
            dead.write([("own|c1|topic|t", b"late")])
        assert not dead.valid()
    assert all(entry.value != b"late" for entry in store.entries())


def test_a_held_lock_outlives_its_lease_by_its_heartbeat(store: Store) -> None:
    with lock.acquire(store, "c1", "slow", lease=1.5):
        time.sleep(3)
        with pytest.raises(Busy):
            lock.acquire(store, "c1", "hasty")


def test_a_broken_lock_is_free_and_its_former_holder_is_cut_off(store: Store) -> None:
    stuck = lock.acquire(store, "c1", "stuck")
    assert lock.unlock(store, "c1", "a stale paste") is None
    assert lock.unlock(store, "c1", stuck.beat.id) is not None
    with pytest.raises(Busy):
        stuck.write([("a", b"late")])
    with lock.acquire(store, "c1", "next"):
        pass


def test_twenty_thousand_keys_are_read_to_the_end(kafka: Any, name: str) -> None:
    client: Kafka = login("live", kafka.bootstrap, {}, 10.0)
    store = TopicStore(client, f"__{name[-20:]}")
    store.create()
    writer = store.writer("c1")
    for start in range(0, 20_000, 5_000):
        writer.write([(f"own|c1|topic|t{n}", b"x" * 200) for n in range(start, start + 5_000)], [])
    assert sum(1 for _ in store.entries()) == 20_000
