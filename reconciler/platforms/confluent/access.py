"""ACLs and role bindings on their way to and from Confluent Cloud, told by one driver: both are who may do what."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.clients import acls
from reconciler.clients.acls import Binding
from reconciler.clients.confluent_cloud import Cloud, RoleBinding
from reconciler.clients.confluent_rest import Rest, side_by_side
from reconciler.clients.http import Answer
from reconciler.clients.kafka import Kafka
from reconciler.clients.lean import LostAnswer
from reconciler.clients.usage import Usage, active_groups
from reconciler.core.model import Change, Key, Outcome, Resource, Risk, Scope, Session, Status
from reconciler.errors import Failed
from reconciler.kinds.acl import decode, encode
from reconciler.kinds.acl_costs import own_login, revocations
from reconciler.platforms.confluent.login import CLOUD, REST
from reconciler.platforms.confluent.outcomes import outcome
from reconciler.platforms.confluent.principals import People, by_name, called, integers
from reconciler.platforms.confluent.roles import Role, as_binding, crn, is_role, parsed
from reconciler.platforms.confluent.roles import decode as decode_role
from reconciler.platforms.confluent.roles import encode as encode_role

# "RBAC 90 s" is what Confluent's own Terraform provider waits until a role binding has spread.
SPREAD = 90.0
BLIND = "REST v3 was not asked about consumer groups"


@dataclass(frozen=True)
class ByKafka:
    """By Kafka's protocol."""

    wire: str = "acl"

    def read(self, session: Session, principal: str = "") -> list[Binding]:
        return list(acls.read(self._kafka(session), principal=principal))

    def usage(self, session: Session) -> Usage:
        return active_groups(self._kafka(session))

    def lacks(self, session: Session) -> str:
        return self._kafka(session).lean_lacks

    def create(self, session: Session, wanted: Mapping[Key, Binding]) -> Iterator[Outcome]:
        return self._told(acls.create(self._kafka(session), list(wanted.values())), wanted)

    def delete(self, session: Session, wanted: Mapping[Key, Binding]) -> Iterator[Outcome]:
        return self._told(acls.delete(self._kafka(session), list(wanted.values())), wanted)

    def _kafka(self, session: Session) -> Kafka:
        return cast("Kafka", session.client(self.wire))

    def _told(self, answers: acls.Answers, wanted: Mapping[Key, Binding]) -> Iterator[Outcome]:
        for at, binding in wanted.items():
            answer = answers[binding]
            if answer is None:
                yield Outcome(at, Status.DONE)
            elif isinstance(answer, LostAnswer):
                yield Outcome(at, Status.UNKNOWN, answer.message)
            else:
                yield Outcome(at, Status.FAILED, answer)


@dataclass(frozen=True)
class ByRest:
    """By REST v3, binding by binding, so that each has an answer of its own."""

    wire: str = REST

    def read(self, session: Session, principal: str = "") -> list[Binding]:
        return self._rest(session).acls(principal)

    def usage(self, _session: Session) -> Usage:
        return Usage(hidden=[BLIND])

    def lacks(self, _session: Session) -> str:
        return ""

    def create(self, session: Session, wanted: Mapping[Key, Binding]) -> list[Outcome]:
        rest = self._rest(session)
        return _each(wanted, rest.create_acl)

    def delete(self, session: Session, wanted: Mapping[Key, Binding]) -> list[Outcome]:
        rest = self._rest(session)
        return _each(wanted, rest.delete_acl)

    def _rest(self, session: Session) -> Rest:
        return cast("Rest", session.client(self.wire))


def _each(wanted: Mapping[Key, Binding], send: Callable[[Binding], Answer]) -> list[Outcome]:
    return side_by_side(wanted.items(), lambda one: outcome(one[0], (send(b) for b in (one[1],))))


