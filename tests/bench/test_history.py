"""The history: one line a run, and what became slower since a ratio was last measured."""

from __future__ import annotations

from pathlib import Path

from bench.history import Line, append, compare, read


def line(**ratios: float) -> Line:
    return Line("2026-11-23", "abc1234", "2 cores", ratios, {"plan/naive": 0.9})


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "history.jsonl"
    assert read(path) == []
    for each in (line(plan=1.0), line(plan=1.1)):
        append(path, each)
    assert read(path) == [line(plan=1.0), line(plan=1.1)]


def test_a_ratio_is_held_against_its_last_one() -> None:
    lines = [line(plan=1.0, large=0.7), line(plan=1.2)]
    steps = {step.name: step for step in compare(lines, {"plan": 1.5, "large": 0.8, "new": 9.0})}
    assert set(steps) == {"plan", "large"}
    assert steps["plan"].before == 1.2
    assert steps["plan"].slower
    assert not steps["large"].slower
    assert str(steps["plan"]).endswith("1.20 ->   1.50  SLOWER")
