"""Consumer groups that are at work right now: which topics each one's members read, and what could not be seen."""

from __future__ import annotations

from dataclasses import dataclass, field

from confluent_kafka import ConsumerGroupState

from reconciler.clients.evidence import read_by
from reconciler.clients.kafka import Kafka, answer, batches, reason

IDLE = frozenset({ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD, ConsumerGroupState.UNKNOWN})


@dataclass
class Usage:
    """Topics by active group. `hidden` says what could not be seen, and why."""

    groups: dict[str, set[str]] = field(default_factory=dict)
    hidden: list[str] = field(default_factory=list)


def active_groups(kafka: Kafka) -> Usage:
    """Every group with members that this login can see."""
    found = Usage()
    busy = set(ConsumerGroupState) - IDLE
    asked = kafka.admin.list_consumer_groups(states=busy, request_timeout=kafka.timeout)
    listed = answer(asked, kafka.timeout)
    if isinstance(listed, BaseException):
        found.hidden.append(f"consumer groups: {reason(listed)}")
        return found
    found.hidden += [f"consumer groups: {error}" for error in listed.errors]
    for batch in batches([group.group_id for group in listed.valid], 100):
        described = kafka.admin.describe_consumer_groups(list(batch), request_timeout=kafka.timeout)
        for group, future in described.items():
            got = answer(future, kafka.timeout)
            if isinstance(got, BaseException):
                found.hidden.append(f"group {group}: {reason(got)}")
            elif got.members:
                found.groups[group] = read_by(got.members)
    return found
