"""One cluster of Confluent Cloud with its control plane, both on loopback, and a spec folder that speaks of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.confluent import ENVIRONMENT, ORGANIZATION, Organization
from tests.fakes.confluent_rest import Cluster
from tests.fakes.server import Service, serving
from tests.live.spec import Said, Spec

KEYS = {
    "CC_KEY": "KEY",
    "CC_SECRET": "cluster-secret",
    "CC_CLOUD_KEY": "CLOUDKEY",
    "CC_CLOUD_SECRET": "cloud-secret",
    "LINK_JAAS": 'PlainLoginModule required username="LINKKEY" password="link-secret";',
}


@dataclass
class Estate:
    """What the tests talk about: the organization, its one cluster, both their APIs, and the spec."""

    organization: Organization
    kafka: Cluster
    control: Service
    rest: Service
    spec: Spec
    own: dict[str, Any] = field(default_factory=dict)

    def member(self, **own: Any) -> dict[str, Any]:
        """`spec.confluent` with everything; None takes a part of it away."""
        whole = {
            "cluster": self.kafka.id,
            "type": "dedicated",
            "environment": ENVIRONMENT,
            "organization": ORGANIZATION,
            "key": "env:CC_KEY",
            "secret": "env:CC_SECRET",
            "rest": {"url": self.rest.url},
            "cloud": {
                "url": self.control.url,
                "key": "env:CC_CLOUD_KEY",
                "secret": "env:CC_CLOUD_SECRET",
            },
            "via": "rest",
        }
        return {name: value for name, value in {**whole, **own}.items() if value is not None}

    def cluster(
        self,
        *others: dict[str, Any],
        name: str = "cc",
        more: dict[str, Any] | None = None,
        **own: Any,
    ) -> None:
        """The Cluster document, and its type as the control plane has it."""
        member = self.member(**own)
        self.organization.clusters[self.kafka.id] = member["type"].title()
        spec = {"platform": "confluent", "confluent": member, **(more or {})}
        document = {"kind": "Cluster", "metadata": {"name": name}, "spec": spec}
        self.spec.write(document, *others, file="cluster.yaml")

    def converges(self, *documents: dict[str, Any], approve: tuple[str, ...] = ()) -> Said:
        """Applied in one go, and nothing left to do."""
        self.spec.write(*documents)
        flags = [part for code in approve for part in ("--approve", code)]
        done = self.spec.apply(*flags)
        assert done.code == 0, done.out + done.err
        left = self.spec.plan()
        assert left.code == 0, left.out + left.err
        return done

    def refusals(self, *documents: dict[str, Any]) -> str:
        """What a plan says that is refused as a spec."""
        self.spec.write(*documents)
        found = self.spec.plan()
        assert found.code == 64, found.out + found.err
        return found.err

    def codes(self, *documents: dict[str, Any]) -> set[str]:
        """The risks of a plan."""
        self.spec.write(*documents)
        found = self.spec.plan_json()
        assert found.out, found.err
        return found.codes

    def violations(self) -> list[str]:
        return [*self.control.violations, *self.rest.violations]


@pytest.fixture
def estate(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Estate]:
    """By REST alone, of type Dedicated, with everything that can be had; nothing undocumented was asked of it."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    organization = Organization()
    kafka = Cluster(organization=organization)
    with serving(organization.service()) as control, serving(kafka.service()) as rest:
        found = Estate(organization, kafka, control, rest, Spec(tmp_path, capfd))
        found.cluster()
        yield found
        assert found.violations() == []


def document(
    kind: str, name: str, spec: dict[str, Any] | None = None, **metadata: Any
) -> dict[str, Any]:
    return {"kind": kind, "metadata": {"name": name, **metadata}, "spec": spec or {}}
