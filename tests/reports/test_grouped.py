"""Thousands of changes: what is shown one by one, what each group says, and that nothing is lost."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Change, Edit, Key, Risk
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.risk import Gated
from reconciler.reports import text, words
from reconciler.reports.grouped import beginning, gate_lines, split, told


def made(number: int, cluster: str = "eu", prefix: str = "shop.orders-") -> Change:
    return Change(Key(cluster, "topic", f"{prefix}{number:05d}"), None, {"partitions": 3})


def grown(number: int, by: str = "8d") -> Change:
    edit = Edit(("config", "retention.ms"), "7d", by)
    key = Key("eu", "topic", f"shop.orders-{number:05d}")
    return Change(key, {"config": {}}, {"config": {}}, (edit,))


def gone(number: int, cluster: str = "eu") -> Change:
    key = Key(cluster, "topic", f"old.{number}")
    return Change(key, {"partitions": 1}, None, risks=(Risk("KS203", "records", {"records": 5}),))


def plan_of(*changes: Change) -> Plan:
    clusters = [ClusterPlan(name, name, {}) for name in sorted({c.key.cluster for c in changes})]
    times = "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z"
    return Plan(tuple(clusters), (changes,), *times, "0.1.0")


def shown(plan: Plan, limit: int | None) -> str:
    return text.plan(plan, limit=limit)


def test_a_thousand_topics_that_say_the_same_are_one_line() -> None:
    told = shown(plan_of(*map(made, range(1_000))), 3)
    assert told.count("+ topic shop.orders-") == 3
    assert "and 997 more" in told
    assert "    + 997 topics  create  shop.orders-*\n        partitions  3\n" in told
    assert "1,000 create" in told


def test_what_stands_in_the_way_is_shown_before_what_does_not_on_whichever_cluster() -> None:
    plan = plan_of(*map(made, range(50)), *(gone(n, "us") for n in range(4)))
    told = shown(plan, 4)
    assert told.count("KS203 danger") >= 4
    assert "+ topic shop" not in told
    assert "+ 50 topics  create" in told


def test_more_dangers_than_fit_are_counted_with_their_code() -> None:
    told = shown(plan_of(*map(gone, range(30))), 10)
    assert "20 topics  delete  old.*  [KS203 danger]" in told


def test_changes_that_differ_are_groups_of_their_own() -> None:
    lines = [line for line, _ in told([*map(grown, range(5)), grown(9, "9d"), made(1)])]
    assert lines == [
        "~ 5 topics  update  shop.orders-*",
        "~ 1 topic  update  shop.orders-*",
        "+ 1 topic  create  shop.orders-*",
    ]


def test_zero_shows_every_one() -> None:
    plan = plan_of(*map(made, range(300)))
    assert shown(plan, None).count("+ topic") == 300
    assert shown(plan, None) == shown(plan, 300)


def test_ten_thousand_changes_are_a_few_hundred_lines() -> None:
    every = [grown(n, f"{n % 500}d") for n in range(8_000)] + [*map(gone, range(2_000))]
    plain = text.plan(plan_of(*every))
    assert plain.count("\n") < 1_200
    assert "of other kinds" in plain


@given(
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from(["made", "gone"])), max_size=40),
    st.integers(0, 45),
)
def test_every_change_is_shown_or_counted_once(what: list[tuple[int, str]], most: int) -> None:
    found = [made(n) if how == "made" else gone(n) for n, how in what]
    changes = {change.key: change for change in found}.values()
    plan = plan_of(*changes)
    seen = []
    for _, one_by_one, left in split(words.by_cluster(plan), most):
        assert len(one_by_one) == min(most, len(changes))  # there is one cluster here at most
        if any(words.blocking(change) for change in left):
            assert all(words.blocking(change) for change in one_by_one)
        counts = [line.replace(",", "").split() for line, _ in told(left)]
        assert sum(int(line[1]) for line in counts) == len(left)
        seen += [*one_by_one, *left]
    assert sorted(c.key for c in seen) == sorted(c.key for c in changes)


def test_names_share_whole_parts() -> None:
    assert beginning([made(1), made(2)]) == "shop.orders-"
    assert beginning([made(1), made(1, prefix="shop.other-")]) == "shop."
    assert beginning([made(1, prefix="abc"), made(2, prefix="abd")]) == ""


def test_many_risks_of_one_code_have_one_flag_for_all() -> None:
    gated = [Gated(gone(n).key, gone(n).risks[0]) for n in range(7)]
    lines = list(gate_lines(gated))
    assert lines[1] == "    --approve KS203:eu/topic/old.0"
    assert lines[-2:] == [
        "  KS203 and 2 more, which the plan shows; for all 7:",
        "    --approve KS203",
    ]
    assert len(list(gate_lines(gated[:5]))) == 10
