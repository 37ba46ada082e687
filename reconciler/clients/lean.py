"""The few calls librdkafka lacks or makes expensive, over kafka-python; its private transport is wrapped only here."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from reconciler.errors import Failed, Unreachable

FILES = {"ssl.certificate.location", "ssl.key.location", "ssl.key.password"}
KNOWN = FILES | {
    "security.protocol",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.username",
    "sasl.password",
    "ssl.ca.location",
    "ssl.ca.pem",
    "ssl.certificate.pem",
    "ssl.key.pem",
    "ssl.endpoint.identification.algorithm",
    "enable.ssl.certificate.verification",  # nobody gets this far with anything but true
}
LOGIN_PREFIXES = ("ssl.", "sasl.", "security.", "enable.ssl", "enable.sasl", "oauth")
MECHANISMS = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"}


def why_not(properties: Mapping[str, str], *, tokens: bool = False) -> str:
    """Empty when this login can be spoken here, else what stands in the way. `tokens`: we have bearer tokens."""
    login = {name for name in properties if name.startswith(LOGIN_PREFIXES)}
    if strange := sorted(login - KNOWN):
        return "this client does not know " + ", ".join(strange)
    mechanism = _mechanism(properties)
    known = MECHANISMS | ({"OAUTHBEARER"} if tokens else set())
    if "SASL" in _protocol(properties) and mechanism not in known:
        return f"this client does not log in by {mechanism}"
    return ""


def _protocol(properties: Mapping[str, str]) -> str:
    return properties.get("security.protocol", "PLAINTEXT").upper()


def _mechanism(properties: Mapping[str, str]) -> str:
    return properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "GSSAPI")).upper()


class Lean:
    """One connection pool of kafka-python. `send` returns the decoded reply, errors still inside."""

    def __init__(
        self,
        bootstrap: str,
        properties: Mapping[str, str],
        timeout: float,
        token: Callable[[], tuple[str, float]] | None = None,
    ) -> None:
        from kafka.admin import KafkaAdminClient
        from kafka.errors import KafkaError

        logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
        self._failure = KafkaError
        try:
            found = settings(bootstrap, properties, timeout)
            self._client = KafkaAdminClient(**found, **_tokens(token))
        except KafkaError as error:
            raise Unreachable(f"{bootstrap}: {error}") from error

    def send(self, request: Any) -> Any:
        """One request to any broker, which forwards what the controller has to do (KRaft, KIP-590)."""
        manager = self._client._manager
        try:
            return manager.run(manager.send, request)
        except self._failure as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error

    def log_dirs(self, topics: list[str]) -> dict[str, dict[int, list[int]]]:
        """Bytes on disk of every replica, by topic and partition; a topic without an answer is left out."""
        try:
            brokers = self._client.describe_log_dirs(topics)
        except self._failure as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error
        sizes: dict[str, dict[int, list[int]]] = {}
        for directory in (found for broker in brokers for found in broker["log_dirs"]):
            for topic in directory["topics"]:
                own = sizes.setdefault(topic["name"], {})
                for partition in topic["partitions"]:
                    replicas = own.setdefault(partition["partition_index"], [])
                    replicas.append(partition["partition_size"])
        return sizes

    def close(self) -> None:
        self._client.close()


class LostAnswer(Failed):
    """The request went out and no answer came back: only reading can tell whether it took effect."""


def _tokens(token: Callable[[], tuple[str, float]] | None) -> dict[str, Any]:
    """The argument by which kafka-python asks for a bearer token, at every connection."""
    if token is None:
        return {}
    ask = token
    from kafka.net.sasl.oauth import AbstractTokenProvider

    class Tokens(AbstractTokenProvider):  # type: ignore[misc]  # kafka-python is untyped
        def token(self) -> str:
            return ask()[0]

    return {"sasl_oauth_token_provider": Tokens()}


def settings(bootstrap: str, properties: Mapping[str, str], timeout: float) -> dict[str, Any]:
    """librdkafka's property names as kafka-python's arguments."""
    protocol = _protocol(properties)
    wanted: dict[str, Any] = {
        "bootstrap_servers": bootstrap.split(","),
        "client_id": "kstate",
        "security_protocol": protocol,
        "request_timeout_ms": int(timeout * 1000),
        "bootstrap_timeout_ms": int(timeout * 1000),
    }
    if "SASL" in protocol:
        wanted["sasl_mechanism"] = _mechanism(properties)
        wanted["sasl_plain_username"] = properties.get("sasl.username")
        wanted["sasl_plain_password"] = properties.get("sasl.password")
    if "SSL" in protocol:
        wanted["ssl_context"] = tls(properties)
    return wanted


def tls(properties: Mapping[str, str]) -> ssl.SSLContext:
    """A context that verifies the broker as librdkafka does, with the client's certificate if there is one."""
    place = properties.get("ssl.ca.location", "probe")
    known = None if place == "probe" else place
    file, folder = (None, known) if known and Path(known).is_dir() else (known, None)
    context = ssl.create_default_context(
        cafile=file, capath=folder, cadata=properties.get("ssl.ca.pem")
    )
    # Python 3.13 asks for extensions that private authorities leave out, and librdkafka does not.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    # librdkafka's own switch for a broker whose name is not in its certificate; the chain is still verified.
    if properties.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if "ssl.certificate.location" in properties or "ssl.certificate.pem" in properties:
        _show_ourselves(context, properties)
    return context


def _show_ourselves(context: ssl.SSLContext, properties: Mapping[str, str]) -> None:
    """Load the client's certificate and key. Python reads them from files only, so PEM text is one for a moment."""
    with TemporaryDirectory(prefix="kstate-") as private:
        certificate, key = (_file(what, properties, private) for what in ("certificate", "key"))
        context.load_cert_chain(certificate or "", key, properties.get("ssl.key.password"))


def _file(what: str, properties: Mapping[str, str], private: str) -> str | None:
    text = properties.get(f"ssl.{what}.pem")
    if text is None:
        return properties.get(f"ssl.{what}.location")
    path = Path(private, what)
    path.write_text(text, encoding="utf-8")
    return str(path)
