"""What goes wrong between kstate and a broker: refusals in part, lost answers, kills, signals, and two at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from kafka.protocol.admin import CreateTopicsResponse

from tests.live.conftest import Live
from tests.live.proxy import Meddler, Proxy, Request, Watched, between, decoded, encoded, in_earnest
from tests.live.spec import Said, Spec, acl, topic
from tests.live.test_ownership import estate
from tests.live.test_topics import live_config, make, set_by_hand

ROOT = Path(__file__).parents[2]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
# Whoever starts pytest in the background of a shell has SIGINT ignored, by `nohup` SIGHUP, and so would its children.
KSTATE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from reconciler.cli.main import main
main()
"""
POLICY_VIOLATION = 44
# A KRaft controller takes so many records an operation (QuorumController.MAX_RECORDS_PER_USER_OP).
RECORDS = 10_000
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def kafka(sandboxes: Callable[..., Live]) -> Live:
    """A broker of its own: thousands of topics come and go, and need a larger heap."""
    return sandboxes(flags=("-Xmx512m",))


@pytest.fixture
def many(kafka: Any, name: str) -> Iterator[list[str]]:
    """A thousand names of topics; those that are there afterwards are deleted."""
    yield [f"{name}{number:04}" for number in range(1000)]
    left = sorted(there(kafka, name))
    for at in range(0, len(left), 500):
        for future in kafka.admin.delete_topics(left[at : at + 500]).values():
            future.result()


@contextmanager
def behind(kafka: Any, spec: Spec, meddler: Meddler | None = None) -> Iterator[Proxy]:
    """The spec's cluster is reached through a proxy as long as the block lasts."""
    with between(kafka.cluster.nodes[0].ports["PLAIN"], meddler) as proxy:
        spec.cluster(proxy.bootstrap)
        yield proxy


