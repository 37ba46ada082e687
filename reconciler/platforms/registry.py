"""The platforms there are: one file or package beside this one each, looked up on call."""

from __future__ import annotations

import importlib
import pkgutil

import reconciler.platforms
from reconciler.core.model import Platform
from reconciler.errors import BadUsage


def names() -> list[str]:
    """Every platform by name, without importing any."""
    modules = pkgutil.iter_modules(reconciler.platforms.__path__)
    return sorted(m.name for m in modules if m.name not in ("registry", "session"))


def load(name: str) -> Platform:
    """One platform; only its own SDK is imported. Raises BadUsage for a name without a file."""
    if name not in names():
        raise BadUsage(f"platform {name!r} is not known; there are {', '.join(names())}")
    platform: Platform = importlib.import_module(f"reconciler.platforms.{name}").PLATFORM
    return platform
