"""A broker whose metadata is behind what the controller knows: a read of the past, and nothing that says so."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import NewPartitions

from reconciler.engine import reading
from tests.live.proxy import Meddler, Request, between
from tests.live.spec import Spec, topic
from tests.live.test_topics import make

CORRELATION = slice(8, 12)


@dataclass
class Lagging:
    """Answers Metadata as it was answered before, from `fall_behind()` on for so many seconds."""

    _known: dict[bytes, bytes] = field(default_factory=dict)
    _until: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def meddler(self) -> Meddler:
        return Meddler(back=self._back)

    def fall_behind(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds

    def _back(self, request: Request, answer: bytes) -> bytes:
        if request.api != "Metadata":
            return answer
        asked = request.frame[:8] + request.frame[12:]
        with self._lock:
            if time.monotonic() > self._until:
                self._known[asked] = answer
            known = self._known.get(asked, answer)
        return known[:4] + answer[4:8] + known[8:]


@contextmanager
def lagging(kafka: Any, spec: Spec) -> Iterator[Lagging]:
    """The spec's cluster is reached through a broker that can fall behind, and has been read once."""
    made = Lagging()
    with between(kafka.cluster.nodes[0].ports["PLAIN"], made.meddler) as proxy:
        spec.cluster(proxy.bootstrap)
        yield made


def grown(kafka: Any, name: str, count: int) -> None:
    kafka.admin.create_partitions([NewPartitions(name, count)])[name].result()


def deleted(kafka: Any, name: str) -> None:
    kafka.admin.delete_topics([name])[name].result()
    while name in kafka.admin.list_topics(timeout=10).topics:
        time.sleep(0.05)


def test_partitions_that_are_there_already(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, name)
    spec.write(topic(name, partitions=3, replication=1))
    with lagging(kafka, spec) as behind:
        assert spec.plan().code == 2
        grown(kafka, name, 3)
        behind.fall_behind(2)
        said = spec.apply()
        assert said.code == 0, said
        assert "No changes" in said.out


def test_a_topic_that_is_there_already(kafka: Any, spec: Spec, name: str) -> None:
    spec.write(topic(name, partitions=2, replication=1))
    with lagging(kafka, spec) as behind:
        assert spec.plan().code == 2
        make(kafka, name, partitions=1)
        behind.fall_behind(2)
        said = spec.plan_json()
        changes = [change for wave in said.json["waves"] for change in wave]
        assert [(c["action"], c["before"]["partitions"]) for c in changes] == [("update", 1)]


def test_a_topic_that_is_gone_already(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, name)
    spec.write(topic(name, partitions=2, replication=1))
    with lagging(kafka, spec) as behind:
        assert spec.plan().code == 2
        deleted(kafka, name)
        behind.fall_behind(2)
        assert spec.apply().code == 0
        assert spec.plan().code == 0


def test_a_topic_that_was_to_be_deleted_and_is_gone(kafka: Any, spec: Spec, name: str) -> None:
    make(kafka, name)
    spec.write(topic(name, partitions=1, metadata={"ensure": "absent"}))
    with lagging(kafka, spec) as behind:
        assert spec.plan().code == 2
        deleted(kafka, name)
        behind.fall_behind(2)
        assert spec.apply().code == 0


def test_a_saved_plan_whose_work_is_done(kafka: Any, spec: Spec, name: str, tmp_path: Path) -> None:
    """The read before the writing is behind too, and so is the first one after it."""
    make(kafka, name)
    spec.write(topic(name, partitions=3, replication=1))
    saved = tmp_path / "plan.json"
    with lagging(kafka, spec) as behind:
        assert spec.plan("--out", str(saved)).code == 2
        grown(kafka, name, 3)
        behind.fall_behind(2)
        said = spec.run("apply", str(saved), "--format", "json")
        assert said.code == 0, said
        [change] = said.json["changes"]
        assert (change["status"], "INVALID_PARTITIONS" in change["words"]) == ("done", True)


def test_a_refusal_that_stays_is_one(
    kafka: Any, spec: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever still says so when the time for reading again is over is believed."""
    make(kafka, name)
    spec.write(topic(name, partitions=3, replication=1))
    monkeypatch.setattr(reading, "AGREEMENT", 1.0)
    with lagging(kafka, spec) as behind:
        assert spec.plan().code == 2
        grown(kafka, name, 3)
        behind.fall_behind(60)
        said = spec.plan_json()
        assert (said.code, said.codes) == (3, {"KS111", "KS903"})
        assert "doubted" not in json.dumps(said.json)
