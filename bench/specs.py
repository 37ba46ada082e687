"""A size in, a spec folder of that many topics and bindings out. Pure but for `write`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

PREFIX = "bench.orders."
# Two overrides each, in the spec's words and in Kafka's.
OVERRIDES = {"retention.ms": "7d", "max.message.bytes": "2MiB"}
IN_KAFKA = {"retention.ms": "604800000", "max.message.bytes": "2097152"}
PARTITIONS = 1
A_FILE = 100
# What one Acl document comes to: a consumer of four topics (4 + its group), a producer to three.
BINDINGS = 8
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
CLUSTER = """\
apiVersion: kstate/v1
kind: Estate
metadata: {name: bench}
spec: {}
---
apiVersion: kstate/v1
kind: Cluster
metadata: {name: bench}
spec:
  platform: apache
  bootstrap: ["env:BENCH_BOOTSTRAP"]
  owns: {topics: ["bench."], principals: ["User:bench-"]}
"""


REGISTRY = '  registry: {url: "env:BENCH_REGISTRY"}\n'


def schema_document(index: int) -> str:
    """A record of ten optional fields."""
    fields = ", ".join(f"{{name: f{n}, type: ['null', string], default: null}}" for n in range(10))
    return (
        "apiVersion: kstate/v1\nkind: Schema\n"
        f"metadata: {{name: {PREFIX}{index:05d}-value}}\n"
        f"spec: {{schema: {{type: record, name: R{index}, namespace: bench, fields: [{fields}]}}}}\n"
    )


def topic(index: int) -> str:
    return f"{PREFIX}{index:05d}.v1"


def topic_document(index: int) -> str:
    config = ", ".join(f"{name}: {value}" for name, value in OVERRIDES.items())
    return (
        "apiVersion: kstate/v1\nkind: Topic\n"
        f"metadata: {{name: {topic(index)}, owner: team-{index % 20}}}\n"
        f"spec: {{partitions: {PARTITIONS}, replication: 1, config: {{{config}}}}}\n"
    )


def acl_document(index: int, fresh: str = "") -> str:
    """A service with BINDINGS bindings, for a principal whose name may have something in front of its number."""
    first, who = index * 7, f"bench-{fresh}{index:05d}"
    return (
        "apiVersion: kstate/v1\nkind: Acl\n"
        f"metadata: {{name: service-{index:05d}}}\n"
        f"spec:\n  principal: User:{who}\n  grants:\n"
        f"    - {{role: consumer, topics: [{_topics(first, 4)}], groups: [{who}]}}\n"
        f"    - {{role: producer, topics: [{_topics(first + 4, 3)}]}}\n"
    )


def _topics(first: int, count: int) -> str:
    return ", ".join(topic(index) for index in range(first, first + count))


def bindings(count: int) -> Iterator[tuple[str, str, str, str]]:
    """(resource, name, principal, operation) of everything the Acl documents of this size come to."""
    for index in range(count // BINDINGS):
        yield from service(index)


def service(index: int, fresh: str = "") -> Iterator[tuple[str, str, str, str]]:
    """The same for one document."""
    who, first = f"bench-{fresh}{index:05d}", index * 7
    for at in range(first, first + 7):
        yield "TOPIC", topic(at), f"User:{who}", "READ" if at < first + 4 else "WRITE"
    yield "GROUP", who, f"User:{who}", "READ"


def files(topics: int, acls: int = 0) -> Mapping[str, str]:
    """The spec's files by name, A_FILE documents in each. `acls` counts bindings, a multiple of BINDINGS."""
    if acls % BINDINGS:
        raise ValueError(f"{acls} bindings are not a multiple of {BINDINGS}")
    return {
        "cluster.yaml": CLUSTER,
        **_grouped("topics", [topic_document(index) for index in range(topics)]),
        **_grouped("acls", [acl_document(index) for index in range(acls // BINDINGS)]),
    }


def _grouped(name: str, documents: list[str]) -> dict[str, str]:
    starts = range(0, len(documents), A_FILE)
    return {f"{name}-{at:05d}.yaml": "---\n".join(documents[at : at + A_FILE]) for at in starts}


def write(folder: Path, topics: int, acls: int = 0, subjects: int = 0) -> Path:
    """The same on disk, with a registry where there are subjects."""
    return _written(folder, _every(topics, acls, subjects))


def _every(topics: int, acls: int, subjects: int) -> dict[str, str]:
    found = dict(files(topics, acls))
    if subjects:
        found["cluster.yaml"] += REGISTRY
        found |= _grouped("schemas", [schema_document(index) for index in range(subjects)])
    return found


def write_changed(folder: Path, topics: int, acls: int = 0, subjects: int = 0) -> Path:
    """The same with a longer retention for one topic of a hundred."""
    found = _every(topics, acls, subjects)
    for index in range(0, topics, 100):
        old = topic_document(index)
        name = f"topics-{index // A_FILE * A_FILE:05d}.yaml"
        found[name] = found[name].replace(old, old.replace("ms: 7d", "ms: 8d"))
    return _written(folder, found)


def write_bare(folder: Path, *, registry: bool) -> Path:
    """The cluster alone, for an import to find everything on it."""
    return _written(folder, {"cluster.yaml": CLUSTER + (REGISTRY if registry else "")})


def write_churned(folder: Path, services: int, fresh: str) -> Path:
    """So many services, one of ten under a name that begins with `fresh`: it takes the place of another one."""
    documents = [acl_document(index, fresh if index % 10 == 0 else "") for index in range(services)]
    return _written(folder, {"cluster.yaml": CLUSTER, **_grouped("acls", documents)})


def write_connectors(folder: Path, count: int) -> Path:
    """So many connectors that are stopped: what is measured is how they are read, not how they run."""
    connect = '  connect: [{name: main, url: "env:BENCH_CONNECT"}]\n'
    owner = CLUSTER.replace("owns: {", "owns: {connectors: [bench.], ") + connect
    documents = [
        "apiVersion: kstate/v1\nkind: Connector\n"
        f"metadata: {{name: {PREFIX}{index:05d}}}\n"
        f"spec: {{connect: main, state: stopped, config: {{connector.class: {FILE_SINK},"
        f" topics: {topic(index)}, tasks.max: 1, file: /tmp/{topic(index)}}}}}\n"
        for index in range(count)
    ]
    return _written(folder, {"cluster.yaml": owner, **_grouped("connectors", documents)})


def write_fleet(folder: Path, clusters: int, topics: int) -> Path:
    """So many clusters with the same topics; where they are stands in BENCH_FAR_0, BENCH_FAR_1 and so on."""
    documents = [
        "apiVersion: kstate/v1\nkind: Cluster\n"
        f"metadata: {{name: far-{number}}}\n"
        f'spec: {{platform: apache, bootstrap: ["env:BENCH_FAR_{number}"], owns: {{topics: ["bench."]}}}}\n'
        for number in range(clusters)
    ]
    found = {**files(topics), "cluster.yaml": "---\n".join(documents)}
    return _written(folder, found)


def _written(folder: Path, found: Mapping[str, str]) -> Path:
    folder.mkdir(parents=True)
    for name, text in found.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
