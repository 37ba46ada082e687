"""The kinds there are: one file beside this one each. Looked up on call, so that `--help` pays for none of them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from functools import cache

import reconciler.kinds
from reconciler.core.model import Body, Driver, Kind, Platform


@cache
def load() -> Mapping[str, Kind]:
    """Every module of this folder that has a KIND, by the name that stands in keys."""
    names = sorted(module.name for module in pkgutil.iter_modules(reconciler.kinds.__path__))
    modules = [importlib.import_module(f"reconciler.kinds.{name}") for name in names]
    kinds: list[Kind] = [module.KIND for module in modules if hasattr(module, "KIND")]
    return {kind.name: kind for kind in kinds}


def on(platform: Platform) -> Mapping[str, Kind]:
    """Every kind as it is on a platform: the platform's own version where it has one."""
    return {**load(), **platform.kinds}


def offered(kind: Kind, platform: Platform, cluster: Body) -> bool:
    """Whether a cluster can hold a kind: its platform has the wire, and its document says where that is."""
    return not why_not(kind, platform, cluster)


def why_not(kind: Kind, platform: Platform, cluster: Body) -> str:
    """Why a cluster cannot hold a kind, in words that go on from its name; empty where it can."""
    found = driver(kind, platform)
    if found is None:
        reason = platform.lacks.get(kind.name) or kind.elsewhere
        return f"{platform.title} does not offer {kind.name}" + (f": {reason}" if reason else "")
    if found.wire in platform.addressed and found.wire not in cluster:
        return f"the Cluster document has no `{found.wire}`, so nobody knows where its {kind.name}s are"
    return ""


def driver(kind: Kind, platform: Platform) -> Driver | None:
    """What reads and writes a kind on a platform: the first of its drivers whose wire is there."""
    if kind.name in platform.lacks:
        return None
    return next((d for d in kind.drivers if d.wire in platform.wires), None)
