"""A spec folder that a story writes, and kstate run on it in this process, as a person would from a shell."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from reconciler.cli.main import run


@dataclass
class Said:
    """What a run printed, and the code it ended with."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def codes(self) -> set[str]:
        """Risk codes of a plan shown as JSON."""
        return {r["code"] for wave in self.json["waves"] for c in wave for r in c["risks"]}


@dataclass
class Spec:
    """One folder, one cluster named `live`."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def write(self, *documents: dict[str, Any], file: str = "spec.yaml") -> None:
        yaml = YAML(typ="safe")
        yaml.default_flow_style = (
            False  # inside braces it would write `:.eu:money` bare, which is no YAML
        )
        with (self.folder / file).open("w") as stream:
            yaml.dump_all([{"apiVersion": "kstate/v1", **d} for d in documents], stream)

    def cluster(self, bootstrap: str, **more: Any) -> None:
        spec = {"platform": "apache", "bootstrap": [bootstrap], **more}
        self.write(
            {"kind": "Cluster", "metadata": {"name": "live"}, "spec": spec}, file="cluster.yaml"
        )

    def run(self, verb: str, *arguments: str) -> Said:
        self.capture.readouterr()
        code = run([verb, *arguments])
        seen = self.capture.readouterr()
        return Said(code, seen.out, seen.err)

    def plan(self, *arguments: str) -> Said:
        return self.run("plan", str(self.folder), "--detailed-exitcode", *arguments)

    def plan_json(self, *arguments: str) -> Said:
        return self.plan("--format", "json", *arguments)

    def apply(self, *arguments: str) -> Said:
        return self.run("apply", str(self.folder), "--yes", *arguments)


def topic(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"kind": "Topic", "metadata": metadata, "spec": spec}


def acl(name: str, principal: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    return {"kind": "Acl", "metadata": metadata, "spec": {"principal": principal, **spec}}
