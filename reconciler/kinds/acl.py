"""ACLs: an Acl document's roles in, minimal bindings out; the right to look is proven before an empty list counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from sys import intern
from typing import cast
from urllib.parse import unquote

from reconciler.clients import acls
from reconciler.clients.acls import Binding
from reconciler.clients.kafka import Kafka
from reconciler.clients.lean import LostAnswer
from reconciler.clients.usage import Usage, active_groups
from reconciler.core.model import (
    NOTHING,
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
    Platform,
    Resource,
    Right,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.core.snapshot import BLIND
from reconciler.kinds import acl_costs, acl_folding

CLUSTER = "kafka-cluster"
# From so many bindings on our own decoder is worth what it costs to open.
MANY = 5_000
BARS = len(Binding._fields) - 1
Grant = Mapping[str, object]
Rights = Mapping[str, tuple[str, ...]]

# The smallest set of operations for each role, by resource. Kafka implies Describe by Read, Write, Delete and Alter,
# and DescribeConfigs by AlterConfigs (AclAuthorizer, KIP-11), so those are not written again.
ROLES: Mapping[str, Rights] = {
    "producer": {"topics": ("Write",), "transactionalIds": ("Write",)},
    "consumer": {"topics": ("Read",), "groups": ("Read",)},
    "streams": {"topics": ("Read", "Write"), "groups": ("Read",), "transactionalIds": ("Write",)},
    "connect": {
        "topics": ("Read", "Write", "Create", "DescribeConfigs"),
        "groups": ("Read",),
        "transactionalIds": ("Write",),
    },
    "admin": {
        "topics": ("Create", "Delete", "Alter", "AlterConfigs"),
        "groups": ("Delete",),
        "cluster": ("Create", "Alter", "AlterConfigs"),
    },
    "read-only": {
        "topics": ("Read", "DescribeConfigs"),
        "groups": ("Describe",),
        "cluster": ("Describe", "DescribeConfigs"),
    },
}
# What a Streams application keeps for itself under its application id: changelog and repartition topics, its
# group, and the transactions of exactly-once (Kafka Streams developer guide, "Required ACL setting").
STREAMS_OWN: Rights = {
    "topics": ("Create", "Delete", "Read", "Write", "DescribeConfigs"),
    "groups": ("Read",),
    "transactionalIds": ("Write",),
}
# What an import may call by the name of a role, the most telling first. `connect` is left out: what it grants is what
# any application has that makes its own topics.
WORDS = acl_folding.Vocabulary(
    ROLES,
    STREAMS_OWN,
    {
        "admin": frozenset({"topics", "cluster"}),
        "read-only": frozenset({"topics", "cluster"}),
        "producer": frozenset({"topics", "transactionalIds"}),
        "consumer": frozenset({"topics", "groups"}),
    },
)
RESOURCE = {"topics": "topic", "groups": "group", "transactionalIds": "transactional_id"}


# --- what a document means


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """Every binding once; its name is the binding itself, so it has no further settings."""
    for name in sorted(set(map(encode, bindings(document.spec)))):
        yield Resource(name, NOTHING, NOTHING)


def bindings(spec: Body) -> Iterator[Binding]:
    """The bindings an Acl asks for, roles expanded. The same one may come twice."""
    principal = str(spec["principal"])
    hosts = [str(host) for host in cast("Sequence[object]", spec.get("hosts") or ["*"])]
    for host in hosts:
        for grant in cast("Sequence[Grant]", spec.get("grants") or ()):
            for resource, name, pattern, operation in expand(grant):
                yield Binding(principal, resource, name, pattern, operation, "allow", host)
    for raw in cast("Sequence[Grant]", spec.get("bindings") or ()):
        for host in [str(raw["host"])] if "host" in raw else hosts:
            yield _raw(principal, raw, host)


def expand(grant: Grant) -> Iterator[tuple[str, str, str, str]]:
    """(resource, name, pattern, operation) of everything a role needs on what the grant names."""
    role = str(grant["role"])
    rights = ROLES[role]
    for field, resource in RESOURCE.items():
        for entry in cast("Sequence[object]", grant.get(field) or ()):
            name, pattern = _pattern(entry)
            for operation in rights.get(field, ()):
                yield resource, name, pattern, operation
    if grant.get("cluster"):
        for operation in rights.get("cluster", ()):
            yield "cluster", CLUSTER, "literal", operation
    if "applicationId" in grant:
        yield from _streams(str(grant["applicationId"]))


def _streams(application: str) -> Iterator[tuple[str, str, str, str]]:
    for field, operations in STREAMS_OWN.items():
        name = f"{application}-" if field == "topics" else application
        pattern = "literal" if field == "groups" else "prefixed"
        for operation in operations:
            yield RESOURCE[field], name, pattern, operation


def _pattern(entry: object) -> tuple[str, str]:
    if isinstance(entry, str):
        return entry, "literal"
    return str(cast("Grant", entry)["prefix"]), "prefixed"


def _raw(principal: str, raw: Grant, host: str) -> Binding:
    resource = str(raw["resource"])
    name = CLUSTER if resource == "cluster" else str(raw["name"])
    return Binding(
        principal,
        resource,
        name,
        str(raw.get("pattern", "literal")),
        str(raw["operation"]),
        str(raw.get("permission", "allow")),
        host,
    )


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """Mistakes in the grants, and another way to give access than Kafka's own."""
    if document.spec.get("access", "acl") != "acl":
        told = "only `acl`, Kafka's own, is offered by a cluster that this document is for"
        yield ("spec", "access"), told
    yield from useless(document)


