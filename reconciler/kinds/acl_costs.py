"""What a change of access costs: who is at work with what it takes away, and whether that is kstate itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.clients.acls import Binding
from reconciler.clients.usage import Usage
from reconciler.core.model import Change, Code, Key, Risk

READS = frozenset({"Read", "All"})
EVERYBODY = "User:*"


def revocations(
    revoked: Mapping[Key, Binding], live: Sequence[Binding], usage: Usage
) -> dict[Key, Risk]:
    """One risk for each binding that is taken away, by what its principal does with it now."""
    return {
        key: _revocation(binding, _at_work(binding, live, usage), usage)
        for key, binding in revoked.items()
    }


def _revocation(binding: Binding, groups: Iterable[str], usage: Usage) -> Risk:
    what = f"{binding.operation} on {binding.resource} {binding.name}"
    if binding.permission == "deny":
        return Risk("KS222", f"{binding.principal} is no longer denied {what}")
    lost, working = f"{binding.principal} loses {what}", sorted(groups)
    evidence = {"groups": working}
    if working:
        return Risk("KS223", f"{lost}; at work with it now: {', '.join(working)}", evidence)
    if usage.hidden and binding.resource in ("topic", "group") and binding.operation in READS:
        return Risk("KS224", f"{lost}; {'; '.join(usage.hidden)}", evidence)
    return Risk("KS221", lost, evidence)


def _at_work(binding: Binding, live: Sequence[Binding], usage: Usage) -> Iterator[str]:
    """Active groups that use a binding: its own groups, or those its principal may join that read its topics.

    Kafka does not say which principal a member of a group is, so every group the principal may join counts.
    """
    if binding.operation not in READS:
        return
    for group, topics in usage.groups.items():
        if binding.resource == "group" and covers(binding, group):
            yield group
        reads = binding.resource == "topic" and any(covers(binding, topic) for topic in topics)
        if reads and _may_join(binding.principal, group, live):
            yield group


def _may_join(principal: str, group: str, live: Sequence[Binding]) -> bool:
    return any(
        b.principal in (principal, EVERYBODY)
        and b.resource == "group"
        and b.permission == "allow"
        and b.operation in READS
        and covers(b, group)
        for b in live
    )


def covers(binding: Binding, name: str) -> bool:
    """Whether a binding speaks of the resource of this name (KIP-290)."""
    if binding.pattern == "prefixed":
        return name.startswith(binding.name)
    return binding.name in (name, "*")


def own_login(binding: Binding, change: Change, principal: str) -> Iterator[Risk]:
    """Taking from kstate's own principal, or denying it, saws at the branch this apply sits on."""
    takes = (change.after is None) == (binding.permission == "allow")
    if takes and principal and binding.principal in (principal, EVERYBODY):
        done = "is denied" if binding.permission == "deny" else "loses"
        what = f"{binding.operation} on {binding.resource} {binding.name}"
        yield Risk("KS225", f"kstate itself logs in as {principal}, which {done} {what}")


CODES = (
    Code(
        "KS221",
        "Revokes access",
        "A principal loses an operation that it is allowed now. Clients that use it are refused from that moment on. No"
        " consumer group was seen at work with it; Kafka keeps no record of producers by principal.",
        "Grant it again.",
    ),
    Code(
        "KS222",
        "Opens access",
        "A deny goes away, so whatever an allow grants is granted from that moment on.",
        "Deny it again; what was done in between stays done.",
    ),
    Code(
        "KS223",
        "Revokes access that is in use",
        "Consumer groups which the principal may join have members at this moment, and they read with what is being"
        " taken away. Kafka does not tell which principal a member is, so every such group is named.",
        "Grant it again; what was missed in between can be read later, as long as it is kept.",
    ),
    Code(
        "KS224",
        "Revokes access, and who uses it cannot be seen",
        "This login may not list or describe consumer groups, so nobody knows whether the access is in use. Grant it"
        " Describe on the groups (`kstate doctor` prints the exact ACLs), or approve blindly.",
        "Grant it again.",
    ),
    Code(
        "KS225",
        "Takes from kstate itself",
        "The principal is the one that this run is logged in as. Once the change is made kstate may be unable to go on,"
        " or to give back what was taken. Super users are not concerned; Kafka does not tell who they are.",
        "Only by another login.",
    ),
)
