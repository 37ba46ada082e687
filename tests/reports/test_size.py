"""Reports stay within what their hosts take, whatever the size of a plan; what is left out is counted."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Change, Key, Risk
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.reports import markdown

CLUSTERS = tuple(ClusterPlan(name, f"id-{name}", {"platform": "apache"}) for name in ("eu", "us"))


def plan(changes: list[Change]) -> Plan:
    stamp = "2026-11-23T10:00:00Z"
    return Plan(CLUSTERS, (tuple(changes),), created=stamp, expires=stamp, kstate="0.1.0")


def created(number: int, *, risky: bool = False, width: int = 20) -> Change:
    risks = (Risk("KS203", "x" * width),) if risky else ()
    key = Key(("eu", "us")[number % 2], "topic", f"orders.{number:05d}.v1")
    return Change(key, None, {"config": {"retention.ms": "1" * width}}, risks=risks)


@pytest.mark.parametrize("risky", [False, True])
def test_ten_thousand_changes_fit_into_a_comment(risky: bool) -> None:
    shown = markdown.plan(plan([created(number, risky=risky) for number in range(10_000)]))
    assert len(shown) < 65_536
    assert "10,000 create" in shown
    assert "more changes; `kstate show` has all of them" in shown
    assert shown.rstrip().endswith("`")
    assert shown.count("<details>") == shown.count("</details>") == 2


@given(st.integers(0, 60), st.integers(1, 3_000), st.booleans(), st.integers(8_000, 70_000))
def test_whatever_the_size_it_fits_and_nothing_is_lost_without_a_word(
    count: int, width: int, risky: bool, room: int
) -> None:
    made = plan([created(number, risky=risky, width=width) for number in range(count)])
    shown = markdown.plan(made, room=room)
    assert len(shown) <= room
    named = sum(f"orders.{number:05d}.v1  create" in shown for number in range(count))
    assert named == count or "`kstate show` has all of them" in shown
