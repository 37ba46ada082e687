"""Ignore rules: one engine for plan, apply and drift; what is ignored stays as it is, an expired rule holds nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import diff, flat
from reconciler.core.drift import What, compare, undeclared
from reconciler.core.ignore import Rule, expired, hold, said, unmatched
from reconciler.core.model import Key, Resource, State
from tests.core.strategies import live, set_scalars, states

KEY = Key("eu", "topic", "orders")
RULE = Rule(
    "autoscaler",
    "team-platform",
    "it sets the retention itself",
    "2026-12-31",
    ("topic/ord*",),
    ("config.retention.ms", "partitions"),
    source="ignore.yaml:3",
)
EVERYTHING = replace(RULE, resources=("*/*",), fields=("*",))
applied = states(set_scalars)


def topic(retention: str, **more: str) -> State:
    return {KEY: Resource("orders", {"config": {"retention.ms": retention, **more}})}


def test_what_is_ignored_is_neither_planned_nor_drift() -> None:
    want, there, last = topic("7"), topic("1"), topic("7")
    held = hold([RULE], want, last, there)
    assert diff(held.want, there, last=held.last) == []
    assert list(compare(held.want, there, held.last, lambda _: False)) == []
    assert [(h.path, h.live, h.wanted) for h in held.hidden] == [
        (("config", "retention.ms"), "1", "7")
    ]
    assert list(said(held.hidden)) == [
        "ignored until 2026-12-31 (autoscaler, team-platform: it sets the retention itself):"
        " eu/topic/orders config.retention.ms"
    ]


def test_the_other_fields_still_count() -> None:
    want, there = (
        topic("7", **{"cleanup.policy": "compact"}),
        topic("1", **{"cleanup.policy": "delete"}),
    )
    held = hold([RULE], want, want, there)
    [change] = diff(held.want, there, last=held.last)
    assert [edit.path for edit in change.edits] == [("config", "cleanup.policy")]
    [finding] = compare(held.want, there, held.last, lambda _: False)
    assert [field.path for field in finding.fields] == [("config", "cleanup.policy")]


def test_what_is_written_as_a_whole_carries_the_value_that_is_there() -> None:
    """Else the next write of another field would put the ignored one back."""
    want, there = (
        topic("7", **{"cleanup.policy": "compact"}),
        topic("1", **{"cleanup.policy": "delete"}),
    )
    held = hold([RULE], want, want, there)
    [change] = diff(held.want, there, last=held.last, whole=lambda _: True)
    assert change.after == {"config": {"retention.ms": "1", "cleanup.policy": "compact"}}


def test_a_field_that_only_the_live_side_has_is_not_reported_as_undeclared() -> None:
    there = topic("1", **{"segment.ms": "5"})
    held = hold([replace(RULE, fields=("config.segment.*",))], topic("1"), topic("1"), there)
    assert undeclared(held.want, there) == {}
    assert held.hidden == ()


def test_what_is_not_there_is_made_as_its_document_says() -> None:
    held = hold([RULE], topic("7"), {}, {})
    [change] = diff(held.want, {})
    assert change.after == {"config": {"retention.ms": "7"}}


def test_what_is_gone_is_still_told() -> None:
    held = hold([EVERYTHING], topic("7"), topic("7"), {})
    assert [f.what for f in compare(held.want, {}, held.last, lambda _: False)] == [What.GONE]


@pytest.mark.parametrize(
    ("clusters", "name", "speaks"),
    [
        (None, "orders", True),
        (("eu",), "orders", True),
        (("us",), "orders", False),
        (None, "x", False),
    ],
)
def test_whom_a_rule_speaks_of(clusters: tuple[str, ...] | None, name: str, speaks: bool) -> None:
    assert replace(RULE, clusters=clusters).speaks_of(Key("eu", "topic", name)) == speaks


def test_it_holds_on_its_last_day_and_is_told_from_the_next_on() -> None:
    assert list(expired([RULE], "2026-12-31")) == []
    [risk] = expired([RULE], "2027-01-01")
    assert (risk.code, risk.blocking) == ("KS138", False)
    assert "expired on 2026-12-31" in risk.message
    assert "team-platform" in risk.message


def test_a_rule_that_speaks_of_nothing_is_named() -> None:
    mistyped = replace(RULE, name="mistyped", resources=("topic/odrers",))
    held = hold([RULE, mistyped], topic("7"), {}, topic("7"))
    assert [line.split()[2] for line in unmatched([RULE, mistyped], held.matched)] == ["mistyped"]


@given(applied, live, applied, st.booleans())
def test_with_everything_ignored_no_field_differs(
    want: State, there: State, last: State, whole: bool
) -> None:
    held = hold([EVERYTHING], want, last, there)
    changes = diff(held.want, there, last=held.last, whole=lambda _: whole)
    assert [
        change for change in changes if change.before is not None and change.after is not None
    ] == []
    left = compare(held.want, there, held.last, lambda _: whole)
    assert {finding.what for finding in left if finding.key in there} <= {What.PENDING}
    assert all(not f.fields for f in compare(held.want, there, held.last, lambda _: whole))


@given(applied, live, applied)
def test_no_rule_changes_nothing(want: State, there: State, last: State) -> None:
    held = hold([replace(RULE, resources=("nothing/here",))], want, last, there)
    assert (held.want, held.last, held.hidden, held.matched) == (want, last, (), frozenset())


@given(applied, live, applied)
def test_every_hidden_difference_is_one(want: State, there: State, last: State) -> None:
    for one in hold([EVERYTHING], want, last, there).hidden:
        assert dict(flat(there[one.key].settings)).get(one.path) == one.live != one.wanted
