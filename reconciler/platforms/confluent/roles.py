"""An Acl's grants with `access: rbac` in, role bindings out; the fewest rights that do the job, or a reason why not.

What a role allows: docs.confluent.io/cloud, "Predefined RBAC roles". DeveloperRead: Read, Describe. DeveloperWrite:
Write, Describe. DeveloperManage: Create, Delete, Describe, DescribeConfigs. ResourceOwner: all of it, altering
configurations, and granting to others. Operator on the cluster: looks at everything in it, changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast
from urllib.parse import quote, unquote

from reconciler.clients.acls import Binding
from reconciler.core.model import Body, Path
from reconciler.kinds.acl import CLUSTER, RESOURCE

READ, WRITE, MANAGE, OWNER = "DeveloperRead", "DeveloperWrite", "DeveloperManage", "ResourceOwner"
OPERATOR = "Operator"
Rights = Mapping[str, tuple[str, ...]]
GRANTS: Mapping[str, Rights] = {
    "producer": {"topics": (WRITE,), "transactionalIds": (WRITE,)},
    "consumer": {"topics": (READ,), "groups": (READ,)},
    "streams": {"topics": (READ, WRITE), "groups": (READ,), "transactionalIds": (WRITE,)},
    "connect": {"topics": (READ, WRITE, MANAGE), "groups": (READ,), "transactionalIds": (WRITE,)},
    "admin": {"topics": (OWNER,), "groups": (MANAGE,)},
    "read-only": {"topics": (READ,), "cluster": (OPERATOR,)},
}
# A Streams application makes and deletes its own topics, reads and writes them; nobody else is granted anything.
STREAMS_OWN: Rights = {
    "topics": (READ, WRITE, MANAGE),
    "groups": (READ,),
    "transactionalIds": (WRITE,),
}
NOT_SAID = {
    (
        "admin",
        "cluster",
    ): "only CloudClusterAdmin administers a cluster, and it is far more than this: bind it by hand",
    (
        "read-only",
        "groups",
    ): "no role only looks at a group; `role: consumer` lets it join, `cluster: true` look at all",
}
# Our words for what a CRN calls it.
CRN_WORDS = {"topic": "topic", "group": "group", "transactional_id": "transactional-id"}
OUR_WORDS = {theirs: ours for ours, theirs in CRN_WORDS.items()}
# What a role does on a resource, as the one operation by which its loss can be judged.
OPERATION = {READ: "Read", WRITE: "Write", MANAGE: "Delete", OWNER: "All", OPERATOR: "Describe"}


class Role(NamedTuple):
    """A role of a principal on a resource of the cluster, in the words of the spec."""

    principal: str
    role: str
    resource: str
    name: str
    pattern: str


def roles(spec: Body) -> Iterator[Role]:
    """The role bindings that the grants of a document ask for. The same one may come twice."""
    principal = str(spec["principal"])
    for grant in cast("Sequence[Body]", spec.get("grants") or ()):
        for role, resource, name, pattern in _expand(grant):
            yield Role(principal, role, resource, name, pattern)


def _expand(grant: Body) -> Iterator[tuple[str, str, str, str]]:
    rights = GRANTS[str(grant["role"])]
    for field, resource in RESOURCE.items():
        for entry in cast("Sequence[object]", grant.get(field) or ()):
            for role in rights.get(field, ()):
                yield (role, resource, *_pattern(entry))
    if grant.get("cluster"):
        for role in rights.get("cluster", ()):
            yield role, "cluster", CLUSTER, "literal"
    if "applicationId" in grant:
        yield from _streams(str(grant["applicationId"]))


def _streams(application: str) -> Iterator[tuple[str, str, str, str]]:
    for field, own in STREAMS_OWN.items():
        name = f"{application}-" if field == "topics" else application
        for role in own:
            yield role, RESOURCE[field], name, "literal" if field == "groups" else "prefixed"


def _pattern(entry: object) -> tuple[str, str]:
    if isinstance(entry, Mapping):
        return str(entry["prefix"]), "prefixed"
    return str(entry), "literal"


def check(spec: Body) -> Iterator[tuple[Path, str]]:
    """What role bindings have no word for."""
    if list(cast("Sequence[str]", spec.get("hosts") or ["*"])) != ["*"]:
        yield (
            ("spec", "hosts"),
            "role bindings know no hosts: leave `hosts` out, or say `access: acl`",
        )
    if spec.get("bindings"):
        yield (
            ("spec", "bindings"),
            "operations one by one are ACLs: leave `bindings` out, or say `access: acl`",
        )
    if not str(spec["principal"]).startswith("User:") or spec["principal"] == "User:*":
        yield ("spec", "principal"), "a role is bound to one principal, `User:NAME`"
    for at, grant in enumerate(cast("Sequence[Body]", spec.get("grants") or ())):
        yield from _check_grant(grant, ("spec", "grants", str(at)))


def _check_grant(grant: Body, where: Path) -> Iterator[tuple[Path, str]]:
    for field in (*RESOURCE, "cluster"):
        if grant.get(field) and (why := NOT_SAID.get((str(grant["role"]), field))):
            yield (*where, field), f"role `{grant['role']}` with `access: rbac`: {why}"
        for at, entry in enumerate(
            cast("Sequence[object]", grant.get(field) or ()) if field != "cluster" else ()
        ):
            name, pattern = _pattern(entry)
            if "*" in name and (name, pattern) != ("*", "literal"):
                yield (
                    (*where, field, str(at)),
                    "in a role binding `*` stands for anything: it cannot be in a name",
                )


# --- names and CRNs


def encode(role: Role) -> str:
    """`User:app|DeveloperRead|topic|orders.|prefixed`, with % and | inside the parts percent-encoded."""
    return "|".join(part.replace("%", "%25").replace("|", "%7C") for part in role)


def is_role(name: str) -> bool:
    """Whether the name of an acl is that of a role binding: five parts, where a Kafka ACL has seven."""
    return name.count("|") == len(Role._fields) - 1


def decode(name: str) -> Role:
    """The reverse of `encode`."""
    return Role(*(unquote(part) for part in name.split("|")))


def crn(role: Role, scope: str, cluster: str) -> str:
    """What the binding is on, below the CRN of the cluster."""
    if role.resource == "cluster":
        return scope
    everything = (role.name, role.pattern) == ("*", "literal")
    name = (
        "*"
        if everything
        else quote(role.name, safe="") + ("*" if role.pattern == "prefixed" else "")
    )
    return f"{scope}/kafka={cluster}/{CRN_WORDS[role.resource]}={name}"


def parsed(principal: str, role: str, pattern: str, scope: str) -> Role:
    """The reverse of `crn`; what is of no kind that kstate knows keeps the CRN's own words."""
    rest = pattern.removeprefix(scope).strip("/").split("/")
    word, _, given = rest[-1].partition("=")
    if not word:
        return Role(principal, role, "cluster", CLUSTER, "literal")
    if word == "kafka":
        return Role(principal, role, "kafka", unquote(given), "literal")
    name, prefixed = unquote(given.removesuffix("*")), given.endswith("*") and given != "*"
    kind = OUR_WORDS.get(word, word)
    return Role(
        principal, role, kind, name if given != "*" else "*", "prefixed" if prefixed else "literal"
    )


def as_binding(role: Role) -> Binding:
    """The ACL by which the loss of a role can be judged."""
    operation = OPERATION.get(role.role, role.role)
    return Binding(role.principal, role.resource, role.name, role.pattern, operation, "allow", "*")
