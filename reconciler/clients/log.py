"""A Kafka topic as an append log: read to its end, append, and write atomically as the only writer."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from reconciler.clients.kafka import DENIED, Kafka, reason
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
# Nothing was written: a partition that was just made, or just moved, or that has too few replicas for a moment.
NOT_WRITTEN = LEADERLESS | {KafkaError.NOT_ENOUGH_REPLICAS}
# Seconds until a new producer of librdkafka 2.16 can be asked for its id. Sooner, and it finds no broker, however many
# there are, and looks again half a second later (measured).
CALM = 0.06
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


class Reader:
    """A log, to be read to its end as often as it is asked for, over one connection."""

    def __init__(self, kafka: Kafka, topic: str) -> None:
        self._topic, self._timeout = topic, kafka.timeout
        self._consumer = Consumer(
            _settings(
                kafka,
                **{
                    "group.id": "kstate-ledger",  # never joined: assign() leaves no group behind
                    "enable.auto.commit": False,
                    "enable.partition.eof": True,
                    "isolation.level": "read_committed",
                    "fetch.wait.max.ms": 5,
                    # Read ahead, but not by everything there is: 100,000 messages wait in 50 MB (measured).
                    "queued.min.messages": 2000,
                    "queued.max.messages.kbytes": 8192,
                    # Where that much waits, the next fetch would come a whole second later.
                    "fetch.queue.backoff.ms": 5,
                },
            )
        )

    def on(self, start: int = 0) -> Iterator[Entry]:
        """Every committed record from this offset to the end as it is when this returns.

        What is later iterated over has been on its way since then. Raises Failed when there is no log, or when its end
        is not reached within the timeout after the last record.
        """
        with self._told():
            low, high = _bounds(self._consumer, self._topic, self._timeout)
            at = max(start, low)
            self._consumer.assign([TopicPartition(self._topic, 0, at)])
        return self._entries(at, high)

    def _entries(self, at: int, high: int) -> Iterator[Entry]:
        with self._told():
            yield from _until(self._consumer, at, high, self._timeout)
            self._consumer.unassign()  # nothing more is fetched until it is asked for

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise Failed(f"reading {self._topic}: {reason(error)}") from error

    def close(self) -> None:
        self._consumer.close()


def read(kafka: Kafka, topic: str, *, start: int = 0) -> Iterator[Entry]:
    """The same once."""
    reader = Reader(kafka, topic)
    try:
        entries = reader.on(start)
    except BaseException:
        reader.close()
        raise
    return _and_close(reader, entries)


def _and_close(reader: Reader, entries: Iterator[Entry]) -> Iterator[Entry]:
    with closing(reader):
        yield from entries


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


class Unsure(Failed):
    """Whether the record was written is not known: only reading the log tells."""


def append(kafka: Kafka, topic: str, key: str, value: bytes) -> int:
    """Append one record outside any transaction, once; its offset.

    Raises Unsure for an unknown outcome. A producer that may repeat itself would first ask for an id, and that takes
    half a second when it asks too early (measured with librdkafka 2.16: 0.5 s against 0.005 s for this one).
    """
    about = {"acks": "all", "linger.ms": 0, "message.timeout.ms": int(kafka.timeout * 1000)}
    once = {"enable.idempotence": False, "message.send.max.retries": 0}
    producer = Producer(_settings(kafka, **about, **once))
    end = time.monotonic() + kafka.timeout
    while True:
        error, offset = _appended(producer, topic, (key, value), kafka.timeout)
        if error is None:
            return offset
        if error.code() in DENIED:
            words = reason(KafkaException(error))
            raise ServerRefused(f"writing to {topic}: {words}", hint=RIGHTS)
        if error.code() not in NOT_WRITTEN or time.monotonic() > end:
            raise Unsure(f"writing to {topic}: {reason(KafkaException(error))}")
        time.sleep(0.1)


def _appended(
    producer: Producer, topic: str, record: tuple[str, bytes], timeout: float
) -> tuple[KafkaError | None, int]:
    """What became of one try: an error, or the offset."""
    box: list[tuple[KafkaError | None, Any]] = []
    key, value = record
    producer.produce(
        topic,
        key=key.encode(),
        value=value,
        partition=0,
        on_delivery=lambda error, message: box.append((error, message)),
    )
    producer.flush(timeout + 1)
    if not box:
        return KafkaError(KafkaError._TIMED_OUT), -1
    error, message = box[0]
    return error, -1 if error is not None else int(message.offset())


class Fenced(Busy):
    """Somebody else has taken over; nothing more can be written by this writer."""


class Writer:
    """The one writer of a transactional id, to `topic` first. It connects at once, and cuts nobody off until `open`."""

    def __init__(self, kafka: Kafka, transactional_id: str, topic: str) -> None:
        self._timeout = kafka.timeout
        self._producer = Producer(
            _settings(
                kafka,
                **{
                    "transactional.id": transactional_id,
                    "transaction.timeout.ms": TRANSACTION_MS,
                    "linger.ms": 0,
                },
            )
        )
        self._made = time.monotonic()
        self._connecting = threading.Thread(target=self._connect, args=(topic,), daemon=True)
        self._connecting.start()

    def _connect(self, topic: str) -> None:
        # That nobody answers is for the writing itself to tell: it has the words for it.
        with suppress(KafkaException):
            self._producer.list_topics(topic, timeout=self._timeout)

    def open(self) -> Writer:
        """From here on whoever was the writer before is cut off."""
        self._connecting.join()
        time.sleep(max(0.0, CALM - (time.monotonic() - self._made)))
        self._do("init_transactions", self._timeout)
        return self

    def write(self, records: Sequence[tuple[str, str, bytes | None]]) -> None:
        """All of (topic, key, value), or none of them.

        Raises Fenced when another writer took over, Failed when it is not known whether they were written.
        """
        self._do("begin_transaction")
        for topic, key, value in records:
            self._producer.produce(topic, key=key.encode(), value=value, partition=0)
        self._do("commit_transaction", self._timeout)

    def clear(self, topics: Sequence[str]) -> Writer:
        """End what an earlier writer left open in these topics, and the coordinator has forgotten: it was not written.

        A broker of Kafka 4.3 that is killed and starts again can take the partitions of a transaction for deleted ones
        and its end for told (seen with kill -9 in 2 of 80 races). Nothing after such records is readable, for ever,
        until a transaction of the same writer ends there; one that is committed would commit them too.
        """
        self._do("begin_transaction")
        for topic in topics:
            self._producer.produce(topic, key=b"", value=None, partition=0)
        self._do("flush", self._timeout)
        self._do("abort_transaction", self._timeout)
        return self

    def _do(self, step: str, *arguments: float) -> None:
        try:
            getattr(self._producer, step)(*arguments)
        except KafkaException as error:
            if error.args[0].code() in REFUSED:
                raise ServerRefused(f"writing the ledger: {reason(error)}", hint=RIGHTS) from error
            if error.args[0].code() in FENCED or error.args[0].fatal():
                raise Fenced("this writer of the ledger was cut off") from error
            raise Failed(f"writing the ledger: {reason(error)}") from error
