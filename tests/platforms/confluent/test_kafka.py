"""By Kafka's protocol, on a real broker behind the platform's login: keys, tokens, its refusals, and the ledger."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import Live
from tests.fakes.confluent_kafka import endpoint
from tests.fakes.front import Front
from tests.fakes.server import Call, Reply, Route, Service, serving
from tests.live.certificates import Authority
from tests.live.spec import acl, topic
from tests.platforms.confluent.conftest import Estate, document

pytestmark = pytest.mark.live


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority("an authority")


@pytest.fixture
def tls(authority: Authority, tmp_path: Path) -> ssl.SSLContext:
    certificate, key = authority.sign("front", "127.0.0.1", "localhost").write(tmp_path, "front")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def front(
    kafka: Live, estate: Estate, authority: Authority, tls: ssl.SSLContext, tmp_path: Path
) -> Iterator[Front]:
    """The cluster behind TLS, and a Cluster document that leads there."""
    (tmp_path / "ca.pem").write_text(authority.certificate)
    with endpoint(int(kafka.bootstrap.rpartition(":")[2]), estate.kafka, tls) as (found, front):
        front.endpoint = found  # type: ignore[attr-defined]
        by_kafka(estate, front)
        yield front


def by_kafka(estate: Estate, front: Front, kafka: dict[str, Any] | None = None, **own: Any) -> None:
    properties = {"ssl.ca.location": "file:ca.pem", **(kafka or {})}
    more = {"bootstrap": [f"127.0.0.1:{front.shown}"], "kafka": properties}
    estate.cluster(more=more, via=None, **own)


def test_topics_from_nothing_to_nothing_left_to_do(
    estate: Estate, front: Front, prefix: str
) -> None:
    """Three replicas as everywhere, a policy by way of `compact`, what is no setting of the topic's left alone."""
    name = f"{prefix}orders"
    estate.converges(topic(name, partitions=2, replication=3, config={"retention.ms": "7d"}))
    both = topic(
        name, partitions=3, config={"cleanup.policy": ["compact", "delete"], "retention.ms": "7d"}
    )
    estate.spec.write(both)
    found = estate.spec.plan()
    assert "cleanup.policy: delete -> compact" in found.out, found.out
    assert "KS903" not in found.out
    estate.converges(both)
    assert estate.codes(topic(name, config={"compression.type": "lz4"})) == {"KS990"}
    gone = topic(name, metadata={"ensure": "absent"})
    estate.converges(gone, approve=("KS201",))


