"""An Acl on MSK: Kafka's bindings for who logs in by SCRAM or TLS, or an IAM policy for a role (`access: iam`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from reconciler.clients.acls import Binding
from reconciler.core.model import (
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
from reconciler.kinds import acl
from reconciler.kinds.acl_costs import covers
from reconciler.platforms.msk.policies import NOT_SERVERLESS, actions, policy, unfit
from reconciler.platforms.msk.policy_files import PolicyDriver, is_policy, named, role_of
from reconciler.platforms.msk.settings import SERVERLESS, Arn, Settings

IAM = "iam"
# The member of a session's facts that says whether what has no ACL is open to everybody.
OPEN = "allow.everyone.if.no.acl.found"
Told = tuple[Document, Path, str]


# --- what a document means


def _by_iam(document: Document) -> bool:
    return document.spec.get("access") == IAM


def placed(document: Document, place: Place) -> Document:
    """A policy is made of the cluster's ARN."""
    if not _by_iam(document):
        return document
    arn = cast("Body", place.cluster.spec["msk"])["arn"]
    return replace(document, spec={**document.spec, "arn": arn})


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """One policy for the role of the document; or its bindings."""
    if not _by_iam(document):
        yield from acl.resources(document, platform)
        return
    spec = document.spec
    statements = policy(acl.bindings(spec), Arn.parse(str(spec["arn"])))
    yield Resource(named(str(spec["principal"]), document.name), {"statements": statements})


def documents(live: Sequence[Resource], around: Around) -> Iterator[Mapping[str, Json]]:
    """Bindings only: a policy document does not say which roles were meant."""
    return iter(acl.documents([one for one in live if not is_policy(one.name)], around))


def owned_as(name: str) -> str:
    return role_of(name) if is_policy(name) else acl.decode(name).principal


# --- what is wrong with a document


def check(document: Document, kind: str) -> Iterator[tuple[Path, str]]:
    """What no IAM policy can say, on a cluster of this kind."""
    if not _by_iam(document):
        yield from acl.check(document)
        return
    yield from acl.useless(document)
    spec = document.spec
    hosts = {str(host) for host in cast("Sequence[Json]", spec.get("hosts") or ["*"])}
    if hosts != {"*"}:
        yield ("spec", "hosts"), "IAM knows no hosts: leave them out, and let security groups do it"
    yield from _unsaid(spec, kind)


def _unsaid(spec: Body, kind: str) -> Iterator[tuple[Path, str]]:
    for where, binding in _parts(spec):
        what = f"{binding.operation} on a {binding.resource}"
        found = actions(binding.resource, binding.operation)
        missing = set(found.own) & NOT_SERVERLESS if found and kind == SERVERLESS else set()
        if found is None:
            yield where, f"IAM has no action for {what}"
        elif missing and binding.operation != "All":
            yield where, f"{what}: MSK Serverless knows no {', '.join(sorted(missing))}"
        elif why := unfit(binding.name):
            yield where, f"`{binding.name[:80]}`: {why}"
        if binding.host != "*":
            yield where, "IAM knows no hosts: leave `host` out"


def _parts(spec: Body) -> Iterator[tuple[Path, Binding]]:
    """Every binding with the grant or raw binding that it comes from."""
    for member in ("grants", "bindings"):
        for at, one in enumerate(cast("Sequence[Body]", spec.get(member) or ())):
            alone: Body = {"principal": spec["principal"], member: [one]}
            for binding in acl.bindings(alone):
                yield ("spec", member, str(at)), binding


def among(wanted: Sequence[Document], clusters: Sequence[Document], barred: str) -> Iterator[Told]:
    """What a cluster that a document is for cannot hold. `barred` is why it has no ACLs, empty where it has them."""
    known = {cluster.name: cluster for cluster in clusters}
    for document in wanted:
        here = cast("list[str] | None", document.metadata.get("clusters"))
        for name in known if here is None else here:
            about = cast("Body", known[name].spec.get("msk") or {})
            if _by_iam(document) and not about.get("policies"):
                words = f"{name} has no `policies` in its `spec.msk`, so there is nowhere to write the policy"
                yield document, ("spec", "access"), words
            elif not _by_iam(document) and barred:
                advice = "write `access: iam` and the ARN of a role, or leave it out of `metadata.clusters`"
                yield document, ("spec",), f"{name} {barred}: {advice}"


# --- what could hurt


