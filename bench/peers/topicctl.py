"""topicctl's own files and commands, as its README and examples give them (segmentio/topicctl)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from bench import specs
from bench.peers.estate import Binding, Estate
from bench.peers.tool import Command, Step

META = {"cluster": "bench", "environment": "bench", "region": "bench"}
MINUTE = 60_000
# It waits a fifth of this after every topic it makes; 10 s unless it is told otherwise.
NO_PAUSE = ("--sleep-loop-duration", "1ms")
DOES = (
    "takes a file a topic and applies them one after the other, each looked at again before and after; keeps no record"
    " of its own. `--dry-run` is its plan, and its exit code does not tell whether something would change. After each"
    " new topic it waits a fifth of `--sleep-loop-duration`, 2 s by default. ACLs are looked up one by one and made"
    " where they are missing; it has no command that brings a cluster's ACLs to what the files say."
)
QUICK = (
    "the same with `--sleep-loop-duration 1ms`, so without those waits: a setting that its users have as well, for"
    " clusters that are quick to tell of a new topic."
)


@dataclass(frozen=True, slots=True)
class Topicctl:
    """topicctl as it comes, or told not to pause."""

    path: str
    version: str
    pauses: bool = True

    @property
    def name(self) -> str:
        return "topicctl" if self.pauses else "topicctl, no pauses"

    @property
    def called(self) -> str:
        return "topicctl"

    @property
    def does(self) -> str:
        return DOES if self.pauses else QUICK

    def takes(self, estate: Estate) -> bool:
        """Nothing pauses when ACLs are made."""
        return self.pauses or bool(estate.topics)

    def environment(self, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        return {}

    def files(self, estate: Estate, folder: Path, bootstrap: str) -> Mapping[str, str]:  # noqa: ARG002  # a seam
        return {
            "cluster.yaml": _yaml(cluster(bootstrap)),
            **{f"topics/{name}.yaml": _yaml(document) for name, document in topics(estate)},
            **{f"acls/{name}.yaml": _yaml(document) for name, document in acls(estate)},
        }

    def command(self, step: Step, estate: Estate, folder: Path) -> Command:
        pauses = () if self.pauses else NO_PAUSE
        verb = ("apply",) if estate.topics else ("create", "acls")
        dry = () if step in {Step.CREATE, Step.APPLY_CHANGE} else ("--dry-run",)
        config = ("--cluster-config", f"{folder}/cluster.yaml", "--skip-confirm", "--no-spinner")
        found = f"{folder}/topics/*.yaml" if estate.topics else f"{folder}/acls/*.yaml"
        return Command((self.path,), (*verb, *config, *dry, *pauses, found))


def cluster(bootstrap: str) -> dict[str, Any]:
    """Its cluster.yaml: without ZooKeeper addresses it speaks to the brokers alone."""
    meta = {"name": META["cluster"], "environment": META["environment"], "region": META["region"]}
    return {"meta": meta, "spec": {"bootstrapAddrs": [bootstrap]}}


def topics(estate: Estate) -> Iterator[tuple[str, dict[str, Any]]]:
    """A document a topic; retention has a key of its own, in minutes."""
    for name, config in estate.configs().items():
        settings = {key: int(value) for key, value in config.items() if key != "retention.ms"}
        yield (
            name,
            {
                "meta": {"name": name, **META},
                "spec": {
                    "partitions": specs.PARTITIONS,
                    "replicationFactor": 1,
                    "retentionMinutes": int(config["retention.ms"]) // MINUTE,
                    "placement": {"strategy": "any"},
                    "settings": settings,
                },
            },
        )


def acls(estate: Estate) -> Iterator[tuple[str, dict[str, Any]]]:
    """A document a service, with all its bindings."""
    for principal, grants in groupby(estate.grants(), key=lambda binding: binding.principal):
        name = principal.removeprefix("User:")
        entries = [_entry(binding) for binding in grants]
        yield name, {"meta": {"name": name, **META}, "spec": {"acls": entries}}


def _entry(binding: Binding) -> dict[str, Any]:
    resource = {
        "type": binding.resource.lower(),
        "name": binding.name,
        "patternType": "literal",
        "principal": binding.principal,
        "host": "*",
        "permission": "allow",
    }
    return {"resource": resource, "operations": [binding.operation.capitalize()]}


def _yaml(document: dict[str, Any]) -> str:
    import yaml

    return yaml.safe_dump(document, sort_keys=False)
