"""When a sandbox can be used: asked of the brokers and the HTTP services themselves, never of their ports."""

from __future__ import annotations

import http.client
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from reconciler.errors import Failed, Unreachable
from reconciler.sandbox.process import Node
from reconciler.sandbox.shape import Cluster, Sandbox

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

PATIENCE = 90.0
_MECHANISMS = ("SCRAM_SHA_512", "SCRAM_SHA_256")
_ITERATIONS = 4096


class Died(Failed):
    """A process ended while it was waited for. `node` is the one."""

    def __init__(self, node: Node) -> None:
        self.node = node
        words = node.tail() or "it wrote nothing"
        super().__init__(
            f"{node.name} of the sandbox ended while starting:\n{words}", hint=f"log: {node.log}"
        )


def brokers(cluster: Cluster) -> None:
    """Wait until every broker of the cluster is listed. Raises Died or Unreachable."""
    admin = client(cluster.bootstrap)
    listed = partial(_answers, admin, brokers=len(cluster.nodes))
    _until(listed, cluster.nodes, what=f"Kafka at {cluster.bootstrap}")


def users(sandbox: Sandbox) -> None:
    """Make the SCRAM user on every cluster, and wait until each broker lets it in."""
    for cluster in sandbox.clusters:
        _make_user(cluster, sandbox.user, sandbox.password)
    for cluster in sandbox.clusters:
        for node in cluster.nodes:
            admin = client(f"127.0.0.1:{node.ports['SCRAM']}", **login(sandbox))
            what = f"the login of {sandbox.user} at {node.name}"
            _until(partial(_answers, admin, brokers=1), [node], what=what)


def connect(cluster: Cluster) -> None:
    """Wait until the Connect worker has joined its group and read its topics."""
    if node := cluster.connect:
        _until(lambda: _status(node.ports["http"], "/health") == 200, [node], what="Connect")


def registry(cluster: Cluster) -> None:
    """Wait until the registry says it is ready, and its API answers."""
    if node := cluster.registry:
        _until(lambda: _registry_answers(node), [node], what="the schema registry")


def login(sandbox: Sandbox, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
    """librdkafka properties of the sandbox's user on the SCRAM listener."""
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": sandbox.user,
        "sasl.password": sandbox.password,
    }


def client(bootstrap: str, **properties: Any) -> AdminClient:
    """An admin client that tries again at once and writes nothing to stderr. Use it as `client(b, **login(s))`."""
    from confluent_kafka.admin import AdminClient

    logger = logging.Logger("librdkafka")  # not registered: nothing else can turn it on
    logger.addHandler(logging.NullHandler())
    settings: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "reconnect.backoff.ms": 50,
        "reconnect.backoff.max.ms": 100,
        "log_level": 0,
        "error_cb": lambda _error: None,
        **properties,
    }
    return AdminClient(settings, logger=logger)


def _answers(admin: AdminClient, brokers: int) -> bool:
    """Whether the cluster answers, and lists at least so many brokers."""
    from confluent_kafka import KafkaException

    try:
        return len(admin.describe_cluster(request_timeout=2).result().nodes) >= brokers
    except KafkaException:
        return False


def _make_user(cluster: Cluster, user: str, password: str) -> None:
    admin = client(cluster.bootstrap)
    for mechanism in _MECHANISMS:
        refused: list[str] = []
        ask = partial(_alter, admin, (user, mechanism, password), refused)
        what = f"the SCRAM user {user} ({mechanism})"
        try:
            _until(ask, cluster.nodes, what=what, patience=20)
        except Unreachable as error:
            raise Failed(f"could not make {what}: {refused[-1]}", hint=error.hint) from error


def _alter(admin: AdminClient, credential: tuple[str, str, str], refused: list[str]) -> bool:
    """One credential a request: two of one user are refused together, even for two mechanisms."""
    from confluent_kafka import KafkaException
    from confluent_kafka import admin as kafka

    user, mechanism, password = credential
    info = kafka.ScramCredentialInfo(kafka.ScramMechanism[mechanism], _ITERATIONS)
    change = kafka.UserScramCredentialUpsertion(user, info, password.encode())
    try:
        for future in admin.alter_user_scram_credentials([change], request_timeout=5).values():
            future.result()
    except KafkaException as error:
        refused.append(error.args[0].str())
        return False
    return True


def _registry_answers(node: Node) -> bool:
    healthy = _status(node.ports["management"], "/health/ready") == 200
    return healthy and _status(node.ports["http"], "/apis/ccompat/v7/subjects") == 200


def _status(port: int, path: str) -> int:
    """The HTTP status, 0 for no answer. No proxy of the environment stands between us and loopback."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _until(
    ask: Callable[[], bool], nodes: Sequence[Node], *, what: str, patience: float = PATIENCE
) -> None:
    deadline = time.monotonic() + patience
    while not ask():
        for node in nodes:
            if node.pid() is None:
                raise Died(node)
        if time.monotonic() > deadline:
            words = "\n".join(node.tail() for node in nodes)
            logs = ", ".join(str(node.log) for node in nodes)
            raise Unreachable(
                f"{what} was not ready within {patience:.0f} s\n{words}", hint=f"log: {logs}"
            )
        time.sleep(0.05)
