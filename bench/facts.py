"""What the figures depend on: cores, Python, versions, commit. No name of a machine, no path."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version

from bench.measure import ROOT
from reconciler import __version__
from reconciler.sandbox.shape import KAFKA

LIBRARIES = ("kafka-python", "PyYAML", "jsonschema-rs", "typer")


def machine() -> str:
    load = os.getloadavg()[0]
    busy = f"load average {load:.1f} before the run"
    return f"{os.cpu_count()} cores ({platform.machine()}), {platform.system()}, {busy}"


def software() -> str:
    from confluent_kafka import libversion

    clients = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    return (
        f"kstate {__version__}, Python {platform.python_version()}, Kafka {KAFKA} (one broker),"
        f" confluent-kafka {version('confluent-kafka')} (librdkafka {libversion()[0]}), {clients}"
    )


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def commit() -> str:
    """The short commit, with a `+` when files differ from it; `unknown` outside Git."""
    asked = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+", "--exclude=*"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"
