"""A session on a cluster: who it is, and the client of each wire, opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from confluent_kafka.admin import AclOperation

from reconciler.clients import http
from reconciler.clients.kafka import Kafka
from reconciler.core.model import Body, Document, Path, Session, Target, nothing
from reconciler.errors import Failed
from reconciler.platforms import registry
from reconciler.secrets.references import resolve

# Makes the client of one wire: of a cluster that is logged in, or (Open) of anything that a platform knows.
Opener = Callable[[Kafka, Target], object]
Open = Callable[[], object]


@dataclass
class WireSession:
    """One cluster, however it is reached. `openers` make the client of each wire; what has a `close` is closed."""

    cluster: str
    cluster_id: str
    target: Target
    openers: Mapping[str, Open]
    facts: Body = field(default_factory=nothing)
    operations: frozenset[str] | None = None
    progress: Callable[[], Mapping[int, int]] = dict
    _open: dict[str, object] = field(default_factory=dict)
    _peers: dict[str, Session] = field(default_factory=dict)

    def secret(self, reference: str) -> str:
        return resolve(reference, self.target.root)

    def plain(self, reference: str) -> str:
        return resolve(reference, self.target.root, secret=False)

    def client(self, wire: str) -> object:
        if wire not in self.openers:
            raise Failed(f"cluster {self.cluster}: there is no {wire} here")
        if wire not in self._open:
            self._open[wire] = self.openers[wire]()
        return self._open[wire]

    def peer(self, name: str) -> Session:
        if name not in self._peers:
            if name not in self.target.peers:
                raise Failed(f"cluster {self.cluster}: nobody says where cluster {name} is")
            spec = self.target.peers[name]
            target = replace(self.target, name=name, spec=spec, peers={})
            self._peers[name] = registry.of(spec).login(target)
        return self._peers[name]

    def reached(self) -> Mapping[int, int]:
        return self.progress()

    def close(self) -> None:
        for peer in self._peers.values():
            peer.close()
        for client in {id(client): client for client in self._open.values()}.values():
            if hasattr(client, "close"):
                client.close()


def kafka_session(kafka: Kafka, openers: Mapping[str, Opener], target: Target) -> WireSession:
    """A session on a cluster that is reached by Kafka's own protocol."""
    bound: dict[str, Open] = {wire: partial(o, kafka, target) for wire, o in openers.items()}
    session = WireSession(
        target.name,
        kafka.cluster_id,
        target,
        bound,
        facts={"brokers": len(kafka.brokers)},
        operations=operations(kafka),
        progress=kafka.reached,
    )
    kafka.brake.waiting = target.waiting or kafka.brake.waiting
    # Open from the start, so that it is closed with the session whether or not anybody asks for it.
    session._open["kafka-admin"] = kafka
    return session


def operations(kafka: Kafka) -> frozenset[str] | None:
    """What a login may do on the cluster itself, in the words of ACLs; None where it may not even ask."""
    allowed = kafka.operations
    return None if allowed is None else frozenset(_word(operation) for operation in allowed)


def _word(operation: AclOperation) -> str:
    return operation.name.title().replace("_", "")


def same(kafka: Kafka, _target: Target) -> object:
    """Kafka's own protocol serves this wire."""
    return kafka


def registry_of(_kafka: Kafka, target: Target) -> object:
    """The schema registry that the Cluster document names."""
    return http.registry(target)


def connect_of(_kafka: Kafka, target: Target) -> object:
    """The Connect clusters that the Cluster document names."""
    return http.workers(target)


def needs_bootstrap(document: Document) -> Iterator[tuple[Path, str]]:
    """A platform without an API that tells where its brokers are has to be told."""
    if "bootstrap" not in document.spec:
        yield ("spec",), "the key `bootstrap` is missing"
