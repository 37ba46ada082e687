"""Quotas of Confluent Cloud: a Quota document in, the throughput of a service account on a Dedicated cluster out.

One client quota may hold several principals. kstate keeps one of its own for each; of one that somebody else made for
several it takes its principal out before it makes another (kafka-quotas/v1; "Client Quotas in Confluent Cloud").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.clients.confluent_cloud import EVERYBODY, ClientQuota, Cloud
from reconciler.clients.http import Answer
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Body,
    Change,
    Code,
    Document,
    Json,
    Key,
    Kind,
    Outcome,
    Path,
    Place,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
    World,
)
from reconciler.core.risk import each
from reconciler.errors import Failed
from reconciler.kinds.quota import DEFAULT, KIND, decode, encode
from reconciler.platforms.confluent.known import KnownRule, accounts_near, marked, noted
from reconciler.platforms.confluent.login import CLOUD
from reconciler.platforms.confluent.outcomes import outcome
from reconciler.platforms.confluent.principals import People, called
from reconciler.platforms.confluent.settings import CLIENT_QUOTAS, Settings

SHARED = "shared_with"
RATES = {"producer_byte_rate": "ingress_byte_rate", "consumer_byte_rate": "egress_byte_rate"}


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """One entity, as everywhere, in a client quota of its own."""
    found = KIND.resources(document, platform)
    alone: Body = {SHARED: None}
    yield from noted(document, (replace(r, settings={**r.settings, **alone}) for r in found))


def documents(live: Sequence[Resource], around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """Of what several principals share no document could speak."""
    own = [resource for resource in live if SHARED not in resource.settings]
    yield from KIND.documents(own, around)


def placed(document: Document, place: Place) -> Document:
    user = cast("Mapping[str, Json]", document.spec["entity"]).get("user")
    return marked(f"User:{user}", document, place) if isinstance(user, str) else document


def nearby(resource: Resource, cluster: str) -> Iterator[tuple[str, str]]:
    return accounts_near(_principal(resource.name), cluster)


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What a client quota has no word for. The API takes both rates, or none."""
    yield from KIND.check(document)
    entity = cast("Mapping[str, Json]", document.spec["entity"])
    for name in sorted(entity.keys() - {"user"}):
        told = "a client quota of Confluent Cloud is for service accounts"
        yield ("spec", "entity", name), f"{told}; leave `{name}` out"
    limits = cast("Mapping[str, Json]", document.spec["limits"])
    for name in sorted(limits.keys() - RATES.keys()):
        told = (
            "Confluent Cloud limits throughput only, `producer_byte_rate` and `consumer_byte_rate`"
        )
        yield ("spec", "limits", name), f"{told}; leave `{name}` out"
    for name in sorted(RATES):
        if limits.get(name) is None:
            yield (
                ("spec", "limits"),
                f"`{name}` is missing: Confluent Cloud takes both rates or none",
            )


def whole_rule(change: Change, _world: World) -> Iterator[Risk]:
    """The same number means something else here, so it is said once."""
    if change.action is Action.CREATE:
        yield Risk(
            "KS191", "the rates are for the whole cluster, not for each broker as Kafka's own"
        )


def steps(change: Change) -> list[str]:
    """A client quota that others share is left to them."""
    others = _shared(change)
    if not others:
        return []
    out = f"take it out of the client quota that {', '.join(others)} keep"
    return [out] if change.after is None else [out, "make a client quota of its own"]


def _shared(change: Change) -> list[str]:
    """With whom a client quota is shared, as the plan saw it."""
    return [str(other) for other in cast("Sequence[str]", (change.before or {}).get(SHARED) or ())]


