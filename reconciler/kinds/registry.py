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


def of_document(document_kind: str) -> Kind | None:
    """The kind that a document of this kind describes; None for Cluster, Profile and the like."""
    return next((kind for kind in load().values() if kind.document == document_kind), None)


def offered(kind: Kind, platform: Platform, cluster: Body) -> bool:
    """Whether a cluster can hold a kind: its platform has the wire, and its document says where that is."""
    found = driver(kind, platform)
    return found is not None and (found.wire not in platform.addressed or found.wire in cluster)


def driver(kind: Kind, platform: Platform) -> Driver | None:
    """What reads and writes a kind on a platform: the platform's own, else a portable one whose wire is there."""
    own = platform.drivers.get(kind.name)
    return own or next((d for d in kind.drivers if d.wire in platform.wires), None)
