"""Topics on the wire: bulk reads and batched writes, with one answer for every name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from reconciler.clients import replies
from reconciler.clients.kafka import Kafka, answer, batches, code, refused
from reconciler.clients.lean import module
from reconciler.clients.replies import Topic

BATCH = 500
# Seconds a request may take longer for each thing it is about.
A_NAME = 0.05
TOPIC = 2  # Kafka's number of this type of resource
# Importing and connecting the lean client costs 0.2 s, which is what librdkafka needs for all configs of 400 topics
# (measured on loopback; over a real network its 2 KiB a topic weigh more, hence less than 400).
FEW = 300
# A KRaft controller takes 10,000 records an operation: one a topic, one a partition, one a config (measured).
RECORDS = 9_000
EXISTS = KafkaError.TOPIC_ALREADY_EXISTS
MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._NOENT})
TOPIC_SOURCE = int(ConfigSource.DYNAMIC_TOPIC_CONFIG.value)

Answers = dict[str, BaseException | None]
Configs = dict[str, dict[str, str]]


def listing(kafka: Kafka, *, many: bool = False) -> dict[str, Topic]:
    """Every topic this login can see, in one request that makes none. Missing rights shorten it without a word.

    With `many` topics our own decoder reads it, and tells their ids, where the cluster is new enough for that.
    """
    if kafka.has_lean and (many or kafka.lean_is_open):
        low, high = replies.METADATA
        if kafka.lean.speaks(replies.METADATA_KEY, low):
            return _lean_listing(kafka, low, high)
    try:
        found = kafka.admin.list_topics(timeout=kafka.timeout)
    except KafkaException as error:
        raise refused("Metadata of all topics", error, kafka.principal) from error
    return {
        name: Topic(len(topic.partitions), min(len(p.replicas) for p in topic.partitions.values()))
        for name, topic in found.topics.items()
        if topic.partitions
    }


def _lean_listing(kafka: Kafka, low: int, high: int) -> dict[str, Topic]:
    request = module("kafka.protocol.metadata").MetadataRequest(
        topics=None,
        allow_auto_topic_creation=False,
        include_cluster_authorized_operations=False,
        include_topic_authorized_operations=False,
        min_version=low,
        max_version=high,
    )
    return dict(replies.topics(kafka.lean.raw(request)))


def describe(kafka: Kafka, names: Iterable[str]) -> dict[str, Any]:
    """`TopicDescription` by name; what is not there is left out. Raises ServerRefused for what may not be seen."""
    found: dict[str, Any] = {}
    for batch in batches(sorted(names), BATCH):
        asked = kafka.admin.describe_topics(
            TopicCollection(list(batch)), request_timeout=kafka.timeout
        )
        for name, future in asked.items():
            got = answer(future, kafka.timeout)
            if not isinstance(got, BaseException):
                found[name] = got
            elif code(got) not in MISSING:
                raise refused(f"DescribeTopics on topic {name}", got, kafka.principal) from got
    return found


def missing(kafka: Kafka, names: Iterable[str]) -> frozenset[str]:
    """Those that DescribeTopics says are not there. What may not be seen is not among them."""
    lost: set[str] = set()
    for batch in batches(sorted(names), BATCH):
        asked = kafka.admin.describe_topics(
            TopicCollection(list(batch)), request_timeout=kafka.timeout
        )
        answers = {name: answer(future, kafka.timeout) for name, future in asked.items()}
        errors = {n: got for n, got in answers.items() if isinstance(got, BaseException)}
        lost |= {name for name, error in errors.items() if code(error) in MISSING}
    return frozenset(lost)


def configs(kafka: Kafka, names: Iterable[str], fields: frozenset[str] | None) -> Configs:
    """What is set on each topic itself, by topic; defaults of the broker are left out.

    Only `fields` when they are given, which costs a twentieth of the bytes. A topic that is not readable yet, as is
    normal in the first seconds after its creation, is left out.
    """
    if fields is not None and not fields:
        return {name: {} for name in names}
    wanted = sorted(names)
    if pays(kafka, len(wanted)):
        return _lean_configs(kafka, wanted, fields)
    found: Configs = {}
    for batch in batches(wanted, BATCH):
        found.update(_full_configs(kafka, batch, fields))
    return found


def pays(kafka: Kafka, count: int) -> bool:
    """Whether the lean client is worth opening for so many topics."""
    return kafka.has_lean and (kafka.lean_is_open or count > FEW)


def _lean_configs(kafka: Kafka, names: Sequence[str], fields: frozenset[str] | None) -> Configs:
    """Batch after batch, each let go when it is decoded, while the next ones are on their way."""
    ask = module("kafka.protocol.admin").DescribeConfigsRequest
    keys = None if fields is None else sorted(fields)
    low, high = replies.DESCRIBE_CONFIGS
    requests = [
        ask(
            resources=[(TOPIC, name, keys) for name in batch],
            include_synonyms=False,
            min_version=low,
            max_version=high,
        )
        for batch in batches(names, BATCH)
    ]
    found: Configs = {}
    for reply in kafka.lean.each(requests, kafka.timeout + BATCH * A_NAME):
        for name, told in replies.configs(reply, TOPIC_SOURCE):
            if not isinstance(told, replies.Refusal):
                found[name] = told
            elif told.code not in MISSING:
                error = KafkaException(KafkaError(told.code, told.words))
                raise refused(f"DescribeConfigs on topic {name}", error, kafka.principal)
    return found


def _full_configs(kafka: Kafka, names: Sequence[str], fields: frozenset[str] | None) -> Configs:
    asked = kafka.admin.describe_configs(
        [ConfigResource(ResourceType.TOPIC, name) for name in names], request_timeout=kafka.timeout
    )
    found: Configs = {}
    for resource, future in asked.items():
        got = answer(future, kafka.timeout)
        if not isinstance(got, BaseException):
            found[resource.name] = dict(_set_on_topic(got, fields))
        elif code(got) not in MISSING:
            raise refused(
                f"DescribeConfigs on topic {resource.name}", got, kafka.principal
            ) from got
    return found


def _set_on_topic(
    entries: Mapping[str, ConfigEntry], fields: frozenset[str] | None
) -> Iterator[tuple[str, str]]:
    for name, entry in entries.items():
        wanted = fields is None or name in fields
        # Annotated as ConfigSource, but a plain int (measured).
        if wanted and int(cast("int", entry.source)) == TOPIC_SOURCE and entry.value is not None:
            yield name, entry.value


def create(kafka: Kafka, topics: Sequence[NewTopic], *, validate: bool = False) -> Answers:
    """None for what was made (or would be), else the exception with the broker's words."""
    answers: Answers = {}
    for batch in by_records(topics, _records):
        asked = kafka.admin.create_topics(
            list(batch),
            operation_timeout=patience(kafka, batch),
            request_timeout=patience(kafka, batch),
            validate_only=validate,
        )
        answers.update(_collect(kafka, asked))
    return answers


