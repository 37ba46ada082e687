"""Bindings in, who may do what in words out: the way Kafka's own authorizer decides, denies before allows.

As in Kafka's StandardAuthorizer (KIP-801): any deny that fits wins over every allow; `User:*` is everybody and host `*`
anywhere; Read, Write, Delete and Alter imply Describe, and AlterConfigs implies DescribeConfigs. Super users need no
binding, so nothing here speaks of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from reconciler.core.model import Key
from reconciler.reports import words

EVERYBODY = "User:*"
ALL = "All"
IMPLIED = {
    "Describe": frozenset({"Read", "Write", "Delete", "Alter", ALL}),
    "DescribeConfigs": frozenset({"AlterConfigs", ALL}),
}
VERBS = {
    "Read": "read",
    "Write": "write",
    "Create": "create",
    "Delete": "delete",
    "Alter": "alter",
    "Describe": "see",
    "AlterConfigs": "change the settings of",
    "DescribeConfigs": "see the settings of",
    ALL: "do anything with",
}
# Whose settings can be seen.
CONFIGURED = frozenset({"topic", "cluster"})
# What an operation on the cluster itself allows (Kafka's documentation, "Operations and Resources on Protocols").
ON_CLUSTER = {
    "Create": "create topics",
    "Alter": "change ACLs, users and quotas",
    "Describe": "see ACLs and brokers",
    "AlterConfigs": "change the settings of brokers",
    "DescribeConfigs": "see the settings of brokers",
    "ClusterAction": "act as a broker",
    "IdempotentWrite": "write without duplicates",
    ALL: "do anything with the cluster",
}
NAMED = {
    "topic": ("topic", "topics"),
    "group": ("consumer group", "consumer groups"),
    "transactional_id": ("transactional id", "transactional ids"),
    "delegation_token": ("delegation token", "delegation tokens"),
    "user": ("user", "users"),
}


class Rule(NamedTuple):
    """Bindings that differ in nothing but their operation. `state` is `new`, `gone` or empty, as a plan has it."""

    cluster: str
    principal: str
    resource: str
    name: str
    pattern: str
    permission: str
    host: str
    state: str
    operations: tuple[str, ...] = ()

    @property
    def granted(self) -> frozenset[str]:
        """The operations, and those that they imply: a deny implies none."""
        given = frozenset(self.operations)
        if self.permission == "deny":
            return given
        return given | {o for o, by in IMPLIED.items() if by & given and self._has(o)}

    def _has(self, operation: str) -> bool:
        return operation == "Describe" or self.resource in CONFIGURED

    @property
    def told(self) -> frozenset[str]:
        """The operations worth a word: whoever may write may see, and that goes without saying."""
        given = frozenset(self.operations)
        if self.permission == "deny":
            return given
        return frozenset(o for o in given if not IMPLIED.get(o, frozenset()) & given)


def rules(bindings: Iterable[tuple[Key, str]]) -> list[Rule]:
    """Bindings by their keys, each with its state, folded; what is no binding of Kafka's is left out."""
    folded: dict[Rule, set[str]] = {}
    for key, state in bindings:
        parts = words.binding(key)
        if parts is not None:
            principal, resource, name, pattern, operation, permission, host = parts
            about = (key.cluster, principal, resource, name, pattern, permission, host, state)
            folded.setdefault(Rule(*about), set()).add(operation)
    return sorted(rule._replace(operations=tuple(sorted(ops))) for rule, ops in folded.items())


def sentence(rule: Rule) -> tuple[str, str, str]:
    """`may read and write topics beginning with`, `orders.`, and ` from 10.0.0.1` where it holds not anywhere."""
    verb = "may" if rule.permission == "allow" else "must not"
    doing, name = _doing(rule, rule.told)
    return f"{verb} {doing}", name, "" if rule.host == "*" else f" from {rule.host}"


