"""How many requests a verb makes: so many for each kind, and not one more when there is ten times as much of it.

Fetches, metadata and the like depend on how long something takes; what is counted here does not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.live.conftest import Live
from tests.live.proxy import between
from tests.live.spec import Spec, acl, topic

FEW, MANY = 4, 40
READS = (
    "DescribeConfigs",
    "DescribeAcls",
    "DescribeClientQuotas",
    "DescribeUserScramCredentials",
)
WRITES = (
    "CreateTopics",
    "CreatePartitions",
    "IncrementalAlterConfigs",
    "DeleteTopics",
    "CreateAcls",
    "DeleteAcls",
    "AlterClientQuotas",
    "AlterUserScramCredentials",
)


def documents(name: str, count: int, retention: str = "7d") -> Iterator[dict[str, Any]]:
    """So many topics, services with four bindings each, users and quotas; one topic has this retention."""
    for number in range(count):
        who = f"{name}{number:03}"
        config = {"retention.ms": "7d" if number else retention}
        yield topic(who, partitions=1, replication=1, config=config)
        grants = [{"role": "consumer", "topics": [who], "groups": [who]}]
        yield acl(who, f"User:{who}", grants=grants)
        yield {"kind": "User", "metadata": {"name": who}, "spec": {"password": "env:APP_PW"}}
        limits = {"entity": {"user": who}, "limits": {"producer_byte_rate": "1MiB"}}
        yield {"kind": "Quota", "metadata": {"name": who}, "spec": limits}


@contextmanager
def counted(kafka: Live, spec: Spec, owns: dict[str, Any]) -> Iterator[Counter[str]]:
    """Requests by name, filled in when the block ends; the cluster is reached another way meanwhile."""
    seen: Counter[str] = Counter()
    with between(kafka.cluster.nodes[0].ports["PLAIN"]) as proxy:
        spec.cluster(proxy.bootstrap, owns=owns)
        yield seen
        seen.update({api: n for api, n in proxy.seen.items() if api in (*READS, *WRITES)})


@pytest.fixture
def asked(kafka: Live, spec: Spec, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Applies so many of each kind; the requests of the apply, of a plan after it, and of one with a change."""
    monkeypatch.setenv("APP_PW", "canary-5b11")

    def ask(count: int) -> list[dict[str, int]]:
        prefix = f"{name}{count}."
        owns = {"topics": [prefix], "principals": [f"User:{prefix}"]}
        told = []
        for retention, verb in (("7d", spec.apply), ("7d", spec.plan), ("8d", spec.plan)):
            spec.write(*documents(prefix, count, retention))
            with counted(kafka, spec, owns) as seen:
                said = verb()
                assert said.code in (0, 2), said.out + said.err
            told.append(dict(seen))
        return told

    return ask


def test_ten_times_as_much_of_every_kind_is_not_one_request_more(asked: Any) -> None:
    (made, nothing, changed), more = asked(FEW), asked(MANY)
    assert {api: n for api, n in more[0].items() if api in WRITES} == {
        api: n for api, n in made.items() if api in WRITES
    }
    assert made["CreateTopics"] == 2  # asked first whether it would, then done
    assert made["CreateAcls"] == made["AlterUserScramCredentials"] == 1
    assert more[1:] == [nothing, changed]
    assert nothing == dict.fromkeys(READS, 1)
    # Everything is read once; what changes is asked about, all of it at once: what is in force, and whether it would.
    assert changed == {**nothing, "DescribeConfigs": 3, "IncrementalAlterConfigs": 1}


def test_a_subject_is_one_request_and_the_list_is_one_a_page(
    connected: Live, spec: Spec, name: str, sent: list[str]
) -> None:
    where = {"registry": {"url": connected.cluster.registry_url}, "owns": {"subjects": [name]}}
    spec.cluster(connected.bootstrap, **where)
    record = {"type": "record", "name": "R", "fields": []}
    subjects = [f"{name}{number}" for number in range(12)]
    spec.write(
        *({"kind": "Schema", "metadata": {"name": s}, "spec": {"schema": record}} for s in subjects)
    )
    assert spec.apply().code == 0
    sent.clear()
    assert spec.plan().code == 0
    # The list comes in pages of a thousand, and another test may have left that many.
    listed = sent.count("GET subjects")
    assert 1 <= listed <= 3
    each = [f"GET subjects/{subject}/versions/latest" for subject in subjects]
    assert sorted(sent) == sorted(["GET subjects"] * listed + each)


def test_all_connectors_are_one_request(
    connected: Live, spec: Spec, name: str, sent: list[str]
) -> None:
    connect = [{"name": "main", "url": connected.cluster.connect_url}]
    spec.cluster(connected.bootstrap, connect=connect, owns={"connectors": [name]})
    config = {
        "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector",
        "topics": f"{name}t",
        "file": "/dev/null",
    }
    made = {"connect": "main", "state": "stopped", "config": config}

    def write(count: int) -> None:
        names = (f"{name}{number}" for number in range(count))
        spec.write(*({"kind": "Connector", "metadata": {"name": n}, "spec": made} for n in names))

    counts = []
    for count in (2, 6):
        write(count)
        done = spec.apply()
        assert done.code == 0, done.out + done.err
        sent.clear()
        assert spec.plan().code == 0
        counts.append(Counter(sent))
    assert counts[0] == counts[1]
    assert counts[0].total() <= 3
