"""The page: one row a contender, ratios beside the floors, and promises that were not kept said aloud."""

from __future__ import annotations

import pytest

from bench.page import Facts, promises, render, seconds, size, table
from bench.samples import Contest, Sample, Traffic

FACTS = Facts(
    machine="2 cores",
    software="kstate 0.1.0",
    when="2026-11-23",
    commit="abc1234",
    runs=3,
    command="python -m bench",
    overrides=2,
    heavy=(),
)


def contest(slow: float = 1.5, **more: object) -> Contest:
    samples = {"naive": [Sample(1.0, 0.5, 40)] * 3, "kstate plan": [Sample(slow, 0.6, 60)] * 3}
    return Contest(
        name="plan-1",
        title="Nothing to do",
        ours="kstate plan",
        samples=samples,
        **more,  # type: ignore[arg-type]
    )


def test_a_row_a_contender_with_the_ratio_beside_the_floor() -> None:
    lines = table(contest()).splitlines()
    assert lines[2] == (
        "| naive | 1.00 s | 1.00 s to 1.00 s | 500 ms | 40 MiB | **1.50** | 1.20 | 1.50 |"
    )
    assert lines[3].startswith("| **kstate plan** | 1.50 s |")
    assert {line.count("|") for line in lines} == {9}


def test_requests_are_shown_where_they_were_counted() -> None:
    counted = Traffic({"Metadata": 1, "DescribeConfigs": 1_200}, 2_048, 3 * 1024 * 1024)
    text = table(contest(traffic={"naive": counted, "kstate plan": counted}))
    assert "| 1,201 | 2.0 KiB | 3.0 MiB |" in text
    assert "- naive: 1,200 DescribeConfigs, 1 Metadata" in text


def test_a_broken_promise_is_told_from_a_missed_aim() -> None:
    text = promises([contest(limits={"naive": 1.4}, aims={"naive": 1.3})], ("yaml",))
    assert "| <= 1.4 | 1.50 | **broken** |" in text
    assert "| <= 1.3 | 1.50 | aim, not reached |" in text
    assert "| none | yaml | **broken** |" in text


def test_a_kept_promise() -> None:
    assert "| <= 1.6 | 1.50 | held |" in promises([contest(limits={"naive": 1.6})], ())


def test_the_whole_page_names_the_command_and_the_machine() -> None:
    text = render([contest()], FACTS)
    assert "Written as a whole by `python -m bench`" in text
    assert "- Machine: 2 cores\n" in text
    assert "## Nothing to do\n" in text
    assert "{" not in text
    assert max(map(len, text.splitlines())) <= 240


@pytest.mark.parametrize(
    ("value", "text"), [(0.0154, "15 ms"), (0.999, "999 ms"), (12.346, "12.35 s")]
)
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(("value", "text"), [(512, "0.5 KiB"), (1024 * 1024, "1.0 MiB")])
def test_sizes(value: int, text: str) -> None:
    assert size(value) == text
