"""What a refusal says: the server's words, and the right that is missing, for whom."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from reconciler.clients.kafka import Kafka, refused

SCRAM = {"security.protocol": "SASL_SSL", "sasl.username": "ci bot"}


def kafka(properties: dict[str, str], *, keyed: bool = False) -> Kafka:
    nobody: Any = None
    return Kafka(nobody, "x:1", properties, 1.0, "id", (1,), keyed=keyed)


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        (kafka(SCRAM), "'User:ci bot'"),
        (kafka({}), "User:ANONYMOUS"),
        # A key stands for an account, whose name the login does not tell.
        (kafka(SCRAM, keyed=True), "User:THIS_LOGIN"),
        (kafka({"security.protocol": "SSL"}), "User:THIS_LOGIN"),
    ],
)
def test_a_missing_right_is_granted_to_whoever_the_login_is(who: Kafka, shown: str) -> None:
    error = KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED, "no"))
    found = refused("DescribeTopics on topic a", error, who.principal)
    assert found.hint == (
        f"grant it: kafka-acls --add --allow-principal {shown} --operation Describe --topic a"
    )
