"""A Cluster document in; the places where a secret is written out instead of referred to out. Never the secret."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath

from reconciler.core.model import Document, Json, Path
from reconciler.secrets.references import well_formed
from reconciler.spec.words import SECRET, Finding

_USERINFO = re.compile(r"[a-z]+://[^/\s]*@", re.IGNORECASE)
_PORT = re.compile(r":[0-9]+$")


def literal_secrets(document: Document) -> list[Path]:
    """Where a Cluster document holds a secret itself; such a document may be tried out, but never be in a plan file."""
    return _literals(document.spec) if document.kind == "Cluster" else []


def check(spec: Mapping[str, Json]) -> Iterator[Finding]:
    """Secrets that are written out, except on the writer's own machine, and `file:` that leads out of the folder."""
    if not _on_this_machine(spec):
        for path in _literals(spec):
            name = path[-1] if not path[-1].isdigit() else path[-2]
            advice = "write `env:NAME` or `file:PATH`"
            yield Finding(path, f"`{name[:80]}` holds a secret in the open; {advice}")
    yield from _climbing(spec, lambda _path: True)


def check_secrets(spec: Mapping[str, Json]) -> Iterator[Finding]:
    """The last of these for the passwords and keys of any other document."""
    yield from _climbing(spec, lambda path: SECRET.search(path[-1]) is not None)


def _climbing(spec: Mapping[str, Json], of: Callable[[Path], bool]) -> Iterator[Finding]:
    for path, value in _leaves(spec, ("spec",)):
        if not isinstance(value, str) or not value.startswith("file:") or not of(path):
            continue
        if ".." in PurePosixPath(value.removeprefix("file:")).parts:
            advice = "name a file below the spec folder, or an absolute path"
            yield Finding(path, f"a `file:` path must not climb with `..`; {advice}")


def _literals(spec: Mapping[str, Json]) -> list[Path]:
    own = ("kafka", str(spec.get("platform")))
    return [
        path
        for path, value in _leaves(spec, ("spec",))
        if (_secret(path, own) or _with_password(value)) and not well_formed(value)
    ]


def _secret(path: Path, own: tuple[str, str]) -> bool:
    """In `spec.kafka` and the platform's own member, and the passwords, keys and tokens of a registry's or Connect's
    login."""
    if path[1] in own:
        return any(SECRET.search(step) for step in path[2:])
    return "auth" in path and any(SECRET.search(step) for step in path[path.index("auth") :])


def _with_password(value: Json) -> bool:
    return isinstance(value, str) and _USERINFO.match(value) is not None


def _on_this_machine(spec: Mapping[str, Json]) -> bool:
    servers = spec.get("bootstrap")
    if spec.get("platform") != "apache" or not isinstance(servers, list) or not servers:
        return False
    return all(isinstance(server, str) and _loopback(server) for server in servers)


def _loopback(server: str) -> bool:
    host = _PORT.sub("", server).removeprefix("[").removesuffix("]")
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _leaves(value: Json, path: Path) -> Iterator[tuple[Path, Json]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, (*path, str(index)))
    else:
        yield path, value
