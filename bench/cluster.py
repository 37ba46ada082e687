"""A sandbox of the benchmark's own: one broker, and a second way in on which requests are counted."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from bench.requests import Proxy, counting
from bench.specs import PREFIX
from reconciler.sandbox import estate, ready
from reconciler.sandbox.shape import Cluster, Listener, Options

T = TypeVar("T")
BATCH = 500
BINDINGS = 2_000  # a controller takes 10,000 at once at most
HOME = "KSTATE_SANDBOX_HOME"
COUNTED = "COUNTED"
FAR = "FAR"
AWAY = 0.05  # seconds there and back
# The topics of the estates, and those of their ledger: a first apply makes these as well.
OURS = (PREFIX, "__kstate")


@dataclass(frozen=True, slots=True)
class Bench:
    """A running broker and a registry. `counted` is the same broker behind `proxy`, `far` the same AWAY from here."""

    bootstrap: str
    counted: str
    proxy: Proxy
    admin: AdminClient
    registry: str
    far: Sequence[str] = ()
    connect: str = ""

    def wipe(self) -> None:
        """Delete everything the benchmark made, and wait until it is gone and the broker is at rest."""
        for batch in _batches(self.topics(), BATCH):
            _done(self.admin.delete_topics(list(batch), operation_timeout=60).values())
        there = self.admin.describe_acls(anything(), request_timeout=60).result()
        for batch in _batches(there, BINDINGS):
            gone = [exactly(binding) for binding in batch]
            _done(self.admin.delete_acls(gone, request_timeout=60).values())
        self._until(lambda: not self.topics())
        time.sleep(1.5)

    def topics(self) -> list[str]:
        listed = self.admin.list_topics(timeout=30).topics
        return sorted(name for name in listed if name.startswith(OURS))

    def _until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + 120
        while not holds():
            if time.monotonic() > end:
                raise TimeoutError("the broker did not come to rest within 120 s")
            time.sleep(0.2)


def anything() -> AclBindingFilter:
    """Every binding there is."""
    anyone: Any = None  # annotated as str, but None is what means "any"
    return AclBindingFilter(
        ResourceType.ANY,
        anyone,
        ResourcePatternType.ANY,
        anyone,
        anyone,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def exactly(found: AclBinding) -> AclBindingFilter:
    """This binding, and no other one."""
    return AclBindingFilter(
        found.restype,
        found.name,
        found.resource_pattern_type,
        found.principal,
        found.host,
        found.operation,
        found.permission_type,
    )


@contextmanager
def running(*, heap: str, far: int = 0, connect: bool = False) -> Iterator[Bench]:
    """One broker in a folder that is gone afterwards; `heap` is its -Xmx, `far` how many ways there are AWAY.

    Beside it a registry, and workers of Connect where they are asked for.
    """
    home, before = tempfile.mkdtemp(prefix="kstate-bench-"), os.environ.get(HOME)
    os.environ[HOME] = home
    names = [COUNTED, *(f"{FAR}{number}" for number in range(far))]
    options = Options(
        name="bench",
        flags=(f"-Xmx{heap}",),
        listeners=tuple(Listener(name, "PLAINTEXT") for name in names),
        extras=frozenset({"registry", *(["connect"] if connect else [])}),
    )
    try:
        with ExitStack() as stack:
            ways = [stack.enter_context(counting(AWAY if name != COUNTED else 0)) for name in names]
            cluster = estate.up(options).clusters[0]
            _advertise(cluster, dict(zip(names, ways, strict=True)))
            admin = ready.client(cluster.bootstrap)
            counted, *distant = (f"127.0.0.1:{way.port}" for way in ways)
            beside = cluster.registry_url, distant, cluster.connect_url if connect else ""
            yield Bench(cluster.bootstrap, counted, ways[0], admin, *beside)
    finally:
        estate.down("bench")
        shutil.rmtree(home, ignore_errors=True)
        os.environ.pop(HOME)
        os.environ.update({HOME: before} if before else {})


def _advertise(cluster: Cluster, ways: Mapping[str, Proxy]) -> None:
    """Make the broker send clients of each of these listeners back to its proxy, not past it."""
    node = cluster.nodes[0]
    shown = {}
    for name, proxy in ways.items():
        proxy.upstream = node.ports[name]
        shown[f"{name}://127.0.0.1:{proxy.upstream}"] = f"{name}://127.0.0.1:{proxy.port}"
    node.stop()
    file = Path(node.folder, "server.properties")
    lines = file.read_text(encoding="utf-8").splitlines()
    file.write_text("\n".join(_readdressed(lines, shown)) + "\n", encoding="utf-8")
    node.start()
    ready.brokers(cluster)


def _readdressed(lines: Iterable[str], shown: Mapping[str, str]) -> Iterator[str]:
    for line in lines:
        if line.startswith("advertised.listeners="):
            _, _, entries = line.partition("=")
            told = ",".join(shown.get(entry, entry) for entry in entries.split(","))
            yield f"advertised.listeners={told}"
        else:
            yield line


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[at : at + size] for at in range(0, len(items), size))


def _done(futures: Iterable[Any]) -> None:
    for future in futures:
        future.result()
