"""Users on MSK: a secret each, let in and shut out in tens; what is known of a password; whose a secret is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.platforms.msk.user_driver import PLAIN, decoded, encoded
from tests.fakes.aws import REGION
from tests.fakes.server import Fault, Reply
from tests.platforms.msk.conftest import Estate

FIRST, SECOND = "first-canary-7d1f", "second-canary-9e2a"


@pytest.fixture
def manager(api: Estate) -> Iterator[Any]:
    """Secrets Manager, as a hand would use it."""
    with closing(api.aws.by_hand("secretsmanager")) as client:
        yield client


@pytest.fixture
def keys(api: Estate) -> Iterator[Any]:
    """KMS, likewise."""
    with closing(api.aws.by_hand("kms")) as client:
        yield client


@pytest.fixture
def key(keys: Any) -> str:
    return str(keys.create_key()["KeyMetadata"]["Arn"])


@pytest.fixture
def users(api: Estate, key: str, monkeypatch: pytest.MonkeyPatch) -> Estate:
    monkeypatch.setenv("APP_PW", FIRST)
    monkeypatch.setenv("OTHER_PW", SECOND)
    api.cluster(via="api", users={"kmsKey": key})
    return api


def user(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"kind": "User", "metadata": metadata, "spec": {"password": "env:APP_PW", **spec}}


def held(manager: Any, name: str) -> Any:
    return json.loads(manager.get_secret_value(SecretId=f"AmazonMSK_demo/{name}")["SecretString"])


def asked(users: Estate, pattern: str) -> int:
    return sum(len(door.asked(pattern)) for door in users.aws.doors.values())


def test_a_user_is_made_let_in_changed_and_shut_out(users: Estate, manager: Any, key: str) -> None:
    users.write(user("orders"))
    planned = users.spec.plan_json()
    assert (planned.code, planned.codes) == (2, set())
    users.applied()
    assert held(manager, "orders") == {"username": "orders", "password": FIRST}
    found = manager.describe_secret(SecretId="AmazonMSK_demo/orders")
    assert found["KmsKeyId"] == key
    assert users.msk.associated == {found["ARN"]}
    users.settled()
    users.write(user("orders", password="env:OTHER_PW"))
    assert users.spec.plan_json().codes == {"KS171"}
    users.applied()
    assert held(manager, "orders")["password"] == SECOND
    assert asked(users, "POST .*scram-secrets") == 1  # MSK finds a new password by itself
    users.settled()
    users.write(user("orders", password="env:OTHER_PW", metadata={"ensure": "absent"}))
    assert users.spec.plan_json().codes == {"KS272"}
    users.applied("KS272")
    assert users.msk.associated == set()
    assert "DeletedDate" in manager.describe_secret(SecretId="AmazonMSK_demo/orders")
    users.settled()


def test_no_password_is_ever_shown(users: Estate, manager: Any) -> None:
    users.write(user("orders"))
    saved = users.spec.folder / "plan.json"
    said = [users.spec.plan("--out", str(saved)), users.spec.apply(), users.spec.plan()]
    manager.put_secret_value(SecretId="AmazonMSK_demo/orders", SecretString="by-hand-canary")
    said.append(users.spec.plan())
    shown = "".join(one.out + one.err for one in said) + saved.read_text()
    assert not [word for word in (FIRST, "by-hand-canary") if word in shown]


def test_a_password_changed_by_hand_is_seen_and_set_anew(users: Estate, manager: Any) -> None:
    users.write(user("orders"))
    users.applied()
    by_hand = json.dumps({"username": "orders", "password": "by-hand"})
    manager.put_secret_value(SecretId="AmazonMSK_demo/orders", SecretString=by_hand)
    assert users.spec.plan_json().codes == {"KS171"}
    users.applied()
    assert held(manager, "orders")["password"] == FIRST


def test_another_value_behind_the_same_reference_is_seen(
    users: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.write(user("orders"))
    users.applied()
    monkeypatch.setenv("APP_PW", SECOND)
    assert users.spec.plan_json().codes == {"KS171"}


def test_who_may_not_read_the_value_knows_what_was_noted(users: Estate) -> None:
    users.write(user("orders", rotation="2026-10"))
    users.applied()
    users.aws.doors["secretsmanager"].denied = lambda op, _given: op == "BatchGetSecretValue"
    told = users.spec.plan()
    assert told.code == 0
    assert (
        "the password was not compared: cluster live: BatchGetSecretValue: AccessDenied" in told.out
    )
    users.write(user("orders", rotation="2026-11"))
    assert users.spec.plan_json().codes == {"KS171"}
    users.write(user("orders", rotation="2026-10", password="env:OTHER_PW"))
    assert users.spec.plan_json().codes == {"KS171"}


def test_who_has_not_the_password_at_hand_still_plans(
    users: Estate, monkeypatch: pytest.MonkeyPatch
) -> None:
    users.write(user("orders"))
    users.applied()
    monkeypatch.delenv("APP_PW")
    told = users.spec.plan()
    assert told.code == 0
    assert "the password was not compared: env:APP_PW" in told.out


def test_a_password_from_secrets_manager(users: Estate, manager: Any) -> None:
    manager.create_secret(Name="team/orders", SecretString=json.dumps({"pw": SECOND}))
    users.write(user("orders", password="aws-sm:team/orders#pw"))
    users.applied()
    assert held(manager, "orders")["password"] == SECOND
    users.settled()


def test_who_was_shut_out_by_hand_is_let_in_again(users: Estate) -> None:
    users.write(user("orders"))
    users.applied()
    users.msk.associated.clear()
    assert users.spec.plan().code == 2
    users.applied()
    assert len(users.msk.associated) == 1


def test_another_key_is_associated_anew(users: Estate, manager: Any, keys: Any) -> None:
    users.write(user("orders"))
    users.applied()
    other = keys.create_key()["KeyMetadata"]["Arn"]
    users.cluster(via="api", users={"kmsKey": other})
    assert users.spec.plan_json().codes == {"KS195"}
    users.applied()
    assert manager.describe_secret(SecretId="AmazonMSK_demo/orders")["KmsKeyId"] == other
    assert asked(users, "POST .*scram-secrets") == 2
    assert asked(users, "PutSecretValue") == 0
    users.settled()


def test_a_user_who_is_wanted_again_is_restored(users: Estate, manager: Any) -> None:
    users.write(user("orders"))
    users.applied()
    users.write(user("orders", metadata={"ensure": "absent"}))
    users.applied("KS272")
    users.write(user("orders", password="env:OTHER_PW"))
    users.applied()
    assert held(manager, "orders")["password"] == SECOND
    users.settled()


# --- whose a secret is


def test_somebody_elses_secret_is_left_alone(users: Estate, manager: Any, key: str) -> None:
    manager.create_secret(Name="AmazonMSK_demo/orders", SecretString="{}", KmsKeyId=key)
    users.write(user("orders"))
    found = users.spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS171", "KS994"})
    users.write(user("orders", metadata={"ensure": "absent"}))
    assert users.spec.plan_json().code == 3
    manager.delete_secret(SecretId="AmazonMSK_demo/orders", RecoveryWindowInDays=7)
    users.write(user("orders"))
    found = users.spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS994"})
    assert "waits to be deleted, and kstate did not make it" in found.out


def test_others_who_may_log_in_are_told(users: Estate, manager: Any, key: str) -> None:
    arn = manager.create_secret(Name="AmazonMSK_legacy", SecretString="{}", KmsKeyId=key)["ARN"]
    users.msk.associated.add(arn)
    users.cluster(
        via="api", users={"kmsKey": key}, more={"owns": {"principals": ["User:AmazonMSK_"]}}
    )
    users.write(user("orders"))
    assert users.spec.plan_json().json["unmanaged"] == ["live/user/AmazonMSK_legacy"]


# --- what MSK would not take


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"mechanism": "SCRAM-SHA-256"}, "MSK knows only SCRAM-SHA-512"),
        ({"iterations": 8192}, "MSK chooses the iterations itself"),
        ({"rotation": "ä" * 60}, "it is too long to be noted on the secret"),
    ],
)
def test_what_msk_does_not_take_is_told_at_its_line(
    users: Estate, spec: dict[str, Any], words: str
) -> None:
    users.write(user("orders", **spec))
    told = users.spec.plan()
    assert told.code == 64
    assert words in told.err


def test_no_key_is_told_with_what_to_do(api: Estate) -> None:
    api.write(user("orders"))
    told = api.spec.plan()
    assert told.code == 64
    assert "name the key that encrypts them, `users: {kmsKey: ...}`" in told.err


def test_a_key_that_msk_cannot_use_is_refused_while_planning(
    users: Estate, keys: Any, key: str
) -> None:
    users.write(user("orders"))
    keys.disable_key(KeyId=key.rpartition("/")[2])
    assert users.spec.plan_json().codes == {"KS994"}
    users.cluster(via="api", users={"kmsKey": f"{key[:-4]}0000"})
    assert "cannot be used" in users.spec.plan().out
    users.aws.doors["kms"].denied = lambda _op, _given: True
    assert users.spec.plan_json().codes == {"KS101"}


def test_a_key_elsewhere_is_told_at_its_line(users: Estate, key: str) -> None:
    users.cluster(via="api", users={"kmsKey": key.replace(REGION, "us-east-1")})
    told = users.spec.plan()
    assert told.code == 64
    assert "`kmsKey` is not in the region and account of the cluster" in told.err


# --- bad days


def test_more_than_ten_at_once_and_one_that_msk_refuses(users: Estate) -> None:
    users.msk.refused["/u07-"] = ("INVALID_SECRET", "The secret is not to our liking.")
    users.write(*(user(f"u{n:02}") for n in range(13)))
    done = users.spec.apply()
    assert done.code == 6
    assert "INVALID_SECRET: The secret is not to our liking." in done.out
    assert len(users.msk.associated) == 12
    sizes = [len(c.json["secretArnList"]) for c in users.aws.doors["kafka"].asked("POST")]
    assert max(sizes) <= 10
    users.msk.refused.clear()
    users.applied()
    users.settled()


def test_who_cannot_be_shut_out_keeps_the_secret(users: Estate, manager: Any) -> None:
    users.write(user("orders"))
    users.applied()
    users.msk.refused["/orders-"] = ("IN_USE", "Not now.")
    users.write(user("orders", metadata={"ensure": "absent"}))
    told = users.spec.apply("--approve", "KS272")
    assert told.code == 1
    assert "IN_USE: Not now." in told.out
    assert "DeletedDate" not in manager.describe_secret(SecretId="AmazonMSK_demo/orders")


def test_one_secret_of_many_is_forbidden(users: Estate) -> None:
    users.aws.doors["secretsmanager"].denied = lambda op, given: (
        op == "CreateSecret" and given["Name"].endswith("/b")
    )
    users.write(user("a"), user("b"), user("c"))
    done = users.spec.apply()
    assert done.code == 6
    assert "CreateSecret: AccessDeniedException" in done.out
    assert len(users.msk.associated) == 2


def test_a_lost_answer_is_read_back(users: Estate) -> None:
    users.aws.doors["kafka"].faults.append(Fault("POST .*scram", after=True, hang_up=True))
    users.aws.doors["secretsmanager"].faults.append(Fault("CreateSecret", after=True, hang_up=True))
    users.write(user("orders"))
    users.applied()
    users.settled()


def test_slow_down_is_obeyed(users: Estate) -> None:
    slow = Reply(400, {"__type": "ThrottlingException", "message": "Rate exceeded"})
    busy = Reply(429, {"message": "slow"}, {"x-amzn-ErrorType": "TooManyRequestsException"})
    users.aws.doors["secretsmanager"].faults.append(Fault("POST", slow, times=3))
    users.aws.doors["kafka"].faults.append(Fault("POST .*scram", busy, times=1))
    users.write(user("orders"))
    users.applied()


# --- tags


@given(st.text(max_size=60))
def test_any_text_can_be_noted_in_a_tag(text: str) -> None:
    noted = encoded(text)
    assert all(PLAIN.fullmatch(sign) or sign == "=" for sign in noted)
    assert decoded(noted) == text
