"""ownership: only what is recorded as ours is pruned, and limits count what is owned."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.book import Book, Owned, fold
from reconciler.core.diff import diff
from reconciler.core.model import Change, Edit, Key, Owner, Resource, State
from reconciler.core.ownership import Keeping, after, limits, marked
from tests.core.strategies import live, wanted
from tests.core.test_book import CLUSTER, written

KEY = Key("eu", "topic", "t")


@st.composite
def keepings(draw: st.DrawFn) -> tuple[Keeping, State]:
    """Some of a live state recorded as ours, some as another estate's."""
    there = draw(live)
    own = {
        (key.kind, key.name): Owned(draw(st.sampled_from(["acme", "rival"])), r.settings)
        for key, r in there.items()
        if key.cluster == "eu" and draw(st.booleans())
    }
    book = fold(written(own), CLUSTER)
    return Keeping("acme", book, book.trouble("acme")), there


@given(keepings(), wanted)
def test_only_ours_and_only_undeclared_is_pruned(found: tuple[Keeping, State], want: State) -> None:
    keeping, there = found
    pruned = keeping.prunes("eu", want.keys())
    for key in pruned:
        assert keeping.book.own[key.kind, key.name].estate == "acme"
        assert key not in want
    changes = list(marked(diff(want, there, absent=pruned), keeping, pruned))
    gone = {c.key for c in changes if c.after is None}
    assert gone == pruned & there.keys()
    assert all({r.code for r in c.risks} & {"KS231", "KS232"} for c in changes if c.key in gone)


@given(keepings(), st.text(min_size=1))
def test_with_trouble_nothing_is_pruned(found: tuple[Keeping, State], trouble: str) -> None:
    keeping, _ = found
    assert Keeping("acme", keeping.book, trouble).prunes("eu", frozenset()) == set()
    assert Keeping("", keeping.book).prunes("eu", frozenset()) == set()


@given(keepings(), wanted)
def test_what_is_anothers_is_never_changed(found: tuple[Keeping, State], want: State) -> None:
    keeping, there = found
    for change in marked(diff(want, there), keeping, set()):
        if change.owner is Owner.FOREIGN:
            assert any(risk.code == "KS941" for risk in change.risks)


def deletion(number: int, owner: Owner = Owner.OURS) -> Change:
    return Change(Key("eu", "topic", f"t{number}"), {}, None, owner=owner)


@pytest.mark.parametrize(
    ("gone", "owned", "given_limits", "codes"),
    [
        (20, 1000, {}, []),
        (21, 1000, {}, ["KS301"]),
        (4, 12, {}, ["KS302"]),
        (3, 12, {}, []),
        (9, 9, {}, []),
        (7, 12, {"delete_percent": 100}, ["KS303"]),
        (7, 12, {"delete_percent": 100, "change_percent": 100}, []),
    ],
)
def test_limits(gone: int, owned: int, given_limits: dict[str, int], codes: list[str]) -> None:
    changes = [deletion(number) for number in range(gone)]
    assert [risk.code for risk in limits("eu", changes, owned, given_limits)] == codes


def test_creations_and_what_is_not_ours_count_for_no_percentage() -> None:
    new = [Change(Key("eu", "topic", f"n{n}"), None, {}) for n in range(50)]
    theirs = [deletion(n, Owner.UNOWNED) for n in range(10)]
    assert list(limits("eu", [*new, *theirs], 12, {})) == []


UPDATE = Change(KEY, {"a": 1}, {"a": None, "b": 2}, (Edit(("a",), 1, None), Edit(("b",), None, 2)))
STAMP = Owned("acme", {}, apply="new")


def test_the_record_after_each_action() -> None:
    made = after(Change(KEY, None, {"a": 1}), None, STAMP)
    assert made is not None
    assert (made.settings, made.origin, made.apply) == ({"a": 1}, "made", "new")
    changed = after(UPDATE, made, STAMP)
    assert changed is not None
    assert (changed.settings, changed.origin) == ({"b": 2}, "made")
    taken = after(UPDATE, None, STAMP)
    assert taken is not None
    assert (taken.settings, taken.origin) == ({"b": 2}, "adopted")
    assert after(Change(KEY, {}, None), made, STAMP) is None


def test_what_was_taken_out_of_a_whole_is_not_recorded_any_more() -> None:
    owned = Owned("acme", {"config": {"kept": "1", "gone": "2"}})
    removed = Edit(("config", "gone"), "2", None)
    change = Change(KEY, owned.settings, {"config": {"kept": "1"}}, (removed,))
    found = after(change, owned, Owned("acme", {}))
    assert found is not None
    assert found.settings == {"config": {"kept": "1"}}


def test_the_past_is_told_apart() -> None:
    book = Book(own={("topic", "t"): Owned("acme", {"a": 1}, apply="1f3c", at="2026-11-20")})
    keeping = Keeping("acme", book)

    def note(edit: Edit) -> str:
        change = Change(KEY, {}, {}, (edit,), owner=Owner.UNOWNED)
        return next(iter(marked([change], keeping, set()))).note

    assert note(Edit(("a",), 1, 2)) == "changed in Git since apply 1f3c, 2026-11-20"
    assert note(Edit(("a",), 3, 1)) == "changed by hand since apply 1f3c, 2026-11-20: a"
    gone = Change(KEY, None, {"a": 1})
    assert "and is gone" in next(iter(marked([gone], keeping, set()))).note


def test_a_resource_of_an_estate_shows_both_names() -> None:
    book = Book(own={("topic", "t"): Owned("rival", {})})
    change = Change(KEY, {"a": 1}, {"a": 2}, owner=Owner.UNOWNED)
    found = next(iter(marked([change], Keeping("acme", book), set())))
    assert [(r.code, r.message) for r in found.risks] == [
        ("KS941", "estate rival owns it; this is acme")
    ]


def test_a_bare_resource_is_a_state() -> None:
    assert Keeping("acme", Book(own={("topic", "t"): Owned("acme", {"a": 1})})).last("eu") == {
        KEY: Resource("t", {"a": 1})
    }
