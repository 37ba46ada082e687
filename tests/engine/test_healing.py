"""What may be put back: only allowed fields, only what a hand changed and Git did not, no creation and no deletion."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.desired import Desired
from reconciler.core.diff import diff, flat
from reconciler.core.model import Action, Change, Document, Key, Resource, State
from reconciler.core.ownership import Keeping
from reconciler.engine.healing import Allowed, _put_back
from reconciler.engine.survey import Survey
from reconciler.errors import Failed
from reconciler.kinds.registry import load as kinds
from tests.core.strategies import live, set_scalars, states

CLUSTER = Document("Cluster", "eu", {"name": "eu"}, {}, "c.yaml", 1, lambda _: (1, 1))
applied = states(set_scalars)
KEY = Key("eu", "topic", "t")
WHOLE = Key("eu", "connector", "main/c")
A, B, C = {"x": "1"}, {"x": "2"}, {"x": "3"}


def survey(want: State, there: State, last: State, trouble: str = "") -> Survey:
    """Only what healing looks at."""
    unused: Any = None
    keeping = Keeping("acme", trouble=trouble)
    wanted = Desired(state=dict(want), absent={Key("eu", "topic", "unwanted")})
    parts = (unused, keeping, (), kinds(), {}, {}, there, frozenset({KEY}), {}, {}, unused)
    return Survey(CLUSTER, unused, wanted, *parts, last=last)


def healed(want: State, there: State, last: State, *allowed: Allowed) -> list[Change]:
    found = _put_back(survey(want, there, last), allowed, ())
    assert (found.want.absent, found.pruned, dict(found.last)) == (set(), frozenset(), {})
    return diff(
        found.want.state, found.live, last=found.last, whole=lambda key: kinds()[key.kind].whole
    )


def one(key: Key, want: Any, there: Any, last: Any, fields: str = "config.*") -> list[Change]:
    sides = (
        {} if side is None else {key: Resource(key.name, {"config": side} if side else {})}
        for side in (want, there, last)
    )
    return healed(*sides, Allowed("*/*", fields))


@pytest.mark.parametrize("key", [KEY, WHOLE])
@pytest.mark.parametrize(
    ("want", "there", "last", "after"),
    [
        (A, B, A, "1"),
        (A, A, A, None),
        (C, B, A, None),  # Git has changed it too: that waits for an apply
        (B, A, A, None),  # Git alone
        (B, B, A, None),  # a hand did what Git asks for
        (A, B, None, None),  # nobody recorded what it was
        (A, None, A, None),  # gone: healing creates nothing
        (None, B, A, None),  # in no document any more
    ],
)
def test_only_what_a_hand_changed_and_git_did_not(
    key: Key, want: Any, there: Any, last: Any, after: str | None
) -> None:
    found = one(key, want, there, last)
    assert [dict(flat(c.after or {}))["config", "x"] for c in found] == ([after] if after else [])


def test_only_what_is_allowed() -> None:
    want, there = {**A, "y": "1"}, {**B, "y": "2"}
    [change] = one(KEY, want, there, want, "config.x")
    assert change.after == {"config": {"x": "1"}}
    assert one(KEY, want, there, want, "partitions") == []


def test_where_the_whole_is_written_the_rest_stays_as_it_is_live() -> None:
    want, there = {**A, "y": "1"}, {**B, "y": "2", "z": "by hand"}
    [change] = one(WHOLE, want, there, want, "config.x")
    assert change.after == {"config": {"x": "1", "y": "2", "z": "by hand"}}


def test_a_key_that_a_hand_added_to_a_whole_is_taken_out() -> None:
    [change] = one(WHOLE, A, {**A, "z": "by hand"}, A)
    assert change.after == {"config": A}


def test_a_ledger_that_is_no_proof_heals_nothing() -> None:
    with pytest.raises(Failed, match="nothing is put back on its word"):
        _put_back(survey({}, {}, {}, trouble="it was emptied"), [Allowed("*/*", "*")], ())


allow = st.builds(
    Allowed,
    st.sampled_from(["*/*", "topic/*", "topic/c*", "acl/*"]),
    st.sampled_from(["*", "config.*", "partitions", "config.retention.ms"]),
)


@given(applied, live, applied, st.lists(allow, max_size=2))
def test_whatever_there_is_nothing_else_is_ever_planned(
    want: State, there: State, last: State, allowed: list[Allowed]
) -> None:
    for change in healed(want, there, last, *allowed):
        assert change.action is Action.UPDATE
        before = dict(flat(last[change.key].settings))
        wanted = dict(flat(want[change.key].settings))
        for edit in change.edits:
            assert any(rule.covers(change.key, edit.path) for rule in allowed)
            assert edit.after == before.get(edit.path) == wanted.get(edit.path) != edit.before
