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


def write_schemas(folder: Path, count: int) -> Path:
    """The same cluster, with a registry and so many subjects."""
    folder.mkdir()
    (folder / "cluster.yaml").write_text(CLUSTER + REGISTRY, encoding="utf-8")
    documents = [schema_document(index) for index in range(count)]
    (folder / "schemas.yaml").write_text("---\n".join(documents), encoding="utf-8")
    return folder


def topic(index: int) -> str:
    return f"{PREFIX}{index:05d}.v1"


def topic_document(index: int) -> str:
    config = ", ".join(f"{name}: {value}" for name, value in OVERRIDES.items())
    return (
        "apiVersion: kstate/v1\nkind: Topic\n"
        f"metadata: {{name: {topic(index)}, owner: team-{index % 20}}}\n"
        f"spec: {{partitions: {PARTITIONS}, replication: 1, config: {{{config}}}}}\n"
    )


def acl_document(index: int) -> str:
    """A service with BINDINGS bindings."""
    first = index * 7
    return (
        "apiVersion: kstate/v1\nkind: Acl\n"
        f"metadata: {{name: service-{index:05d}}}\n"
        f"spec:\n  principal: User:bench-{index:05d}\n  grants:\n"
        f"    - {{role: consumer, topics: [{_topics(first, 4)}], groups: [bench-{index:05d}]}}\n"
        f"    - {{role: producer, topics: [{_topics(first + 4, 3)}]}}\n"
    )


def _topics(first: int, count: int) -> str:
    return ", ".join(topic(index) for index in range(first, first + count))


def bindings(count: int) -> Iterator[tuple[str, str, str, str]]:
    """(resource, name, principal, operation) of everything the Acl documents of this size come to."""
    for index in range(count // BINDINGS):
        principal, first = f"User:bench-{index:05d}", index * 7
        for at in range(first, first + 7):
            yield "TOPIC", topic(at), principal, "READ" if at < first + 4 else "WRITE"
        yield "GROUP", f"bench-{index:05d}", principal, "READ"


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


def write(folder: Path, topics: int, acls: int = 0) -> Path:
    """The same on disk."""
    folder.mkdir(parents=True)
    for name, text in files(topics, acls).items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder
