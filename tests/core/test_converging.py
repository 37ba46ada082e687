"""Whatever step of a plan fails, what is there afterwards is a state from which the next apply converges."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import diff
from reconciler.core.model import Action, Change, Key, Resource, State
from reconciler.core.order import order
from reconciler.core.settle import settle
from reconciler.kinds import registry
from tests.core.strategies import bodies, set_scalars
from tests.core.test_diff import carry_out

KINDS = registry.load()
PLAN_KINDS = sorted(KINDS)
BINDINGS = [f"User:a|topic|{n}|literal|Read|{p}|*" for n in "ab" for p in ("allow", "deny")]


def names(kind: str) -> list[str]:
    return BINDINGS if kind == "acl" else ["a", "b"]


every_key = st.sampled_from(PLAN_KINDS).flatmap(
    lambda kind: st.sampled_from(names(kind)).map(lambda name: Key("eu", kind, name))
)
states = st.dictionaries(every_key, bodies(set_scalars), max_size=10).map(
    lambda drawn: {key: Resource(key.name, body) for key, body in drawn.items()}
)


def plan(wanted: State, live: State, owned: State) -> tuple[tuple[Change, ...], ...]:
    """Waves towards what is wanted; what is owned and no longer wanted goes."""
    absent = owned.keys() - wanted.keys()
    return order(diff(wanted, live, last=owned, absent=absent), KINDS)


def apply(waves: Sequence[Sequence[Change]], live: State, failing: frozenset[int]) -> State:
    """Wave by wave; the changes of these numbers fail, and after a wave with a failure nothing more is tried."""
    number, now = 0, live
    for wave in waves:
        failed = False
        for change in wave:
            if number in failing:
                failed = True
            else:
                now = carry_out([change], now)
            number += 1
        if failed:
            break
    return now


@given(states, states, st.frozensets(st.integers(0, 20), max_size=4))
def test_after_any_failure_the_next_apply_converges(
    wanted: State, live: State, failing: frozenset[int]
) -> None:
    waves = plan(wanted, live, live)
    halfway = apply(waves, live, failing)
    end = apply(plan(wanted, halfway, halfway), halfway, frozenset())
    assert plan(wanted, end, end) == ()
    assert end.keys() == wanted.keys()


@given(states, states, st.frozensets(st.integers(0, 20), max_size=4))
def test_the_same_plan_can_go_on_where_it_stopped(
    wanted: State, live: State, failing: frozenset[int]
) -> None:
    """What settle finds done is not done twice, what is left is left to do, and nothing has moved."""
    waves = plan(wanted, live, live)
    changes = [change for wave in waves for change in wave]
    settled = settle(changes, apply(waves, live, failing))
    assert settled.moved == ()
    assert {c.key for c in (*settled.done, *settled.todo)} == {c.key for c in changes}
    end = apply(waves, live, failing)
    for change in settled.todo:
        end = carry_out([change], end)
    assert settle(changes, end).todo == ()


@given(states, states)
def test_what_is_needed_is_there_first_and_goes_last(wanted: State, live: State) -> None:
    waves = plan(wanted, live, live)
    at = {change.key: number for number, wave in enumerate(waves) for change in wave}
    changes = [change for wave in waves for change in wave]
    for one in changes:
        for other in changes:
            if other.key.kind in KINDS[one.key.kind].after:
                if one.action is not Action.DELETE and other.action is not Action.DELETE:
                    assert at[other.key] < at[one.key]
                if one.action is Action.DELETE and other.action is Action.DELETE:
                    assert at[one.key] < at[other.key]
            if one.action is Action.DELETE and other.action is not Action.DELETE:
                assert at[other.key] < at[one.key]
