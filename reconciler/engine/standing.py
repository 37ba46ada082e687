"""A cluster's documents and a login in; which rights it needs there, which it has, and which nobody can see, out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import cast

from reconciler.clients import acls, rights
from reconciler.clients.kafka import Kafka
from reconciler.core.desired import Desired
from reconciler.core.model import Body, Kind, Session
from reconciler.core.rights import (
    APPLY,
    CLUSTER,
    GROUP,
    PLAN,
    TOPIC,
    TRANSACTION,
    Allowed,
    Need,
    granted,
    presumed,
)
from reconciler.errors import Failed

EVERY_CLUSTER = "kafka-cluster"
Verdicts = Mapping[Need, bool | None]


def needed(
    kinds: Mapping[str, Kind], want: Desired, ledger: Body, operations: frozenset[str] | None
) -> list[Need]:
    """Everything that planning and applying ask of the brokers. `ledger` is empty where it is kept elsewhere."""
    found = [
        need
        for name, kind in sorted(kinds.items())
        if want.names(name)
        for need in _of_kind(kind, want)
    ]
    found += _ledger(str(ledger["topic"])) if ledger else []
    on_cluster = {need.operation for need in found if need.resource == CLUSTER}
    if operations is None and on_cluster and "Describe" not in on_cluster:
        # Without it nobody can say which of the others are there.
        found.append(_cluster(PLAN, "Describe", "doctor: to see what this login may do"))
    return list(dict.fromkeys(found))


def _of_kind(kind: Kind, want: Desired) -> Iterator[Need]:
    for right in kind.rights:
        purpose = f"{kind.document}: {right.purpose}"
        if right.on == CLUSTER:
            yield _cluster(right.verb, right.operation, purpose)
        elif right.on == "groups":
            yield Need(right.verb, GROUP, "*", "literal", right.operation, purpose, "groups")
        else:
            for name in sorted(want.names(kind.name)):
                yield _topic(right.verb, name, right.operation, purpose, f"topic {name}")


def _cluster(verb: str, operation: str, purpose: str) -> Need:
    return Need(verb, CLUSTER, EVERY_CLUSTER, "literal", operation, purpose, "the cluster")


def _topic(verb: str, name: str, operation: str, purpose: str, block: str) -> Need:
    return Need(verb, TOPIC, name, "literal", operation, purpose, block)


def _ledger(topic: str) -> list[Need]:
    """Its two topics, and the transactions in which both are written."""
    seen, kept = "ledger: to see what is ours", "ledger: to record what is ours, and who is at work"
    journal = f"{topic}_journal"
    found = [_topic(PLAN, name, "Describe", seen, "ledger") for name in (topic, journal)]
    found.append(_topic(PLAN, topic, "Read", seen, "ledger"))
    found.append(_topic(APPLY, journal, "Read", "ledger: to tell the history", "ledger"))
    for operation in ("Create", "Write"):
        found += [_topic(APPLY, name, operation, kept, "ledger") for name in (topic, journal)]
    own = f"kstate-{topic}-"
    return [*found, Need(APPLY, TRANSACTION, own, "prefixed", "Write", kept, "ledger")]


def verdicts(session: Session, kafka: Kafka, needs: Iterable[Need], principal: str) -> Verdicts:
    """Of each need whether it is met: by the brokers' word first, by their ACLs where they can be read, else unknown.

    What is there already need not be created: such a need is left out. `principal` is empty where nobody knows it.
    """
    listed = list(needs)
    names = {need.name for need in listed if need.resource == TOPIC}
    topics = rights.on_topics(kafka, names) if names else {}
    groups = rights.on_groups(kafka) if any(n.resource == GROUP for n in listed) else {}
    there = {n for n, said in topics.items() if "Read" in said}
    acls_of = _acls(session, kafka) if principal else None
    found: dict[Need, bool | None] = {}
    for need in listed:
        if need.operation == "Create" and need.name in there:
            continue
        verdict = _word(need, session.operations, topics, groups)
        if verdict is None and acls_of is not None:
            verdict = _beyond(session, acls_of, principal) or granted(need, principal, acls_of)
        found[need] = verdict
    return presumed(found)


def _word(
    need: Need,
    operations: frozenset[str] | None,
    topics: Mapping[str, rights.Operations],
    groups: rights.Operations,
) -> bool | None:
    """What the brokers themselves say; None where they say nothing."""
    if need.resource == CLUSTER:
        hidden = None if need.operation != "Describe" else False
        return hidden if operations is None else need.operation in operations
    if need.resource == TOPIC:
        if need.operation == "Create" and "Create" in (operations or ()):
            return True
        return topics.get(need.name, {}).get(need.operation)
    return groups.get(need.operation) if need.resource == GROUP else None


def _acls(session: Session, kafka: Kafka) -> list[Allowed] | None:
    """Every ACL, where they can be read; none where nothing enforces any."""
    if "Describe" not in (session.operations or ()):
        return None
    try:
        session.client("acl")
        if not acls.has_authorizer(kafka):
            return []
        return [
            Allowed(b.principal, b.resource, b.name, b.pattern, b.operation, b.permission, b.host)
            for b in acls.read(kafka)
        ]
    except Failed:
        return None


def _beyond(session: Session, known: Iterable[Allowed], principal: str) -> bool:
    """Whether this login may do what no ACL grants it: it is a super user, or nothing is enforced."""
    own = list(known)
    return any(
        not granted(_cluster(PLAN, operation, ""), principal, own)
        for operation in cast("frozenset[str]", session.operations)
    )
