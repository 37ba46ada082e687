"""Clusters spread over jobs, and what the jobs said put together again: the same as one run would have said."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.fleet import (
    MOST_JOBS,
    Group,
    check_complete,
    check_shards,
    groups,
    matrix,
    merged_drift,
    merged_plan,
    merged_result,
    read_matrix,
)
from reconciler.core.model import Change
from reconciler.core.order import order
from reconciler.core.plan import Plan, Stage, parse, render
from reconciler.errors import BadUsage, Failed
from tests.core.strategies import changes, kind, plans

KINDS = {"topic": kind("topic"), "acl": kind("acl", ("topic",))}
names = st.lists(st.text("abc.-1", min_size=1, max_size=4), min_size=1, max_size=20, unique=True)


@given(names, st.integers(1, 30), st.booleans())
def test_every_cluster_is_in_one_group_and_groups_are_even(
    clusters: list[str], jobs: int, whole: bool
) -> None:
    found = groups(clusters, jobs, whole=whole)
    assert sorted(name for group in found for name in group.clusters) == sorted(clusters)
    assert len(found) == min(jobs, len(clusters))
    sizes = [len(group.clusters) for group in found]
    assert max(sizes) - min(sizes) <= 1
    assert read_matrix(json.loads(json.dumps(matrix(found)))) == found
    assert len({group.name for group in found}) == len(found)


def test_a_thousand_clusters_fit_into_one_matrix() -> None:
    found = groups([f"c{n:04}" for n in range(1000)], MOST_JOBS, whole=True)
    assert len(matrix(found)["include"]) == MOST_JOBS
    assert found[0].arguments == "-c c0000 -c c0001 -c c0002 -c c0003"


@given(plans, st.lists(changes, max_size=6, unique_by=lambda change: change.key))
def test_plans_of_parts_are_the_plan_of_all(plan: Plan, found: list[Change]) -> None:
    whole = replace(plan, waves=order(found, KINDS), partial=False)
    parts = {
        f"{cluster.name}.json": replace(
            whole,
            clusters=(cluster,),
            waves=order((c for c in found if c.key.cluster == cluster.name), KINDS),
            unchanged=1,
            unmanaged=tuple(n for n in whole.unmanaged if n.startswith(cluster.name)),
            partial=True,
        )
        for cluster in whole.clusters
    }
    made = merged_plan(parts, KINDS, whole=True)
    assert made.digest == whole.digest
    assert replace(made, unchanged=whole.unchanged) == whole
    assert parse(render(made)) == made
    assert merged_plan(parts, KINDS, whole=False).digest != whole.digest


@given(plans)
def test_plans_of_two_runs_are_not_joined(plan: Plan) -> None:
    for other in ({"commit": "other"}, {"estate": "other"}, {"only": ("topic/*",)}):
        with pytest.raises(Failed, match="not of one run"):
            merged_plan({"a": plan, "b": replace(plan, **other)}, KINDS, whole=True)  # type: ignore[arg-type]
    staged = replace(plan, stages=(Stage("env=prod", ("eu", "us")),))
    with pytest.raises(Failed, match="in waves"):
        merged_plan({"a": staged}, KINDS, whole=True)


def test_a_shard_that_is_missing_or_there_twice_is_named() -> None:
    found = [Group("1", ("a", "b")), Group("2", ("c",))]
    check_shards(found, {"x": ["a", "b"], "y": ["c"]})
    check_complete(found, {"x": ["a", "b"], "y": ["c"]})
    with pytest.raises(Failed, match=r"no file speaks of group 1 \(b\), group 2 \(c\)"):
        check_complete(found, {"x": ["a"]})
    with pytest.raises(Failed, match="cluster a is in two files: x and y"):
        check_shards(found, {"x": ["a"], "y": ["a"]})
    with pytest.raises(Failed, match="x: cluster z is in no group"):
        check_shards(found, {"x": ["z"]})
    with pytest.raises(BadUsage, match="the matrix is none"):
        read_matrix({"include": [{"group": "1"}]})


def result(cluster: str, code: int, *statuses: str, words: str = "") -> dict[str, Any]:
    told = [
        {"key": f"{cluster}/topic/{n}", "action": "create", "status": status, "words": words}
        for n, status in enumerate(statuses)
    ]
    return {
        "plan": f"sha256:{cluster}",
        "clusters": [cluster],
        "exit_code": code,
        "changes": told,
        "failures": [],
    }


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([result("a", 0, "done"), result("b", 0, "done")], 0),
        ([result("a", 0, "done"), result("b", 1, "failed")], 6),
        ([result("a", 0, "done", words="as planned already"), result("b", 1, "failed")], 1),
        ([result("a", 6, "done", "failed"), result("b", 0, "done")], 6),
        ([result("a", 1, "unknown"), result("b", 0)], 6),
        ([result("a", 130), result("b", 0)], 130),
    ],
)
def test_results_come_to_the_code_of_one_run(parts: list[dict[str, Any]], code: int) -> None:
    made = merged_result(parts)
    assert made["exit_code"] == code
    assert made["clusters"] == ["a", "b"]
    assert sum(made["summary"].values()) == sum(len(part["changes"]) for part in parts)


def report(cluster: str, *findings: tuple[str, str]) -> dict[str, Any]:
    return {
        "format": "kstate.drift/v1",
        "created": "2026-11-23T10:00:00Z",
        "summary": {"changed": sum(what == "changed" for _, what in findings), "pending": 0},
        "clusters": [{"name": cluster}],
        "findings": [{"key": f"{cluster}/topic/{n}", "what": w, "fields": []} for n, w in findings],
        "partial": True,
        "fingerprint": "x",
    }


def test_drift_reports_are_joined() -> None:
    made = merged_drift(
        [report("us", ("t", "changed")), report("eu", ("t", "pending"))], whole=True
    )
    assert [c["name"] for c in made["clusters"]] == ["eu", "us"]
    assert [f["key"] for f in made["findings"]] == ["eu/topic/t", "us/topic/t"]
    assert (made["summary"]["changed"], made["partial"]) == (1, False)
    assert made["fingerprint"].startswith("sha256:")
    assert merged_drift([report("eu", ("t", "pending"))], whole=True)["fingerprint"] == ""
