"""The first hour with an existing cluster: import what is there, see an empty plan, adopt it without a write."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from reconciler.cli.main import run
from reconciler.clients import quotas
from reconciler.clients.kafka import login
from reconciler.clients.quotas import Quota
from reconciler.clients.users import Credential, write
from tests.live.conftest import Live
from tests.live.spec import Spec

ANY = AclBindingFilter(
    ResourceType.ANY,
    None,
    ResourcePatternType.ANY,
    None,
    None,
    AclOperation.ANY,
    AclPermissionType.ANY,
)


@pytest.fixture(scope="module")
def wild(sandboxes: Callable[..., Live]) -> Live:
    """A cluster full of things made by hand."""
    live = sandboxes()
    plain = [NewTopic(f"orders.{n}", 3, 1, config={"retention.ms": "604800000"}) for n in range(5)]
    odd = [
        NewTopic(
            "billing_state", 1, 1, config={"cleanup.policy": "compact", "segment.ms": "3600000"}
        ),
        NewTopic("_hidden", 1, 1),
    ]
    for future in live.admin.create_topics([*plain, *odd]).values():
        future.result()
    for future in live.admin.create_acls([*_bindings()]).values():
        future.result()
    end = time.monotonic() + 15
    while len(live.admin.describe_acls(ANY).result()) < len(_bindings()):
        assert time.monotonic() < end
        time.sleep(0.05)
    with closing(login("live", live.bootstrap, {}, 10.0)) as own:
        write(own, [Credential("shop app", "SCRAM-SHA-256", 4096, "whatever-it-was")])
        quotas.write(own, [Quota((("user", "shop app"),), {"producer_byte_rate": 1048576.0})])
        quotas.write(own, [Quota((("client-id", None),), {"request_percentage": 12.5})])
    return live


def _bindings() -> list[AclBinding]:
    def binding(
        kind: ResourceType, name: str, operation: AclOperation, host: str = "*"
    ) -> AclBinding:
        allow, literal = AclPermissionType.ALLOW, ResourcePatternType.LITERAL
        return AclBinding(kind, name, literal, "User:shop app", host, operation, allow)

    return [
        binding(ResourceType.TOPIC, "orders.1", AclOperation.WRITE),
        binding(ResourceType.TOPIC, "orders.2", AclOperation.READ),
        binding(ResourceType.GROUP, "shop", AclOperation.READ),
        binding(ResourceType.TOPIC, "orders.3", AclOperation.DESCRIBE, "10.0.0.7"),
        binding(ResourceType.BROKER, "kafka-cluster", AclOperation.DESCRIBE),
    ]


def test_import_plan_adopt(wild: Live, spec: Spec, tmp_path: Path) -> None:
    spec.cluster(wild.bootstrap)
    out = tmp_path / "imported"
    said = spec.run("import", str(spec.folder), "-c", "live", "--out", str(out))
    assert said.code == 0, said.err
    assert "7 topics" in said.err, said.err
    assert "5 acls" in said.err, said.err
    assert "left out" not in said.err.replace(
        "left out, because no document can say it: user/admin", ""
    )
    assert (out / "topics" / "orders.yaml").is_file()
    assert "profile: delete-3" in (out / "topics" / "orders.yaml").read_text()
    assert "retention.ms: 7d" in (out / "profiles.yaml").read_text()
    assert "role: producer" in next((out / "acls").glob("*.yaml")).read_text()
    empty = spec.run("plan", str(out), "--detailed-exitcode")
    assert empty.code == 0, empty.out
    assert "whatever-it-was" not in "".join(f.read_text() for f in out.rglob("*.yaml"))
    adopted = spec.run("adopt", str(out), "--yes")
    assert adopted.code == 0, adopted.err
    assert spec.run("drift", str(out)).code == 0
    assert spec.run("plan", str(out), "--detailed-exitcode").code == 0


def test_an_import_overwrites_nothing(wild: Live, spec: Spec, tmp_path: Path) -> None:
    spec.cluster(wild.bootstrap)
    said = spec.run("import", str(spec.folder), "--out", str(tmp_path))
    assert (said.code, "overwrites nothing" in said.err) == (64, True)
    assert run(["import", str(spec.folder), "-c", "nope", "--out", str(tmp_path / "x")]) == 64
    assert not (tmp_path / "x").exists()
