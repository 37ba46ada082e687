"""Role assignments on their way to and from Resource Manager."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from reconciler.clients.acls import Binding
from reconciler.clients.arm import understood, words
from reconciler.clients.event_hubs import EventHubs
from reconciler.clients.http import Answer
from reconciler.clients.kafka import Kafka
from reconciler.clients.usage import Usage, active_groups
from reconciler.core import silent
from reconciler.core.model import (
    Action,
    Change,
    Document,
    Key,
    Outcome,
    Path,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.risk import each
from reconciler.errors import Failed
from reconciler.kinds import acl, acl_costs
from reconciler.platforms.eventhubs.acl import (
    NAMESPACE,
    OWNER,
    RECEIVER,
    ROLES,
    SENDER,
    Assignment,
    check,
    decode,
    documents,
    guid,
    resources,
)
from reconciler.platforms.eventhubs.topic_driver import KAFKA, WIRE, namespace, side_by_side

EXISTS = "RoleAssignmentExists"
NOTE = "made by kstate: change it where its spec is"
NAMES: Mapping[str, str] = {definition: name for name, definition in ROLES.items()}


class AclDriver:
    """Who may do what on a namespace, its hubs and their consumer groups."""

    wire = WIRE
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """One listing whatever the scope."""
        hubs = namespace(session)
        with understood(f"{hubs.arm.http.what}: role assignments"):
            live = [_resource(hubs, found) for found in hubs.assignments()]
        for resource in live:
            if scope.names is None or scope.others or resource.name in scope.names:
                yield resource

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Azure has no dry run for assignments; what can be known is who reads with what is taken away."""
        revoked = {c.key: _binding(decode(c.key.name)) for c in changes if c.after is None}
        costs = _costs(session, revoked) if revoked else {}
        return {c.key: [*_own(session, c), *_told(costs.get(c.key))] for c in changes}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        return side_by_side(session, changes, _written)


def _told(risk: Risk | None) -> Sequence[Risk]:
    return [risk] if risk else []


def _resource(hubs: EventHubs, found: Mapping[str, Any]) -> Resource:
    told = cast("Mapping[str, Any]", found["properties"])
    definition = str(told["roleDefinitionId"]).rpartition("/")[2].lower()
    principal = f"{told.get('principalType') or 'Unknown'}:{str(told['principalId']).lower()}"
    scope = _below(str(told["scope"])[len(hubs.id) :])
    name = Assignment(principal, NAMES.get(definition, definition), scope).name
    condition = told.get("condition")
    return Resource(
        name, {"condition": str(condition)} if condition else {}, {"assignment": str(found["id"])}
    )


def _below(path: str) -> str:
    """A scope below the namespace; Azure keeps the letters of whoever asked, and means the same by all of them."""
    steps = path.strip("/").split("/")
    return "/".join(s.lower() if at % 2 == 0 else s for at, s in enumerate(steps)) or NAMESPACE


def _binding(found: Assignment) -> Binding:
    """The same in Kafka's words, for what it costs to take it away."""
    operation = {SENDER: "Write", OWNER: "All"}.get(found.role, "Read")
    return Binding(found.principal, "topic", found.hub or "*", "literal", operation, "allow", "*")


def _costs(session: Session, revoked: Mapping[Key, Binding]) -> dict[Key, Risk]:
    """Who may receive may do so in any group, so every group that reads the hub counts."""
    try:
        usage = active_groups(cast("Kafka", session.client(KAFKA)))
    except Failed as error:
        usage = Usage(hidden=[error.message])
    anywhere = [b._replace(resource="group", name="*") for b in revoked.values()]
    return acl_costs.revocations(revoked, anywhere, usage)


def _own(session: Session, change: Change) -> Iterator[Risk]:
    hubs, found = namespace(session), decode(change.key.name)
    ours = hubs.arm.login.object_id(hubs.arm.scope)
    if change.after is None and ours and found.principal.endswith(f":{ours.lower()}"):
        told = f"kstate itself logs in as {found.principal}, which loses {found.role}"
        yield Risk("KS225", told)


def condition_rule(change: Change, _world: World) -> Iterator[Risk]:
    """An assignment cannot be changed, only made and deleted."""
    if change.action is Action.UPDATE:
        told = "it is there with a condition, which makes it narrower than the spec says"
        yield Risk("KS947", f"{told}; delete that assignment, or take it out of the spec")


MORE: Mapping[str, str] = {
    SENDER: "any transactional id",
    RECEIVER: "any consumer group",
    OWNER: "sending, receiving and changing hubs",
}


def grant_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What a role allows beyond what Kafka's own rights would, and when."""
    found = decode(change.key.name)
    if change.action is Action.CREATE and found.role in MORE:
        yield Risk("KS146", f"{found.role} holds for {MORE[found.role]}")
        yield Risk("KS147", "Azure may take up to five minutes until it counts")


# --- writing


def _written(hubs: EventHubs, change: Change) -> Answer | Outcome:
    found = decode(change.key.name)
    if change.action is Action.DELETE:
        return _unassigned(hubs, change)
    scope = hubs.id if found.scope == NAMESPACE else f"{hubs.id}/{found.scope}"
    kind, _, principal = found.principal.partition(":")
    definition = ROLES[found.role]
    answer = hubs.assign(
        scope,
        guid(scope, definition, principal),
        {
            "roleDefinitionId": hubs.role(definition),
            "principalId": principal,
            "principalType": kind,
            "description": NOTE,
        },
    )
    if answer.status == 409 and EXISTS in words(answer):
        # By whatever name it has: whether it is as planned is read back.
        return Outcome(change.key, Status.UNKNOWN, words(answer))
    return answer


def _unassigned(hubs: EventHubs, change: Change) -> Answer | Outcome:
    """By the id that it was planned with: another one of the same meaning is another person's."""
    assignment = str(change.expects["assignment"])
    if not hubs.inside(assignment):
        return Outcome(change.key, Status.FAILED, f"{assignment} is not of this namespace")
    answer = hubs.unassign(assignment)
    return Outcome(change.key, Status.DONE) if answer.status == 404 else answer


def _check(document: Document) -> Iterator[tuple[Path, str]]:
    yield from acl.check(document)
    yield from check(document)


def _principal(name: str) -> str:
    return decode(name).principal


ACCESS = replace(
    acl.KIND,
    resources=resources,
    documents=documents,
    check=_check,
    drivers=(AclDriver(),),
    rules=(each(condition_rule), each(grant_rule)),
    tier=silent.one_tier,
    facts=True,
    owned_as=_principal,
    rights=(),
)
