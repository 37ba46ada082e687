"""The page of the platform: its documents are a spec that kstate takes, its tables what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.kinds.acl import ROLES
from reconciler.platforms.msk.limits import BY_KIND
from reconciler.platforms.msk.policies import ACTIONS, PREFIX
from reconciler.platforms.msk.topic_api import KEPT
from tests.fakes.aws import model

PAGE = (Path(__file__).parents[3] / "docs" / "platforms" / "msk.md").read_text()
RESOURCE = {
    "topics": "topic",
    "groups": "group",
    "transactionalIds": "transactional_id",
    "cluster": "cluster",
}
SERVICES = {"kafka": "kafka", "secretsmanager": "secretsmanager", "kms": "kms"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_its_documents_are_a_spec(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    documents, _workflow, _security = blocks("yaml")
    (tmp_path / "spec.yaml").write_text(documents)
    assert run(["validate", str(tmp_path)]) == 0, capsys.readouterr().err


def test_its_table_of_roles_is_that_of_the_code() -> None:
    for role, rights in ROLES.items():
        [row] = [line for line in PAGE.splitlines() if line.startswith(f"| `{role}` |")]
        told = [cell.strip().replace(" on every topic", "") for cell in row.strip("|").split("|")][
            1:
        ]
        for field, cell in zip(RESOURCE, told, strict=True):
            own = [ACTIONS[RESOURCE[field], operation].own for operation in rights.get(field, ())]
            assert cell == ", ".join(name for names in own for name in names), (role, field)


def test_its_table_of_limits_is_that_of_the_code() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| topic settings |")]
    for cell, limits in zip(row.strip("|").split("|")[1:], BY_KIND.values(), strict=True):
        told, last = [], ""
        for name in re.findall(r"`([a-z.]+)`", cell):
            # `.type` behind `message.timestamp.before.max.ms` goes on from what they share.
            last = f"message.timestamp{name}" if name.startswith(".") else name
            told.append(last)
        assert set(told) == set(limits.settable or ()), limits.title


def test_the_policy_for_kstate_itself_names_actions_that_there_are() -> None:
    [text] = blocks("json")
    kafka = {name for found in ACTIONS.values() for name in (*found.own, *found.beside)}
    for statement in json.loads(text)["Statement"]:
        for action in statement["Action"]:
            service, _, name = action.partition(":")
            if action.startswith(PREFIX):
                assert name in kafka | {"Connect"}, action
            else:
                assert name in model(SERVICES[service]).operation_names, action


def test_what_guards_data_is_what_is_sent_along() -> None:
    assert {
        "cleanup.policy",
        "max.message.bytes",
        "min.insync.replicas",
        "retention.bytes",
        "retention.ms",
    } == KEPT
