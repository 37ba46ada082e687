"""risk: what blocks, and what an approval opens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Change, Key, Level, Risk
from reconciler.core.risk import Approval, gate, protect, with_risks
from tests.core.strategies import changes, risks

KEY = Key("eu", "topic", "t")


def change(*found: Risk) -> Change:
    return Change(KEY, {}, None, risks=found)


@pytest.mark.parametrize(
    ("code", "level"),
    [
        ("KS101", Level.NOTICE),
        ("KS202", Level.DANGER),
        ("KS301", Level.LIMIT),
        ("KS911", Level.IMPOSSIBLE),
    ],
)
def test_a_code_says_how_bad_it_is(code: str, level: Level) -> None:
    assert Risk(code, "").level is level


@given(st.lists(changes, max_size=4))
def test_without_approvals_every_blocking_risk_stands(some: list[Change]) -> None:
    blocked = gate(some, (), ()).blocked
    assert len(blocked) == sum(risk.blocking for c in some for risk in c.risks)


@given(st.lists(changes, max_size=4))
def test_what_cannot_be_done_is_never_approved(some: list[Change]) -> None:
    everything = [Approval(risk.code) for c in some for risk in c.risks]
    assert all(g.risk.level is Level.IMPOSSIBLE for g in gate(some, (), everything).blocked)


def test_an_approval_can_be_for_one_key_only() -> None:
    risk = Risk("KS202", "records")
    assert gate([change(risk)], (), [Approval.parse(f"KS202:{KEY}")]).blocked == ()
    assert gate([change(risk)], (), [Approval.parse("KS202:eu/topic/other")]).blocked != ()


def test_an_approval_for_nothing_is_told() -> None:
    unused = gate([change()], (), [Approval.parse("KS999")]).unused
    assert [str(approval) for approval in unused] == ["KS999"]


def test_a_key_with_colons_and_bars_survives() -> None:
    text = "KS221:eu/acl/User:a|topic|t|literal|Read|allow|*"
    assert str(Approval.parse(text)) == text


def test_what_is_protected_is_never_deleted() -> None:
    blocked = gate(protect([change()], frozenset({KEY})), (), [Approval("KS902")]).blocked
    assert [gated.risk.code for gated in blocked] == ["KS902"]


@given(changes, st.lists(risks, max_size=3))
def test_adding_a_risk_twice_adds_it_once(some: Change, more: list[Risk]) -> None:
    once = with_risks(some, more)
    assert with_risks(once, more) == once