def useless(document: Document) -> Iterator[tuple[Path, str]]:
    """A grant that names something its role has no use for, or nothing at all, is a mistake."""
    for at, grant in enumerate(cast("Sequence[Grant]", document.spec.get("grants") or ())):
        role, where = str(grant["role"]), ("spec", "grants", str(at))
        usable = {*ROLES[role], *(("applicationId",) if role == "streams" else ())}
        named = [field for field in (*RESOURCE, "cluster", "applicationId") if grant.get(field)]
        for field in named:
            if field not in usable:
                yield (
                    (*where, field),
                    f"role `{role}` has no use for `{field}`; it takes {_list(usable)}",
                )
        if not named:
            yield where, f"role `{role}` grants nothing: name {_list(usable)}"
    if not document.spec.get("grants") and not document.spec.get("bindings"):
        yield ("spec",), "neither `grants` nor `bindings`: this Acl grants nothing"


def _list(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in sorted(words))


def encode(binding: Binding) -> str:
    """`User:app|topic|orders.|prefixed|Read|allow|*`, with % and | inside the parts percent-encoded.

    Each name is kept once, however often it is asked for and read.
    """
    name = "|".join(binding)
    if "%" in name or name.count("|") > BARS:
        name = "|".join(map(_part, binding))
    return intern(name)


def _part(text: str) -> str:
    return text.replace("%", "%25").replace("|", "%7C")


def decode(name: str) -> Binding:
    """The reverse of `encode`. Raises ValueError for anything that is not seven parts."""
    parts = [unquote(part) for part in name.split("|")] if "%" in name else name.split("|")
    if len(parts) != len(Binding._fields):
        raise ValueError(f"not a binding: {name}")
    return Binding(*parts)


# --- the order inside the kind


def tier(change: Change) -> int:
    """Denies are made before allows and taken away after them, so that nobody is let in for a moment."""
    denies = "|deny|" in change.key.name
    return int(denies) if change.action is Action.DELETE else int(not denies)


# --- reading and writing


# A name that is no binding may be asked for as well: what a record says of another platform's ways.
_RARE = [[resource] for resource in acls.RARE]