def _doing(rule: Rule, operations: Iterable[str]) -> tuple[str, str]:
    if rule.resource == "cluster":
        return _listed([ON_CLUSTER.get(o, o) for o in _ordered(operations)]), ""
    verbs = _listed([VERBS.get(o, o) for o in _ordered(operations)])
    what, name = thing(rule)
    return f"{verbs} {what}", name


def _ordered(operations: Iterable[str]) -> list[str]:
    order = list(VERBS)
    return sorted(operations, key=lambda o: (order.index(o) if o in VERBS else len(order), o))


def thing(rule: Rule) -> tuple[str, str]:
    """What a rule is about, and its name: one thing, all whose names begin so, or every one."""
    one, many = NAMED.get(rule.resource, (rule.resource, f"{rule.resource}s"))
    if rule.pattern == "prefixed":
        return f"{many} beginning with", rule.name
    return (f"every {one}", "") if rule.name == "*" else (one, rule.name)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


class Line(NamedTuple):
    """A rule, and in sentences what other rules take away from it. `void`: nothing of it is left."""

    rule: Rule
    limits: tuple[str, ...] = ()
    void: bool = False


def lines(found: Sequence[Rule]) -> Iterator[Line]:
    """Every rule with what denies make of it. What a plan takes away neither gives nor denies any more."""
    denies: dict[tuple[str, str], list[Rule]] = {}
    for rule in found:
        if rule.permission == "deny" and rule.state != "gone":
            denies.setdefault((rule.cluster, rule.resource), []).append(rule)
    for rule in found:
        if rule.permission == "deny" or rule.state == "gone":
            yield Line(rule)
        else:
            against = denies.get((rule.cluster, rule.resource), ())
            yield _against(rule, [deny for deny in against if _meets(deny, rule)])


def _meets(deny: Rule, rule: Rule) -> bool:
    """Whether some request that the rule allows is denied."""
    who = EVERYBODY in (deny.principal, rule.principal) or deny.principal == rule.principal
    where = deny.host in ("*", rule.host) or rule.host == "*"
    return (
        who and where and bool(_shared(deny, rule)) and (_covers(deny, rule) or _covers(rule, deny))
    )


def _against(rule: Rule, denies: Sequence[Rule]) -> Line:
    whole = [
        deny
        for deny in denies
        if _covers(deny, rule)
        and deny.host in ("*", rule.host)
        and deny.principal in (EVERYBODY, rule.principal)
    ]
    lost = {operation for deny in whole for operation in _shared(deny, rule)}
    told = tuple(dict.fromkeys(_limit(deny, rule) for deny in denies))
    return Line(rule, told, void=rule.granted <= lost)


def _limit(deny: Rule, rule: Rule) -> str:
    shared = frozenset({ALL}) if ALL in deny.operations else _shared(deny, rule)
    doing = " ".join(filter(None, _doing(deny if _covers(rule, deny) else rule, shared)))
    whom = "everybody" if deny.principal == EVERYBODY else deny.principal
    who = "" if deny.principal == rule.principal else f" (denied to {whom})"
    where = "" if deny.host in ("*", rule.host) else f" from {deny.host}"
    return f"must not {doing}{where}{who}"


def _shared(deny: Rule, rule: Rule) -> frozenset[str]:
    """What is allowed and denied at once."""
    denied = frozenset(deny.operations)
    if ALL in denied:
        return rule.granted
    return denied if ALL in rule.granted else rule.granted & denied


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether all that one is about the other is about too."""
    if wide.pattern == "literal":
        return wide.name in ("*", narrow.name) and (wide.name == "*" or narrow.pattern == "literal")
    every = narrow.pattern == "literal" and narrow.name == "*"
    return not every and narrow.name.startswith(wide.name)


def by_principal(found: Iterable[Line]) -> Mapping[tuple[str, str], list[Line]]:
    """The lines of each principal on each cluster."""
    grouped: dict[tuple[str, str], list[Line]] = {}
    for line in found:
        grouped.setdefault((line.rule.cluster, line.rule.principal), []).append(line)
    return grouped
