"""The front itself: only who logs in gets through, TLS or not, and a session ends when it is told to."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from reconciler.clients.kafka import login
from reconciler.errors import LoginFailed
from tests.clusters import Live
from tests.fakes.front import bearer, fronting, plain
from tests.live.certificates import Authority

KEY, SECRET = "key", "the-secret"
PLAIN = {"sasl.mechanism": "PLAIN", "sasl.username": KEY, "sasl.password": SECRET}


def _known(user: str, password: str) -> bool:
    return (user, password) == (KEY, SECRET)


def _port(kafka: Live) -> int:
    return int(kafka.bootstrap.rpartition(":")[2])


def test_only_who_logs_in_gets_through(kafka: Live, prefix: str) -> None:
    with fronting(_port(kafka), {"PLAIN": plain(_known)}) as front:
        where = f"127.0.0.1:{front.shown}"
        settings = {"security.protocol": "SASL_PLAINTEXT", **PLAIN}
        found = login("front", where, settings, 10)
        assert found.admin.list_topics(timeout=10).brokers[1].port == front.shown
        wrong = {**settings, "sasl.password": "guess"}
        with pytest.raises(LoginFailed, match="Invalid username or password"):
            login("front", where, wrong, 10)
        bare = AdminClient({"bootstrap.servers": where, "log_level": 0})
        with pytest.raises(KafkaException):
            bare.list_topics(timeout=2)


def test_through_tls(kafka: Live, tmp_path: Path) -> None:
    authority = Authority("an authority")
    certificate, key = authority.sign("front", "127.0.0.1").write(tmp_path, "front")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with fronting(_port(kafka), {"PLAIN": plain(_known)}, context) as front:
        settings = {"security.protocol": "SASL_SSL", **PLAIN, "ssl.ca.pem": authority.certificate}
        found = login("front", f"127.0.0.1:{front.shown}", settings, 10)
        assert found.cluster_id
        assert found.lean.log_dirs([]) == {}
        found.close()


def test_tokens_are_asked_for_again_when_a_session_ends(kafka: Live) -> None:
    given: list[float] = []

    def token() -> tuple[str, float]:
        given.append(time.time())
        return f"token-{len(given)}", time.time() + 3

    def fits(token: str, _extensions: dict[str, str]) -> str | None:
        return None if token.startswith("token-") else '{"status":"invalid_token"}'

    front_of: Callable[..., object] = bearer(fits)
    with fronting(_port(kafka), {"OAUTHBEARER": front_of}, lifetime=2.0) as front:  # type: ignore[dict-item]
        settings = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "OAUTHBEARER"}
        found = login("front", f"127.0.0.1:{front.shown}", settings, 10, token)
        assert found.lean.log_dirs([]) == {}
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert found.admin.list_topics(timeout=10).brokers
            time.sleep(0.2)
        assert len(given) > 2
        assert front.logins > 2
        front.expire()
        assert found.admin.list_topics(timeout=10).brokers
        found.close()