def grow(kafka: Kafka, counts: Mapping[str, int], *, validate: bool = False) -> Answers:
    """Raise partition counts; each value is the new total."""
    answers: Answers = {}
    wanted = [NewPartitions(name, total) for name, total in sorted(counts.items())]
    for batch in by_records(wanted, lambda topic: int(topic.new_total_count)):
        asked = kafka.admin.create_partitions(
            list(batch), request_timeout=patience(kafka, batch), validate_only=validate
        )
        answers.update(_collect(kafka, asked))
    return answers


def alter(
    kafka: Kafka, edits: Mapping[str, Mapping[str, str | None]], *, validate: bool = False
) -> Answers:
    """Set configs on topics, or unset them (None); never touches a key that is not named (KIP-339)."""
    answers: Answers = {}
    wanted = [_alteration(name, values) for name, values in sorted(edits.items())]
    for batch in by_records(wanted, lambda topic: len(topic.incremental_configs)):
        asked = kafka.admin.incremental_alter_configs(
            list(batch), request_timeout=patience(kafka, batch), validate_only=validate
        )
        answers.update(
            _collect(kafka, {resource.name: future for resource, future in asked.items()})
        )
    return answers


def _alteration(name: str, values: Mapping[str, str | None]) -> ConfigResource:
    entries = [
        ConfigEntry(key, value or "", incremental_operation=AlterConfigOpType.SET)
        if value is not None
        else ConfigEntry(key, None, incremental_operation=AlterConfigOpType.DELETE)
        for key, value in sorted(values.items())
    ]
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=entries)


def delete(kafka: Kafka, names: Sequence[str]) -> Answers:
    """None for what is gone, also when it was gone already."""
    answers: Answers = {}
    for batch in batches(sorted(names), BATCH):
        asked = kafka.admin.delete_topics(
            list(batch),
            operation_timeout=patience(kafka, batch),
            request_timeout=patience(kafka, batch),
        )
        answers.update(_collect(kafka, asked))
    return {
        name: None if error is not None and code(error) in MISSING else error
        for name, error in answers.items()
    }


def patience(kafka: Kafka, batch: Sequence[object]) -> float:
    """Seconds to wait for one request: the timeout asked for, and more for many things at once."""
    return kafka.timeout + A_NAME * len(batch)


def _collect(kafka: Kafka, asked: Mapping[str, Any]) -> Answers:
    """The answer to each part of a request that changes topics, or would; those count against a quota."""
    answers: Answers = {}
    for name, future in asked.items():
        got = answer(future, kafka.timeout + A_NAME * len(asked))
        answers[name] = got if isinstance(got, BaseException) else None
    kafka.rest()
    return answers


def _records(topic: NewTopic) -> int:
    return 1 + max(int(topic.num_partitions), 1) + len(topic.config or {})


def by_records(items: Sequence[Any], weigh: Callable[[Any], int]) -> Iterator[list[Any]]:
    """Batches under the controller's limit of records; one item alone may exceed it, and the broker will say so."""
    batch: list[Any] = []
    weight = 0
    for item in items:
        own = weigh(item)
        if batch and (weight + own > RECORDS or len(batch) >= BATCH):
            yield batch
            batch, weight = [], 0
        batch.append(item)
        weight += own
    if batch:
        yield batch
