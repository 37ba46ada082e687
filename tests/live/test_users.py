"""Users and their passwords on a real Kafka: set when asked for, never shown, known only by what was applied."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients.kafka import login
from reconciler.clients.users import Credential, write
from reconciler.errors import LoginFailed
from tests.live.conftest import Live
from tests.live.spec import Spec, acl

FIRST, SECOND = "first-canary-7d1f", "second-canary-9e2a"


def user(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"kind": "User", "metadata": metadata, "spec": {"password": "env:APP_PW", **spec}}


def may_log_in(kafka: Live, name: str, password: str, mechanism: str = "SCRAM-SHA-512") -> bool:
    properties = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": name,
        "sasl.password": password,
    }
    try:
        login("live", kafka.scram_bootstrap, properties, 5.0)
    except LoginFailed:
        return False
    return True


@pytest.fixture
def estate(spec: Spec, name: str, monkeypatch: pytest.MonkeyPatch) -> Spec:
    """With a record of what was applied, without which nobody knows whether a password is as asked."""
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    monkeypatch.setenv("APP_PW", FIRST)
    return spec


def test_a_user_is_made_and_can_log_in(kafka: Live, estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app"))
    planned = estate.plan()
    assert planned.code == 2
    assert "env:APP_PW" in planned.out
    done = estate.apply()
    assert done.code == 0, done.out + done.err
    assert may_log_in(kafka, f"{name}app", FIRST)
    assert not may_log_in(kafka, f"{name}app", SECOND)
    assert estate.plan().code == 0
    assert FIRST not in planned.out + done.out + done.err


def test_rotation_sets_the_password_anew_and_nothing_else_does(
    kafka: Live, estate: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate.write(user(f"{name}app", rotation="2026-10"))
    assert estate.apply().code == 0
    monkeypatch.setenv("APP_PW", SECOND)
    assert estate.plan().code == 0  # another value behind the same reference cannot be seen
    estate.write(user(f"{name}app", rotation="2026-11"))
    found = estate.plan_json()
    assert (found.code, found.codes) == (2, {"KS171"})
    assert estate.apply().code == 0
    assert may_log_in(kafka, f"{name}app", SECOND)
    assert not may_log_in(kafka, f"{name}app", FIRST)
    assert estate.plan().code == 0


def test_another_reference_sets_the_password_too(
    kafka: Live, estate: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    monkeypatch.setenv("OTHER_PW", SECOND)
    estate.write(user(f"{name}app", password="env:OTHER_PW"))
    assert estate.plan_json().codes == {"KS171"}
    assert estate.apply().code == 0
    assert may_log_in(kafka, f"{name}app", SECOND)


def test_iterations_and_mechanism_are_compared(kafka: Live, estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app", iterations=4096))
    assert estate.apply().code == 0
    estate.write(user(f"{name}app", iterations=5000, mechanism="SCRAM-SHA-256"))
    assert estate.plan_json().codes == {"KS271", "KS273"}
    assert estate.apply().code == 3
    done = estate.apply("--approve", "KS271", "--approve", "KS273")
    assert done.code == 0, done.out + done.err
    assert may_log_in(kafka, f"{name}app", FIRST, "SCRAM-SHA-256")
    assert not may_log_in(kafka, f"{name}app", FIRST)
    assert estate.plan().code == 0


def test_iterations_changed_by_hand_are_put_back(kafka: Live, estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    own = login("live", kafka.bootstrap, {}, 5.0)
    changed = write(own, [Credential(f"{name}app", "SCRAM-SHA-512", 4096, SECOND)])
    assert set(changed.values()) == {None}
    assert "changed by hand" in estate.plan().out
    assert estate.apply("--approve", "KS271").code == 0
    assert may_log_in(kafka, f"{name}app", FIRST)


def test_a_user_goes_only_when_approved(kafka: Live, estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    estate.write(user(f"{name}app", metadata={"ensure": "absent"}))
    assert estate.plan_json().codes == {"KS272"}
    assert estate.apply().code == 3
    assert estate.apply("--approve", "KS272").code == 0
    assert not may_log_in(kafka, f"{name}app", FIRST)


def test_a_user_comes_before_its_acls(estate: Spec, name: str) -> None:
    bindings = [{"resource": "topic", "name": "x", "operation": "Read"}]
    estate.write(user(f"{name}app"), acl("app", f"User:{name}app", bindings=bindings))
    kinds = [[c["key"].split("/")[1] for c in wave] for wave in estate.plan_json().json["waves"]]
    assert kinds == [["user"], ["acl"]]


def test_a_password_that_cannot_be_had_stops_everything_before_anything_is_written(
    kafka: Live, estate: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("APP_PW")
    bindings = [{"resource": "topic", "name": "x", "operation": "Read"}]
    estate.write(user(f"{name}app"), acl("app", f"User:{name}app", bindings=bindings))
    assert estate.plan().code == 2  # a plan needs no secret
    failed = estate.apply()
    assert (failed.code, "APP_PW" in failed.err) == (64, True)
    assert f"{name}app" not in str(kafka.admin.describe_user_scram_credentials().result())


def test_a_password_in_clear_text_is_refused_and_not_repeated(estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app", password=SECOND))
    found = estate.plan()
    assert (found.code, "must be a reference" in found.err) == (64, True)
    assert SECOND not in found.out + found.err


def test_without_the_right_to_look_it_says_so(
    kafka: Live, spec: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka would end the process."""
    own = login("live", kafka.bootstrap, {}, 5.0)
    write(own, [Credential(f"{name}weak", "SCRAM-SHA-512", 4096, FIRST)])
    monkeypatch.setenv("APP_PW", FIRST)
    spec.cluster(
        kafka.scram_bootstrap,
        kafka={
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": f"{name}weak",
            "sasl.password": "env:APP_PW",
        },
    )
    spec.write(user(f"{name}app"))
    refused = spec.plan()
    assert (refused.code, "DescribeUserScramCredentials" in refused.err) == (1, True)