@dataclass(frozen=True)
class Access:
    """`roles`: role bindings are looked at too. `named`: service accounts can be looked up by name."""

    by: ByKafka | ByRest
    roles: bool
    named: bool
    batch: int = 500

    @property
    def wire(self) -> str:
        return self.by.wire

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """All ACLs in one read, and all role bindings on the cluster; each once, under a name that is wanted."""
        wanted = scope.names
        for name in self._names(session, wanted):
            if wanted is None or scope.others or name in wanted:
                yield Resource(name, {})

    def _names(self, session: Session, wanted: frozenset[str] | None) -> Iterator[str]:
        names = wanted or frozenset()
        self._can_tell(session, names)
        people = self._people(session, names)
        for binding in self._bindings(session, people, wanted):
            forms = [binding._replace(principal=p) for p in people.names_of(binding.principal)]
            yield called([encode(form) for form in forms], names)
        for _, role in self._role_bindings(session):
            told = [role._replace(principal=p) for p in people.names_of(role.principal)]
            yield called([encode_role(form) for form in told], names)

    def _can_tell(self, session: Session, names: Iterable[str]) -> None:
        """What cannot be looked at must not look as if it were gone. Raises Failed."""
        hidden = "role bindings" if not self.roles and any(map(is_role, names)) else ""
        if not self.named and any(by_name(_principal(name)) for name in names):
            hidden = hidden or "service accounts by their names"
        if hidden:
            raise Failed(
                f"cluster {session.cluster}: {hidden} are asked for or recorded, and cannot be looked up",
                hint="Give `confluent.organization`, `environment` and `cloud` in the Cluster document.",
            )

    def _people(self, session: Session, names: Iterable[str]) -> People:
        cloud = cast("Cloud", session.client(CLOUD)) if self.named else None
        return People.of(cloud, {_principal(name) for name in names})

    def _bindings(
        self, session: Session, people: People, wanted: frozenset[str] | None
    ) -> list[Binding]:
        """Live ACLs, each integer that can be told replaced by the id it stands for."""
        live = self.by.read(session)
        known = {people.id_of(_principal(name)) for name in wanted or () if not is_role(name)} - {
            ""
        }
        ids = known if wanted is not None else {f"User:{account}" for account in people.accounts}
        told = integers(
            (b.principal for b in live),
            ids,
            lambda id_: (b.principal for b in self.by.read(session, id_)),
        )
        return [b._replace(principal=told.get(b.principal, b.principal)) for b in live]

    def _role_bindings(self, session: Session) -> Iterator[tuple[RoleBinding, Role]]:
        if not self.roles:
            return
        cloud = cast("Cloud", session.client(CLOUD))
        for binding in cloud.role_bindings():
            yield binding, parsed(binding.principal, binding.role, binding.crn, cloud.scope)

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """There is no dry run; what can be known is who uses what is taken away, and who is named twice."""
        plain = [change for change in changes if not is_role(change.key.name)]
        if plain and (lacking := self.by.lacks(session)):
            hint = "give `confluent.rest`, and they are written by REST v3"
            why = Risk("KS923", f"ACLs cannot be written with this login: {lacking}; {hint}")
            return {change.key: [why] for change in plain}
        people = self._people(session, [change.key.name for change in changes])
        mine = self._own(session)
        found = {c.key: [*own_login(_known(c, people), c, mine)] for c in changes}
        for at, risk in self._revocations(session, changes, people).items():
            found[at].append(risk)
        for at, risk in self._twice(session, changes, people).items():
            found[at].append(risk)
        return found

    def _own(self, session: Session) -> str:
        """Whose API key this run logs in with, as far as the control plane tells."""
        key = str(session.facts.get("api_key") or "")
        owner = cast("Cloud", session.client(CLOUD)).owner_of(key) if self.named and key else ""
        return f"User:{owner}" if owner else ""

    def _revocations(
        self, session: Session, changes: Sequence[Change], people: People
    ) -> dict[Key, Risk]:
        revoked = {c.key: _known(c, people) for c in changes if c.after is None}
        if not revoked:
            return {}
        live = self._bindings(session, people, frozenset(c.key.name for c in changes))
        live += [as_binding(role) for _, role in self._role_bindings(session)]
        return revocations(revoked, live, self.by.usage(session))

    def _twice(
        self, session: Session, changes: Sequence[Change], people: People
    ) -> dict[Key, Risk]:
        """What is to be made, and is there under the other name of its account."""
        made = [c for c in changes if c.before is None and people.accounts]
        twins = {c.key: set(_twins(c.key.name, people)) for c in made}
        if not any(twins.values()):
            return {}
        names = frozenset(name for own in twins.values() for name in own)
        there = set(self._names(session, names))
        return {
            at: Risk("KS925", f"it is there already as {', '.join(sorted(own & there))}")
            for at, own in twins.items()
            if own & there
        }

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """ACLs and role bindings, made and then taken away."""
        people = self._people(session, [change.key.name for change in changes])
        nobody = [
            c for c in changes if c.after is not None and not people.id_of(_principal(c.key.name))
        ]
        lost = {change.key for change in nobody}
        for change in nobody:
            told = f"no service account is called {_principal(change.key.name).partition(':')[2]}"
            yield Outcome(change.key, Status.FAILED, told)
        left = [change for change in changes if change.key not in lost]
        plain = {c.key: _known(c, people) for c in left if not is_role(c.key.name)}
        made = {c.key for c in left if c.after is not None}
        yield from self.by.create(session, {at: b for at, b in plain.items() if at in made})
        yield from self.by.delete(session, {at: b for at, b in plain.items() if at not in made})
        yield from self._write_roles(session, [c for c in left if is_role(c.key.name)], people)

    def _write_roles(
        self, session: Session, changes: Sequence[Change], people: People
    ) -> Iterator[Outcome]:
        if not changes:
            return
        cloud = cast("Cloud", session.client(CLOUD))
        there = {encode_role(role): binding.id for binding, role in self._role_bindings(session)}
        wanted = {c.key: _role(c, people) for c in changes}
        told = [
            outcome(c.key, _sent(cloud, c, wanted[c.key], there), gone=c.after is None)
            for c in changes
        ]
        done = {o.key for o in told if o.status is Status.DONE}
        self._spread(
            session,
            {encode_role(wanted[c.key]) for c in changes if c.key in done and c.after is not None},
        )
        yield from told

    def _spread(self, session: Session, made: set[str]) -> None:
        """Wait until role bindings that were made can be read: spreading them takes longer than anything else."""
        end, pause = time.monotonic() + SPREAD, 0.1
        while made and time.monotonic() < end:
            try:
                made -= {encode_role(role) for _, role in self._role_bindings(session)}
            except Failed:
                return  # reading back will say so
            if made:
                time.sleep(pause)
                pause = min(pause * 2, 5.0)


def _sent(cloud: Cloud, change: Change, role: Role, there: Mapping[str, str]) -> Iterator[Answer]:
    found = there.get(encode_role(role))
    if change.after is not None:
        yield cloud.bind(role.principal, role.role, crn(role, cloud.scope, cloud.cluster))
    elif found is not None:
        yield cloud.unbind(found)


def _principal(name: str) -> str:
    return decode_role(name).principal if is_role(name) else decode(name).principal


def _role(change: Change, people: People) -> Role:
    role = decode_role(change.key.name)
    return role._replace(principal=people.id_of(role.principal) or role.principal)


def _known(change: Change, people: People) -> Binding:
    """What a change is about as an ACL of a known id, a role as what it amounts to."""
    if is_role(change.key.name):
        return as_binding(_role(change, people))
    binding = decode(change.key.name)
    return binding._replace(principal=people.id_of(binding.principal) or binding.principal)


def _twins(name: str, people: People) -> Iterator[str]:
    """The same binding under the other names of its account."""
    id_ = people.id_of(_principal(name))
    for other in people.names_of(id_) if id_ else ():
        if other != _principal(name):
            if is_role(name):
                yield encode_role(decode_role(name)._replace(principal=other))
            else:
                yield encode(decode(name)._replace(principal=other))
