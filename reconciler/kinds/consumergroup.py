"""Consumer groups that a platform keeps as resources of a topic: a ConsumerGroup document in, one for each topic out.

Kafka's own groups come to be when somebody joins them, and need no document.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.core.model import NOWHERE, Around, Document, Json, Kind, Platform, Resource

# Every topic has it; it can neither be made nor deleted.
DEFAULT = "$Default"
NOTE = "userMetadata"


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """Named `TOPIC/GROUP`; a group of the same name is another one on every topic."""
    note = document.spec.get(NOTE)
    for topic in cast("Sequence[str]", document.spec["topics"]):
        yield Resource(f"{topic}/{document.name}", {} if note is None else {NOTE: note})


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document for all topics that have a group of the same name and note."""
    found: dict[tuple[str, Json], list[Json]] = {}
    for resource in live:
        topic, _, name = resource.name.rpartition("/")
        found.setdefault((name, resource.settings.get(NOTE)), []).append(topic)
    for (name, note), topics in sorted(found.items(), key=str):
        spec: dict[str, Json] = {"topics": sorted(topics, key=str)}
        yield {"name": name, "spec": spec if note is None else {**spec, NOTE: note}}


def parts(name: str) -> tuple[str, str]:
    """The topic and the group of a key's name."""
    topic, _, group = name.rpartition("/")
    return topic, group


KIND = Kind(
    name="consumergroup",
    document="ConsumerGroup",
    resources=resources,
    drivers=(),
    after=("topic",),
    documents=documents,
    elsewhere="its consumer groups come to be when somebody joins them, and need no document",
    owns="topics",
    owned_as=lambda name: parts(name)[0],
)
