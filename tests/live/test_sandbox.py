"""The shared sandboxes answer on both of their listeners, and keep strangers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import KafkaError, KafkaException

from reconciler.sandbox import ready

if TYPE_CHECKING:
    from tests.live.conftest import Live


def test_both_listeners_lead_to_the_same_cluster(every_kafka: Live) -> None:
    plain = every_kafka.admin.describe_cluster(request_timeout=5).result()
    by_login = ready.client(every_kafka.scram_bootstrap, **every_kafka.login)
    scram = by_login.describe_cluster(request_timeout=5).result()
    assert plain.cluster_id == scram.cluster_id
    assert len(plain.nodes) == 1


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256"])
def test_the_admin_user_has_both_mechanisms(every_kafka: Live, mechanism: str) -> None:
    admin = ready.client(every_kafka.scram_bootstrap, **ready.login(every_kafka.sandbox, mechanism))
    assert admin.describe_cluster(request_timeout=5).result().cluster_id


def test_a_wrong_password_is_refused(every_kafka: Live) -> None:
    seen: list[KafkaError] = []
    wrong = {**every_kafka.login, "sasl.password": "wrong", "error_cb": seen.append}
    admin = ready.client(every_kafka.scram_bootstrap, **wrong)
    with pytest.raises(KafkaException):
        admin.describe_cluster(request_timeout=1).result()
    admin.poll(0.1)
    assert KafkaError._AUTHENTICATION in [error.code() for error in seen]