def test_a_password_that_does_not_fit_is_found_by_trying_it(
    kafka: Live, estate: Spec, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was applied last says it fits; somebody set another one by hand since."""
    properties = {key: value for key, value in kafka.login.items() if key != "bootstrap.servers"}
    estate.cluster(kafka.scram_bootstrap, kafka=properties)
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    fits = estate.plan("--verify-passwords")
    assert (fits.code, "the password was tried and fits" in fits.out) == (0, True), fits.out
    with closing(login("live", kafka.bootstrap, {}, 5.0)) as own:
        write(own, [Credential(f"{name}app", "SCRAM-SHA-512", 8192, SECOND)])
    assert estate.plan().code == 0, "nobody looked"
    tried = estate.plan_json("--verify-passwords")
    assert (tried.code, tried.codes) == (2, {"KS171"}), tried.out
    assert FIRST not in tried.out


def test_a_saved_plan_sets_the_password_that_was_found_not_to_fit(
    kafka: Live, estate: Spec, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ADMIN_PW", kafka.password)
    properties = {key: value for key, value in kafka.login.items() if key != "bootstrap.servers"}
    estate.cluster(kafka.scram_bootstrap, kafka=properties | {"sasl.password": "env:ADMIN_PW"})
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    with closing(login("live", kafka.bootstrap, {}, 5.0)) as own:
        write(own, [Credential(f"{name}app", "SCRAM-SHA-512", 8192, SECOND)])
    time.sleep(1.1)  # records and plans are stamped in whole seconds
    plan = tmp_path.parent / f"{tmp_path.name}-plan.json"
    assert estate.plan("--verify-passwords", "--out", str(plan)).code == 2
    assert estate.run("apply", str(plan)).code == 0
    assert may_log_in(kafka, f"{name}app", FIRST)
    assert "tried and fits" in estate.plan("--verify-passwords").out


def test_where_there_is_no_listener_to_try_it_on_that_is_said(estate: Spec, name: str) -> None:
    estate.write(user(f"{name}app"))
    assert estate.apply().code == 0
    assert (
        "was not tried: the cluster is reached by PLAINTEXT"
        in estate.plan("--verify-passwords").out
    )
