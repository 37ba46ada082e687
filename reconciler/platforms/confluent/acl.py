"""Acls of Confluent Cloud: Kafka's ACLs, or role bindings with `access: rbac`; service accounts by their names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from urllib.parse import unquote

from reconciler.core.model import (
    NOWHERE,
    Around,
    Body,
    Change,
    Code,
    Document,
    Driver,
    Json,
    Kind,
    Path,
    Place,
    Platform,
    Resource,
    Risk,
    World,
)
from reconciler.core.risk import each
from reconciler.core.silent import anywhere
from reconciler.kinds.acl import KIND, useless
from reconciler.platforms.confluent.access import Access, ByKafka, ByRest
from reconciler.platforms.confluent.known import CODES as KNOWN_CODES
from reconciler.platforms.confluent.known import KnownRule, accounts_near, marked, noted
from reconciler.platforms.confluent.principals import by_name
from reconciler.platforms.confluent.roles import MANAGE, OWNER, decode, encode, is_role, roles
from reconciler.platforms.confluent.roles import check as check_roles
from reconciler.platforms.confluent.settings import Settings

UNFIT = "service accounts are known by their names only with `confluent.environment` and `confluent.cloud`"


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """Every binding once, of the one sort or the other; its name is the binding itself."""
    if rbac(document.spec):
        names = sorted({encode(role) for role in roles(document.spec)})
        yield from noted(document, (Resource(name, {}) for name in names))
    else:
        yield from noted(document, KIND.resources(document, platform))


def rbac(spec: Body) -> bool:
    return spec.get("access") == "rbac"


def documents(live: Sequence[Resource], around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """ACLs folded into roles as everywhere; role bindings are left out: a role may mean more than a grant says."""
    own = [resource for resource in live if not is_role(resource.name)]
    yield from KIND.documents(own, around)


def principal_of(name: str) -> str:
    """Both sorts begin with it."""
    return unquote(name.partition("|")[0])


def placed(document: Document, place: Place) -> Document:
    return marked(str(document.spec["principal"]), document, place)


def nearby(resource: Resource, cluster: str) -> Iterator[tuple[str, str]]:
    return accounts_near(principal_of(resource.name), cluster)


def wide_rule(change: Change, _world: World) -> Iterator[Risk]:
    """Roles that allow more than any grant asks for, where there is no narrower one."""
    if change.before is None and is_role(change.key.name):
        role = decode(change.key.name)
        if role.role == OWNER:
            yield Risk("KS192", f"{OWNER} also lets it read, write, and grant access to others")
        elif role.role == MANAGE and role.resource == "topic":
            yield Risk("KS192", f"{MANAGE} also lets it delete topics: {role.name}")


def acl_kind(settings: Settings) -> Kind:
    """Acls as a cluster with these settings has them."""
    by_rest = settings.by_rest or (settings.oidc and settings.rest)
    return _kind(by_rest, settings.cloud, settings.no_roles)


@cache
def _kind(by_rest: bool, named: bool, no_roles: str) -> Kind:
    """`named`: service accounts can be looked up."""

    def check(document: Document) -> Iterator[tuple[Path, str]]:
        yield from _check(document, named, no_roles)

    driver: Driver = Access(ByRest() if by_rest else ByKafka(), roles=not no_roles, named=named)
    rules = (*KIND.rules, each(wide_rule), *((KnownRule(principal_of),) if named else ()))
    return replace(
        KIND,
        resources=resources,
        check=check,
        placed=placed if named else anywhere,
        nearby=nearby if named else KIND.nearby,
        drivers=(driver,),
        documents=documents,
        owned_as=principal_of,
        rules=rules,
        rights=() if by_rest else KIND.rights,
        codes=(*KIND.codes, *KNOWN_CODES, *CODES),
    )


def _check(document: Document, named: bool, no_roles: str) -> Iterable[tuple[Path, str]]:
    yield from useless(document)
    name = by_name(str(document.spec["principal"]))
    if name and not named:
        told = f"`{name[:80]}` is a name, and {UNFIT}; say `User:sa-...`"
        yield ("spec", "principal"), told
    if not rbac(document.spec):
        return
    if no_roles:
        yield ("spec", "access"), f"`rbac` is not to be had here: {no_roles}"
    yield from check_roles(document.spec)


CODES = (
    Code(
        "KS192",
        "A role that allows more than was asked",
        "Role bindings come in roles, and for this grant there is no narrower one. What the role allows beyond it"
        " stands beside the code. Where that is too much, say `access: acl`: operations one by one.",
    ),
    Code(
        "KS925",
        "One account under two names",
        "The spec names a service account once by its display name and once by its id, so that one binding would be two"
        " resources, and taking one of them away would take both. Use the name throughout, or the id.",
    ),
)
