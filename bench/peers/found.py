"""The PATH in, the tools that can be measured out, and those that cannot with the reason."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator

from bench.peers.ours import Kstate
from bench.peers.terraform import PROVIDER, Terraform
from bench.peers.tool import Absent, Tool
from bench.peers.topicctl import Topicctl

NOT_TOLD = "version not told"
WITH = "with Mongey's Kafka provider"
PRODUCTS = {"terraform": "Terraform", "tofu": "OpenTofu"}


def tools() -> list[Tool | Absent]:
    """kstate, then every peer in a fixed order."""
    return [Kstate(), *_topicctl(), *_terraform()]


def _topicctl() -> Iterator[Tool | Absent]:
    path = shutil.which("topicctl")
    if path is None:
        yield Absent("topicctl", "`topicctl` is not on the PATH")
        return
    version = _told(path, "--version").replace(" version ", " ", 1)
    yield Topicctl(path, version)
    yield Topicctl(path, version, pauses=False)


def _terraform() -> Iterator[Tool | Absent]:
    provider = shutil.which(PROVIDER)
    there = {name: path for name in PRODUCTS if (path := shutil.which(name))}
    if not there:
        yield Absent(
            f"Terraform or OpenTofu {WITH}", "neither `terraform` nor `tofu` is on the PATH"
        )
    for name, path in there.items():
        version = _told(path, "version")
        if provider is None:
            why = f"`{name}` ({version}) is on the PATH, `{PROVIDER}` is not"
            yield Absent(f"{PRODUCTS[name]} {WITH}", why)
        else:
            known = f"{version}, {PROVIDER} {_built(provider)}"
            yield Terraform(PRODUCTS[name], path, provider, known)


def _told(*command: str) -> str:
    """The first line that a program says of its version; it asks nobody whether there is a newer one."""
    try:
        told = subprocess.run(
            command,
            env={**os.environ, "CHECKPOINT_DISABLE": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return NOT_TOLD
    return told.strip().partition("\n")[0] or NOT_TOLD


def _built(path: str) -> str:
    """The module version that the Go toolchain wrote into a program; without Go nobody tells it."""
    go = shutil.which("go")
    if go is None:
        return NOT_TOLD
    told = subprocess.run([go, "version", "-m", path], capture_output=True, text=True, check=False)
    rows = (line.split() for line in told.stdout.splitlines())
    return next((row[2] for row in rows if row[:1] == ["mod"] and len(row) > 2), NOT_TOLD)
