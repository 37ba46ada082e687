"""`env:NAME` in, the value of that environment variable out."""

from __future__ import annotations

import os
import re

from reconciler.errors import BadUsage

SCHEME = "env"
FORM = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def resolve(reference: str, _root: str) -> str:
    """The variable's value. An unset one is BadUsage; an empty one is a value."""
    value = os.environ.get(reference)
    if value is None:
        raise BadUsage(
            f"env:{reference}: the environment variable {reference} is not set",
            hint=f"Set it for this command: export {reference}=...",
        )
    return value