def test_the_platforms_own_words_where_it_refuses(
    estate: Estate, front: Front, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A setting that became read-only after this list was written."""
    monkeypatch.setattr("tests.fakes.confluent_kafka.EDITABLE", frozenset({"cleanup.policy"}))
    estate.spec.write(topic(f"{prefix}orders", config={"retention.ms": "7d"}))
    found = estate.spec.plan()
    assert found.code == 3
    assert "Config property 'retention.ms' is not allowed to be modified" in found.out


def test_a_ledger_on_the_cluster_and_what_it_prunes(
    estate: Estate, front: Front, prefix: str
) -> None:
    name = prefix.replace(".", "-")
    owned = document("Estate", "acme", {"ledger": {"topic": f"__{name}"}})
    one, two = topic(f"{prefix}a", replication=3), topic(f"{prefix}b")
    estate.converges(owned, one, two)
    estate.spec.write(owned, one)
    assert estate.spec.plan_json().codes == {"KS231", "KS201"}
    assert estate.spec.apply("--approve", "KS231", "--approve", "KS201").code == 0
    assert estate.spec.plan().code == 0


@pytest.mark.parametrize("integers", [False, True], ids=["ids", "integers"])
def test_acls_by_name_however_they_are_told(
    estate: Estate, front: Front, prefix: str, integers: bool
) -> None:
    estate.kafka.integers = integers
    asked = acl(
        "app", f"User:{prefix}app", grants=[{"role": "producer", "topics": [f"{prefix}orders"]}]
    )
    name = document("User", f"{prefix}app"[:64])
    asked["spec"]["principal"] = f"User:{name['metadata']['name']}"
    estate.converges(name, asked)
    absent = {**asked, "metadata": {**asked["metadata"], "ensure": "absent"}}
    assert estate.codes(name, absent) == {"KS221"}
    estate.converges(name, absent, approve=("KS221",))


def test_a_wrong_secret_and_another_cluster(
    estate: Estate, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC_SECRET", "no-such-secret")
    found = estate.spec.plan()
    assert (found.code, "authentication failed" in found.err.lower()) == (1, True), found.err
    assert "no-such-secret" not in found.err
    monkeypatch.setenv("CC_SECRET", "cluster-secret")
    by_kafka(estate, front, cluster="lkc-other", cloud=None)
    found = estate.spec.plan()
    assert found.code == 4
    assert "its id is lkc-abc123, but `confluent.cluster` says lkc-other" in found.err


def test_tokens_of_an_identity_pool_and_acls_by_rest(
    estate: Estate, front: Front, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """librdkafka asks the identity provider itself; kafka-python cannot, so ACLs go by REST v3."""
    monkeypatch.setenv("IDP_SECRET", "idp-secret")
    found: Any = front.endpoint  # type: ignore[attr-defined]
    found.pools.add("pool-Xy1")
    with serving(_provider(found.tokens)) as provider:
        login = {
            "sasl.oauthbearer.token.endpoint.url": f"{provider.url}/token",
            "sasl.oauthbearer.client.id": "kstate",
            "sasl.oauthbearer.client.secret": "env:IDP_SECRET",
        }
        by_kafka(estate, front, login, identity_pool="pool-Xy1")
        grants = [{"role": "producer", "topics": [f"{prefix}orders"]}]
        estate.converges(
            topic(f"{prefix}orders"), document("User", "app"), acl("app", "User:app", grants=grants)
        )
        assert [a["operation"] for a in estate.kafka.acls] == ["WRITE"]
        found.pools.clear()
        front.expire()
        refused = estate.spec.plan("--timeout", "5s")
        assert (refused.code, "invalid_token" in refused.err) == (1, True), refused.err
        assert provider.violations == []


def test_a_token_that_a_job_is_given_and_nothing_that_lasts(
    estate: Estate, front: Front, prefix: str, tmp_path: Path
) -> None:
    """As in CI: the job's own token in a file, no key at all; ACLs by the same token."""
    found: Any = front.endpoint  # type: ignore[attr-defined]
    found.pools.add("pool-Xy1")
    found.tokens.append(_jwt(600))
    (tmp_path / "token").write_text(found.tokens[-1])
    own = {
        "identity_pool": "pool-Xy1",
        "token": "file:token",
        "rest": None,
        "key": None,
        "secret": None,
    }
    by_kafka(estate, front, **own)
    account = estate.organization.account("app")
    grants = [{"role": "producer", "topics": [f"{prefix}orders"]}]
    mine = acl("app", f"User:{account}", grants=grants)
    estate.converges(topic(f"{prefix}orders"), mine)
    estate.converges({**mine, "metadata": {"name": "app", "ensure": "absent"}}, approve=("KS221",))
    (tmp_path / "token").write_text(_jwt(-5))
    expired = estate.spec.plan()
    assert (expired.code, "`confluent.token` has expired" in expired.err) == (1, True), expired.err


def _jwt(seconds: int) -> str:
    now = int(time.time())
    parts = [{"alg": "none"}, {"sub": "kstate", "iat": now, "exp": now + seconds}]
    sealed = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=").decode() for p in parts]
    return ".".join([*sealed, "c2ln"])


def _provider(tokens: list[str]) -> Service:
    """An identity provider's token endpoint (RFC 6749, client credentials)."""

    def token(call: Call) -> Reply:
        assert b"grant_type=client_credentials" in call.data
        tokens.append(_jwt(600))
        return Reply(200, {"access_token": tokens[-1], "token_type": "Bearer", "expires_in": 600})

    return Service(
        "an identity provider",
        (
            Route(
                "POST",
                "/token",
                token,
                document="https://www.rfc-editor.org/rfc/rfc6749#section-4.4",
            ),
        ),
    )
