"""The machine forms are what their JSON Schemas say: every plan, every result, and no member left unsaid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from reconciler.core import plan as planned
from reconciler.core import result as results
from reconciler.core.model import Key, Outcome, Status
from reconciler.core.plan import Bookkeeping, Plan
from reconciler.core.result import Result
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
