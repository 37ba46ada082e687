"""The `bootstrap` and `kafka` of a Cluster document in; what librdkafka is given, references resolved, out."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

from reconciler.core.model import Target
from reconciler.errors import BadUsage
from reconciler.secrets.references import is_reference, remember, resolve

SERVER = re.compile(r"\s*(?:[A-Za-z_]+://)?(?:\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9_.-]+):[0-9]{1,5}\s*")
HIGHEST = 65535
OPEN = re.compile(r"\.(location|protocol|mechanisms?|username)$")


def bootstrap(target: Target) -> str:
    """The brokers to ask first, `host:port` separated by commas. Raises BadUsage for what is none."""
    entries = cast("Sequence[object]", target.spec["bootstrap"])
    found = ",".join(_servers(target, str(entry)) for entry in entries)
    for address in found.split(","):
        port = address.rpartition(":")[2].strip()
        # librdkafka would take what is left of it in 16 bits.
        if port.isdecimal() and int(port) > HIGHEST:
            raise BadUsage(f"spec.bootstrap: {address.strip()}: a port is at most {HIGHEST}")
    return found


def _servers(target: Target, entry: str) -> str:
    """One entry resolved. What stands behind a reference and is no address is not shown: it may be a secret."""
    found = resolve(entry, target.root, secret=False)
    if is_reference(entry) and not all(map(SERVER.fullmatch, found.split(","))):
        remember(found)
        raise BadUsage(
            f"cluster {target.name}: what {entry} stands for is no address",
            hint="Brokers are written `host:port`, several of them with commas in between.",
        )
    return found


def properties(target: Target) -> dict[str, str]:
    """librdkafka properties with their references resolved.

    A `file:` reference under a name that ends in `.location` stays a path: librdkafka opens that file itself.
    """
    given = cast("Mapping[str, object]", target.spec.get("kafka") or {})
    return {name: _named(name, value, target.root) for name, value in given.items()}


def _named(name: str, value: object, root: str) -> str:
    try:
        return _property(name, value, root)
    except BadUsage as error:
        raise BadUsage(f"spec.kafka.{name}: {error.message}", hint=error.hint) from error


def _property(name: str, value: object, root: str) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if name.endswith(".location") and text.startswith("file:"):
        return str(Path(root, text.removeprefix("file:")))
    # What is masked disappears from every plan and error, so no user's name and no file's may be.
    return resolve(text, root, secret=not OPEN.search(name))
