"""order: what must be there first goes first, and any order inside a wave ends the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import diff
from reconciler.core.model import Action, Change, Key, State
from reconciler.core.order import depths, order
from reconciler.kinds.acl import KIND as ACL
from reconciler.kinds.topic import KIND as TOPIC
from tests.core.strategies import kind, live, wanted
from tests.core.test_diff import carry_out

KINDS = {"topic": kind("topic"), "acl": kind("acl", ("topic",))}


@given(wanted, live, st.randoms())
def test_any_allowed_order_ends_in_the_same_state(
    want: State, there: State, random: object
) -> None:
    changes = diff(want, there, absent=there.keys() - want.keys())
    expected = carry_out(changes, there)
    state: State = dict(there)
    for wave in order(changes, KINDS):
        shuffled = list(wave)
        random.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis gives a random.Random
        state = carry_out(shuffled, state)
    assert state == expected


@given(wanted, live)
def test_every_change_is_in_one_wave_and_deletions_come_last(want: State, there: State) -> None:
    changes = diff(want, there, absent=there.keys() - want.keys())
    waves = order(changes, KINDS)
    assert sorted(c.key for wave in waves for c in wave) == sorted(c.key for c in changes)
    actions = [change.action is Action.DELETE for wave in waves for change in wave]
    assert actions == sorted(actions)


def binding(permission: str, *, gone: bool) -> Change:
    key = Key("eu", "acl", f"User:a|topic|t|literal|Read|{permission}|*")
    return Change(key, {} if gone else None, None if gone else {})


def test_grants_before_revokes_and_nobody_let_in_for_a_moment() -> None:
    kinds = {"topic": TOPIC, "acl": ACL}
    topic = Change(Key("eu", "topic", "t"), None, {})
    old = Change(Key("eu", "topic", "old"), {}, None)
    changes = [
        binding("allow", gone=True),
        binding("deny", gone=True),
        old,
        binding("allow", gone=False),
        topic,
        binding("deny", gone=False),
    ]
    waves = order(changes, kinds)
    assert [[c for c in wave] for wave in waves] == [
        [topic],
        [binding("deny", gone=False)],
        [binding("allow", gone=False)],
        [binding("allow", gone=True)],
        [binding("deny", gone=True)],
        [old],
    ]


def test_kinds_that_wait_for_each_other_are_named() -> None:
    with pytest.raises(ValueError, match="a -> b -> a"):
        depths({"a": kind("a", ("b",)), "b": kind("b", ("a",))})
