"""settle: done, to do, or moved; never a guess."""

from __future__ import annotations

from hypothesis import given

from reconciler.core.diff import diff
from reconciler.core.model import Action, Change, Edit, Key, Resource, State
from reconciler.core.settle import Verdict, judge, remaining, settle
from tests.core.strategies import live, wanted
from tests.core.test_diff import carry_out

KEY = Key("eu", "topic", "t")
UPDATE = Change(
    KEY,
    {"a": 1, "b": 1},
    {"a": 2, "b": 2},
    (Edit(("a",), 1, 2), Edit(("b",), 1, 2)),
    expects={"id": "x"},
)


def seen(**settings: int) -> Resource:
    return Resource("t", settings, {"id": "x"})


@given(wanted, live)
def test_a_fresh_plan_is_all_to_do_and_an_applied_one_all_done(want: State, there: State) -> None:
    changes = diff(want, there)
    assert len(settle(changes, there).todo) == len(changes)
    after = carry_out(changes, there)
    assert len(settle(changes, after).done) == len(changes)


@given(wanted, live, live)
def test_every_change_ends_in_exactly_one_place(want: State, there: State, now: State) -> None:
    changes = diff(want, there)
    found = settle(changes, now)
    moved = {item.change.key for item in found.moved}
    assert sorted([*(c.key for c in (*found.done, *found.todo)), *moved]) == [
        c.key for c in changes
    ]


def test_half_done_is_to_do_with_what_is_left() -> None:
    assert judge(UPDATE, seen(a=2, b=1))[0] is Verdict.TODO
    assert [edit.path for edit in remaining(UPDATE, seen(a=2, b=1))] == [("b",)]


def test_a_third_value_is_moved_and_says_all_three() -> None:
    verdict, moved = judge(UPDATE, seen(a=3, b=1))
    assert verdict is Verdict.MOVED
    assert [(m.path, m.planned_from, m.now, m.wanted) for m in moved] == [(("a",), 1, 3, 2)]


def test_a_thing_made_again_under_the_same_name_is_moved() -> None:
    again = Resource("t", {"a": 1, "b": 1}, {"id": "y"})
    assert judge(UPDATE, again)[0] is Verdict.MOVED
    gone = Change(KEY, {"a": 1}, None, expects={"id": "x"})
    assert judge(gone, again)[0] is Verdict.MOVED


def test_a_thing_that_is_gone_cannot_be_updated_and_need_not_be_deleted() -> None:
    assert judge(UPDATE, None)[0] is Verdict.MOVED
    gone = Change(KEY, {"a": 1}, None)
    assert gone.action is Action.DELETE
    assert judge(gone, None)[0] is Verdict.DONE


def test_a_creation_that_somebody_else_did_the_same_way_is_done() -> None:
    create = Change(KEY, None, {"a": 1})
    assert judge(create, seen(a=1, b=5))[0] is Verdict.DONE
    assert judge(create, seen(a=2))[0] is Verdict.MOVED
    assert judge(create, None)[0] is Verdict.TODO
