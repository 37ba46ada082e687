"""ACL bindings on the wire: one bulk read that never mistakes "may not look" for "nothing there", batched writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    ConfigResource,
    ResourcePatternType,
    ResourceType,
)

from reconciler.clients import replies
from reconciler.clients.kafka import Kafka, answer, batches, code, reason, refused
from reconciler.clients.lean import LostAnswer, module
from reconciler.errors import ServerRefused

# The controller takes 10,000 records an operation, one a binding (measured: 12,000 are refused as a whole).
BATCH = 5_000

# Kafka's numbers (org.apache.kafka.common.acl and .resource; KIP-11, KIP-290, KIP-373), our words.
RESOURCES = {
    "topic": 2,
    "group": 3,
    "cluster": 4,
    "transactional_id": 5,
    "delegation_token": 6,
    "user": 7,
}
# librdkafka cannot name these two: it reads them as unknown, and cannot write them.
RARE = frozenset({"delegation_token", "user"})
PATTERNS = {"literal": 3, "prefixed": 4}
OPERATIONS = {
    "All": 2,
    "Read": 3,
    "Write": 4,
    "Create": 5,
    "Delete": 6,
    "Alter": 7,
    "Describe": 8,
    "ClusterAction": 9,
    "DescribeConfigs": 10,
    "AlterConfigs": 11,
    "IdempotentWrite": 12,
    "CreateTokens": 13,
    "DescribeTokens": 14,
    "TwoPhaseCommit": 15,
}
PERMISSIONS = {"deny": 2, "allow": 3}

_RESOURCE_WORDS: dict[object, str] = {
    ResourceType.TOPIC: "topic",
    ResourceType.GROUP: "group",
    ResourceType.BROKER: "cluster",
    ResourceType.TRANSACTIONAL_ID: "transactional_id",
}
_PATTERN_WORDS: dict[object, str] = {
    ResourcePatternType.LITERAL: "literal",
    ResourcePatternType.PREFIXED: "prefixed",
}
_OPERATION_WORDS: dict[object, str] = {
    operation: operation.name.title().replace("_", "")
    for operation in AclOperation
    if operation not in (AclOperation.UNKNOWN, AclOperation.ANY)
}
_PERMISSION_WORDS: dict[object, str] = {
    AclPermissionType.ALLOW: "allow",
    AclPermissionType.DENY: "deny",
}
_RESOURCES = {number: word for word, number in RESOURCES.items()}
_PATTERNS = {number: word for word, number in PATTERNS.items()}
_OPERATIONS = {number: word for word, number in OPERATIONS.items()}
_PERMISSIONS = {number: word for word, number in PERMISSIONS.items()}
UNKNOWN = "unknown"
_ANY = 1
PROTOCOL = "kafka.protocol.admin"
# Seconds on top of the timeout for the one reply that holds every binding there is: 80,000 take half a second.
PATIENCE = 30.0


class Binding(NamedTuple):
    """One ACL as the cluster keeps it, in the words of the spec. What this client does not know is `unknown`."""

    principal: str
    resource: str
    name: str
    pattern: str
    operation: str
    permission: str
    host: str


Answers = dict[Binding, str | LostAnswer | None]


def read(
    kafka: Kafka, *, rare: bool = False, many: bool = False, principal: str = ""
) -> Iterator[Binding]:
    """Every binding of the cluster, or of one principal, in one request.

    Those on `RARE` resources by name only when asked for, or when `many` are expected: then our own decoder reads them.
    librdkafka answers an empty list without an error when we may not look and when there is no authorizer
    (measured), so the right to look is proven first. Raises ServerRefused without it.
    """
    if kafka.operations is None or AclOperation.DESCRIBE not in kafka.operations:
        raise ServerRefused(
            "DescribeAcls on the cluster: this login may not describe the cluster",
            hint="`kstate doctor` prints the rights this login needs.",
        )
    if rare or (kafka.has_lean and (many or kafka.lean_is_open)):
        return _lean_read(kafka, principal, rare=rare)
    return _full_read(kafka, principal)


def _lean_read(kafka: Kafka, principal: str, *, rare: bool) -> Iterator[Binding]:
    low, high = replies.DESCRIBE_ACLS
    request = module(PROTOCOL).DescribeAclsRequest(
        resource_type_filter=_ANY,
        resource_name_filter=None,
        pattern_type_filter=_ANY,
        principal_filter=principal or None,
        host_filter=None,
        operation=_ANY,
        permission_type=_ANY,
        min_version=high if rare else low,  # bindings on users came with the newest
        max_version=high,
    )
    found = replies.acls(kafka.lean.raw(request, kafka.timeout + PATIENCE))
    if not isinstance(found, replies.Refusal):
        return map(_in_words, found)
    if found.code == KafkaError.SECURITY_DISABLED:
        return iter(())
    error = KafkaException(KafkaError(found.code, found.words))
    raise refused("DescribeAcls on the cluster", error, kafka.principal)


def _in_words(acl: replies.Acl) -> Binding:
    resource, name, pattern, principal, host, operation, permission = acl
    return Binding(
        principal,
        _RESOURCES.get(resource, UNKNOWN),
        name,
        _PATTERNS.get(pattern, UNKNOWN),
        _OPERATIONS.get(operation, UNKNOWN),
        _PERMISSIONS.get(permission, UNKNOWN),
        host,
    )


def _full_read(kafka: Kafka, principal: str) -> Iterator[Binding]:
    anyone: Any = None  # annotated as str, but None is what means "any"
    anything = AclBindingFilter(
        ResourceType.ANY,
        anyone,
        ResourcePatternType.ANY,
        principal or anyone,
        anyone,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    asked = kafka.admin.describe_acls(anything, request_timeout=kafka.timeout + PATIENCE)
    found = answer(asked, kafka.timeout + PATIENCE)
    if isinstance(found, BaseException):
        raise refused("DescribeAcls on the cluster", found, kafka.principal) from found
    return map(_binding, found)


def _binding(acl: AclBinding) -> Binding:
    return Binding(
        acl.principal,
        _RESOURCE_WORDS.get(acl.restype, UNKNOWN),
        acl.name,
        _PATTERN_WORDS.get(acl.resource_pattern_type, UNKNOWN),
        _OPERATION_WORDS.get(acl.operation, UNKNOWN),
        _PERMISSION_WORDS.get(acl.permission_type, UNKNOWN),
        acl.host,
    )


def has_authorizer(kafka: Kafka) -> bool:
    """Whether the cluster enforces ACLs at all. Not being allowed to look means that somebody authorizes."""
    broker = ConfigResource(ResourceType.BROKER, str(kafka.brokers[0]))
    asked = kafka.admin.describe_configs([broker], request_timeout=kafka.timeout)
    found = answer(asked[broker], kafka.timeout)
    if isinstance(found, BaseException):
        if code(found) == KafkaError.CLUSTER_AUTHORIZATION_FAILED:
            return True
        raise refused(f"DescribeConfigs on broker {broker.name}", found, kafka.principal) from found
    entry = found.get("authorizer.class.name")
    # Absent or hidden: a platform that does not tell. Only an empty name says that there is none.
    return entry is None or entry.value != ""


def create(kafka: Kafka, bindings: Sequence[Binding]) -> Answers:
    """None for what is there now, a text for what the server refused, LostAnswer for what nobody answered."""
    ask = module(PROTOCOL).CreateAclsRequest
    answers: Answers = {}
    for batch in batches(bindings, BATCH):
        request = ask(
            creations=[_creation(ask.AclCreation, binding) for binding in batch],
            min_version=1,
        )
        answers.update(_send(kafka, request, batch, "results"))
    return answers


def _creation(shape: Any, binding: Binding) -> Any:
    return shape(
        resource_type=RESOURCES[binding.resource],
        resource_name=binding.name,
        resource_pattern_type=PATTERNS[binding.pattern],
        principal=binding.principal,
        host=binding.host,
        operation=OPERATIONS[binding.operation],
        permission_type=PERMISSIONS[binding.permission],
    )


def delete(kafka: Kafka, bindings: Sequence[Binding]) -> Answers:
    """The same for revoking. Every filter names all seven parts of one binding, so nothing else can match."""
    ask = module(PROTOCOL).DeleteAclsRequest
    answers: Answers = {}
    for batch in batches(bindings, BATCH):
        request = ask(
            filters=[_exact(ask.DeleteAclsFilter, binding) for binding in batch],
            min_version=1,
        )
        answers.update(_send(kafka, request, batch, "filter_results"))
    return answers


def _exact(shape: Any, binding: Binding) -> Any:
    return shape(
        resource_type_filter=RESOURCES[binding.resource],
        resource_name_filter=binding.name,
        pattern_type_filter=PATTERNS[binding.pattern],
        principal_filter=binding.principal,
        host_filter=binding.host,
        operation=OPERATIONS[binding.operation],
        permission_type=PERMISSIONS[binding.permission],
    )


def _send(kafka: Kafka, request: Any, batch: Sequence[Binding], results: str) -> Answers:
    """Answers come in the order of the request; a reply of another length answers nothing for sure."""
    try:
        replies = getattr(kafka.lean.send(request), results)
    except LostAnswer as lost:
        return dict.fromkeys(batch, lost)
    if len(replies) != len(batch):
        return dict.fromkeys(batch, LostAnswer(f"{len(replies)} answers for {len(batch)} bindings"))
    return {binding: _words(reply) for binding, reply in zip(batch, replies, strict=True)}


def _words(reply: Any) -> str | None:
    if reply.error_code == 0:
        return None
    error = KafkaException(KafkaError(reply.error_code, reply.error_message or ""))
    return reason(error)
