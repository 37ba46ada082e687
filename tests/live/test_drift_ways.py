"""The ways out of drift on a real Kafka: kept by writing it into the YAML, put back, or left to somebody else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from ruamel.yaml import YAML

from reconciler.core.drift import from_json
from tests.fakes.hooks import serve
from tests.live.conftest import Live
from tests.live.spec import Said, Spec
from tests.live.test_topics import live_config, make, set_by_hand

TOPICS = """\
# Topics of the shop.
apiVersion: kstate/v1
kind: Topic
metadata: {name: NAMEa}   # the first
spec:
  profile: events
  partitions: 1
  config:
    retention.ms: 7d      # a week
    max.message.bytes: 2MiB
---
apiVersion: kstate/v1
kind: Topic
metadata: {name: NAMEb}
spec: {profile: events, partitions: 1}  # all of it from the profile
"""
PROFILE = """\
apiVersion: kstate/v1
kind: Profile
metadata: {name: events}
spec: {config: {cleanup.policy: delete, segment.ms: 1d}}
"""


@pytest.fixture
def estate(spec: Spec, name: str) -> Spec:
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    (spec.folder / "topics.yaml").write_text(TOPICS.replace("NAME", name))
    (spec.folder / "profile.yaml").write_text(PROFILE)
    assert spec.apply().code == 0
    return spec


def drift(estate: Spec, *more: str) -> Said:
    return estate.run("drift", str(estate.folder), *more)


def text(estate: Spec) -> str:
    return (estate.folder / "topics.yaml").read_text()


# --- kept


def test_what_is_live_is_written_into_the_yaml(kafka: Live, estate: Spec, name: str) -> None:
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    set_by_hand(kafka, f"{name}b", "segment.ms", "3600000")
    before = text(estate)
    said = drift(estate, "--to-spec")
    assert said.code == 0
    assert "topics.yaml:4 config.retention.ms: 7d -> 1d" in said.err
    assert text(estate) == before.replace(
        "retention.ms: 7d      # a week", "retention.ms: 1d      # a week"
    ).replace("partitions: 1}  # all", "partitions: 1, config: {segment.ms: 1h}}  # all")
    assert estate.plan().code == 0, "what the spec asks for is what is there"
    assert drift(estate).code == 0


def test_what_was_accepted_counts_as_applied_from_the_next_apply_on(
    kafka: Live, estate: Spec, name: str
) -> None:
    """Else the former value, set again by hand, would pass for what kstate applied, and the hand for Git."""
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    assert drift(estate, "--to-spec").code == 0
    planned = estate.plan()
    assert planned.code == 0, "nothing is to be written to any resource"
    assert "recorded as it is live, and wanted by now" in planned.out
    assert estate.apply().code == 0
    assert "records  " not in estate.plan().out
    set_by_hand(kafka, f"{name}a", "retention.ms", "604800000")
    seen = drift(estate)
    assert (seen.code, "changed by hand" in seen.out) == (2, True)
    assert "is 604800000 (7d), wanted 86400000 (1d), applied 86400000 (1d)" in seen.out
    drift(estate, "--heal", "topic/*:config.retention.ms", "--yes", "--approve", "KS205")
    assert live_config(kafka, f"{name}a")["retention.ms"] == "86400000"


def test_what_was_unset_by_hand_is_unset_in_so_many_words(
    kafka: Live, estate: Spec, name: str
) -> None:
    from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

    unset = ConfigEntry("segment.ms", None, incremental_operation=AlterConfigOpType.DELETE)
    resource = ConfigResource(ResourceType.TOPIC, f"{name}b", incremental_configs=[unset])
    kafka.admin.incremental_alter_configs([resource])[resource].result()
    assert drift(estate, "--to-spec").code == 0
    assert "config: {segment.ms: null}" in text(estate)
    assert estate.plan().code == 0


def test_what_cannot_be_written_is_said_and_the_rest_is(
    kafka: Live, estate: Spec, name: str
) -> None:
    other = {"platform": "apache", "bootstrap": [kafka.bootstrap]}
    estate.write({"kind": "Cluster", "metadata": {"name": "twin"}, "spec": other}, file="twin.yaml")
    narrow = text(estate).replace(f"{name}b}}", f"{name}b, clusters: [live]}}")
    (estate.folder / "topics.yaml").write_text(narrow)
    kafka.admin.delete_topics([f"{name}b"])[f"{name}b"].result()
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    said = drift(estate, "--to-spec", "-c", "live")
    assert said.code == 2
    assert "is for cluster twin too" in said.err
    assert "take its document out" in said.err
    assert text(estate) == narrow, "nothing that could not be accepted was touched"


# --- put back


def test_an_allowed_field_is_put_back_and_nothing_else(
    kafka: Live, estate: Spec, name: str
) -> None:
    set_by_hand(kafka, f"{name}a", "retention.ms", "1209600000")
    producer = Producer({"bootstrap.servers": kafka.bootstrap})
    producer.produce(f"{name}a", b"old", timestamp=int(time.time() * 1000) - 10 * 86_400_000)
    assert producer.flush(20) == 0
    set_by_hand(kafka, f"{name}a", "max.message.bytes", "1048576")
    kafka.admin.delete_topics([f"{name}b"])[f"{name}b"].result()
    make(kafka, f"{name}stray")
    allow = ("--heal", "topic/*:config.retention.ms", "--yes")
    refused = drift(estate, *allow)
    assert refused.code == 3, "what shortens retention destroys data, whoever asks"
    assert "KS205" in refused.err
    healed = drift(estate, *allow, "--approve", "KS205")
    assert healed.code == 2, "the rest is still drift"
    assert "Applied: 1 of 1" in healed.err
    assert live_config(kafka, f"{name}a")["retention.ms"] == "604800000"
    assert live_config(kafka, f"{name}a")["max.message.bytes"] == "1048576"
    there = kafka.admin.list_topics(timeout=5).topics
    assert (f"{name}b" in there, f"{name}stray" in there) == (False, True)
    assert "KS205" in estate.run("history", str(estate.folder)).out
    # That apply looked at one field only: it says nothing about when the others were right.
    assert refused.out.count("changed between") == 2
    assert healed.out.count("changed between") == 1


def test_what_git_changed_is_not_put_back_nor_applied(kafka: Live, estate: Spec, name: str) -> None:
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    set_by_hand(kafka, f"{name}a", "max.message.bytes", "1048576")
    (estate.folder / "topics.yaml").write_text(text(estate).replace("2MiB", "4MiB"))
    said = drift(estate, "--heal", f"topic/{name}a:config.*", "--yes")
    assert said.code == 2
    config = live_config(kafka, f"{name}a")
    assert (config["retention.ms"], config["max.message.bytes"]) == ("604800000", "1048576")


def test_nothing_to_put_back_and_nobody_to_ask(kafka: Live, estate: Spec, name: str) -> None:
    assert "nothing to put back" in drift(estate, "--heal", "topic/*:config.*", "--yes").err
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    said = drift(estate, "--heal", "topic/*:config.*")
    assert (said.code, "nobody is here to say yes" in said.err) == (64, True)
    assert live_config(kafka, f"{name}a")["retention.ms"] == "86400000"


# --- left to somebody else


def ignore(estate: Spec, until: str = "2999-12-31", **spec: Any) -> None:
    body = {"resources": ["topic/*"], "fields": ["config.retention.ms"], "reason": "autoscaled"}
    document = {
        "kind": "Ignore",
        "metadata": {"name": "scaler", "owner": "team-x"},
        "spec": {**body, "until": until, **spec},
    }
    estate.write(document, file="ignore.yaml")


def test_what_is_ignored_holds_for_plan_apply_and_drift(
    kafka: Live, estate: Spec, name: str
) -> None:
    ignore(estate)
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    told = f"ignored until 2999-12-31 (scaler, team-x: autoscaled): live/topic/{name}a config.retention.ms"
    plan = estate.plan()
    assert (plan.code, told in plan.out) == (0, True)
    seen = drift(estate)
    assert (seen.code, told in seen.out) == (0, True)
    (estate.folder / "topics.yaml").write_text(text(estate).replace("2MiB", "4MiB"))
    assert estate.apply().code == 0
    config = live_config(kafka, f"{name}a")
    assert (config["retention.ms"], config["max.message.bytes"]) == ("86400000", "4194304")
    assert "nothing to put back" in drift(estate, "--heal", "topic/*:config.*", "--yes").err


def test_an_expired_rule_holds_nothing_and_is_said_loudly(
    kafka: Live, estate: Spec, name: str
) -> None:
    ignore(estate, until="2020-01-01")
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    plan = estate.plan()
    assert plan.code == 2
    assert "!! KS138 notice: ignore rule scaler of team-x expired on 2020-01-01" in plan.out
    seen = drift(estate)
    assert (seen.code, "ignore rule scaler of team-x expired" in seen.out) == (2, True)


def test_a_rule_that_speaks_of_nothing_is_told(estate: Spec) -> None:
    ignore(estate, resources=["topic/nobody.*"])
    assert "ignore rule scaler (ignore.yaml:4) speaks of nothing" in estate.plan().out
    ignore(estate, resources=["topik/*"])
    said = estate.run("validate", str(estate.folder))
    assert (said.code, "did you mean `topic`" in said.err) == (64, True)


# --- files


def test_the_report_is_kept_and_tells_when_it_began(
    kafka: Live, estate: Spec, name: str, tmp_path: Path
) -> None:
    report, figures = tmp_path / "drift.json", tmp_path / "kstate.prom"
    arguments = ("--out", str(report), "--since", str(report), "--metrics", str(figures))
    assert drift(estate, *arguments).code == 0
    clean = from_json(json.loads(report.read_text()))
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    first = drift(estate, *arguments)
    [finding] = from_json(json.loads(report.read_text())).drifted
    assert finding.after == clean.created
    assert f"changed between {clean.created} and" in first.out
    assert "by " in finding.note.partition(" on ")[0], "the journal knows who applied"
    assert drift(estate, *arguments).code == 2
    assert from_json(json.loads(report.read_text())).drifted[0].after == clean.created
    assert 'kstate_drifted_resources{cluster="live"} 1' in figures.read_text()
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith(".")) == []


def test_the_cron_job_of_the_docs_does_what_it_is_for(
    kafka: Live, estate: Spec, name: str, tmp_path: Path
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "drift.md").read_text()
    [block] = re.findall(r"^```yaml\n(apiVersion: batch/v1.*?)^```", page, re.MULTILINE | re.DOTALL)
    job, _ = YAML(typ="safe").load_all(block)
    [container] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    [script] = container["args"]
    state = tmp_path / "state"
    state.mkdir()
    kstate = tmp_path / "bin" / "kstate"
    kstate.parent.mkdir()
    code = "from reconciler.cli.main import main; main()"
    kstate.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
    kstate.chmod(0o755)
    script = script.replace("/spec", str(estate.folder)).replace("/state", str(state))
    with serve() as hook:
        known = {"PATH": f"{kstate.parent}:{os.environ['PATH']}", "HOME": str(state)}
        known |= {"SLACK_WEBHOOK": f"{hook.url}/services/T0", "PYTHONPATH": os.getcwd()}

        def run() -> int:
            return subprocess.run(
                [*container["command"], script], env=known, check=False
            ).returncode

        assert (run(), len(hook.got)) == (0, 0)
        set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
        assert (run(), len(hook.got)) == (2, 1)
        assert (run(), len(hook.got)) == (2, 1)
        (estate.folder / "broken.yaml").write_text("kind: [")
        assert (run(), len(hook.got)) == (64, 1), "an old report is not told again"
    assert sorted(file.name for file in state.iterdir()) == [
        "drift.json",
        "kstate.prom",
        "told.json",
    ]