class ClientQuotas:
    """Client quotas by kafka-quotas/v1."""

    wire = CLOUD
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        cloud = cast("Cloud", session.client(self.wire))
        people = People.of(cloud)
        for quota in cloud.quotas():
            for principal in quota.principals:
                name = _name(people, principal, scope.names or frozenset())
                if scope.names is None or name in scope.names:
                    others = _others(quota, principal)
                    shared: Body = {SHARED: others} if others else {}
                    yield Resource(name, {"limits": _limits(quota), **shared})
                elif scope.others:
                    yield Resource(name, {})

    def vet(self, _session: Session, _changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """There is no dry run for client quotas."""
        return {}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        cloud = cast("Cloud", session.client(self.wire))
        people = People.of(cloud, (_principal(change.key.name) for change in changes))
        there = {p: quota for quota in cloud.quotas() for p in quota.principals}
        for change in changes:
            answers = _requests(cloud, change, people, there)
            yield outcome(change.key, answers, gone=change.after is None)


def _user(name: str) -> str:
    """The user of an entity's name; `*` for everybody."""
    return str(dict(decode(name)).get("user") or DEFAULT)


def _principal(name: str) -> str:
    return f"User:{_user(name)}"


def _id(people: People, principal: str) -> str:
    """What the API calls a principal; empty for a name that no service account has."""
    return (
        EVERYBODY
        if principal == f"User:{DEFAULT}"
        else people.id_of(principal).removeprefix("User:")
    )


def _name(people: People, principal: str, wanted: frozenset[str]) -> str:
    if principal == EVERYBODY:
        return encode((("user", None),))
    return called([_entity(name) for name in people.names_of(f"User:{principal}")], wanted)


def _entity(principal: str) -> str:
    return encode((("user", principal.removeprefix("User:")),))


def _limits(quota: ClientQuota) -> Body:
    return {"producer_byte_rate": quota.ingress, "consumer_byte_rate": quota.egress}


def _others(quota: ClientQuota, principal: str) -> list[str]:
    return sorted(other for other in quota.principals if other != principal)


def _requests(
    cloud: Cloud, change: Change, people: People, there: Mapping[str, ClientQuota]
) -> Iterator[Answer]:
    principal = _id(people, _principal(change.key.name))
    if not principal:
        if change.after is None:
            return
        raise Failed(f"no service account is called {_user(change.key.name)}")
    quota = there.get(principal)
    others = _others(quota, principal) if quota else []
    if quota and others != _shared(change):
        raise Failed(f"the client quota {quota.id} is shared otherwise by now; make a new plan")
    if quota and others:
        yield cloud.change_quota(quota.id, None, others)
    if change.after is None:
        if quota and not others:
            yield cloud.delete_quota(quota.id)
    elif quota and not others:
        yield cloud.change_quota(quota.id, _rates(change, quota), None)
    else:
        yield cloud.create_quota(_user(change.key.name), _rates(change, quota), [principal])


def _rates(change: Change, quota: ClientQuota | None) -> dict[str, str]:
    """Both, as the API wants them: what the change does not speak of stays as it is."""
    now = _limits(quota) if quota else {}
    wanted = {**now, **cast("Mapping[str, Json]", (change.after or {}).get("limits") or {})}
    return {theirs: str(wanted[ours]) for ours, theirs in RATES.items()}


CODES = (
    Code(
        "KS191",
        "A limit for the whole cluster",
        "Kafka's own quotas are for each broker. A client quota of Confluent Cloud is what the principal may use of the"
        " cluster as a whole: the same number is a smaller limit here.",
    ),
)

QUOTA: Kind = replace(
    KIND,
    resources=resources,
    check=check,
    placed=placed,
    nearby=nearby,
    drivers=(ClientQuotas(),),
    documents=documents,
    steps=steps,
    rules=(*KIND.rules, each(whole_rule), KnownRule(_principal)),
    rights=(),
    codes=(*KIND.codes, *CODES),
)


def no_quotas(settings: Settings) -> str:
    """Why there can be no client quotas; empty where there can."""
    if settings.type not in CLIENT_QUOTAS:
        return "client quotas are for Dedicated clusters only; on the others nothing holds a client back"
    if not settings.cloud:
        return "client quotas need `confluent.environment` and `confluent.cloud`, a Cloud API key"
    return ""
