"""A Kafka topic as an append log: read to its end, append, and write atomically as the only writer."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from reconciler.clients.kafka import Kafka, reason
from reconciler.errors import Busy, Failed, ServerRefused

# A writer killed inside a transaction hides what follows for this long, and until the broker looks (every 10 s).
TRANSACTION_MS = 10_000
LEADERLESS = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)
FENCED = frozenset({KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError._CONFLICT})
# Fatal to the producer like a fence, but nobody has taken anything over.
REFUSED = frozenset(
    {
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
RIGHTS = (
    "The ledger needs Create, Describe, Read and Write on its two topics, and Write on the transactional ids"
    " that begin with `kstate-`."
)


class Entry(NamedTuple):
    """One record. `at` is the log's clock in seconds (LogAppendTime)."""

    offset: int
    at: float
    key: str
    value: bytes | None


def _settings(kafka: Kafka, **more: object) -> dict[str, Any]:
    quiet = logging.Logger("librdkafka")
    quiet.addHandler(logging.NullHandler())
    return {
        **kafka.login,
        "client.id": "kstate",
        "log_level": 0,
        "logger": quiet,
        **more,
    }


def read(kafka: Kafka, topic: str, *, start: int | None = None) -> Iterator[Entry]:
    """Every committed record from `start`, or from the beginning, to the end as it is when this returns.

    What is later iterated over has been on its way since then. Raises Failed when there is no log, or when its end is
    not reached within the timeout after the last record.
    """
    consumer = Consumer(
        _settings(
            kafka,
            **{
                "group.id": "kstate-ledger",  # never joined: assign() leaves no group behind
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                "fetch.wait.max.ms": 5,
                # Read ahead, but not by everything there is: a hundred thousand messages wait in 50 MB (measured).
                "queued.min.messages": 2000,
                "queued.max.messages.kbytes": 8192,
            },
        )
    )
    try:
        low, high = _bounds(consumer, topic, kafka.timeout)
        at = low if start is None else max(start, low)
        consumer.assign([TopicPartition(topic, 0, at)])
    except KafkaException as error:
        consumer.close()
        raise Failed(f"reading {topic}: {reason(error)}") from error
    return _entries(consumer, topic, (at, high), kafka.timeout)


def _entries(
    consumer: Consumer, topic: str, bounds: tuple[int, int], timeout: float
) -> Iterator[Entry]:
    try:
        yield from _until(consumer, *bounds, timeout)
    except KafkaException as error:
        raise Failed(f"reading {topic}: {reason(error)}") from error
    finally:
        consumer.close()


def _bounds(consumer: Consumer, topic: str, timeout: float) -> tuple[int, int]:
    """First and next offset. A partition that was just made, or just moved, has no leader for a moment."""
    end = time.monotonic() + timeout
    while True:
        try:
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=timeout)
            return int(low), int(high)
        except KafkaException as error:
            if error.args[0].code() not in LEADERLESS or time.monotonic() > end:
                raise
            time.sleep(0.1)


def _until(consumer: Consumer, at: int, high: int, timeout: float) -> Iterator[Entry]:
    patience = time.monotonic() + timeout
    while at < high:
        for message in consumer.consume(2000, 0.05):
            error = message.error()
            if error is not None:
                if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                    continue  # librdkafka looks for the coordinator of a group that nobody joins
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                # The end stands behind control records too.
                at = max(at, int(message.offset() or 0))
            else:
                offset = message.offset() or 0
                at = offset + 1
                if offset >= high:
                    break  # it came after the end that was asked for
                key = (message.key() or b"").decode("utf-8", "replace")
                yield Entry(offset, message.timestamp()[1] / 1000, key, message.value())
            patience = time.monotonic() + timeout
        if time.monotonic() > patience:
            raise Failed(f"the log was not read to its end: offset {at:,} of {high:,}")


def append(kafka: Kafka, topic: str, key: str, value: bytes) -> int:
    """Append one record outside any transaction; its offset. An unknown outcome is Failed."""
    box: list[tuple[KafkaError | None, Any]] = []
    producer = Producer(_settings(kafka, **{"enable.idempotence": True, "acks": "all"}))
    _connect(producer, topic, kafka.timeout)
    producer.produce(
        topic,
        key=key.encode(),
        value=value,
        partition=0,
        on_delivery=lambda error, message: box.append((error, message)),
    )
    try:
        left = producer.flush(kafka.timeout)
    except (KafkaException, SystemError) as error:
        # A fatal error of the client is raised wherever it may be: inside a callback it comes out as SystemError.
        words = reason(error.__cause__ or error)
        raise ServerRefused(f"writing to {topic}: {words}", hint=RIGHTS) from error
    if left or not box or box[0][0] is not None:
        words = reason(KafkaException(box[0][0])) if box and box[0][0] is not None else "no answer"
        raise Failed(f"writing to {topic}: {words}")
    return int(box[0][1].offset())


def _connect(producer: Producer, topic: str, timeout: float) -> None:
    """Wait until a broker is there. A producer that finds none when it asks for its id looks again half a second later
    (measured with librdkafka 2.16: 0.51 s for the first record, 0.03 s after this)."""
    # That nobody answers is for the writing itself to tell: it has the words for it.
    with suppress(KafkaException):
        producer.list_topics(topic, timeout=timeout)


class Fenced(Busy):
    """Somebody else has taken over; nothing more can be written by this writer."""


class Writer:
    """The one writer of a transactional id, to `topic` first: opening it cuts off whoever was the writer before."""

    def __init__(self, kafka: Kafka, transactional_id: str, topic: str) -> None:
        self._timeout = kafka.timeout
        self._producer = Producer(
            _settings(
                kafka,
                **{
                    "transactional.id": transactional_id,
                    "transaction.timeout.ms": TRANSACTION_MS,
                },
            )
        )
        _connect(self._producer, topic, kafka.timeout)
        self._do("init_transactions", kafka.timeout)

    def write(self, records: Sequence[tuple[str, str, bytes | None]]) -> None:
        """All of (topic, key, value), or none of them.

        Raises Fenced when another writer took over, Failed when it is not known whether they were written.
        """
        self._do("begin_transaction")
        for topic, key, value in records:
            self._producer.produce(topic, key=key.encode(), value=value, partition=0)
        self._do("commit_transaction", self._timeout)

    def _do(self, step: str, *arguments: float) -> None:
        try:
            getattr(self._producer, step)(*arguments)
        except KafkaException as error:
            if error.args[0].code() in REFUSED:
                raise ServerRefused(f"writing the ledger: {reason(error)}", hint=RIGHTS) from error
            if error.args[0].code() in FENCED or error.args[0].fatal():
                raise Fenced("another apply has taken over the lock") from error
            raise Failed(f"writing the ledger: {reason(error)}") from error