def start(spec: Spec, *arguments: str) -> subprocess.Popen[str]:
    """`kstate apply` as a process of its own."""
    return subprocess.Popen(
        [
            *(sys.executable, "-c", KSTATE),
            *("apply", str(spec.folder), "--yes", "--format", "json", *arguments),
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> Said:
    out, err = process.communicate(timeout=200)
    return Said(process.returncode, out[max(out.find("{"), 0) :], err)


def statuses(said: Said) -> dict[str, str]:
    return {change["key"]: change["status"] for change in said.json["changes"]}


def there(kafka: Any, name: str) -> set[str]:
    return {found for found in kafka.admin.list_topics(timeout=10).topics if found.startswith(name)}


# --- refused in part


def test_three_of_five_hundred_are_refused(
    kafka: Any, spec: Spec, name: str, many: list[str]
) -> None:
    topics = many[:500]
    spec.write(*(topic(one, partitions=1, replication=1) for one in topics))
    unwanted = {topics[7], topics[250], topics[499]}
    refusing = threading.Event()
    refusing.set()
    with behind(kafka, spec, _refusing(unwanted, refusing)):
        said = spec.apply("--format", "json")
        assert said.code == 6
        failed = {c["key"]: c["words"] for c in said.json["changes"] if c["status"] != "done"}
        assert failed == {
            f"live/topic/{one}": "POLICY_VIOLATION: no topic like this today" for one in unwanted
        }
        assert said.json["summary"]["done"] == 497
        assert there(kafka, name) == set(topics) - unwanted
        refusing.clear()
        assert spec.apply().code == 0
        assert there(kafka, name) == set(topics)
        assert spec.plan().code == 0


def _refusing(names: set[str], active: threading.Event) -> Meddler:
    """A broker that vets everything and then does not make these topics, and says so."""

    def forth(request: Request) -> bytes:
        if not (active.is_set() and in_earnest(request, "CreateTopics")):
            return request.frame
        body = request.body
        body.topics = [one for one in body.topics if one.name not in names]
        return encoded(body)

    def back(request: Request, answer: bytes) -> bytes | None:
        if not (active.is_set() and in_earnest(request, "CreateTopics")):
            return answer
        body = decoded(request, answer)
        asked = {one.name for one in request.body.topics}
        body.topics += [_refusal(one) for one in sorted(names & asked)]
        return encoded(body)

    return Meddler(forth, back)


def _refusal(name: str) -> Any:
    return CreateTopicsResponse.CreatableTopicResult(
        name=name,
        error_code=POLICY_VIOLATION,
        error_message="no topic like this today",
        num_partitions=-1,
        replication_factor=-1,
        configs=[],
    )


# --- killed


def test_a_thousand_topics_killed_in_the_middle(
    kafka: Any, spec: Spec, name: str, many: list[str]
) -> None:
    spec.write(*(topic(one, partitions=1, replication=1) for one in many))
    process: list[subprocess.Popen[str]] = []
    made = Watched("CreateTopics", lambda _answer: process[0].kill())
    with behind(kafka, spec, made.meddler):
        process.append(start(spec))
        assert ended(process[0]).code == -signal.SIGKILL
        _until(lambda: len(there(kafka, name)) >= 500)
        assert len(there(kafka, name)) < 1000
        assert spec.apply().code == 0
        assert there(kafka, name) == set(many)
        assert spec.plan().code == 0


def _until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


# --- lost answers


@pytest.mark.parametrize(
    "api",
    [
        "CreateTopics",
        "CreatePartitions",
        "IncrementalAlterConfigs",
        "CreateAcls",
        "DeleteAcls",
        "DeleteTopics",
    ],
)
def test_a_lost_answer_is_read_back_and_nothing_sent_twice(
    kafka: Any, spec: Spec, name: str, api: str
) -> None:
    make(kafka, f"{name}old")
    make(kafka, f"{name}gone")
    principal = f"User:{name}app"
    binding = {"resource": "topic", "name": f"{name}old", "operation": "Read"}
    spec.write(acl("former", principal, bindings=[binding]))
    assert spec.apply().code == 0
    spec.write(
        topic(f"{name}new", partitions=1, replication=1),
        topic(f"{name}old", partitions=2, config={"retention.ms": "8d"}),
        topic(f"{name}gone", metadata={"ensure": "absent"}),
        acl("now", principal, bindings=[{**binding, "name": f"{name}new"}]),
        acl("former", principal, bindings=[binding], metadata={"ensure": "absent"}),
    )
    lost = Watched(api, lambda _answer: None)
    with behind(kafka, spec, lost.meddler):
        approvals = ("--approve", "KS201", "--approve", "KS221")
        said = spec.apply("--format", "json", "--timeout", "2s", *approvals)
        assert (said.code, set(statuses(said).values())) == (0, {"done"}), said.out + said.err
        assert len(said.json["changes"]) == 5
        assert len(lost.requests) == 1
        assert any("as planned, though" in change["words"] for change in said.json["changes"])
    spec.cluster(kafka.bootstrap)
    assert spec.plan().code == 0


@pytest.mark.parametrize("left", [0, 1])
def test_fewer_acl_answers_than_bindings(kafka: Any, spec: Spec, name: str, left: int) -> None:
    bindings = [
        {"resource": "topic", "name": f"{name}{number}", "operation": "Read"} for number in range(4)
    ]
    spec.write(acl("app", f"User:{name}app", bindings=bindings))
    short = Watched("CreateAcls")

    def shorten(answer: bytes) -> bytes:
        body = decoded(short.requests[0], answer)
        body.results = body.results[:left]
        return encoded(body)

    short.act = shorten
    with behind(kafka, spec, short.meddler):
        said = ended(start(spec))
        # They are there, and that is what counts; what the broker said is not hidden.
        assert said.code == 0, said.err
        assert set(statuses(said).values()) == {"done"}
        assert len(said.json["changes"]) == 4
        assert all(f"{left} answers for 4" in change["words"] for change in said.json["changes"])
        assert spec.plan().code == 0


# --- how many requests, and how large

# Everything a topic can be told that does no harm to an empty one.
CONFIG = {
    "cleanup.policy": "delete",
    "compression.type": "lz4",
    "delete.retention.ms": "1000",
    "file.delete.delay.ms": "1000",
    "flush.messages": "1000",
    "flush.ms": "1000",
    "index.interval.bytes": "8192",
    "max.compaction.lag.ms": f"{90 * DAY_MS}",
    "max.message.bytes": "2097152",
    "message.timestamp.after.max.ms": f"{90 * DAY_MS}",
    "message.timestamp.before.max.ms": f"{900 * DAY_MS}",
    "message.timestamp.type": "CreateTime",
    "min.cleanable.dirty.ratio": "0.4",
    "min.compaction.lag.ms": "1000",
    "min.insync.replicas": "1",
    "preallocate": "false",
    "retention.bytes": "-1",
    "retention.ms": f"{30 * DAY_MS}",
    "segment.bytes": "10485760",
    "segment.index.bytes": "1048576",
    "segment.jitter.ms": "1000",
    "segment.ms": f"{3 * DAY_MS}",
    "unclean.leader.election.enable": "false",
}


def test_a_thousand_topics_in_few_requests_none_too_large(
    kafka: Any, spec: Spec, many: list[str]
) -> None:
    spec.write(*(topic(one, partitions=1, replication=1, config=CONFIG) for one in many))
    made = Watched("CreateTopics")
    with behind(kafka, spec, made.meddler):
        said = spec.apply()
        assert said.code == 0, said.out[-2000:] + said.err[-2000:]
    weights = [
        sum(1 + one.num_partitions + len(one.configs) for one in request.body.topics)
        for request in made.requests
    ]
    # A batch of 500 of these would be 12,500 records: the controller refuses it as a whole.
    assert 500 * (2 + len(CONFIG)) > RECORDS > max(weights)
    assert len(weights) <= 4
    assert live_config(kafka, many[500]) == CONFIG
    spec.cluster(kafka.bootstrap)
    assert spec.plan().code == 0


def test_configs_of_a_thousand_topics_in_few_requests_none_too_large(
    kafka: Any, spec: Spec, many: list[str]
) -> None:
    spec.write(*(topic(one, partitions=1, replication=1) for one in many))
    assert spec.apply().code == 0
    spec.write(*(topic(one, partitions=1, replication=1, config=CONFIG) for one in many))
    altered = Watched("IncrementalAlterConfigs")
    with behind(kafka, spec, altered.meddler):
        said = spec.apply()
        assert said.code == 0, said.out[-2000:] + said.err[-2000:]
    weights = [
        sum(len(one.configs) for one in request.body.resources) for request in altered.requests
    ]
    assert 500 * len(CONFIG) > RECORDS > max(weights)
    assert len(weights) <= 4
    spec.cluster(kafka.bootstrap)
    assert spec.plan().code == 0


# --- two at once


@pytest.mark.parametrize("owned", [True, False], ids=["estate", "no-estate"])
@pytest.mark.parametrize("pause", [0.0, 0.3, 1.0])
def test_two_applies_of_the_same_spec(
    kafka: Any, spec: Spec, name: str, owned: bool, pause: float
) -> None:
    if owned:
        estate(spec, name)
    make(kafka, f"{name}old")
    names = [f"{name}{number}" for number in range(30)]
    spec.write(
        *(topic(one, partitions=1, replication=1) for one in names),
        topic(f"{name}old", config={"retention.ms": "8d"}),
        acl("app", f"User:{name}app", grants=[{"role": "producer", "topics": names}]),
    )
    first = start(spec)
    time.sleep(pause)
    second = start(spec)
    found = [ended(first), ended(second)]
    codes = sorted(one.code for one in found)
    assert codes[0] == 0, [one.err for one in found]
    assert codes[1] in ((0, 5) if owned else (0,)), [one.err for one in found]
    for one in found:
        if one.code == 5:
            assert "somebody else is applying" in one.err
        elif one.out:
            assert set(statuses(one).values()) <= {"done"}
    assert there(kafka, name) == {*names, f"{name}old"}
    assert live_config(kafka, f"{name}old") == {"retention.ms": f"{8 * DAY_MS}"}
    assert spec.plan().code == 0
    if owned:
        assert spec.run("history", str(spec.folder), "--verify").code == 0


# --- signals


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_a_signal_lets_the_batch_in_flight_finish(
    kafka: Any, spec: Spec, name: str, number: signal.Signals
) -> None:
    _two_waves(spec, name)
    process: list[subprocess.Popen[str]] = []
    slow = Watched("CreateTopics", lambda answer: _signalled(process[0], number, answer))
    # The ledger's own topics are made by the first request in earnest; here they are there already.
    _make_ledger(kafka, spec, name)
    with behind(kafka, spec, slow.meddler):
        process.append(start(spec))
        said = ended(process[0])
        assert (said.code, "stopping after the batch in flight" in said.err) == (6, True)
        found = {key.split("/")[1]: status for key, status in statuses(said).items()}
        assert found == {"topic": "done", "acl": "skipped"}
        told = spec.run("history", str(spec.folder), "--verify")
        assert told.code == 0
        assert f"done  live/topic/{name}a" in told.out
        # Who reads the journal must see that this apply did not get to its end.
        assert f"skipped  live/acl/User:{name}app" in told.out or "incomplete" in told.out
        again = spec.apply()  # without --wait: the lock is free
        assert again.code == 0, again.err
        assert spec.plan().code == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("api", ["DescribeAcls", "InitProducerId"])
def test_a_signal_before_the_first_write(
    kafka: Any, spec: Spec, name: str, number: signal.Signals, api: str
) -> None:
    _two_waves(spec, name)
    _make_ledger(kafka, spec, name)
    process: list[subprocess.Popen[str]] = []
    slow = Watched(api, lambda answer: _signalled(process[0], number, answer))
    with behind(kafka, spec, slow.meddler):
        process.append(start(spec))
        said = ended(process[0])
        assert said.code == 130, said.err
        assert "Traceback" not in said.err
        assert there(kafka, name) == set()
        assert spec.apply().code == 0  # the lock is free
        assert spec.plan().code == 0


def _two_waves(spec: Spec, name: str) -> None:
    estate(spec, name)
    spec.write(
        topic(f"{name}a", partitions=1, replication=1),
        acl("app", f"User:{name}app", grants=[{"role": "producer", "topics": [f"{name}a"]}]),
    )


def _make_ledger(kafka: Any, spec: Spec, name: str) -> None:
    for ledger in (f"__{name}", f"__{name}_journal"):
        make(kafka, ledger)
        set_by_hand(kafka, ledger, "message.timestamp.type", "LogAppendTime")


def _signalled(process: subprocess.Popen[str], number: int, answer: bytes) -> bytes:
    """The answer, half a second after the process got a signal."""
    process.send_signal(number)
    time.sleep(0.5)
    return answer


def test_the_result_is_json_whatever_was_lost(kafka: Any, spec: Spec, name: str) -> None:
    """What a script reads has one outcome for every change, also when nothing can be read back."""
    spec.write(topic(f"{name}a", partitions=1, replication=1))
    blind = threading.Event()

    def back(request: Request, answer: bytes) -> bytes | None:
        if in_earnest(request, "CreateTopics"):
            blind.set()
        return None if blind.is_set() else answer

    with behind(kafka, spec, Meddler(back=back)):
        said = ended(start(spec, "--timeout", "2s"))
        assert said.code == 6, said.err
        assert json.loads(said.out)["summary"] == {
            "done": 0,
            "failed": 0,
            "skipped": 0,
            "unknown": 1,
        }
        blind.clear()
    spec.cluster(kafka.bootstrap)
    assert spec.apply().code == 0
    assert spec.plan().code == 0
