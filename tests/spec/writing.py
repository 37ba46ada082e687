"""Helpers of these tests: a spec folder from a mapping of names to text, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import SpecInvalid
from reconciler.spec.folder import load

CLUSTER = """\
apiVersion: kstate/v1
kind: Cluster
metadata: {name: prod-eu}
spec: {platform: apache, bootstrap: ["env:BOOTSTRAP"]}
"""


def topic(name: str, rest: str = "spec: {}") -> str:
    return f"apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: {name}}}\n{rest}\n"


def write(root: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


def problems(root: Path, values: Path | None = None) -> list[str]:
    try:
        load(root, values=values)
    except SpecInvalid as invalid:
        return [str(problem) for problem in invalid.problems]
    return []
