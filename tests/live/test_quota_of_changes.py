"""A quota on changes (KIP-599): the cluster holds back what comes next, which is waited for and said."""

from __future__ import annotations

from typing import Any

from tests.live.spec import Spec, topic


def test_an_overdrawn_quota_is_waited_for_and_said(spec: Spec, name: str) -> None:
    """More partitions than the quota has in store, with a timeout that is shorter than the wait."""
    limits = {"entity": {"client-id": "kstate"}, "limits": {"controller_mutation_rate": 10}}
    quota: dict[str, Any] = {"kind": "Quota", "metadata": {"name": name}, "spec": limits}
    spec.write(quota, file="quota.yaml")
    assert spec.apply().code == 0
    try:
        for partitions in (25, 33):
            named = (f"{name}{number}" for number in range(6))
            spec.write(*(topic(one, partitions=partitions, replication=1) for one in named))
            said = spec.apply("--timeout", "3s", "--approve", "KS111")
            assert said.code == 0, said.out + said.err
            assert "holds back what comes next" in said.err
            assert spec.plan().code == 0
    finally:
        quota["metadata"]["ensure"] = "absent"
        spec.write(quota, file="quota.yaml")
        assert spec.apply("--approve", "KS231", "--approve", "KS281").code == 0
