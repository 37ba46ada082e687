"""JUnit's XML has the form that the Jenkins plugin publishes, and says failure where something is in the way."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.model import Key, Outcome, Status
from reconciler.core.plan import Plan
from reconciler.core.result import Result
from reconciler.reports import junit
from reconciler.reports.forms import About, offered, tell
from tests.core.strategies import plans
from tests.reports.test_golden import FOUND, PLANS, RESULTS

SCHEMA = xmlschema.XMLSchema(Path(__file__).parents[1] / "data" / "junit-10.xsd")
TOLD = [(what, name) for what, found in FOUND.items() if "junit" in offered(what) for name in found]


@pytest.mark.parametrize(("what", "name"), TOLD)
def test_it_has_the_published_form(what: str, name: str) -> None:
    SCHEMA.validate(str(tell("junit", what, FOUND[what][name], About())))


def read(text: str) -> Xml.Element:
    return Xml.fromstring(text.partition("\n")[2])


def tags(root: Xml.Element) -> Counter[str]:
    return Counter(case[0].tag if len(case) else "passed" for case in root.iter("testcase"))


# The validator of XML Schemas is slow.
FEWER = settings(max_examples=30)


@FEWER
@given(plans)
def test_every_resource_is_a_case_and_counts_add_up(plan: Plan) -> None:
    root = read(junit.plan(plan, About()))
    SCHEMA.validate(root)
    found = tags(root)
    blocked = sum(any(r.blocking for r in c.risks) for c in plan.changes)
    assert found["failure"] == blocked + sum(risk.blocking for risk in plan.risks)
    assert found["skipped"] == len(plan.unmanaged)
    assert sum(found.values()) == len(plan.changes) + len(plan.unmanaged) + len(plan.risks)
    for suite in root.iter("testsuite"):
        own = tags(suite)
        assert int(suite.attrib["tests"]) == sum(own.values())
        assert int(suite.attrib["failures"]) == own["failure"]
        assert int(suite.attrib["skipped"]) == own["skipped"]


def test_a_suite_is_a_cluster() -> None:
    root = read(junit.plan(PLANS["create"], About()))
    assert [suite.attrib["name"] for suite in root][:2] == ["prod-eu", "prod-us"]


@FEWER
@given(plans, st.lists(st.sampled_from(list(Status)), min_size=20, max_size=20))
def test_nothing_that_is_not_done_looks_as_if_it_were(plan: Plan, became: list[Status]) -> None:
    outcomes = tuple(
        Outcome(change.key, status, "words")
        for change, status in zip(plan.changes, became, strict=False)
    )
    root = read(junit.result(Result(plan, outcomes, written=True), About()))
    SCHEMA.validate(root)
    assert tags(root)["passed"] == sum(o.status is Status.DONE for o in outcomes)


def test_a_refused_apply_fails_in_every_case() -> None:
    assert set(tags(read(junit.result(RESULTS["refused"], About())))) == {"failure"}


def test_a_cluster_that_could_not_be_looked_at_is_an_error() -> None:
    about = About(failures={"prod-asia": "no answer within 10 s"})
    root = read(junit.plan(PLANS["nothing"], about))
    [case] = [case for case in root.iter("testcase") if len(case) and case[0].tag == "error"]
    assert case[0].attrib["message"] == "no answer within 10 s"
    assert root.attrib["errors"] == "1"


def test_a_secret_is_masked_before_xml_spells_it_otherwise() -> None:
    secret = "a&b<c"
    key = Key("prod-eu", "topic", secret)
    plan = replace(PLANS["create"], waves=((replace(PLANS["create"].changes[0], key=key),),))
    shown = junit.plan(plan, About(mask=lambda text: text.replace(secret, "(secret)")))
    assert "a&amp;b" not in shown
    assert "create (secret)" in shown
