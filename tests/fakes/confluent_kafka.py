"""A Confluent Cloud cluster's Kafka endpoint: its login before a real broker, and its refusals.

The login is an API key, or a token of an identity pool. Behind it is the sandbox's broker. What the platform does
otherwise is altered on the way: the cluster id is `lkc-...`, every topic shows three replicas, only some settings are
taken (POLICY_VIOLATION), `delete` does not become `compact,delete`
(https://docs.confluent.io/cloud/current/topics/manage.html), and ACLs may be told by the accounts' integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from kafka.protocol import admin
from kafka.protocol.metadata import MetadataResponse

from tests.fakes.confluent_rest import EDITABLE, Cluster
from tests.fakes.front import Front, bearer, fronting, plain
from tests.live.proxy import HOST, Meddler, Request, encoded

POLICY_VIOLATION = 44
POLICY = "cleanup.policy"


@dataclass
class Endpoint:
    """`cluster` says which key is let in and which id is told; `pools` which identity pools."""

    upstream: int
    cluster: Cluster
    pools: set[str] = field(default_factory=set)
    tokens: list[str] = field(default_factory=list)

    def meddler(self) -> Meddler:
        return Meddler(forth=self._forth, back=self._back)

    def instead(self, request: Request) -> bytes | None:
        """The platform's own policy answers in the broker's place."""
        if request.api == "CreateTopics":
            return self._creations(request)
        if request.api == "IncrementalAlterConfigs":
            return self._alterations(request)
        return None

    def logs_in(self, user: str, password: str) -> bool:
        return (user, password) == (self.cluster.key, self.cluster.secret)

    def token(self, token: str, extensions: dict[str, str]) -> str | None:
        """A token that was issued, for this cluster and a pool of the organization."""
        wanted = {"logicalCluster": self.cluster.id}
        if token not in self.tokens or extensions.get("identityPoolId") not in self.pools:
            return '{"status":"invalid_token"}'
        return None if wanted.items() <= extensions.items() else '{"status":"invalid_cluster"}'

    # --- what it refuses

    def _creations(self, request: Request) -> bytes | None:
        asked = _decoded(admin.CreateTopicsRequest, request)
        wrong = {t.name: sorted({c.name for c in t.configs} - EDITABLE) for t in asked.topics}
        wrong = {name: names for name, names in wrong.items() if names}
        # The sandbox's one broker shows through, so kstate asks for one replica where it takes what there is.
        odd = {t.name for t in asked.topics if t.replication_factor not in (-1, 1, 3)}
        if not wrong and not odd:
            return None
        told = [(t.name, *_verdict(wrong.get(t.name, []), t.name in odd)) for t in asked.topics]
        results = [
            _result(admin.CreateTopicsResponse, "CreatableTopicResult", request.version, *one)
            for one in told
        ]
        return _framed(admin.CreateTopicsResponse(throttle_time_ms=0, topics=results), request)

    def _alterations(self, request: Request) -> bytes | None:
        asked = _decoded(admin.IncrementalAlterConfigsRequest, request)
        told = [(r, self._told(r)) for r in asked.resources]
        if not any(words for _, words in told):
            return None
        kind = admin.IncrementalAlterConfigsResponse
        responses = [
            kind.AlterConfigsResourceResponse(
                error_code=POLICY_VIOLATION if words else 0,
                error_message=words or None,
                resource_type=r.resource_type,
                resource_name=r.resource_name,
                version=request.version,
            )
            for r, words in told
        ]
        return _framed(kind(throttle_time_ms=0, responses=responses), request)

    def _told(self, resource: Any) -> str:
        wanted = {config.name: config.value for config in resource.configs}
        if wrong := sorted(wanted.keys() - EDITABLE):
            return f"Altering topic config property '{wrong[0]}' is disallowed"
        if (
            wanted.get(POLICY) == "compact,delete"
            and self._policy(resource.resource_name) == "delete"
        ):
            return "cleanup.policy cannot be changed from delete to compact,delete directly"
        return ""

    def _policy(self, topic: str) -> str:
        broker = AdminClient({"bootstrap.servers": f"{HOST}:{self.upstream}", "log_level": 0})
        [found] = broker.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        return str(found.result(10)[POLICY].value)

    # --- what it alters on the way

    def _forth(self, request: Request) -> bytes:
        """Three replicas are asked for, and the sandbox has one broker."""
        if request.api != "CreateTopics":
            return request.frame
        asked = _decoded(admin.CreateTopicsRequest, request)
        for topic in asked.topics:
            topic.replication_factor = -1
        return encoded(asked)

    def _back(self, request: Request, answer: bytes) -> bytes:
        kinds: dict[str, tuple[Any, Callable[[Any], None]]] = {
            "Metadata": (MetadataResponse, self._metadata),
            "DescribeCluster": (admin.DescribeClusterResponse, self._identity),
            "DescribeAcls": (admin.DescribeAclsResponse, self._principals),
        }
        if request.api not in kinds:
            return answer
        kind, alter = kinds[request.api]
        found = kind.decode(answer, version=request.version, header=True, framed=True)
        alter(found)
        return encoded(found)

    def _identity(self, answer: Any) -> None:
        answer.cluster_id = self.cluster.id

    def _metadata(self, answer: Any) -> None:
        self._identity(answer)
        for topic in answer.topics or ():
            for partition in topic.partitions:
                partition.replica_nodes = list(partition.replica_nodes) * 3

    def _principals(self, answer: Any) -> None:
        for resource in answer.resources:
            for acl in resource.acls:
                acl.principal = self.cluster.number(acl.principal)


def _verdict(names: list[str], odd: bool) -> tuple[int, str | None]:
    if names:
        return POLICY_VIOLATION, f"Config property '{names[0]}' is not allowed to be modified"
    return (
        (POLICY_VIOLATION, "Topic replication factor must be 3")
        if odd
        else (POLICY_VIOLATION, None)
    )


def _result(kind: Any, name: str, version: int, topic: str, code: int, words: str | None) -> Any:
    return getattr(kind, name)(name=topic, error_code=code, error_message=words, version=version)


def _decoded(kind: Any, request: Request) -> Any:
    return kind.decode(request.frame, version=request.version, header=True, framed=True)


def _framed(message: Any, request: Request) -> bytes:
    message.API_VERSION = request.version  # before there is a header, which has no place for it
    message.with_header(correlation_id=request.correlation)
    return encoded(message)


@contextmanager
def endpoint(
    upstream: int, cluster: Cluster, tls: Any = None, **more: Any
) -> Iterator[tuple[Endpoint, Front]]:
    """The endpoint before the broker's port, as long as the block lasts."""
    found = Endpoint(upstream, cluster)
    mechanisms = {"PLAIN": plain(found.logs_in), "OAUTHBEARER": bearer(found.token)}
    with fronting(upstream, mechanisms, tls, instead=found.instead, **more) as front:
        front.meddler = found.meddler()
        yield found, front
