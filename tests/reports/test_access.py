"""Who may do what, in words: never more and never less than Kafka's authorizer would decide, request by request."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Key
from reconciler.reports.access import IMPLIED, Line, Rule, by_principal, lines, rules, sentence

PRINCIPALS = ("User:a", "User:b")
HOSTS = ("10.0.0.1", "10.0.0.2")
NAMES = ("orders", "orders.new", "other")
OPERATIONS = ("Read", "Write", "Describe", "AlterConfigs", "DescribeConfigs")

patterns = st.sampled_from(
    [("orders", "literal"), ("*", "literal"), ("orders", "prefixed"), ("o", "prefixed")]
)


@st.composite
def bindings(draw: st.DrawFn) -> tuple[str, ...]:
    name, pattern = draw(patterns)
    return (
        draw(st.sampled_from([*PRINCIPALS, "User:*"])),
        "topic",
        name,
        pattern,
        draw(st.sampled_from([*OPERATIONS, "All"])),
        draw(st.sampled_from(["allow", "allow", "deny"])),
        draw(st.sampled_from([*HOSTS, "*"])),
    )


def key(binding: tuple[str, ...]) -> Key:
    return Key("eu", "acl", "|".join(binding))


Request = tuple[str, str, str, str]
REQUESTS: list[Request] = list(product(PRINCIPALS, HOSTS, NAMES, OPERATIONS))


def fits(binding: tuple[str, ...], request: Request, operations: frozenset[str]) -> bool:
    principal, host, name, _ = request
    who, _, resource, pattern, operation, _, where = binding
    named = name.startswith(resource) if pattern == "prefixed" else resource in ("*", name)
    return (
        who in (principal, "User:*")
        and where in (host, "*")
        and named
        and operation in operations | {"All"}
    )


def authorized(found: list[tuple[str, ...]], request: Request) -> bool:
    """As StandardAuthorizer decides it."""
    wanted = frozenset({request[3]})
    denies = [b for b in found if b[5] == "deny"]
    allows = [b for b in found if b[5] == "allow"]
    if any(fits(b, request, wanted) for b in denies):
        return False
    return any(fits(b, request, wanted | IMPLIED.get(request[3], frozenset())) for b in allows)


def asked(rule: Rule) -> list[Request]:
    """The requests that one rule allows by itself."""
    parts = [
        (rule.principal, rule.resource, rule.name, rule.pattern, o, rule.permission, rule.host)
        for o in rule.operations
    ]
    return [request for request in REQUESTS if authorized(parts, request)]


@given(st.lists(bindings(), max_size=6))
def test_a_line_without_limits_holds_and_one_without_effect_never_does(
    found: list[tuple[str, ...]],
) -> None:
    for line in lines(rules([(key(binding), "") for binding in found])):
        if line.rule.permission == "deny":
            continue
        holds = [authorized(found, request) for request in asked(line.rule)]
        if not line.limits:
            assert all(holds)
        if line.void:
            # Another rule may allow it as well, but no deny was overlooked: it would allow it too.
            assert line.limits
            assert not any(holds)


@given(st.lists(bindings(), max_size=6))
def test_whatever_is_allowed_stands_in_a_line_that_has_effect(
    found: list[tuple[str, ...]],
) -> None:
    told = list(lines(rules([(key(binding), "") for binding in found])))
    live = [line.rule for line in told if line.rule.permission == "allow" and not line.void]
    for request in REQUESTS:
        if authorized(found, request):
            assert any(request in asked(rule) for rule in live)


def rule(name: str, operations: str, pattern: str = "literal", **more: str) -> Rule:
    about = {"cluster": "eu", "principal": "User:app", "resource": "topic", "permission": "allow"}
    about |= {"host": "*", "state": "", "name": name, "pattern": pattern, **more}
    return Rule(**about, operations=tuple(operations.split()))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (rule("orders", "Read Write Describe"), "may read and write topic orders"),
        (rule("orders.", "Read", "prefixed"), "may read topics beginning with orders."),
        (rule("*", "All"), "may do anything with every topic"),
        (rule("g", "Read", resource="group"), "may read consumer group g"),
        (rule("t", "Write", resource="transactional_id"), "may write transactional id t"),
        (rule("x", "Read", permission="deny"), "must not read topic x"),
        (rule("x", "Read", host="10.0.0.1"), "may read topic x from 10.0.0.1"),
        (
            rule("kafka-cluster", "Create Alter", resource="cluster"),
            "may create topics and change ACLs, users and quotas",
        ),
        (rule("x", "Teleport"), "may Teleport topic x"),
        (rule("x", "Read", resource="gadget"), "may read gadget x"),
    ],
)
def test_it_reads_as_people_say_it(found: Rule, words: str) -> None:
    lead, name, where = sentence(found)
    assert " ".join(filter(None, (lead, name))) + where == words


def of(*found: Rule) -> list[Line]:
    return list(lines(found))


def test_what_a_deny_takes_away_is_said_and_to_whom() -> None:
    allow = rule("orders.", "Read Write", "prefixed")
    partly = of(allow, rule("orders.secret", "Read", permission="deny"))[0]
    assert (partly.limits, partly.void) == (("must not read topic orders.secret",), False)
    everybody = of(allow, rule("*", "All", permission="deny", principal="User:*"))[0]
    assert everybody.void
    assert everybody.limits == (
        "must not do anything with topics beginning with orders. (denied to everybody)",
    )
    elsewhere = of(allow, rule("orders.", "Read", "prefixed", permission="deny", host="10.0.0.9"))
    assert elsewhere[0].limits == ("must not read topics beginning with orders. from 10.0.0.9",)


def test_what_a_plan_takes_away_denies_nobody_any_more() -> None:
    allow, deny = rule("x", "Read"), rule("x", "Read", permission="deny", state="gone")
    assert of(allow, deny)[0].limits == ()


def test_names_that_are_no_bindings_are_left_out_and_principals_kept_apart() -> None:
    found = rules([(Key("eu", "acl", "role|x"), ""), (Key("eu", "topic", "a|b|c|d|e|f|g"), "")])
    assert found == []
    keys = [key((p, "topic", "x", "literal", "Read", "allow", "*")) for p in PRINCIPALS]
    grouped = by_principal(lines(rules([(k, "new") for k in keys])))
    assert list(grouped) == [("eu", "User:a"), ("eu", "User:b")]
