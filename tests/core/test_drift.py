"""Drift: what somebody changed is told apart from what waits in Git, and the same drift is the same every time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.core.drift import Drift, Finding, Seen, What, compare, to_json, undeclared
from reconciler.core.model import Key, Resource, State
from tests.core.strategies import live, set_scalars, states

KEY = Key("eu", "topic", "t")
SCHEMA = Path(__file__).parents[2] / "schemas" / "drift.v1.json"
applied = states(set_scalars)


def state(value: Any) -> State:
    """`None`: not there; a dict: with these settings in `config`."""
    return {} if value is None else {KEY: Resource("t", {"config": value} if value else {})}


def found(want: Any, there: Any, last: Any, *, whole: bool = False) -> Finding | None:
    return next(compare(state(want), state(there), state(last), lambda _: whole), None)


A, B, C = {"x": "1"}, {"x": "2"}, {"x": "3"}


@pytest.mark.parametrize(
    ("want", "there", "last", "what"),
    [
        (A, A, A, None),
        (A, B, A, What.CHANGED),
        (B, A, A, What.PENDING),
        (B, B, A, None),  # done by hand just as Git wants it
        (C, B, A, What.CHANGED),
        (A, None, A, What.GONE),
        (A, None, None, What.PENDING),
        (None, A, A, What.PENDING),  # waits to be pruned
        (None, B, A, What.CHANGED),
        (None, None, A, None),
        (A, A, None, None),
        (A, B, None, What.DIFFERS),
        ({**A, "y": "1"}, A, A, What.PENDING),
        (A, {**A, "y": "1"}, A, None),  # undeclared, told apart
        (A, A, {**A, "y": "1"}, None),  # taken away by hand, just as Git wants it
    ],
)
def test_the_three_sides(want: Any, there: Any, last: Any, what: What | None) -> None:
    finding = found(want, there, last)
    assert (finding and finding.what) == what


def test_where_everything_is_compared_a_key_added_by_hand_is_drift() -> None:
    finding = found(A, {**A, "y": "1"}, A, whole=True)
    assert finding is not None
    assert [f.path for f in finding.fields] == [("config", "y")]


RUNS, FAILS, PAUSED = ({"state": state} for state in ("running", "failed", "paused"))


@pytest.mark.parametrize(
    ("want", "there", "last", "told"),
    [
        (RUNS, FAILS, RUNS, {What.UNHEALTHY: ["state"]}),
        (RUNS, PAUSED, RUNS, {What.CHANGED: ["state"]}),
        (A | RUNS, B | FAILS, A | RUNS, {What.CHANGED: ["x"], What.UNHEALTHY: ["state"]}),
        (A | RUNS, B | FAILS, None, {What.DIFFERS: ["x"], What.UNHEALTHY: ["state"]}),
        (B | RUNS, A | FAILS, A | RUNS, {What.UNHEALTHY: ["state"]}),  # Git's change still waits
        (RUNS, None, RUNS, {What.GONE: []}),
    ],
)
def test_what_came_about_by_itself_is_nobodys_doing(
    want: Any, there: Any, last: Any, told: dict[What, list[str]]
) -> None:
    def failed(_key: Key, path: Any, value: Any) -> bool:
        return (path, value) == (("config", "state"), "failed")

    findings = list(compare(state(want), state(there), state(last), lambda _: True, failed))
    assert {f.what: [field.path[-1] for field in f.fields] for f in findings} == told
    drift = Drift((), tuple(findings), "2026-11-23T10:00:00Z", "0.1.0")
    assert drift.off == {KEY: set(told) == {What.UNHEALTHY}}, (
        "one resource, however much is said of it"
    )


@given(applied)
def test_what_is_as_applied_and_wanted_has_not_drifted(there: State) -> None:
    assert list(compare(there, there, there, lambda _: True)) == []


@given(applied, applied)
def test_without_a_change_by_hand_nothing_is_drift(want: State, there: State) -> None:
    findings = compare(want, there, there, lambda _: False)
    assert {finding.what for finding in findings} <= {What.PENDING}


@given(applied, live, applied, st.booleans())
def test_every_difference_is_told_once_and_in_order(
    want: State, there: State, last: State, whole: bool
) -> None:
    keys = [finding.key for finding in compare(want, there, last, lambda _: whole)]
    assert keys == sorted(set(keys))


@given(applied, live, applied)
def test_the_report_has_the_form_it_says(want: State, there: State, last: State) -> None:
    findings = tuple(compare(want, there, last, lambda _: False))
    seen = Seen("eu", "id", 3, ("eu/topic/x",), 1, undeclared(want, there))
    drift = Drift((seen,), findings, "2026-11-23T10:00:00Z", "0.1.0", "acme")
    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(to_json(drift))
    later = Drift((seen,), findings, "2027-01-01T00:00:00Z", "9", "acme", "abc")
    assert later.fingerprint == drift.fingerprint
    assert bool(drift.fingerprint) == bool(drift.drifted)


def test_coverage_is_of_what_is_in_scope() -> None:
    assert Seen("eu", "id", 3, ("eu/topic/x",), 100, {}).coverage == 75.0
    assert Seen("eu", "id", 0, (), 100, {}).coverage == 100.0


def test_what_nobody_declared_is_told_once() -> None:
    """Of what is compared as a whole it is a difference; what was only seen beside is never compared."""
    key = Key("eu", "topic", "t")
    want = {key: Resource("t", {"config": {"a": "1"}})}
    live = {key: Resource("t", {"config": {"a": "1", "b": "2"}}, {"level": "FULL"})}
    assert undeclared(want, live) == {key: {"b": "2", "level": "FULL"}}
    assert undeclared(want, live, lambda _key: True) == {key: {"level": "FULL"}}
    declared = {key: Resource("t", {"config": {"a": "1"}, "level": "NONE"})}
    assert undeclared(declared, live) == {key: {"b": "2"}}
