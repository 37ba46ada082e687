"""A Kafka cluster's admin protocol: a login that fails in clear words, and every answer looked at."""

from __future__ import annotations

import logging
import shlex
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclOperation, AdminClient, DescribeClusterResult

from reconciler.clients.lean import Bearer, Lean, why_not
from reconciler.clients.refusal import explain, hopeless, unusable
from reconciler.core.model import Risk
from reconciler.errors import Failed, LoginFailed, ServerRefused, Unreachable

# The request went out, or may have, and nothing came back: only reading back tells what happened.
LOST = frozenset(
    {
        KafkaError._TIMED_OUT,
        KafkaError._TRANSPORT,
        KafkaError._DESTROY,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
    }
)
DENIED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)
# What an authorizer is asked for (Kafka documentation, "Authorization primitives", by protocol).
NEEDS = {"DescribeTopics": "Describe", "DescribeConfigs": "DescribeConfigs"}
# Stands for a principal that the login does not tell.
THIS_LOGIN = "User:THIS_LOGIN"
# Requests go to the controller by the metadata of the start, and librdkafka waits for a dead one until the request
# times out (measured); only refreshing all topics asks again, as it has no topics of its own.
LOOK_AGAIN = {"topic.metadata.refresh.interval.ms": 3000, "topic.metadata.refresh.sparse": False}


# A bearer token, and when it ends in seconds since the epoch; as Bearer with SASL extensions.
Token = Callable[[], tuple[str, float] | Bearer]


class _Silent(logging.Handler):
    """librdkafka's own lines never reach a user's screen; what matters in them comes back as errors."""

    def emit(self, record: logging.LogRecord) -> None: ...


def _silent_logger() -> logging.Logger:
    logger = logging.Logger("librdkafka")  # not registered: nothing else can turn it on
    logger.addHandler(_Silent())
    return logger


def _unheard(_seconds: float) -> None: ...


@dataclass
class Brake:
    """How long a broker holds back what we ask it next: after its answer it reads nothing more (KIP-219, KIP-599).

    A quota that is overdrawn comes as a delay of the following request, whatever that is, and not as an error to this
    one; so it is waited out here, before anything else is sent and runs into its timeout. `waiting` hears the seconds.
    """

    until: float = 0.0
    waiting: Callable[[float], None] = _unheard

    def told(self, event: Any) -> None:
        """librdkafka's `throttle_cb`."""
        self.until = max(self.until, time.monotonic() + float(event.throttle_time))

    def wait(self) -> None:
        left = self.until - time.monotonic()
        if left > 0:
            self.waiting(left)
            time.sleep(left)


@dataclass
class Kafka:
    """One cluster, logged in. `operations` are what this login may do on the cluster itself, None when hidden.

    `reserved` are topic settings that the platform sees to and takes from nobody. `keyed`: what is logged in with is a
    key that stands for an account, and no name.
    """

    admin: AdminClient
    bootstrap: str
    properties: Mapping[str, str]
    timeout: float
    cluster_id: str
    brokers: tuple[int, ...]
    operations: frozenset[AclOperation] | None = field(default=None)
    token: Token | None = field(default=None)
    reserved: frozenset[str] = frozenset()
    keyed: bool = False
    brake: Brake = field(default_factory=Brake)
    _lean: Lean | None = field(default=None, repr=False)
    _opening: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def lean(self) -> Lean:
        """kafka-python with the same login, opened once. Raises Failed when it does not know that login."""
        with self._opening:  # of this cluster alone: others connect at the same time
            if self._lean is None:
                if reason := self.lean_lacks:
                    raise Failed(reason)
                self._lean = Lean(self.bootstrap, self.properties, self.timeout, self.token)
            return self._lean

    @property
    def lean_is_open(self) -> bool:
        """Whether its price has been paid already: importing and connecting costs 0.1 s (measured)."""
        return self._lean is not None

    @property
    def principal(self) -> str:
        """Who we are to the authorizer, as far as the login tells: empty for certificates, tokens, keys, Kerberos."""
        protocol = self.properties.get("security.protocol", "PLAINTEXT").upper()
        if protocol == "PLAINTEXT":
            return "User:ANONYMOUS"
        name = self.properties.get("sasl.username", "")
        return f"User:{name}" if name and protocol.startswith("SASL") and not self.keyed else ""

    @property
    def has_lean(self) -> bool:
        return not self.lean_lacks

    @property
    def lean_lacks(self) -> str:
        """Why there is no lean client with this login; empty when there is one."""
        return why_not(self.properties, tokens=self.token is not None)

    def reached(self) -> dict[int, int]:
        """How far each of several brokers is; empty where one answers for all, or this login cannot ask."""
        return self.lean.reached(self.brokers) if len(self.brokers) > 1 and self.has_lean else {}

    @property
    def login(self) -> dict[str, Any]:
        """What any further client of librdkafka needs to log in to the same cluster."""
        return {**self.properties, **_tokens(self.token), "bootstrap.servers": self.bootstrap}

    def rest(self) -> None:
        """After what counts against a quota of the cluster: as long as it holds us back for that."""
        self.admin.poll(0)  # calls `throttle_cb`
        self.brake.wait()

    def close(self) -> None:
        if self._lean is not None:
            self._lean.close()


def _tokens(token: Token | None) -> dict[str, Any]:
    return {} if token is None else {"oauth_cb": lambda _config: _bearer(token)}


