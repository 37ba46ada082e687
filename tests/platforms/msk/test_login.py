"""Who kstate is to MSK: IAM by every part of the credential chain, tokens that are renewed, SCRAM, certificates."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest

from reconciler.clients.aws import Aws
from reconciler.clients.kafka import Kafka
from reconciler.core.model import Target
from reconciler.errors import BadUsage, Failed, LoginFailed
from reconciler.platforms.msk.login import log_in
from tests.clusters import Live
from tests.fakes.aws import ACCOUNT, KEY, REGION, Cloud, bearer_of
from tests.fakes.aws_sso import portal
from tests.fakes.front import Front, bearer, fronting
from tests.fakes.msk import Msk
from tests.fakes.server import Service, serving
from tests.live.certificates import Authority
from tests.platforms.msk.conftest import Clock, Estate, topic

ROLE = f"arn:aws:iam::{ACCOUNT}:role/kstate"
PLAIN = {"security.protocol": "SASL_PLAINTEXT"}


def target(msk: Msk, kafka: dict[str, str] = PLAIN, **more: Any) -> Target:
    return Target("live", {"platform": "msk", "kafka": kafka, "msk": {"arn": msk.arn, **more}})


@pytest.fixture
def listening(aws: Cloud, cluster: Msk, iam_front: Front) -> Front:
    cluster.bootstrap = {"SaslIam": f"127.0.0.1:{iam_front.shown}"}
    return iam_front


# --- IAM


def test_tokens_are_signed_as_the_brokers_want_them(listening: Front, cluster: Msk) -> None:
    before = listening.logins
    with closing(log_in(target(cluster))) as session:
        assert session.cluster_id
        assert session.facts["brokers"] == 1
        kafka = cast("Kafka", session.client("kafka-admin"))
        assert kafka.lean.log_dirs([]) == {}  # kafka-python logs in with the same tokens
    assert listening.logins >= before + 2
    assert listening.refusals == []


def test_a_token_ends_a_quarter_of_an_hour_from_now_in_seconds(aws: Cloud) -> None:
    with closing(Aws("cluster live", REGION, 10)) as found:
        token, ends = found.token()
    assert bearer_of(dict([KEY]), time.time)(token, {}) is None
    assert 890 < ends - time.time() < 901
    why = bearer_of(dict([KEY]), lambda: time.time() + 901)(token, {})
    assert why == "Access denied: the token has expired"
    assert bearer_of({KEY[0]: "another"}, time.time)(token, {}) is not None


def test_a_role_is_assumed_first(listening: Front, cluster: Msk, aws: Cloud) -> None:
    with closing(log_in(target(cluster, role=ROLE))) as session:
        assert session.cluster_id
    asked = aws.doors["sts"].asked("AssumeRole")
    assert {call.data.decode().count("kstate") for call in asked} == {2}  # the role, the session
    assert listening.refusals == []


def test_a_profile_says_who(
    listening: Front, cluster: Msk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    config = tmp_path / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id={KEY[0]}\naws_secret_access_key={KEY[1]}\n"
        f"[profile ops]\nrole_arn={ROLE}\nsource_profile=base\nregion={REGION}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    with closing(log_in(target(cluster, profile="ops"))) as session:
        assert session.cluster_id
    with pytest.raises(LoginFailed, match=r"The config profile .nobody. could not be found"):
        log_in(target(cluster, profile="nobody"))


def test_a_job_in_ci_shows_its_web_identity(
    listening: Front, cluster: Msk, aws: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    token = tmp_path / "token"
    token.write_text("a.web.identity")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(token))
    monkeypatch.setenv("AWS_ROLE_ARN", ROLE)
    with closing(log_in(target(cluster))) as session:
        assert session.cluster_id
    assert aws.doors["sts"].asked("AssumeRoleWithWebIdentity")


@pytest.fixture
def signed_in(
    aws: Cloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], Service]]:
    """Somebody who has signed in to IAM Identity Center, for so many seconds from now, and has nothing else."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    (tmp_path / "config").write_text(
        f"[profile laptop]\nsso_session=acme\nsso_account_id={ACCOUNT}\nsso_role_name=kstate\n"
        f"region={REGION}\n[sso-session acme]\nsso_start_url=https://acme.example/start\n"
        f"sso_region={REGION}\nsso_registration_scopes=sso:account:access\n"
    )
    cache = tmp_path / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)

    def sign_in(seconds: int) -> Service:
        ends = datetime.fromtimestamp(time.time() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {"accessToken": "sso-canary-77b0", "expiresAt": ends, "region": REGION}
        name = hashlib.sha1(b"acme", usedforsecurity=False).hexdigest()
        (cache / f"{name}.json").write_text(json.dumps(told))
        return found

    with serving(portal("sso-canary-77b0")) as found:
        monkeypatch.setenv("AWS_ENDPOINT_URL_SSO", found.url)
        yield sign_in


WHO = """
from reconciler.clients.aws import Aws
from reconciler.errors import LoginFailed
try:
    print(Aws("cluster live", "{region}", 10, profile="laptop").token()[0])
except LoginFailed as error:
    print(error.message, "|", error.hint)
"""


def who() -> subprocess.CompletedProcess[str]:
    """A process of its own: botocore looks for sign-ins below the home that it was imported in."""
    asked = [sys.executable, "-c", WHO.format(region=REGION)]
    return subprocess.run(asked, capture_output=True, text=True, timeout=60, check=True)


def test_a_laptop_that_has_signed_in_by_sso(signed_in: Callable[[int], Service]) -> None:
    asked = signed_in(3600)
    said = who()
    assert bearer_of(dict([KEY]), time.time)(said.stdout.strip(), {}) is None
    assert said.stderr == ""
    (call,) = asked.calls
    assert call.query == {"role_name": "kstate", "account_id": ACCOUNT}
    assert asked.violations == []


def test_a_laptop_whose_sign_in_is_over_is_told_so(signed_in: Callable[[int], Service]) -> None:
    asked = signed_in(-60)
    said = who()
    assert "aws sso login" in said.stdout
    assert "expired" in said.stdout
    assert said.stderr == ""
    assert asked.calls == []


def test_nobody_is_told_how_to_be_somebody(
    listening: Front, cluster: Msk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    with pytest.raises(LoginFailed, match="no AWS credentials were found") as told:
        log_in(target(cluster))
    assert "aws sso login" in told.value.hint


def test_who_may_not_assume_the_role_is_told_so(listening: Front, cluster: Msk, aws: Cloud) -> None:
    aws.doors["sts"].denied = lambda operation, _given: operation == "AssumeRole"
    with pytest.raises(LoginFailed, match="AssumeRole: AccessDenied"):
        log_in(target(cluster, role=ROLE))


def test_a_key_that_aws_does_not_know(
    listening: Front, cluster: Msk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAINVALID")
    with pytest.raises(LoginFailed, match="UnrecognizedClientException"):
        log_in(target(cluster))


def test_a_session_that_ends_in_the_middle_goes_on_with_a_new_token(
    iam: Estate, iam_front: Front, name: str
) -> None:
    """All connections are cut while topics are being made, as after the life of a token."""
    iam.write(*(topic(f"{name}{n}", partitions=1) for n in range(3)))
    before = iam_front.logins
    iam_front.lifetime = 1.0
    try:
        iam.applied()
        iam_front.expire()
        iam.settled()
    finally:
        iam_front.lifetime = 0.0
    assert iam_front.logins > before + 2
    assert iam_front.refusals == []


def test_brokers_that_take_no_token_any_more(iam: Estate, clock: Clock, iam_front: Front) -> None:
    clock.ahead = 1000.0
    try:
        told = iam.spec.plan()
    finally:
        clock.ahead = 0.0
        iam_front.refusals.clear()
    assert told.code == 1
    assert "the token has expired" in told.err


# --- the way there


def test_over_tls_with_an_authority_of_ones_own(
    kafka: Live, aws: Cloud, cluster: Msk, tmp_path: Path
) -> None:
    import ssl

    authority = Authority("an authority")
    certificate, key = authority.sign("front", "127.0.0.1").write(tmp_path, "front")
    (tmp_path / "ca.pem").write_text(authority.certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    port = int(kafka.bootstrap.rpartition(":")[2])
    check = bearer(bearer_of(dict([KEY]), time.time))
    with fronting(port, {"OAUTHBEARER": check}, context) as front:
        cluster.bootstrap = {"PublicSaslIam": f"127.0.0.1:{front.shown}"}
        trusted = {"ssl.ca.location": str(tmp_path / "ca.pem")}
        with closing(log_in(target(cluster, trusted, connectivity="public"))) as session:
            assert session.cluster_id


def test_the_address_in_the_document_is_not_asked_of_aws(
    listening: Front, cluster: Msk, aws: Cloud
) -> None:
    asked = target(cluster)
    spec = {**asked.spec, "bootstrap": [f"127.0.0.1:{listening.shown}"]}
    with closing(log_in(Target("live", spec))) as session:
        assert session.cluster_id
    assert aws.doors["kafka"].calls == []


def test_a_way_in_that_the_cluster_has_not(aws: Cloud, cluster: Msk) -> None:
    cluster.bootstrap = {"Tls": "127.0.0.1:1"}
    with pytest.raises(Failed, match="tells no BootstrapBrokerStringSaslIam, but BootstrapBroker"):
        log_in(target(cluster))


def test_nothing_is_shown_to_a_network_without_tls(aws: Cloud, cluster: Msk) -> None:
    cluster.bootstrap = {"SaslIam": "b-1.demo.kafka.eu-west-1.amazonaws.com:9098"}
    with pytest.raises(LoginFailed, match="does not log in to MSK without TLS"):
        log_in(target(cluster))


def test_another_kind_of_cluster_than_the_document_says(aws: Cloud, cluster: Msk) -> None:
    cluster.kind = "serverless"
    with pytest.raises(BadUsage, match="says standard, and AWS says serverless"):
        log_in(target(cluster))


def test_a_region_that_does_not_answer(
    aws: Cloud, cluster: Msk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_KAFKA", "http://127.0.0.1:1")
    monkeypatch.setattr("reconciler.clients.aws.ATTEMPTS", 1)
    with pytest.raises(Failed, match="Could not connect to the endpoint URL"):
        log_in(target(cluster))


# --- SCRAM, certificates


def test_scram_by_a_password_from_secrets_manager(kafka: Live, aws: Cloud, cluster: Msk) -> None:
    with closing(aws.by_hand("secretsmanager")) as client:
        client.create_secret(Name="kstate", SecretString=f'{{"password": "{kafka.password}"}}')
    cluster.bootstrap = {"SaslScram": kafka.scram_bootstrap}
    login = {**PLAIN, "sasl.username": kafka.user, "sasl.password": "aws-sm:kstate#password"}
    with closing(log_in(target(cluster, login, auth="scram"))) as session:
        assert cast("Kafka", session.client("acl")).principal == f"User:{kafka.user}"


def test_certificates_are_as_the_document_has_them(kafka: Live, aws: Cloud, cluster: Msk) -> None:
    """On this machine's loopback without TLS; the way in is Kafka's own."""
    cluster.bootstrap = {"Tls": kafka.bootstrap}
    own = {"security.protocol": "PLAINTEXT"}
    with closing(log_in(target(cluster, own, auth="tls"))) as session:
        assert cast("Kafka", session.client("acl")).principal == "User:ANONYMOUS"
