"""An MSK cluster for the tests: AWS on loopback, and a real broker behind the login of MSK's."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from reconciler.secrets import aws_sm
from tests.clusters import Live
from tests.fakes import msk as fake
from tests.fakes.aws import KEY, Cloud, bearer_of, cloud
from tests.fakes.front import Front, bearer, fronting
from tests.live.spec import Spec


@pytest.fixture(scope="session")
def cluster() -> fake.Msk:
    return fake.Msk()


@pytest.fixture(scope="session")
def whole_cloud(cluster: fake.Msk) -> Iterator[Cloud]:
    with cloud(fake.door(cluster)) as found:
        yield found


@pytest.fixture
def aws(whole_cloud: Cloud, cluster: fake.Msk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """AWS as on the first day, and this process somebody who is known there. Nothing may be asked that AWS has not."""
    whole_cloud.fresh()
    cluster.fresh()
    aws_sm.forget()
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in whole_cloud.environment.items():
        monkeypatch.setenv(name, value)
    yield whole_cloud
    assert whole_cloud.violations == []


@dataclass
class Clock:
    """What the brokers take for now."""

    ahead: float = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def iam_front(kafka: Live, clock: Clock) -> Iterator[Front]:
    """Where MSK's brokers would listen for IAM."""
    port = int(kafka.bootstrap.rpartition(":")[2])
    check = bearer(bearer_of(dict([KEY]), clock.now))
    with fronting(port, {"OAUTHBEARER": check}) as front:
        yield front


@dataclass
class Estate:
    """A spec folder about one MSK cluster."""

    spec: Spec
    aws: Cloud
    msk: fake.Msk
    kafka: dict[str, Any] = field(default_factory=dict)
    ledger: str = ""

    def write(self, *documents: dict[str, Any]) -> None:
        self.spec.write(*documents)

    def cluster(self, *, more: dict[str, Any] | None = None, **msk: Any) -> None:
        """The Cluster document. What `via: kafka` needs on loopback is there."""
        spec: dict[str, Any] = {"platform": "msk", "msk": {"arn": self.msk.arn, **msk}}
        if msk.get("via") != "api":
            spec["kafka"] = self.kafka
        document = {
            "kind": "Cluster",
            "metadata": {"name": "live"},
            "spec": {**spec, **(more or {})},
        }
        self.spec.write(document, file="cluster.yaml")

    def estate(self) -> None:
        body = {
            "kind": "Estate",
            "metadata": {"name": "acme"},
            "spec": {"ledger": {"topic": self.ledger}},
        }
        self.spec.write(body, file="estate.yaml")

    def settled(self) -> None:
        """Nothing is left to do."""
        found = self.spec.plan()
        assert found.code == 0, found.out + found.err

    def applied(self, *approved: str) -> str:
        done = self.spec.apply(*(word for code in approved for word in ("--approve", code)))
        assert done.code == 0, done.out + done.err
        return done.out


@pytest.fixture
def api(aws: Cloud, cluster: fake.Msk, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Estate:
    """A cluster whose brokers are out of reach."""
    made = Estate(Spec(tmp_path, capfd), aws, cluster)
    made.cluster(via="api")
    return made


@pytest.fixture
def iam(
    aws: Cloud,
    cluster: fake.Msk,
    iam_front: Front,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    name: str,
) -> Estate:
    """A cluster that is reached by IAM; AWS tells where."""
    where = f"127.0.0.1:{iam_front.shown}"
    cluster.bootstrap = {"SaslIam": where, "Tls": "127.0.0.1:1"}
    made = Estate(Spec(tmp_path, capfd), aws, cluster, {"security.protocol": "SASL_PLAINTEXT"})
    made.ledger = f"__{name[-40:]}"
    made.cluster()
    return made


@pytest.fixture
def scram(
    aws: Cloud,
    cluster: fake.Msk,
    kafka: Live,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Estate:
    """A cluster that is reached by SCRAM; AWS tells where."""
    cluster.bootstrap = {"SaslScram": kafka.scram_bootstrap}
    monkeypatch.setenv("KSTATE_PW", kafka.password)
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.username": kafka.user}
    made = Estate(Spec(tmp_path, capfd), aws, cluster, {**login, "sasl.password": "env:KSTATE_PW"})
    made.cluster(auth="scram")
    return made


def topic(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Topic", "metadata": {"name": name, **spec.pop("metadata", {})}, "spec": spec}