def _bearer(token: Token) -> tuple[Any, ...]:
    """What librdkafka's callback gives: with extensions also a principal, which nobody looks at."""
    text, end, extensions = Bearer(*token())
    return (text, end, "", dict(extensions)) if extensions else (text, end)


def login(
    name: str,
    bootstrap: str,
    properties: Mapping[str, str],
    timeout: float,
    token: Token | None = None,
) -> Kafka:
    """Connect, prove that the cluster answers, and learn its id, brokers and our rights; within `timeout` seconds.

    `token` gives a bearer token and when it ends, in seconds since the epoch; librdkafka asks again in time.
    Raises LoginFailed for refused credentials or certificates as soon as the broker says so, Unreachable otherwise.
    """
    seen: list[KafkaError] = []
    brake = Brake()
    admin = _client(name, bootstrap, {**properties, **_tokens(token)}, seen, brake)
    answer = _describe(admin, seen, time.monotonic() + timeout)
    if isinstance(answer, DescribeClusterResult):
        nodes = tuple(sorted(node.id for node in answer.nodes))
        found = (str(answer.cluster_id), nodes, _rights(answer), token)
        return Kafka(admin, bootstrap, properties, timeout, *found, brake=brake)
    raise explain(name, {**properties, "bootstrap.servers": bootstrap}, seen, timeout)


def _rights(answer: DescribeClusterResult) -> frozenset[AclOperation] | None:
    # Annotated as a list, but None when this login may not describe the cluster (measured).
    allowed: list[Any] | None = answer.authorized_operations
    return None if allowed is None else frozenset(AclOperation(op) for op in allowed)


def _client(
    name: str, bootstrap: str, properties: Mapping[str, Any], seen: list[KafkaError], brake: Brake
) -> AdminClient:
    if why := unusable(properties):
        raise LoginFailed(f"cluster {name}: {why}")
    settings: dict[str, Any] = {
        "client.id": "kstate",
        "socket.connection.setup.timeout.ms": 5000,
        "reconnect.backoff.max.ms": 1000,
        **LOOK_AGAIN,
        **properties,
        "bootstrap.servers": bootstrap,
        "log_level": 0,
        "error_cb": seen.append,
        "throttle_cb": brake.told,
    }
    try:
        return AdminClient(settings, logger=_silent_logger())
    except (KafkaException, TypeError, ValueError) as error:
        raise LoginFailed(f"cluster {name}: {reason(error)}") from error


def _describe(
    admin: AdminClient, seen: list[KafkaError], end: float
) -> DescribeClusterResult | None:
    """Ask until it answers. librdkafka says why a login fails only to `error_cb`, and calls that only in poll()."""
    while (left := end - time.monotonic()) > 0:
        asked = admin.describe_cluster(
            include_authorized_operations=True, request_timeout=max(0.1, min(left, 3.0))
        )
        while not asked.done():
            admin.poll(0.02)
            if any(hopeless(error) for error in seen):
                return None
        if asked.exception() is None:
            found: DescribeClusterResult = asked.result()
            return found
    return None


def reason(error: BaseException) -> str:
    """The server's own words. Authorizer dumps of hundreds of characters are cut to their last sentence."""
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else error
    if not isinstance(inner, KafkaError):
        return str(inner)
    text = " ".join(inner.str().split())
    if inner.code() in DENIED and len(text) > 200:
        text = "..." + text.rstrip(".").rpartition(". ")[2].rpartition(" needs ")[2]
        text = f"not authorized: needs {text.lstrip('.')}"
    return f"{inner.name()}: {text}"


def code(error: BaseException) -> int:
    """Kafka's error number of an exception, 0 for anything else."""
    inner = error.args[0] if isinstance(error, KafkaException) and error.args else None
    return inner.code() if isinstance(inner, KafkaError) else 0


def answer(future: Future[Any], timeout: float) -> Any:
    """What a future brings, or the exception it ended with; never raises for what the server said."""
    try:
        return future.result(timeout + 5)
    except (KafkaException, TimeoutError) as error:
        return error


def refused(what: str, error: BaseException, who: str = "") -> Failed:
    """A failed read as an error that names the operation, in the server's words. `who`: the principal, if known."""
    if code(error) in LOST:
        return Unreachable(f"{what}: {reason(error)}")
    return ServerRefused(f"{what}: {reason(error)}", hint=_grant(what, error, who))


def _grant(what: str, error: BaseException, who: str) -> str:
    """The missing right as a command, from `REQUEST on topic NAME`."""
    request, _, resource = what.partition(" on ")
    if code(error) not in DENIED or request not in NEEDS:
        return (
            "`kstate doctor` prints the rights this login needs." if code(error) in DENIED else ""
        )
    kind, _, name = resource.partition(" ")
    place = f"--topic {name}" if kind == "topic" else "--cluster"
    add = f"kafka-acls --add --allow-principal {shlex.quote(who or THIS_LOGIN)}"
    return f"grant it: {add} --operation {NEEDS[request]} {place}"


def opinion(about: object, error: BaseException) -> Risk:
    """What a server said when it was asked whether it would do something, as a risk of doing it."""
    if code(error) in DENIED:
        return Risk("KS101", f"not vetted: {reason(error)}")
    if code(error) in LOST:
        raise refused(f"vetting {about}", error)
    return Risk("KS903", f"the broker refuses: {reason(error)}")


def batches(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The items in order, at most `size` at a time."""
    return (items[at : at + size] for at in range(0, len(items), size))
