"""A log of SARIF is one by the published schema, points at the right lines, and fits into what GitHub takes."""

from __future__ import annotations

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft4Validator

from reconciler.cli.explain import codes
from reconciler.core.model import Change, Key, Risk
from reconciler.core.plan import ClusterPlan, Plan
from reconciler.core.validation import Validation
from reconciler.errors import Problem
from reconciler.reports import sarif
from reconciler.reports.forms import About, offered, tell
from tests.core.strategies import plans
from tests.reports.test_golden import FOUND

ROOT = Path(__file__).parents[2]
SCHEMA = Draft4Validator(
    json.loads((ROOT / "tests" / "data" / "sarif-2.1.0-rtm.5.json").read_text())
)
ABOUT = About(codes=codes(), root="specs")
TOLD = [(what, name) for what, found in FOUND.items() if "sarif" in offered(what) for name in found]


def results(log: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = log["runs"][0]["results"]
    return found


@pytest.mark.parametrize(("what", "name"), TOLD)
def test_it_has_the_published_form(what: str, name: str) -> None:
    SCHEMA.validate(tell("sarif", what, FOUND[what][name], ABOUT))


# The validator that takes the published schema as it is (one of its patterns is odd) is slow.
@settings(max_examples=25)
@given(plans, st.booleans())
def test_every_plan_has_it(plan: Plan, failed: bool) -> None:
    about = replace(ABOUT, failures={"us": "no answer"} if failed else {})
    log = sarif.plan(plan, about)
    SCHEMA.validate(log)
    every = [risk for change in plan.changes for risk in change.risks] + [*plan.risks]
    assert len(results(log)) == len(every)
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is not failed


def risky(source: str, key: str = "eu/topic/orders", message: str = "3 records") -> Change:
    return Change(
        Key.parse(key), {"a": 1}, None, risks=(Risk("KS202", message),), sources=(source,)
    )


def made(*changes: Change) -> Plan:
    stamp = "2026-11-23T10:00:00Z"
    return Plan((ClusterPlan("eu", "id", {}),), (changes,), stamp, stamp, "0.1.0")


def test_it_points_at_file_and_line_as_the_repository_knows_them() -> None:
    odd = replace(ABOUT, root="a b/specs")
    [result] = results(sarif.plan(made(risky("topics/ü.yaml:12")), odd))
    at = result["locations"][0]["physicalLocation"]
    assert at["artifactLocation"]["uri"] == "a%20b/specs/topics/%C3%BC.yaml"
    assert at["region"] == {"startLine": 12}
    problem = Problem("topics/a.yaml", 3, 7, "wrong")
    [result] = results(sarif.validation(Validation((problem,)), ABOUT))
    at = result["locations"][0]["physicalLocation"]
    assert at["artifactLocation"]["uri"] == "specs/topics/a.yaml"
    assert at["region"] == {"startLine": 3, "startColumn": 7}


def prints(log: dict[str, Any]) -> list[dict[str, str]]:
    return [result["partialFingerprints"] for result in results(log)]


def test_a_risk_stays_the_same_wherever_its_document_moves_and_whatever_the_figures() -> None:
    before = prints(sarif.plan(made(risky("a.yaml:1")), ABOUT))
    assert prints(sarif.plan(made(risky("b/c.yaml:99", message="4 records")), ABOUT)) == before
    assert prints(sarif.plan(made(risky("a.yaml:1", "eu/topic/other")), ABOUT)) != before


def test_two_problems_with_the_same_words_are_two() -> None:
    twice = tuple(Problem("a.yaml", line, 1, "`spec` is missing") for line in (1, 9))
    found = prints(sarif.validation(Validation(twice), ABOUT))
    assert len({one["primaryLocationLineHash"] for one in found}) == 2


def test_every_code_has_its_page_in_the_docs() -> None:
    page = (ROOT / "docs" / "codes.md").read_text()
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)
    # As GitHub makes an anchor of a heading.
    anchors = {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in headings}
    rules = [sarif._rule(name, code) for name, code in codes().items()]
    assert {rule["helpUri"].partition("#")[2] for rule in rules} == anchors
    assert all(
        rule["helpUri"].startswith("https://github.com/kstate/kstate/blob/") for rule in rules
    )


def test_more_than_there_is_room_for_is_counted_and_the_worst_is_kept() -> None:
    many = [risky("a.yaml:1", f"eu/topic/{number}") for number in range(30_000)]
    worst = replace(risky("a.yaml:2", "eu/topic/worst"), risks=(Risk("KS911", "12 to 6"),))
    log = sarif.plan(made(*many, worst), ABOUT)
    assert len(results(log)) == sarif.MOST_RESULTS == 25_000
    assert results(log)[0]["ruleId"] == "KS911"
    [notice] = log["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert notice["message"]["text"].startswith("5,001 further results")


def test_it_fits_into_ten_megabytes_of_gzip_whatever_the_names(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sarif, "MOST_BYTES", 100_000)
    random = [Key("eu", "topic", f"{number**97 % 10**60:060x}") for number in range(3_000)]
    log = sarif.plan(made(*(risky("a.yaml:1", str(key)) for key in random)), ABOUT)
    assert len(gzip.compress(json.dumps(log).encode())) <= 100_000
    assert 100 < len(results(log)) < 3_000
    assert "no room" in json.dumps(log["runs"][0]["invocations"])


def test_what_a_viewer_would_take_for_a_placeholder_or_a_link_is_itself() -> None:
    [result] = results(sarif.plan(made(risky("a:1", message="{0} and [x](y)")), ABOUT))
    assert "{{0}} and \\[x\\](y)" in result["message"]["text"]
