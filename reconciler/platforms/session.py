"""A session on any cluster that is reached by Kafka's own protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from confluent_kafka.admin import AclOperation

from reconciler.clients.kafka import Kafka
from reconciler.core.model import Body, Session, Target
from reconciler.errors import Failed
from reconciler.platforms import registry
from reconciler.secrets.references import resolve

Opener = Callable[[Kafka, Target], object]


def _word(operation: AclOperation) -> str:
    return operation.name.title().replace("_", "")


@dataclass
class KafkaSession:
    """One cluster, logged in. `openers` make the client of each wire when it is first asked for."""

    cluster: str
    kafka: Kafka
    openers: Mapping[str, Opener]
    target: Target
    _open: dict[str, object] = field(default_factory=dict)
    _peers: dict[str, Session] = field(default_factory=dict)

    @property
    def cluster_id(self) -> str:
        return self.kafka.cluster_id

    @property
    def facts(self) -> Body:
        return {"brokers": len(self.kafka.brokers)}

    @property
    def operations(self) -> frozenset[str] | None:
        allowed = self.kafka.operations
        return None if allowed is None else frozenset(_word(operation) for operation in allowed)

    def secret(self, reference: str) -> str:
        return resolve(reference, self.target.root)

    def plain(self, reference: str) -> str:
        return resolve(reference, self.target.root, secret=False)

    def client(self, wire: str) -> object:
        if wire not in self.openers:
            raise Failed(f"cluster {self.cluster}: there is no {wire} here")
        if wire not in self._open:
            self._open[wire] = self.openers[wire](self.kafka, self.target)
        return self._open[wire]

    def peer(self, name: str) -> Session:
        if name not in self._peers:
            if name not in self.target.peers:
                raise Failed(f"cluster {self.cluster}: nobody says where cluster {name} is")
            spec = self.target.peers[name]
            target = replace(self.target, name=name, spec=spec, peers={})
            self._peers[name] = registry.load(str(spec["platform"])).login(target)
        return self._peers[name]

    def close(self) -> None:
        for peer in self._peers.values():
            peer.close()
        for client in self._open.values():
            if client is not self.kafka and hasattr(client, "close"):
                client.close()
        self.kafka.close()
