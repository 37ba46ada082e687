"""Client quotas on the wire, over kafka-python: librdkafka has no call for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from reconciler.clients.kafka import Kafka, batches, refused
from reconciler.clients.lean import module

BATCH = 500
TYPES = ("user", "client-id", "ip")

# Who a quota is for: a name by type, None for the default of that type.
Entity = tuple[tuple[str, str | None], ...]
Limits = Mapping[str, float | None]

PROTOCOL = "kafka.protocol.admin.client_quotas"


class Quota(NamedTuple):
    """Limits of an entity; None takes one away."""

    entity: Entity
    limits: Limits


def read(kafka: Kafka) -> dict[Entity, dict[str, float]]:
    """Every quota there is."""
    ask = module(PROTOCOL).DescribeClientQuotasRequest
    reply = kafka.lean.send(ask(components=[], strict=False))
    if reply.error_code:
        raise refused(
            "DescribeClientQuotas", _error(reply.error_code, reply.error_message), kafka.principal
        )
    return {
        _entity(entry.entity): {value.key: value.value for value in entry.values}
        for entry in reply.entries or ()
    }


def _entity(parts: Sequence[Any]) -> Entity:
    return tuple(sorted((part.entity_type, part.entity_name) for part in parts))


def write(
    kafka: Kafka, quotas: Sequence[Quota], *, validate: bool = False
) -> dict[Entity, BaseException | None]:
    """None for what was stored (or would be), else the exception with the broker's words."""
    ask = module(PROTOCOL).AlterClientQuotasRequest
    answers: dict[Entity, BaseException | None] = {}
    for batch in batches(quotas, BATCH):
        entries = [_entry(ask.EntryData, quota) for quota in batch]
        request = ask(entries=entries, validate_only=validate)
        for entry in kafka.lean.send(request).entries:
            error = _error(entry.error_code, entry.error_message) if entry.error_code else None
            answers[_entity(entry.entity)] = error
    return answers


def _entry(entry: Any, quota: Quota) -> Any:
    return entry(
        entity=[entry.EntityData(entity_type=t, entity_name=name) for t, name in quota.entity],
        ops=[
            entry.OpData(key=key, value=value or 0.0, remove=value is None)
            for key, value in sorted(quota.limits.items())
        ],
    )


def _error(code: int, words: str | None) -> KafkaException:
    return KafkaException(KafkaError(code, words or ""))
