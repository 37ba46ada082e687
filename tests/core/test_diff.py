"""diff: what differs, and nothing else."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import diff, edits, flat, nest
from reconciler.core.model import Action, Change, Edit, Key, Resource, State
from tests.core.strategies import bodies, live, scalars, wanted


def carry_out(changes: list[Change], state: State) -> dict[Key, Resource]:
    """The simplest cluster there is: it does exactly what each change says."""
    after = dict(state)
    for change in changes:
        if change.action is Action.DELETE:
            del after[change.key]
        elif change.action is Action.CREATE:
            after[change.key] = Resource(change.key.name, change.after or {})
        else:
            leaves = dict(flat(state[change.key].settings))
            leaves.update({edit.path: edit.after for edit in change.edits})
            kept = nest((p, v) for p, v in sorted(leaves.items()) if v is not None)
            after[change.key] = Resource(change.key.name, kept)
    return after


@given(live)
def test_equal_states_have_no_difference(state: State) -> None:
    assert diff(state, state) == []


@given(wanted, live, st.data())
def test_after_applying_a_difference_there_is_none(
    want: State, there: State, data: st.DataObject
) -> None:
    absent = {k for k in there if k not in want and data.draw(st.booleans())}
    after = carry_out(diff(want, there, absent=absent), there)
    assert diff(want, after, absent=absent) == []


@given(wanted, live)
def test_what_nobody_declared_is_left_alone(want: State, there: State) -> None:
    after = carry_out(diff(want, there), there)
    assert {k: v for k, v in after.items() if k not in want} == {
        k: v for k, v in there.items() if k not in want
    }


@given(live, live)
def test_everything_is_compared_where_a_write_replaces_everything(
    want: State, there: State
) -> None:
    changes = diff(want, there, whole=lambda _key: True)
    after = carry_out(changes, there)
    assert all(dict(flat(after[k].settings)) == dict(flat(want[k].settings)) for k in want)


@given(bodies(scalars))
def test_nest_is_the_reverse_of_flat(body: dict[str, object]) -> None:
    assert nest(flat(body)) == body  # type: ignore[arg-type]


def test_a_setting_left_out_is_not_compared() -> None:
    assert edits({"config": {"a": "1"}}, {"partitions": 3, "config": {"a": "1", "b": "2"}}) == ()


def test_null_unsets_what_is_set_and_is_content_where_nothing_is() -> None:
    assert edits({"config": {"a": None}}, {"config": {"a": "1"}}) == (
        Edit(("config", "a"), "1", None),
    )
    assert edits({"config": {"a": None}}, {"config": {}}) == ()


def test_what_was_applied_and_is_no_longer_declared_goes_back_to_default() -> None:
    found = edits({"config": {}}, {"config": {"a": "1", "b": "2"}}, {"config": {"a": "1"}})
    assert found == (Edit(("config", "a"), "1", None),)


def test_a_creation_leaves_out_what_must_not_be_set() -> None:
    key = Key("eu", "topic", "t")
    change = diff({key: Resource("t", {"config": {"a": None, "b": "1"}})}, {})[0]
    assert change.after == {"config": {"b": "1"}}
    assert change.before is None
