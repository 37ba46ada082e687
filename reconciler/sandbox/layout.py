"""A sandbox on paper and then on disk: options in, every name, port and file out; nothing is started."""

from __future__ import annotations

import base64
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.sandbox import java, nodes, ports
from reconciler.sandbox.paths import make_private, write_private
from reconciler.sandbox.process import Node
from reconciler.sandbox.shape import Cluster, Options, Sandbox


@dataclass(frozen=True, slots=True)
class Programs:
    """The jars that run it: Kafka's class path, and the registry's jar where one is wanted."""

    kafka: Sequence[Path]
    registry: Path | None = None


def draw(options: Options, folder: Path) -> Sandbox:
    """Names, folders and free ports of everything there will be, and a password if none was given."""
    password = options.password or secrets.token_urlsafe(18)
    numbers = range(1, options.clusters + 1)
    with ports.reserved() as take:
        clusters = [_draw_cluster(number, options, folder / "nodes", take) for number in numbers]
    return Sandbox(replace(options, password=password), tuple(clusters))


def _draw_cluster(number: int, options: Options, folder: Path, take: Callable[[], int]) -> Cluster:
    prefix = "" if number == 1 else f"{number}-"
    names = ["PLAIN", "SCRAM", *(listener.name for listener in options.listeners)]

    def node(name: str, wanted: Sequence[str], extra: Mapping[str, str] | None = None) -> Node:
        chosen = {port: take() for port in wanted}
        return Node(prefix + name, folder / (prefix + name), chosen, java.environment(extra or {}))

    controller = node("broker-1", [*names, "CONTROLLER"])
    others = (node(f"broker-{index}", names) for index in range(2, options.brokers + 1))
    brokers = (controller, *others)
    connect = registry = None
    if "connect" in options.extras:
        connect = node("connect", ["http"], options.environment)
    if "registry" in options.extras and number == 1:
        registry = node("registry", ["http", "management"])
    listeners = {n: ",".join(f"{nodes.HOST}:{b.ports[n]}" for b in brokers) for n in names}
    return Cluster(number, brokers, listeners, connect, registry)


def write(sandbox: Sandbox, folder: Path, programs: Programs) -> None:
    """Every file of every process."""
    shared = [folder / name for name in ("logs", "files", "nodes")]
    for private in (*shared, *(node.folder for node in sandbox.nodes)):
        make_private(private)
    write_private(_logging(folder), java.LOGGING)
    for cluster in sandbox.clusters:
        _write_brokers(cluster, sandbox.options, programs)
        if cluster.connect:
            _write_connect(cluster, cluster.connect, folder, programs)
        if cluster.registry and programs.registry:
            flags = ["-Xmx256m", *nodes.registry(cluster.registry.ports)]
            java.write_arguments(cluster.registry.arguments, java.jar(programs.registry, flags))


def _write_brokers(cluster: Cluster, options: Options, programs: Programs) -> None:
    identity = _cluster_id()
    for index, node in enumerate(cluster.nodes):
        file = node.folder / "server.properties"
        write_private(file, nodes.render(nodes.broker(cluster, index, options)))
        quorum = "--standalone" if index == 0 else "--no-initial-controllers"
        tool = ["kafka.tools.StorageTool", "format", "-t", identity, "-c", str(file), quorum]
        flags = _flags(node)
        java.write_arguments(node.folder / "format.args", java.on(programs.kafka, flags, tool))
        broker = ["kafka.Kafka", str(file)]
        arguments = java.on(programs.kafka, [*flags, *options.flags], broker)
        java.write_arguments(node.arguments, arguments)


def _write_connect(cluster: Cluster, node: Node, folder: Path, programs: Programs) -> None:
    file = node.folder / "connect.properties"
    write_private(file, nodes.render(nodes.connect(cluster, folder / "files")))
    main = ["org.apache.kafka.connect.cli.ConnectDistributed", str(file)]
    java.write_arguments(node.arguments, java.on(programs.kafka, _flags(node), main))


def _flags(node: Node) -> list[str]:
    return [
        "-Xmx192m",
        f"-Dlog4j2.configurationFile={_logging(node.folder.parent.parent)}",
        f"-XX:ErrorFile={node.log.with_suffix('.crash')}",
    ]


def _logging(folder: Path) -> Path:
    return folder / "nodes" / "log4j2.properties"


def _cluster_id() -> str:
    """22 characters, base64url of a UUID; no dash in front, which the tool would take for an option."""
    while True:
        found = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not found.startswith("-"):
            return found
