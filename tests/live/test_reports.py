"""One real estate in every form: a plan, its apply with events, drift and the estate as it is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import jsonschema_rs
from jsonschema import Draft4Validator

from tests.live.conftest import Live
from tests.live.spec import Spec, acl, topic

ROOT = Path(__file__).parents[2]


def page(shown: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', shown, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


def test_a_real_plan_apply_and_drift_in_every_form(kafka: Live, spec: Spec, tmp_path: Path) -> None:
    spec.cluster(kafka.bootstrap, owns={"topics": ["told-"]})
    grant = {"role": "consumer", "topics": [{"prefix": "told-"}], "groups": ["told-app"]}
    spec.write(
        topic("told-orders", partitions=2, metadata={"owner": "team-told"}),
        topic("told-many", partitions=1, replication=99),
        acl("told", "User:told", grants=[grant]),
    )
    sarif = spec.plan("--format", "sarif").json
    schema = json.loads((ROOT / "tests" / "data" / "sarif-2.1.0-rtm.5.json").read_text())
    Draft4Validator(schema).validate(sarif)
    [refused] = sarif["runs"][0]["results"]
    assert (refused["ruleId"], refused["level"]) == ("KS913", "error")
    at = refused["locations"][0]["physicalLocation"]
    assert at["artifactLocation"]["uri"].endswith("spec.yaml")
    first = at["region"]["startLine"] - 1
    document = (spec.folder / "spec.yaml").read_text().splitlines()[first : first + 5]
    assert "told-many" in "\n".join(document)
    xml = Xml.fromstring(spec.plan("--format", "junit").out.partition("\n")[2])
    assert [case.attrib["name"] for case in xml.iter("testcase") if len(case)] == [
        "create told-many"
    ]

    spec.write(
        topic("told-orders", partitions=2, metadata={"owner": "team-told"}),
        acl("told", "User:told", grants=[grant]),
    )
    shown = page(spec.plan("--format", "html").out)
    assert {(item["n"], item["o"]) for item in shown["items"]} >= {("told-orders", "team-told")}
    [told] = [row for row in shown["access"] if row["n"] == "User:told"]
    assert [line[:2] for line in told["l"]] == [
        ["may read consumer group", "told-app"],
        ["may read topics beginning with", "told-"],
    ]
    assert {line[3] for line in told["l"]} == {"new"}

    events = tmp_path / "events.jsonl"
    assert spec.apply("--events", str(events)).code == 0
    form = jsonschema_rs.Draft202012Validator(
        json.loads((ROOT / "schemas/event.v1.json").read_text())
    )
    heard = [json.loads(line) for line in events.read_text().splitlines()]
    for event in heard:
        form.validate(event)
    steps = [event["event"] for event in heard]
    assert (steps[0], steps[-1], heard[-1]["exit_code"]) == ("start", "end", 0)
    assert {"read", "vetted", "written", "read-back"} <= set(steps)
    became = {event["key"]: event["status"] for event in heard if event["event"] == "outcome"}
    assert set(became.values()) == {"done"}
    assert len(became) == 3

    drifted = page(spec.run("drift", str(spec.folder), "--format", "html").out)
    owned = {row["n"]: (row["o"], row["z"]) for row in drifted["resources"]}
    assert owned["told-orders"] == ("team-told", 1)
    assert {
        line[3] for row in drifted["access"] if row["n"] == "User:told" for line in row["l"]
    } == {""}
