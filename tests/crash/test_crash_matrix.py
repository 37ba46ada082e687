"""A handful of the crash matrix: a few requests spread over an apply, for each fault, side by side."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.cell import Verdict, counts
from tests.crash.faults import FAULTS, Fault
from tests.crash.matrix import Ground, grounds, requests, table

pytestmark = pytest.mark.live

UNHARMED = 10_000  # no apply makes so many requests
# Where in an apply: around the lock, and among the writes with the journal between them.
PLACES = (0.55, 0.75, 0.9)
RESTARTS = (
    0.2,
    0.75,
)  # a restart of a broker takes a while, and one broker restarts once at a time


@pytest.fixture(scope="module")
def verdicts() -> Iterator[list[Verdict]]:
    """One cell that is left alone, to learn how long an apply is; then the others, all at once."""
    with grounds(2) as (shared, own):
        alone = shared.run(FAULTS[0], UNHARMED)
        with ThreadPoolExecutor(16) as pool:
            found = [
                pool.submit(shared.run, fault, int(place * alone.requests))
                for fault in FAULTS
                if not fault.restarts
                for place in PLACES
            ]
            restarts = pool.submit(_restarts, own, alone.requests)
            yield [alone, *(future.result() for future in found), *restarts.result()]


def _restarts(ground: Ground, length: int) -> list[Verdict]:
    return [
        ground.run(fault, int(place * length))
        for fault in FAULTS
        if fault.restarts
        for place in RESTARTS
    ]


def test_an_apply_that_is_left_alone(verdicts: list[Verdict]) -> None:
    alone = verdicts[0]
    assert (alone.hit, alone.ended, alone.broken) == ("", "whole", [])
    assert alone.requests > 50


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_after_any_fault_one_more_apply_is_enough(verdicts: list[Verdict], fault: Fault) -> None:
    own = [verdict for verdict in verdicts[1:] if verdict.fault == fault.name]
    assert len(own) == len(RESTARTS if fault.restarts else PLACES)
    # Not each of them: a request whose answer nobody waits for any more may never be answered.
    assert [verdict for verdict in own if verdict.hit]
    assert {f"{v.fault}@{v.at} {v.hit}": v.broken for v in own if v.broken} == {}


def test_only_requests_that_find_the_way_are_left_out() -> None:
    assert [api for api in ("Metadata", "ApiVersions", "FindCoordinator") if counts(api)] == []
    assert counts("CreateTopics")
    assert counts("EndTxn")


def test_the_table_counts_what_was_harmed_and_what_held() -> None:
    some = [
        Verdict("lost", 1, "Fetch", code=0),
        Verdict("lost", 2, "EndTxn", code=6, broken=["something"]),
        Verdict("lost", 3, "", code=0),
    ]
    row = next(line for line in table(some).splitlines() if "never comes |" in line)
    assert row.endswith("| 2 | 1 | 1 | 0 | 0 | 1 of 2 |")
    assert requests(some) == "Fetch 1, EndTxn 1"
