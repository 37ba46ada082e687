"""The ahead-of-time cache of one Kafka version: one throw-away broker in, faster starts out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from reconciler.errors import Failed
from reconciler.sandbox import estate, jars, java
from reconciler.sandbox.paths import Say, cache_home, locked
from reconciler.sandbox.shape import Options, check

# Writing the cache is the broker's last act, and takes it a while.
_PATIENCE = 300.0


def warm(version: str, *, say: Say) -> bool:
    """Make the cache for later starts of this Kafka version; False when it is there. Raises Failed."""
    java.require()
    check(Options(kafka=version))
    classpath = jars.kafka(version, say=say)
    target = java.aot_cache(classpath)
    with locked(cache_home() / "lock", say=say, patience=1800):
        if target.exists():
            return False
        _record(version, target, say)
    return True


def _record(version: str, target: Path, say: Say) -> None:
    part = target.with_suffix(f".{os.getpid()}")
    flags = (f"-XX:AOTCacheOutput={part}",)
    options = Options(name=f"warming-{os.getpid()}", kafka=version, flags=flags)
    try:
        sandbox = estate.up(options, say=say)
        say("recording what a start needs")
        node = sandbox.clusters[0].nodes[0]
        node.stop(_PATIENCE)
        if not part.exists():
            raise Failed(f"Java wrote no cache:\n{node.tail()}", hint=f"log: {node.log}")
        part.rename(target)
    finally:
        part.unlink(missing_ok=True)
        estate.down(options.name)
        shutil.rmtree(estate.logs(options.name).parent, ignore_errors=True)
