"""The few calls librdkafka lacks or makes expensive, over kafka-python; its private transport is wrapped only here."""

from __future__ import annotations

import importlib
import logging
import ssl
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from types import MappingProxyType
from typing import Any, NamedTuple

from reconciler.clients.replies import Reply
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
# Requests under way at once: a broker answers those of a connection one after the other, so this only has to be enough
# for the next one to be there when it is done.
UNDER_WAY = 4


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


_IMPORTING = threading.RLock()


def module(name: str) -> Any:
    """A module of kafka-python. Its modules import each other in circles, which two threads at once get stuck in."""
    with _IMPORTING:
        return importlib.import_module(name)


class Lean:
    """One connection pool of kafka-python. `send` returns the decoded reply, errors still inside."""

    def __init__(
        self,
        bootstrap: str,
        properties: Mapping[str, str],
        timeout: float,
        token: Callable[[], tuple[str, float] | Bearer] | None = None,
    ) -> None:
        logging.getLogger("kafka").setLevel(logging.CRITICAL + 1)
        self._failure = module("kafka.errors").KafkaError
        try:
            found = settings(bootstrap, properties, timeout)
            self._client = module("kafka.admin").KafkaAdminClient(**found, **_tokens(token))
        except self._failure as error:
            raise Unreachable(f"{bootstrap}: {error}") from error

    def send(self, request: Any, patience: float | None = None) -> Any:
        """One request to any broker, which forwards what the controller has to do (KRaft, KIP-590).

        `patience` is in seconds, where the timeout for one answer is not enough.
        """
        manager = self._client._manager
        milliseconds = None if patience is None else int(patience * 1000)
        try:
            return manager.run(lambda: manager.send(request, request_timeout_ms=milliseconds))
        except self._failure as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error

    def raw(self, request: Any, patience: float | None = None) -> Reply:
        """The same, its reply as it came: large ones are decoded in `replies`, and by whoever wants them."""
        answer: Reply = self.send(_Undecoded(request), patience)
        return answer

    def each(self, requests: Sequence[Any], patience: float | None = None) -> Iterator[Reply]:
        """The raw replies to many requests in their order, the next ones under way while one is looked at."""
        with ThreadPoolExecutor(UNDER_WAY) as pool:
            waiting = deque(pool.submit(self.raw, r, patience) for r in requests[:UNDER_WAY])
            for request in (*requests[UNDER_WAY:], *[None] * len(waiting)):
                reply = waiting.popleft().result()
                if request is not None:
                    waiting.append(pool.submit(self.raw, request, patience))
                yield reply

    def speaks(self, api: int, version: int) -> bool:
        """Whether the cluster knows a request, by Kafka's number, in this version."""
        known = self._client._manager.broker_version_data.api_versions
        low, high = known.get(api, (0, -1))
        return bool(low <= version <= high)

    def reached(self, nodes: Sequence[int]) -> dict[int, int]:
        """How far each broker has come in the controller's log; one that does not answer, or does not say, is left out.

        A KRaft broker tells it as the epoch of its features (KIP-584): the offset of what it has published last, which
        it begins to tell when it begins to publish it (KRaftMetadataCache.features, measured on 4.3.1).
        """
        with ThreadPoolExecutor(UNDER_WAY) as pool:
            found = zip(nodes, pool.map(self._epoch, nodes), strict=True)
            return {node: epoch for node, epoch in found if epoch is not None and epoch >= 0}

    def _epoch(self, node: int) -> int | None:
        """Of the version that has it, and nothing newer. What a broker cannot take it answers with another version."""
        ask = module("kafka.protocol.metadata").ApiVersionsRequest
        request = ask(client_software_name="kstate", client_software_version="1", min_version=3)
        manager = self._client._manager
        with suppress(self._failure):
            reply = manager.run(lambda: manager.send(request, node_id=node))
            return getattr(reply, "finalized_features_epoch", None)
        return None

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

    def versions(self, nodes: Iterable[int]) -> dict[int, str]:
        """The Kafka that each broker speaks, as far as the requests it knows tell: `4.3`."""
        try:
            return {
                node: str(self._client.get_broker_version_data(node).broker_version_str)
                for node in nodes
            }
        except self._failure as error:
            raise LostAnswer(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        self._client.close()


class _Undecoded:
    """A request of kafka-python whose reply comes back as bytes: it asks the request's header what to do with them."""

    def __init__(self, request: Any) -> None:
        self._request = request

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    @property
    def API_VERSION(self) -> int | None:  # noqa: N802  # kafka-python's name
        version: int | None = self._request.API_VERSION
        return version

    @API_VERSION.setter
    def API_VERSION(self, version: int) -> None:  # noqa: N802
        self._request.API_VERSION = version

    @property
    def header(self) -> _Header:
        return _Header(self._request.header)


class _Header:
    """Stands for the header of a request under way, and for the class of its reply."""

    def __init__(self, header: Any) -> None:
        self.correlation_id = header.correlation_id
        self._version = header.request_api_version
        self._class = header.get_response_class()

    def get_response_class(self) -> _Header:
        return self

    def parse_header(self, data: Any) -> Any:
        return self._class.parse_header(data)

    def decode(self, data: Any) -> Reply:
        return Reply(self._version, data.read())


class LostAnswer(Failed):
    """The request went out and no answer came back: only reading can tell whether it took effect."""


class Bearer(NamedTuple):
    """A bearer token, its end in seconds since the epoch, and the SASL extensions that go along (KIP-342)."""

    token: str
    end: float
    extensions: Mapping[str, str] = MappingProxyType({})


def _tokens(token: Callable[[], tuple[str, float] | Bearer] | None) -> dict[str, Any]:
    """The argument by which kafka-python asks for a bearer token, at every connection."""
    if token is None:
        return {}
    ask = token

    class Tokens(module("kafka.net.sasl.oauth").AbstractTokenProvider):  # type: ignore[misc]  # untyped
        def token(self) -> str:
            return ask()[0]

        def extensions(self) -> dict[str, str]:
            return dict(Bearer(*ask()).extensions)

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
