"""What a broker, a Connect worker and a registry are told: the options and the ports in, their settings out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.sandbox.shape import USER, Cluster, Options

HOST = "127.0.0.1"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
_CONVERTER = "org.apache.kafka.connect.json.JsonConverter"
_PROVIDERS = "org.apache.kafka.common.config.provider."


def broker(cluster: Cluster, index: int, options: Options) -> dict[str, str]:
    """`server.properties` of one broker; the first of a cluster is its controller too."""
    node = cluster.nodes[index]
    controller = cluster.nodes[0].ports["CONTROLLER"]
    roles = "broker,controller" if index == 0 else "broker"
    return {
        "process.roles": roles,
        "node.id": str(index + 1),
        "controller.quorum.bootstrap.servers": f"{HOST}:{controller}",
        "log.dirs": str(node.folder / "data"),
        **_listeners(node.ports, options),
        **_replicas(len(cluster.nodes)),
        **_SMALL,
        **(_AUTHORIZER if options.authorizer else {}),
        **options.properties,
    }


def _listeners(ports: Mapping[str, int], options: Options) -> dict[str, str]:
    protocols = {"PLAIN": "PLAINTEXT", "SCRAM": "SASL_PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
    protocols |= {listener.name: listener.protocol for listener in options.listeners}
    urls = {name: f"{name}://{HOST}:{port}" for name, port in ports.items()}
    settings = {
        "listeners": ",".join(urls.values()),
        "advertised.listeners": ",".join(u for name, u in urls.items() if name != "CONTROLLER"),
        "listener.security.protocol.map": ",".join(f"{n}:{p}" for n, p in protocols.items()),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAIN",
        "listener.name.scram.sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256",
        "listener.name.scram.scram-sha-512.sasl.jaas.config": _SCRAM,
        "listener.name.scram.scram-sha-256.sasl.jaas.config": _SCRAM,
    }
    for listener in options.listeners:
        prefix = f"listener.name.{listener.name.lower()}."
        settings |= {prefix + key: value for key, value in listener.properties.items()}
    return settings


def _replicas(brokers: int) -> dict[str, str]:
    """Internal topics get as many replicas as there can be, and may lose one where there are three."""
    replicas, in_sync = str(min(3, brokers)), str(max(1, min(3, brokers) - 1))
    return {
        "offsets.topic.replication.factor": replicas,
        "transaction.state.log.replication.factor": replicas,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": replicas,
        "share.coordinator.state.topic.min.isr": in_sync,
    }


_AUTHORIZER = {
    "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    "super.users": f"User:ANONYMOUS;User:{USER}",
}
# Little memory, few internal partitions, nothing by itself, and a killed broker back in seconds.
_SMALL = {
    "auto.create.topics.enable": "false",
    "num.partitions": "1",
    "log.cleaner.dedupe.buffer.size": "2097152",
    "log.cleaner.threads": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.num.partitions": "4",
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
}


def connect(cluster: Cluster, readable: Path) -> dict[str, str]:
    """A distributed worker attached to the cluster; `${file:...}` reads only below `readable`."""
    replicas = str(min(3, len(cluster.nodes)))
    port = cluster.connect.ports["http"] if cluster.connect else 0
    settings = {
        "bootstrap.servers": cluster.bootstrap,
        "group.id": "kstate-sandbox-connect",
        "listeners": f"http://{HOST}:{port}",
        "rest.advertised.host.name": HOST,
        "key.converter": _CONVERTER,
        "value.converter": _CONVERTER,
        "offset.storage.partitions": "4",
        "status.storage.partitions": "2",
        "offset.flush.interval.ms": "5000",
        "plugin.discovery": "service_load",
        "config.providers": "file,env",
        "config.providers.file.class": f"{_PROVIDERS}FileConfigProvider",
        "config.providers.file.param.allowed.paths": str(readable),
        "config.providers.env.class": f"{_PROVIDERS}EnvVarConfigProvider",
        # A killed worker that is started again takes its tasks back at once, not after five minutes.
        "scheduled.rebalance.max.delay.ms": "0",
        "session.timeout.ms": "3000",
        "heartbeat.interval.ms": "1000",
    }
    for storage in ("config", "offset", "status"):
        settings[f"{storage}.storage.topic"] = f"connect-{storage}"
        settings[f"{storage}.storage.replication.factor"] = replicas
    return settings


def registry(ports: Mapping[str, int]) -> list[str]:
    """System properties of the registry; its management interface would be open to the network otherwise."""
    return [
        f"-Dquarkus.http.host={HOST}",
        f"-Dquarkus.http.port={ports['http']}",
        f"-Dquarkus.management.host={HOST}",
        f"-Dquarkus.management.port={ports['management']}",
        "-Dquarkus.log.level=WARN",
        "-Dquarkus.banner.enabled=false",
    ]


def render(settings: Mapping[str, str]) -> str:
    """A Java properties file: backslashes and line ends in values kept as they are."""
    return "".join(f"{key}={_escape(value)}\n" for key, value in settings.items())


def _escape(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    return f"\\{escaped}" if escaped.startswith((" ", "\t")) else escaped
