"""Each peer's own files and commands: what its format demands, and the same estate in all of them."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench import specs
from bench.peers import found, topicctl
from bench.peers.estate import Estate
from bench.peers.ours import Kstate
from bench.peers.terraform import Terraform
from bench.peers.tool import Absent, Step, Tool
from bench.peers.topicctl import Topicctl
from reconciler.cli.main import run

DIR = Path("DIR")
HERE = "127.0.0.1:9092"
TOPICS = Estate(topics=201)
BINDINGS = Estate(bindings=16)
TOPICCTL = Topicctl("/opt/topicctl", "topicctl v2")
TERRAFORM = Terraform("Terraform", "/opt/terraform", '/opt/a "b"/terraform-provider-kafka', "v1")


def files(tool: Tool, estate: Estate) -> dict[str, str]:
    return dict(tool.files(estate, DIR, HERE))


def documents(texts: dict[str, str], folder: str) -> list[dict[str, Any]]:
    return [yaml.safe_load(text) for name, text in texts.items() if name.startswith(folder)]


# --- the estate


def test_one_topic_in_a_hundred_changes() -> None:
    before, after = TOPICS.configs(), TOPICS.after_change().configs()
    assert before.keys() == after.keys()
    moved = [name for name, config in before.items() if after[name] != config]
    assert moved == [specs.topic(0), specs.topic(100), specs.topic(200)]


# --- topicctl


def test_topicctl_has_a_file_a_topic_with_what_it_insists_on() -> None:
    texts = files(TOPICCTL, TOPICS)
    [cluster] = documents(texts, "cluster.yaml")
    topics = documents(texts, "topics/")
    assert len(topics) == 201
    assert cluster["spec"] == {"bootstrapAddrs": [HERE]}
    # It refuses a topic whose cluster, environment and region are not those of cluster.yaml.
    place = [cluster["meta"][key] for key in ("name", "environment", "region")]
    for topic in topics:
        assert [topic["meta"][key] for key in ("cluster", "environment", "region")] == place
        assert topic["spec"]["placement"] == {"strategy": "any"}
        assert topic["spec"]["partitions"] == specs.PARTITIONS
        assert topic["spec"]["replicationFactor"] == 1
        # It takes retention in one of two places, and refuses both.
        assert "retention.ms" not in topic["spec"]["settings"]


def test_topicctl_is_given_the_same_topics() -> None:
    changed = TOPICS.after_change()
    given = {
        topic["meta"]["name"]: {
            "retention.ms": str(topic["spec"]["retentionMinutes"] * 60_000),
            **{key: str(value) for key, value in topic["spec"]["settings"].items()},
        }
        for topic in documents(files(TOPICCTL, changed), "topics/")
    }
    assert given == changed.configs()


def test_topicctl_is_given_the_same_bindings() -> None:
    acls = documents(files(TOPICCTL, BINDINGS), "acls/")
    given = {
        (at["type"].upper(), at["name"], at["principal"], operation.upper())
        for document in acls
        for entry in document["spec"]["acls"]
        for at in [entry["resource"]]
        for operation in entry["operations"]
        if (at["host"], at["permission"], at["patternType"]) == ("*", "allow", "literal")
    }
    assert len(acls) == 2
    assert given == set(specs.bindings(16))


def test_topicctl_plans_with_a_dry_run_and_pauses_unless_told() -> None:
    plan = TOPICCTL.command(Step.PLAN_CHANGE, TOPICS, DIR)
    apply = TOPICCTL.command(Step.APPLY_CHANGE, TOPICS, DIR)
    assert "--dry-run" in plan.argv
    assert "--dry-run" not in apply.argv
    assert apply.argv[:2] == ("/opt/topicctl", "apply")
    assert apply.argv[-1] == "DIR/topics/*.yaml"
    assert not set(topicctl.NO_PAUSE) & set(apply.argv)
    quick = Topicctl("/opt/topicctl", "topicctl v2", pauses=False)
    assert set(topicctl.NO_PAUSE) <= set(quick.command(Step.CREATE, TOPICS, DIR).argv)
    # `create acls` knows no such option.
    assert TOPICCTL.takes(BINDINGS)
    assert not quick.takes(BINDINGS)
    assert TOPICCTL.command(Step.CREATE, BINDINGS, DIR).argv[1:3] == ("create", "acls")


# --- Terraform


def test_terraform_is_given_a_value_for_every_variable_and_uses_each() -> None:
    texts = files(TERRAFORM, Estate(topics=2, bindings=8))
    main, values = texts["main.tf"], json.loads(texts["estate.auto.tfvars.json"])
    declared = set(re.findall(r'^variable "(\w+)" \{$', main, re.MULTILINE))
    assert declared == set(values) == set(re.findall(r"var\.(\w+)", main))
    for name in ("topics", "acls"):
        [attributes] = re.findall(rf'variable "{name}" {{\n.*?object\(\{{(.*?)\}}', main, re.DOTALL)
        fields = set(re.findall(r"^\s+(\w+)\s+=", attributes, re.MULTILINE))
        [body] = re.findall(rf"for_each\s+= var\.{name}\n(.*?)\n\}}", main, re.DOTALL)
        assert fields == set(re.findall(r"each\.value\.(\w+)", body))
        assert all(set(value) == fields for value in values[name].values())


def test_the_hcl_closes_what_it_opens_and_has_one_argument_a_line() -> None:
    main = files(TERRAFORM, TOPICS)["main.tf"]
    for opening, closing in ("{}", "()", "[]"):
        assert main.count(opening) == main.count(closing)
    argument = r"\s*\w+\s+= \S.*|\s*(\w+ )*(\"\w+\" )*\{|\s*\}(\)\))?"
    assert [line for line in main.splitlines() if line and not re.fullmatch(argument, line)] == []


def test_terraform_is_given_the_same_estate() -> None:
    changed = Estate(topics=201, bindings=16, changed=True)
    values = json.loads(files(TERRAFORM, changed)["estate.auto.tfvars.json"])
    assert {name: one["config"] for name, one in values["topics"].items()} == changed.configs()
    given = {
        (
            acl["resource_type"].upper(),
            acl["resource_name"],
            acl["principal"],
            acl["operation"].upper(),
        )
        for acl in values["acls"].values()
    }
    assert given == set(specs.bindings(16))


def test_a_provider_on_this_machine_stands_in_and_nobody_else_is_asked() -> None:
    settings = files(TERRAFORM, TOPICS)["cli.tfrc"]
    assert '"Mongey/kafka" = "/opt/a \\"b\\""' in settings
    told = TERRAFORM.environment(DIR, HERE)
    assert told["TF_CLI_CONFIG_FILE"] == "DIR/cli.tfrc"
    assert told["CHECKPOINT_DISABLE"] == "1"


@pytest.mark.parametrize("tool", [Kstate(), TERRAFORM], ids=lambda tool: tool.name)
def test_a_plan_counts_only_when_it_says_what_it_should(tool: Tool) -> None:
    codes = {step: tool.command(step, TOPICS, DIR).code for step in Step}
    assert codes == {Step.CREATE: 0, Step.SAME: 0, Step.PLAN_CHANGE: 2, Step.APPLY_CHANGE: 0}
    assert "-detailed-exitcode" in " ".join(tool.command(Step.SAME, TOPICS, DIR).argv)


# --- kstate


@pytest.mark.parametrize("estate", [TOPICS, TOPICS.after_change(), BINDINGS], ids=str)
def test_kstates_own_files_are_valid(
    estate: Estate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_BOOTSTRAP", HERE)
    for name, text in files(Kstate(), estate).items():
        (tmp_path / name).write_text(text)
    assert run(["validate", str(tmp_path)]) == 0


def test_kstate_is_given_the_same_topics() -> None:
    changed = TOPICS.after_change()
    texts = files(Kstate(), changed)
    found = [one for name in texts for one in yaml.safe_load_all(texts[name])]
    given = {
        one["metadata"]["name"]: {k: str(v) for k, v in one["spec"]["config"].items()}
        for one in found
        if one["kind"] == "Topic"
    }
    assert given == changed.configs()


# --- what is on the PATH


def on_path(folder: Path, **programs: str) -> None:
    for name, script in programs.items():
        path = folder / name.replace("_", "-")
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_what_is_absent_is_named_with_the_reason(path: Path) -> None:
    assert os.environ["PATH"] == str(path)
    ours, *others = found.tools()
    assert ours.name == "kstate"
    assert others == [
        Absent("topicctl", "`topicctl` is not on the PATH"),
        Absent(
            "Terraform or OpenTofu with Mongey's Kafka provider",
            "neither `terraform` nor `tofu` is on the PATH",
        ),
    ]


def test_terraform_without_the_provider_is_absent_too(path: Path) -> None:
    on_path(path, terraform="echo Terraform v1.11.4; echo on linux")
    absent = [one for one in found.tools() if isinstance(one, Absent)]
    assert absent[1].why == (
        "`terraform` (Terraform v1.11.4) is on the PATH, `terraform-provider-kafka` is not"
    )


def test_what_is_there_is_measured_under_its_own_version(path: Path) -> None:
    on_path(path, topicctl='echo "topicctl version v2.0.2 (ref:x)"', terraform="exit 1")
    on_path(path, tofu="echo OpenTofu v1.12.6", terraform_provider_kafka="exit 1")
    on_path(path, go='echo "file: go1.26"; echo "\tmod\tgithub.com/Mongey/x\tv0.13.1\th1:="')
    every = found.tools()
    assert [(one.name, one.version) for one in every[1:] if not isinstance(one, Absent)] == [
        ("topicctl", "topicctl v2.0.2 (ref:x)"),
        ("topicctl, no pauses", "topicctl v2.0.2 (ref:x)"),
        ("Terraform, Mongey", "version not told, terraform-provider-kafka v0.13.1"),
        ("OpenTofu, Mongey", "OpenTofu v1.12.6, terraform-provider-kafka v0.13.1"),
    ]
