"""What the demo and the picture stand on: two sandbox clusters, kstate as a person runs it, a hand on the cluster."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KSTATE = (sys.executable, "-c", "from reconciler.cli.main import main; main()")
NAME = "demo"


class WentWrong(Exception):
    """A step did not end as the story says it does."""


@contextmanager
def two_clusters() -> Iterator[None]:
    """Two real clusters, a registry, Connect for each, their addresses in the environment; gone afterwards."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="kstate-demo-") as home:
        os.environ |= {"KSTATE_SANDBOX_HOME": home, "PYTHONPATH": str(ROOT)}
        try:
            kstate("sandbox", "up", "--name", NAME, "--clusters", "2", "--with", "registry,connect")
            shown = run("sandbox", "env", "--name", NAME).stdout
            os.environ |= dict(re.findall(r"^export (\w+)=(\S+)$", shown, re.MULTILINE))
            yield
        finally:
            run("sandbox", "down", "--name", NAME)


def kstate(*arguments: str, expected: int = 0, cwd: Path = ROOT) -> None:
    """Run kstate with its output going where ours goes. Raises WentWrong when it ends with another code."""
    code = subprocess.run([*KSTATE, *arguments], cwd=cwd, check=False).returncode
    if code != expected:
        raise WentWrong(f"`kstate {' '.join(arguments)}` ended with {code}, not with {expected}")


def run(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run kstate and keep what it prints."""
    command = [*KSTATE, *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def set_by_hand(topic: str, setting: str, value: str) -> None:
    """Change a topic of the first cluster with Kafka's own admin client, as anybody with rights could."""
    from confluent_kafka.admin import (
        AdminClient,
        AlterConfigOpType,
        ConfigEntry,
        ConfigResource,
        ResourceType,
    )

    admin = AdminClient({"bootstrap.servers": os.environ["KSTATE_SANDBOX_BOOTSTRAP"]})
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result()


def produce(topic: str, records: int, hours: int = 0) -> None:
    """Put so many records of 200 bytes, so many hours old, into a topic of the first cluster."""
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": os.environ["KSTATE_SANDBOX_BOOTSTRAP"]})
    when = int((time.time() - 3600 * hours) * 1000)
    for number in range(records):
        producer.produce(topic, key=str(number), value=os.urandom(200), timestamp=when)
    if producer.flush(30):
        raise WentWrong(f"{topic}: not every record was taken")
