"""What an authorizer would say, and the ACLs that make it say yes: granting what is missing leaves nothing missing."""

from __future__ import annotations

import shlex
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.rights import (
    Allowed,
    Need,
    bindings,
    commands,
    folded,
    granted,
    presumed,
)

ME = "User:me"
needs = st.lists(
    st.builds(
        lambda verb, on, operation: Need(verb, *on, operation, "for the test", f"{on}"),
        st.sampled_from(["plan", "apply"]),
        st.sampled_from(
            [
                ("topic", "orders.a", "literal"),
                ("topic", "orders.b", "literal"),
                ("topic", "pay", "literal"),
                ("cluster", "kafka-cluster", "literal"),
                ("group", "*", "literal"),
                ("transactional_id", "kstate-", "prefixed"),
            ]
        ),
        st.sampled_from(["Describe", "Read", "Write", "Create", "AlterConfigs"]),
    ),
    max_size=8,
)
acls = st.lists(
    st.builds(
        Allowed,
        st.sampled_from([ME, "User:*", "User:other"]),
        st.sampled_from(["topic", "cluster", "group"]),
        st.sampled_from(["orders.", "orders.a", "*", "kafka-cluster"]),
        st.sampled_from(["literal", "prefixed"]),
        st.sampled_from(["Describe", "Read", "All"]),
        st.sampled_from(["allow", "allow", "deny"]),
        st.sampled_from(["*", "10.0.0.1"]),
    ),
    max_size=8,
)


def as_allowed(found: list[Any]) -> list[Allowed]:
    """Bindings of an Acl document, as an authorizer has them."""
    return [
        Allowed(
            ME,
            b["resource"],
            b.get("name", "kafka-cluster"),
            b.get("pattern", "literal"),
            b["operation"],
            "allow",
            "*",
        )
        for b in found
    ]


@given(needs, acls)
def test_granting_just_what_is_missing_leaves_nothing_missing(
    wanted: list[Need], there: list[Allowed]
) -> None:
    allows = [acl for acl in there if acl.permission == "allow"]
    missing = [need for need in wanted if not granted(need, ME, allows)]
    new = as_allowed(bindings(folded(missing, ["orders."])))
    assert all(granted(need, ME, [*allows, *new]) for need in wanted)
    assert len(new) == len({*new}) <= len(missing)


@given(needs, acls)
def test_nothing_more_is_granted_than_was_missing(wanted: list[Need], there: list[Allowed]) -> None:
    for acl in as_allowed(bindings(folded(wanted, ["orders."]))):
        about = [n for n in wanted if n.operation == acl.operation and n.resource == acl.resource]
        assert any(n.name == acl.name or n.name.startswith("orders.") for n in about)


@given(acls)
def test_a_deny_wins(there: list[Allowed]) -> None:
    need = Need("plan", "topic", "orders.a", "literal", "Read", "", "")
    deny = Allowed("User:*", "topic", "orders.", "prefixed", "All", "deny", "*")
    assert not granted(need, ME, [*there, deny])


def test_describe_comes_with_whatever_implies_it_and_a_prefix_needs_a_prefix() -> None:
    read = Allowed(ME, "topic", "orders.", "prefixed", "Read", "allow", "*")
    describe = Need("plan", "topic", "orders.a", "literal", "Describe", "", "")
    assert granted(describe, ME, [read])
    assert not granted(describe._replace(operation="Create"), ME, [read])
    wide = Need("plan", "topic", "orders", "prefixed", "Read", "", "")
    assert not granted(wide, ME, [read])
    assert granted(wide, ME, [read._replace(name="*", pattern="literal")])
    assert not granted(describe, ME, [read._replace(host="10.0.0.1")])


def test_what_cannot_be_seen_is_missing_where_its_block_is() -> None:
    seen = Need("plan", "topic", "a", "literal", "Describe", "", "topic a")
    hidden = seen._replace(operation="Delete")
    other = Need("apply", "transactional_id", "k", "prefixed", "Write", "", "ledger")
    told = presumed({seen: False, hidden: None, other: None})
    assert told == {seen: False, hidden: False, other: None}


def test_commands_are_for_a_shell() -> None:
    found = [
        Need("plan", "topic", "a b", "literal", "Describe", "", ""),
        Need("plan", "topic", "a b", "literal", "Read", "", ""),
        Need("plan", "cluster", "kafka-cluster", "literal", "Alter", "", ""),
    ]
    lines = [shlex.split(line) for line in commands(found, "User:CN=me,O=a b")]
    assert lines[0][1:4] == ["--add", "--allow-principal", "User:CN=me,O=a b"]
    assert lines[0][4:] == ["--operation", "Describe", "--operation", "Read", "--topic", "a b"]
    assert lines[1][4:] == ["--operation", "Alter", "--cluster"]
