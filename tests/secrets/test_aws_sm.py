"""Secrets in AWS Secrets Manager: whole or by a member, asked for once, refused in AWS's words and never shown."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import BadUsage
from reconciler.secrets import aws_sm, references
from tests.fakes.aws import Cloud, cloud
from tests.fakes.server import Fault, Reply

CANARY = "aws-canary-5b1e"


@pytest.fixture(scope="module")
def amazon() -> Iterator[Cloud]:
    with cloud() as found:
        yield found


@pytest.fixture
def aws(amazon: Cloud, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    amazon.fresh()
    aws_sm.forget()
    for name, value in amazon.environment.items():
        monkeypatch.setenv(name, value)
    with closing(amazon.by_hand("secretsmanager")) as hand:
        _stored(hand)
    yield amazon
    assert amazon.violations == []
    aws_sm.forget()


def _stored(hand: Any) -> None:
    hand.create_secret(
        Name="orders/db", SecretString=json.dumps({"pw": CANARY, "port": 5432, "on": True})
    )
    hand.create_secret(Name="token", SecretString=CANARY)
    hand.create_secret(Name="key", SecretBinary=b"\x00\x01")


def test_a_whole_secret_and_one_member_of_another(aws: Cloud) -> None:
    assert references.resolve("aws-sm:token", ".") == CANARY
    assert references.resolve("aws-sm:orders/db#pw", ".") == CANARY
    assert references.resolve("aws-sm:orders/db#port", ".") == "5432"
    assert references.redact(f"it is {CANARY}") == "it is (secret)"
    assert len(aws.doors["secretsmanager"].asked("GetSecretValue")) == 2, "once each in a run"


def test_an_arn_says_the_region_too(aws: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with closing(aws.by_hand("secretsmanager")) as hand:
        whole = hand.describe_secret(SecretId="token")["ARN"]
    assert whole.startswith(arn)
    assert references.resolve(f"aws-sm:{whole}", ".") == CANARY
    with pytest.raises(BadUsage, match="You must specify a region"):
        references.resolve("aws-sm:orders/db", ".")


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nowhere", "ResourceNotFoundException"),
        ("orders/db#pwd", "the secret has no text `pwd`; it has `on`, `port`, `pw`"),
        ("orders/db#on", "the secret has no text `on`"),
        ("token#pw", "the secret is no JSON object, so it has no `pw`"),
        ("key", "the secret is binary; only text can be used"),
        ("#pw", "a secret's name is missing before `#`"),
    ],
)
def test_what_cannot_be_had(aws: Cloud, reference: str, words: str) -> None:
    with pytest.raises(BadUsage) as told:
        references.resolve(f"aws-sm:{reference}", ".")
    assert words in told.value.message
    assert CANARY not in told.value.message + told.value.hint


def test_who_may_not_read_it_is_told_which_right_is_missing(aws: Cloud) -> None:
    aws.doors["secretsmanager"].denied = lambda _op, _given: True
    with pytest.raises(BadUsage, match="AccessDeniedException") as told:
        references.resolve("aws-sm:token", ".")
    assert "secretsmanager:GetSecretValue" in told.value.hint


def test_a_failure_is_not_remembered(aws: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(BadUsage, match="Unable to locate credentials"):
        references.resolve("aws-sm:token", ".")
    monkeypatch.undo()
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    assert references.resolve("aws-sm:token", ".") == CANARY


def test_a_busy_server_is_asked_again(aws: Cloud) -> None:
    busy = Reply(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    aws.doors["secretsmanager"].faults.append(Fault("GetSecretValue", busy, times=2))
    assert references.resolve("aws-sm:token", ".") == CANARY


def test_an_answer_cut_short_is_no_secret(aws: Cloud) -> None:
    half = Reply(200, b'{"Name": "token", "SecretStr')
    aws.doors["secretsmanager"].faults.append(Fault("GetSecretValue", half, times=9))
    with pytest.raises(BadUsage, match="AWS's answer cannot be read"):
        references.resolve("aws-sm:token", ".")


def test_the_form_of_a_reference() -> None:
    for good in ("aws-sm:a", "aws-sm:team/a.b#k", "aws-sm:arn:aws:secretsmanager:r:1:secret:a-x#k"):
        assert references.well_formed(good)
    for bad in ("aws-sm:", "aws-sm:a b", "aws-sm:a#", "aws-sm:a#b c"):
        assert not references.well_formed(bad)


def test_a_spec_without_it_pays_nothing_for_it(tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Cluster\nmetadata: {name: one}\n"
        "spec: {platform: apache, bootstrap: ['127.0.0.1:1']}\n"
    )
    code = (
        "import sys\nfrom reconciler.cli.main import run\n"
        f"run(['plan', {str(tmp_path)!r}, '--timeout', '1s'])\n"
        "print(sorted({'boto3', 'botocore', 'aws_msk_iam_sasl_signer'} & set(sys.modules)))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip().splitlines()[-1] == "[]", found.stdout + found.stderr
