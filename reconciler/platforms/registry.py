"""The platforms there are: one file or package beside this one each, looked up on call."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import replace

import reconciler.platforms
from reconciler.core.model import Body, Document, Key, Kind, Platform
from reconciler.errors import BadUsage
from reconciler.kinds import registry as kinds

# What platforms share, and is none itself.
SHARED = frozenset({"registry", "session", "properties"})


def names() -> list[str]:
    """Every platform by name, without importing any."""
    modules = pkgutil.iter_modules(reconciler.platforms.__path__)
    return sorted(m.name for m in modules if m.name not in SHARED)


def load(name: str) -> Platform:
    """One platform; only its own SDK is imported. Raises BadUsage for a name without a file."""
    if name not in names():
        raise BadUsage(f"platform {name!r} is not known; there are {', '.join(names())}")
    platform: Platform = importlib.import_module(f"reconciler.platforms.{name}").PLATFORM
    return platform


def of(spec: Body) -> Platform:
    """The platform of a cluster, from its Cluster document's `spec`, as that cluster has it."""
    platform = load(str(spec["platform"]))
    return platform.fitted(spec) if platform.fitted else platform


def completed(document: Document) -> Document:
    """A Cluster document with what its platform knows to follow from it."""
    platform = load(str(document.spec["platform"]))
    return replace(document, spec=platform.implied(document.spec))


def kind_of(clusters: Mapping[str, Body]) -> Callable[[Key], Kind]:
    """What says of a key which kind it is of, on the platform of its cluster."""
    known = {name: kinds.on(of(spec)) for name, spec in clusters.items()}
    return lambda key: known[key.cluster][key.kind]
