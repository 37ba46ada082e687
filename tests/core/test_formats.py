"""The machine forms are what their JSON Schemas say: every plan, every result, and no member left unsaid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from reconciler.core import drift as drifts
from reconciler.core import plan as planned
from reconciler.core import result as results
from reconciler.core import validation as validations
from reconciler.core.drift import Drift, Field, Finding, Seen, What
from reconciler.core.model import Change, Key, Outcome, Risk, Status
from reconciler.core.plan import Bookkeeping, Plan
from reconciler.core.result import Result
from reconciler.core.risk import gate
from reconciler.core.validation import Validation
from reconciler.errors import Problem
from tests.core.strategies import keys, plans

SCHEMAS = Path(__file__).parents[2] / "schemas"
OUTCOMES = st.sampled_from(list(Status))


def form(name: str) -> Draft202012Validator:
    body = json.loads((SCHEMAS / f"{name}.v1.json").read_text())
    Draft202012Validator.check_schema(body)
    return Draft202012Validator(body)


@given(plans, st.lists(st.builds(Bookkeeping, keys, st.sampled_from([True, None]))))
def test_every_plan_has_the_form_it_says(plan: Plan, records: list[Bookkeeping]) -> None:
    form("plan").validate(planned.to_json(replace(plan, records=tuple(records))))


@given(plans, st.lists(OUTCOMES, min_size=20, max_size=20), st.booleans())
def test_every_result_has_the_form_it_says(
    plan: Plan, statuses: list[Status], written: bool
) -> None:
    outcomes = tuple(
        Outcome(c.key, status, "words") for c, status in zip(plan.changes, statuses, strict=False)
    )
    found = Result(plan, outcomes, written, failures=(("eu", "gone"),))
    form("result").validate(results.to_json(found))


sides = st.none() | st.sampled_from(["7", "8"]) | st.integers(0, 9)
fields = st.builds(
    Field, st.tuples(st.just("config"), st.sampled_from(["a.b", "c"])), sides, sides, sides
)
findings = st.builds(
    Finding,
    keys,
    st.sampled_from(list(What)),
    st.lists(fields, max_size=2).map(tuple),
    st.lists(st.just("a.yaml:1"), max_size=1).map(tuple),
    st.sampled_from(["", "by hand"]),
)
seen = st.builds(
    Seen,
    st.sampled_from(["eu", "us"]),
    st.just("id"),
    st.integers(0, 9),
    st.just(("eu/topic/stray",)),
    st.integers(0, 9),
    st.dictionaries(keys, st.just({"a": "1"}), max_size=2),
    st.sampled_from(["", "the ledger is no proof"]),
)


@given(st.lists(seen, max_size=2), st.lists(findings, max_size=3), st.booleans())
def test_every_drift_report_has_the_form_it_says(
    clusters: list[Seen], found: list[Finding], partial: bool
) -> None:
    report = Drift(tuple(clusters), tuple(found), "2026-11-23T10:00:00Z", "0.1.0", partial=partial)
    form("drift").validate(drifts.to_json(report))


problems = st.builds(Problem, st.just("a.yaml"), st.integers(1, 9), st.integers(1, 9), st.just("x"))


@given(st.lists(problems, max_size=3), st.integers(0, 9))
def test_every_validation_has_the_form_it_says(found: list[Problem], count: int) -> None:
    body = validations.to_json(Validation(tuple(found), count, count, count))
    form("validation").validate(body)
    assert body["valid"] is not bool(found)


def test_a_refused_apply_has_the_form_of_a_result() -> None:
    change = Change(Key("eu", "topic", "a"), None, {}, risks=(Risk("KS202", "records"),))
    other = Change(Key("eu", "topic", "b"), None, {})
    plan = Plan((), ((change, other),), "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "0.1.0")
    found = results.refused(plan, gate(plan.changes, (), ()).blocked)
    form("result").validate(results.to_json(found))
    assert (found.exit_code, found.complete, found.written) == (3, False, False)
    assert [outcome.words for outcome in found.outcomes] == [
        "not tried: KS202 records",
        "not tried: a risk of another change, or of the whole plan, stands in the way",
    ]


def test_an_apply_on_clusters_that_were_not_ready_has_it_too() -> None:
    change = Change(Key("eu", "topic", "a"), None, {})
    plan = Plan((), ((change,),), "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "0.1.0")
    found = results.unready(plan, {"eu": "cannot reach it"}, 5)
    form("result").validate(results.to_json(found))
    assert (found.exit_code, found.complete) == (5, False)


def test_a_member_that_the_schema_does_not_know_is_an_error() -> None:
    plan = Plan((), (), "2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", "0.1.0")
    body = planned.to_json(plan)
    form("plan").validate(body)
    with pytest.raises(ValidationError, match="surprise"):
        form("plan").validate(body | {"surprise": 1})
    with pytest.raises(ValidationError, match="notices"):
        form("plan").validate({name: v for name, v in body.items() if name != "notices"})


def test_keys_in_the_schema_are_keys_in_the_code() -> None:
    key = Key("eu", "acl", "User:a|topic|x/y|literal|Read|allow|*")
    assert Key.parse(str(key)) == key
    Draft202012Validator(form("plan").schema["$defs"]["key"]).validate(str(key))