def everybody_rule(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
    """MSK lets everybody at what has no ACL: the first one shuts them out, and the last one lets them in."""
    if world.facts.get(OPEN) is False:
        return
    live = _bindings(world.live)
    gone = {change.key.name for change in changes if change.action is Action.DELETE}
    left = _bindings({*world.live, *world.planned} - gone)
    for change in changes:
        if is_policy(change.key.name):
            continue
        own = acl.decode(change.key.name)
        what = f"{own.resource} {own.name}" + ("*" if own.pattern == "prefixed" else "")
        if change.action is Action.CREATE and not _covered(own, live):
            yield change.key, Risk("KS293", f"the first ACL on {what}: who has none is shut out")
        elif change.action is Action.DELETE and not _covered(own, left):
            yield change.key, Risk("KS294", f"the last ACL on {what}: everybody is let in")


def _bindings(names: Iterable[str]) -> list[Binding]:
    return [acl.decode(name) for name in names if not is_policy(name)]


def _covered(own: Binding, others: Sequence[Binding]) -> bool:
    """Whether some binding speaks of all that this one speaks of."""
    return any(
        other.resource == own.resource
        and covers(other, own.name)
        and (own.pattern == "literal" or other.pattern == "prefixed" or other.name == "*")
        for other in others
    )


# --- reading and writing


@dataclass(frozen=True, slots=True)
class BothDriver:
    """Bindings by Kafka's protocol, policies as files."""

    wire = acl.AclDriver.wire
    batch = acl.AclDriver.batch
    kafka: acl.AclDriver = acl.AclDriver()  # noqa: RUF009  # it has no state
    files: PolicyDriver = PolicyDriver()  # noqa: RUF009  # likewise

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        wanted = scope.names
        policies = wanted is None or scope.others or any(map(is_policy, wanted))
        if policies:
            yield from self.files.read(session, scope)
        own = None if wanted is None else frozenset(n for n in wanted if not is_policy(n))
        if own is None or own or scope.others:
            yield from self.kafka.read(session, replace(scope, names=own))

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        files, kafka = _sorted(changes)
        asked = self.kafka.vet(session, kafka) if kafka else {}
        return {**self.files.vet(session, files), **asked}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        files, kafka = _sorted(changes)
        yield from self.files.write(session, files)
        if kafka:
            yield from self.kafka.write(session, kafka)


def _sorted(changes: Sequence[Change]) -> tuple[list[Change], list[Change]]:
    files = [change for change in changes if is_policy(change.key.name)]
    return files, [change for change in changes if not is_policy(change.key.name)]


CODES = (
    Code(
        "KS194",
        "An IAM policy is only a document",
        "kstate writes the policy as a file below the spec folder, and never to AWS. What it allows, or no longer"
        " allows, is so once the document is attached to the role: by Terraform, CloudFormation or"
        " `aws iam put-role-policy`, with whatever review guards your roles.",
    ),
    Code(
        "KS293",
        "The first ACL on a resource",
        "Amazon MSK sets `allow.everyone.if.no.acl.found=true`: what has no ACL is open to everybody who can log in by"
        " SCRAM or TLS. The first ACL on a topic, a group or the cluster shuts out all who have none on it, kstate"
        " itself included. Grant everybody who works with it in the same change. Who logs in by IAM is not concerned,"
        " and neither is a cluster whose configuration says `false`: where that can be read there is no such warning.",
        "Revoke it, and everybody is let in again.",
    ),
    Code(
        "KS294",
        "The last ACL on a resource",
        "Amazon MSK sets `allow.everyone.if.no.acl.found=true`: once the last ACL on a topic, a group or the cluster is"
        " gone, everybody who can log in by SCRAM or TLS may do everything with it.",
        "Grant something again; what was done in between stays done.",
    ),
    Code(
        "KS995",
        "An IAM policy that is too long",
        "A managed policy holds 6,144 characters, blanks not counted. Make several Acl documents of it, use prefixes,"
        " or grant less.",
    ),
)


def acl_kind(settings: Settings) -> Kind:
    """Acl as a cluster of these settings has it."""
    barred = _barred(settings)
    return replace(
        acl.KIND,
        resources=resources,
        placed=placed,
        check=lambda document: check(document, settings.kind),
        among=lambda wanted, clusters: among(wanted, clusters, barred),
        drivers=(PolicyDriver() if barred else BothDriver(),),
        documents=documents,
        owned_as=owned_as,
        whole=True,
        rights=() if barred or settings.auth == IAM else acl.KIND.rights,
        rules=acl.KIND.rules if barred else (*acl.KIND.rules, everybody_rule),
    )


def _barred(settings: Settings) -> str:
    if settings.kind == SERVERLESS:
        return "is MSK Serverless, which has no ACLs"
    return "is reached `via: api`, which knows no ACLs" if settings.via == "api" else ""