class AclDriver:
    """Bindings by Kafka's protocol: read in bulk, written where every single answer can be seen."""

    wire = "acl"
    batch = acls.BATCH

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """One bulk read whatever the scope: Kafka has no cheaper question about many bindings."""
        kafka = cast("Kafka", session.client(self.wire))
        wanted = scope.names
        every = wanted is None
        rare = kafka.has_lean if every else any(n.split("|")[1:2] in _RARE for n in wanted or ())
        found = acls.read(kafka, rare=rare, many=every or len(wanted or ()) > MANY)
        for name in map(encode, found):
            if wanted is None or scope.others or name in wanted:
                yield Resource(name, NOTHING, NOTHING)

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Kafka has no dry run for ACLs; what can be known is whether anything enforces them, and who uses them."""
        kafka = cast("Kafka", session.client(self.wire))
        if changes and not acls.has_authorizer(kafka):
            none = Risk(
                "KS921", "the cluster has no authorizer: it keeps no ACLs and enforces none"
            )
            return {change.key: [none] for change in changes}
        if changes and not kafka.has_lean:
            why = Risk("KS923", f"ACLs cannot be written with this login: {kafka.lean_lacks}")
            return {change.key: [why] for change in changes}
        used = _used(kafka, changes)
        return {
            change.key: [*_strange(change), *_own(change, kafka), *used.get(change.key, ())]
            for change in changes
        }

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        kafka = cast("Kafka", session.client(self.wire))
        for call, action in ((acls.create, Action.CREATE), (acls.delete, Action.DELETE)):
            chosen = {decode(c.key.name): c.key for c in changes if c.action is action}
            answers = call(kafka, list(chosen)) if chosen else {}
            for binding, key in chosen.items():
                yield _outcome(key, answers[binding])


def _strange(change: Change) -> Iterator[Risk]:
    if "unknown" in decode(change.key.name)[1:6]:
        yield Risk(
            "KS922", "a resource type or operation that this version of kstate does not know"
        )


def _own(change: Change, kafka: Kafka) -> Iterator[Risk]:
    return acl_costs.own_login(decode(change.key.name), change, kafka.principal)


def _used(kafka: Kafka, changes: Sequence[Change]) -> dict[Key, tuple[Risk]]:
    """The risk of every revocation, by who is at work with it."""
    revoked = {c.key: decode(c.key.name) for c in changes if c.action is Action.DELETE}
    if not revoked:
        return {}
    live = list(acls.read(kafka, rare=False))
    found = acl_costs.revocations(revoked, live, active_groups(kafka))
    return {key: (risk,) for key, risk in found.items()}


def foreseen(
    changes: Sequence[Change], there: Mapping[str, Resource]
) -> Iterator[tuple[Key, Risk]]:
    """What revoking costs when nobody can be seen at work."""
    gone = {c.key: _bindings([c.key.name]) for c in changes if c.action is Action.DELETE}
    revoked = {key: found[0] for key, found in gone.items() if found}
    blind = Usage(hidden=[BLIND])
    yield from acl_costs.revocations(revoked, _bindings(there), blind).items()


def _bindings(names: Iterable[str]) -> list[Binding]:
    """Those that are Kafka's own: a platform may have others beside them."""
    return [decode(name) for name in names if name.count("|") == len(Binding._fields) - 1]


def _outcome(key: Key, answer: str | LostAnswer | None) -> Outcome:
    if answer is None:
        return Outcome(key, Status.DONE)
    if isinstance(answer, LostAnswer):
        return Outcome(key, Status.UNKNOWN, answer.message)
    return Outcome(key, Status.FAILED, answer)


CODES = (
    Code(
        "KS921",
        "The cluster has no authorizer",
        "`authorizer.class.name` is empty on the broker: it refuses to keep ACLs and enforces none. Turn an authorizer"
        " on (`org.apache.kafka.metadata.authorizer.StandardAuthorizer`), or take this cluster out of the document's"
        " `metadata.clusters`.",
    ),
    Code(
        "KS923",
        "ACLs cannot be written with this login",
        "kstate writes ACLs with kafka-python, because librdkafka ends the process when a reply is shorter than its"
        " request; and kafka-python does not know this way to log in. Use another login for the cluster.",
    ),
    Code(
        "KS922",
        "An ACL that kstate does not know",
        "The binding has a resource type or an operation of a newer Kafka. kstate shows it and never touches it.",
    ),
)


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """Bindings of kinds that kstate does not know are left out: no document could ask for them."""
    found = (decode(resource.name) for resource in live)
    known = (binding for binding in found if acls.UNKNOWN not in binding[1:6])
    return acl_folding.documents(known, WORDS)


KIND = Kind(
    name="acl",
    document="Acl",
    resources=resources,
    check=check,
    drivers=(AclDriver(),),
    after=("user", "topic"),
    tier=tier,
    free_name=True,
    owns="principals",
    owned_as=lambda name: decode(name).principal,
    rights=(
        Right("Describe", "to see ACLs", "plan"),
        Right("Describe", "to see who uses what is revoked", "plan", on="groups"),
        Right("Alter", "to grant and revoke them"),
    ),
    documents=documents,
    foreseen=foreseen,
    codes=(*CODES, *acl_costs.CODES),
)
