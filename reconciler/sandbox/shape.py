"""The shape of a sandbox: what was asked for, and the clusters and processes that answer to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.errors import BadUsage
from reconciler.sandbox.process import Node

KAFKA = "4.3.1"
EXTRAS = frozenset({"registry", "connect"})
USER = "admin"

# It becomes a folder and stands in process lists.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_VERSION = re.compile(r"(\d+)\.(\d+)\.\d+")
_OLDEST = (
    3,
    9,
)  # the first that formats a dynamic quorum (KIP-853), which is how brokers find their controller


@dataclass(frozen=True, slots=True)
class Listener:
    """One more listener on every broker, beside PLAIN, SCRAM and CONTROLLER.

    `protocol` is Kafka's (`SSL`, `SASL_SSL`, ...). `properties` are written as `listener.name.<name>.<key>`.
    """

    name: str
    protocol: str
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What to start. `properties` go to every broker and win over the sandbox's own.

    `password` is that of the SCRAM user `admin`; empty means a random one. `environment` is for Connect, whose
    connectors may refer to it as `${env:NAME}`. `flags` go to every broker's Java.
    """

    name: str = "default"
    brokers: int = 1
    clusters: int = 1
    extras: frozenset[str] = frozenset()
    kafka: str = KAFKA
    password: str = field(default="", repr=False)
    authorizer: bool = True
    properties: Mapping[str, str] = field(default_factory=dict)
    listeners: tuple[Listener, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Cluster:
    """One Kafka cluster. `listeners` gives the bootstrap servers by listener name; an absent URL is empty.

    `nodes` are its brokers, of which the first is the controller as well.
    """

    number: int
    nodes: tuple[Node, ...]
    listeners: Mapping[str, str]
    connect: Node | None = None
    registry: Node | None = None

    @property
    def bootstrap(self) -> str:
        """Without a login; such a client is `User:ANONYMOUS`, a super user here."""
        return self.listeners["PLAIN"]

    @property
    def scram_bootstrap(self) -> str:
        return self.listeners["SCRAM"]

    @property
    def connect_url(self) -> str:
        return f"http://127.0.0.1:{self.connect.ports['http']}" if self.connect else ""

    @property
    def registry_url(self) -> str:
        """The Confluent-compatible API. One registry serves the whole sandbox: the first cluster has it."""
        return (
            f"http://127.0.0.1:{self.registry.ports['http']}/apis/ccompat/v7"
            if self.registry
            else ""
        )


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A whole sandbox: its clusters, and the login of its one SCRAM user."""

    options: Options
    clusters: tuple[Cluster, ...]

    @property
    def user(self) -> str:
        return USER

    @property
    def password(self) -> str:
        return self.options.password

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Every process, brokers first."""
        brokers = [node for cluster in self.clusters for node in cluster.nodes]
        others = [n for c in self.clusters for n in (c.registry, c.connect) if n is not None]
        return (*brokers, *others)

    @property
    def missing(self) -> tuple[Node, ...]:
        """The processes that should run and do not."""
        return tuple(node for node in self.nodes if node.pid() is None)


def check(options: Options) -> None:
    """Raises BadUsage for what cannot be started."""
    if not _NAME.fullmatch(options.name):
        raise BadUsage(f"--name {options.name}: letters, digits, dot, dash and underscore only")
    if not 1 <= options.brokers <= 9:
        raise BadUsage(f"--brokers {options.brokers}: expected 1 to 9")
    if not 1 <= options.clusters <= 9:
        raise BadUsage(f"--clusters {options.clusters}: expected 1 to 9")
    if unknown := sorted(options.extras - EXTRAS):
        raise BadUsage(f"--with {','.join(unknown)}: there is {', '.join(sorted(EXTRAS))}")
    _check_version(options.kafka)


def _check_version(version: str) -> None:
    found = _VERSION.fullmatch(version)
    if not found:
        raise BadUsage(f"--kafka {version}: expected a release such as {KAFKA}")
    if (int(found[1]), int(found[2])) < _OLDEST:
        raise BadUsage(f"--kafka {version}: the sandbox runs 3.9.0 and newer")
