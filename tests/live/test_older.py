"""The core story on the newest and on the oldest Kafka that kstate is tested with: made, changed, taken away again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.live.spec import Spec, acl, topic


@pytest.fixture
def spec(every_kafka: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Spec:
    made = Spec(tmp_path, capfd)
    made.cluster(every_kafka.bootstrap)
    return made


def test_an_estate_from_nothing_through_a_change_to_nothing(
    every_kafka: Any, spec: Spec, name: str
) -> None:
    estate = {"kind": "Estate", "metadata": {"name": name}, "spec": {}}
    grants = [{"role": "consumer", "topics": [f"{name}a"], "groups": [f"{name}g"]}]
    reader = acl(f"{name}acl", f"User:{name}", grants=grants)

    spec.write(estate, topic(f"{name}a", partitions=1, config={"retention.ms": "1d"}), reader)
    assert spec.plan().code == 2
    assert spec.apply().code == 0
    assert spec.plan().code == 0

    changed = topic(f"{name}a", partitions=3, config={"retention.ms": "2d"})
    spec.write(estate, changed, reader)
    assert "86400000 (1d) -> 172800000 (2d)" in spec.plan().out
    assert spec.apply("--approve", "KS111").code == 0
    assert spec.plan().code == 0
    assert len(every_kafka.admin.list_topics(timeout=5).topics[f"{name}a"].partitions) == 3

    spec.write(estate)
    approved = spec.plan_json().codes
    assert {"KS201", "KS221", "KS231"} <= approved
    limits = {"KS302", "KS303"}
    said = spec.apply(*(word for code in approved | limits for word in ("--approve", code)))
    assert said.code == 0, said.out + said.err
    assert spec.plan().code == 0
    assert f"{name}a" not in every_kafka.admin.list_topics(timeout=5).topics
