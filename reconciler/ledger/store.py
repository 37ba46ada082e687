"""Where a ledger lives: a log that everybody reads the same, and one writer at a time can write atomically."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka.admin import NewTopic

from reconciler.clients import log, topics
from reconciler.clients.kafka import Kafka, code, reason
from reconciler.clients.log import Entry
from reconciler.errors import Failed, ServerRefused

DAY_MS = 86_400_000
Written = tuple[str, bytes | None]


class Writer(Protocol):
    """The only one who can write, until somebody else opens a writer: then every call raises errors.Busy."""

    def write(self, records: Sequence[Written], journal: Sequence[bytes]) -> None:
        """All of the ledger's records and the journal's, or none of them."""


class Reader(Protocol):
    """A ledger to be read again and again."""

    def on(self, start: int = 0) -> Iterable[Entry]:
        """Every record from this offset on, to the end as it is when this returns."""

    def close(self) -> None: ...


class Store(Protocol):
    """A ledger and its journal. The order of `entries` is the same for everybody who reads them."""

    @property
    def name(self) -> str: ...

    def exists(self) -> bool: ...

    def lost(self) -> str:
        """What of it is gone while the rest is in use; empty where that is not so."""

    def create(self) -> None: ...

    def entries(self) -> Iterable[Entry]:
        """Every record, to the end as it is when this returns."""

    def reader(self) -> Reader: ...

    def journal(self) -> Iterable[Entry]: ...

    def append(self, key: str, value: bytes) -> int:
        """Append one record, and say where. Raises log.Unsure when it is not known whether it was written."""

    def writer(self, lock: str) -> Writer:
        """A new writer: it cuts the former one off, and what that one had not finished was never written."""

    def coming(self, lock: str) -> Callable[[], Writer]:
        """A writer on its way, for after one that had finished: it cuts nobody off until it is called."""


@dataclass(frozen=True, slots=True)
class TopicStore:
    """Two topics of a cluster: `name`, compacted, and `name`_journal, kept for a year."""

    kafka: Kafka
    name: str

    @property
    def journal_name(self) -> str:
        return f"{self.name}_journal"

    def exists(self) -> bool:
        """Whether both topics are there. Raises ServerRefused where this login may not see them."""
        return len(self._there()) == 2

    def lost(self) -> str:
        """In words, where one of them is gone and the other one is in use; a first apply may have made just one."""
        there = self._there()
        if len(there) != 1:
            return ""
        (left,) = there
        gone = self.journal_name if left == self.name else self.name
        with closing(log.Reader(self.kafka, left)) as reader:
            used = next(iter(reader.on()), None) is not None
        return f"the topic {gone} is gone, and {left} is there" if used else ""

    def _there(self) -> list[str]:
        return list(topics.describe(self.kafka, [self.name, self.journal_name]))

    def create(self) -> None:
        """Make what is missing, and wait until it is readable. Safe against somebody who does the same."""
        answers = topics.create(self.kafka, [self._ledger(), self._journal()])
        for name, error in answers.items():
            if error is not None and code(error) != topics.EXISTS:
                raise ServerRefused(
                    f"CreateTopics on topic {name}: {reason(error)}",
                    hint="kstate keeps its ledger there; `ledger: {cluster: OTHER}` in the Estate names another place.",
                )
        end = time.monotonic() + 30
        while not self.exists():
            if time.monotonic() > end:
                raise Failed(f"{self.name} was made, but cannot be read after 30 s")
            time.sleep(0.1)

    def _ledger(self) -> NewTopic:
        config = {
            "cleanup.policy": "compact",
            # Claims on the lock share a key; compaction must not eat one before everybody has read it.
            "min.compaction.lag.ms": str(7 * DAY_MS),
            "message.timestamp.type": "LogAppendTime",
        }
        return self._topic(self.name, config)

    def _journal(self) -> NewTopic:
        config = {
            "cleanup.policy": "delete",
            "retention.ms": str(365 * DAY_MS),
            "message.timestamp.type": "LogAppendTime",
        }
        return self._topic(self.journal_name, config)

    def _topic(self, name: str, config: dict[str, str]) -> NewTopic:
        replicas = min(3, len(self.kafka.brokers))
        in_sync = {"min.insync.replicas": "2"} if replicas > 2 else {}
        wanted = {**config, **in_sync}
        settable = {key: wanted[key] for key in wanted.keys() - self.kafka.reserved}
        return NewTopic(name, 1, replicas, config=settable)

    def entries(self) -> Iterable[Entry]:
        return log.read(self.kafka, self.name)

    def reader(self) -> Reader:
        return log.Reader(self.kafka, self.name)

    def journal(self) -> Iterable[Entry]:
        return log.read(self.kafka, self.journal_name)

    def append(self, key: str, value: bytes) -> int:
        return log.append(self.kafka, self.name, key, value)

    def writer(self, lock: str) -> Writer:
        inner = self._inner(lock).open().clear([self.name, self.journal_name])
        return TopicWriter(inner, self.name, self.journal_name)

    def coming(self, lock: str) -> Callable[[], Writer]:
        inner = self._inner(lock)
        return lambda: TopicWriter(inner.open(), self.name, self.journal_name)

    def _inner(self, lock: str) -> log.Writer:
        return log.Writer(self.kafka, f"kstate-{self.name}-{lock}", self.name)


@dataclass(frozen=True, slots=True)
class TopicWriter:
    """A transactional producer over both topics."""

    inner: log.Writer
    ledger: str
    journal: str

    def write(self, records: Sequence[Written], journal: Sequence[bytes]) -> None:
        both = [(self.ledger, key, value) for key, value in records]
        both += [(self.journal, "", value) for value in journal]
        self.inner.write(both)
