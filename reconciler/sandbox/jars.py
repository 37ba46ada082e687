"""Jars by their coordinates: resolved and fetched once per user, then found on disk."""

from __future__ import annotations

import logging
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import Failed
from reconciler.sandbox.paths import Say, cache_home, locked, make_private

if TYPE_CHECKING:
    from jgo.maven import Dependency, MavenContext

KAFKA = "org.apache.kafka"
MODULES = (
    "kafka_2.13",
    "kafka-tools",
    "connect-runtime",
    "connect-json",
    "connect-file",
    "connect-mirror",
)
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"
# 3.9 brings another logger's binding; two of them on one class path, and slf4j takes either.
OTHER_LOGGING = "slf4j-reload4j"
REGISTRY = ("io.apicurio", "apicurio-registry-app", "3.3.2")
MIRROR = "KSTATE_SANDBOX_MAVEN"
HINT = (
    "The sandbox fetches its jars once. Check the network and the version, then run it again;\n"
    f"{MIRROR}=URL names a Maven repository to use instead of the central one."
)

# jgo's own word, a bad answer where a POM was expected, the network, the disk, a damaged archive.
_FAILURES = (
    RuntimeError,
    AssertionError,
    ValueError,
    SyntaxError,
    OSError,
    tarfile.TarError,
    EOFError,
    zlib.error,
)


def kafka(version: str, *, say: Say) -> tuple[Path, ...]:
    """The class path of broker, tools and Connect of one Kafka version. Raises Failed."""
    folder = _cached(f"kafka-{version}", say, lambda part: _fetch_kafka(part, version, say))
    listed = (folder / "classpath").read_text(encoding="utf-8").split("\n")
    return tuple(folder / name for name in listed if name)


def registry(*, say: Say) -> Path:
    """The jar that starts the schema registry, unpacked. Raises Failed."""
    folder = _cached(f"registry-{REGISTRY[2]}", say, lambda part: _fetch_registry(part, say))
    return folder / "app" / "quarkus-run.jar"


def _cached(name: str, say: Say, fill: Callable[[Path], None]) -> Path:
    """The folder, filled once: it gets its name when it is whole, so a killed download leaves nothing behind."""
    home = cache_home()
    if (home / name).exists():
        return home / name
    make_private(home)
    with locked(home / "lock", say=say, patience=1800):
        if not (home / name).exists():
            _fill(home / name, fill)
    return home / name


def _fill(target: Path, fill: Callable[[Path], None]) -> None:
    for abandoned in target.parent.glob("*.partial-*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    part = Path(tempfile.mkdtemp(prefix=f"{target.name}.partial-", dir=target.parent))
    try:
        fill(part)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _fetch_kafka(folder: Path, version: str, say: Say) -> None:
    say(f"resolving Kafka {version} (60 MB, once)")
    with _asking(f"{KAFKA} {version}"):
        context = _context(folder)
        found = _resolve(context, [f"{KAFKA}:{module}:{version}" for module in MODULES])
        # By itself: joined with the others, its parent's dependency management pulls kafka-clients down.
        found = _resolve(context, [LOGGING]) | found
        jars = [d for d in found.values() if d.artifactId != OTHER_LOGGING]
        _check_versions(jars, version)
        say(f"fetching {len(jars)} jars of Kafka {version}")
        with ThreadPoolExecutor(8) as pool:
            paths = list(pool.map(lambda jar: Path(jar.artifact.resolve()), jars))
    names = sorted(str(path.relative_to(folder)) for path in paths)
    (folder / "classpath").write_text("\n".join(names), encoding="utf-8")


def _fetch_registry(folder: Path, say: Say) -> None:
    group, name, version = REGISTRY
    say(f"fetching Apicurio Registry {version} (158 MB, once)")
    with _asking(f"{group}:{name}:{version}"):
        project = _context(folder / "download").project(group, name)
        archive = project.at_version(version).artifact("all", "tar.gz").resolve()
        with tarfile.open(archive) as packed:
            packed.extractall(folder / "app", filter="data")
    shutil.rmtree(folder / "download")


def _context(folder: Path) -> MavenContext:
    from jgo.maven import MavenContext

    mirror = os.environ.get(MIRROR)
    repositories = {"mirror": mirror.rstrip("/")} if mirror else None
    return MavenContext(repo_cache=folder, remote_repos=repositories, timeout=60)


def _resolve(context: MavenContext, coordinates: Sequence[str]) -> dict[str, Dependency]:
    """What these need, themselves included, by group and artifact."""
    asked = [context.create_dependency(coordinate) for coordinate in coordinates]
    inputs, others = context.resolver.resolve(asked)
    return {f"{found.groupId}:{found.artifactId}": found for found in (*others, *inputs)}


def _check_versions(found: Sequence[Dependency], version: str) -> None:
    wrong = [
        f"{d.artifactId} {d.version}" for d in found if d.groupId == KAFKA and d.version != version
    ]
    if wrong:
        raise Failed(f"asked for Kafka {version}, and was given {', '.join(sorted(wrong))}")


@contextmanager
def _asking(what: str) -> Iterator[None]:
    """jgo's ways to fail, as ours. A checksum that does not fit is only a warning there: here it is refused."""
    warnings = _Warnings()
    logger = logging.getLogger("jgo")
    logger.addHandler(warnings)
    try:
        yield
    except _FAILURES as error:
        raise Failed(f"could not fetch {what}: {error}", hint=HINT) from error
    finally:
        logger.removeHandler(warnings)
    if warnings.seen:
        raise Failed(f"could not fetch {what}: {'; '.join(warnings.seen)}", hint=HINT)


class _Warnings(logging.Handler):
    """Collects what jgo only warns of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.append(record.getMessage())
