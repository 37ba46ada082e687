"""What is written into a comment or an issue for kstate alone: which it is, and the data that go with it.

Both are HTML comments, which GitHub does not show. They prove nothing by themselves: anybody can write them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.errors import BadUsage

SCOPE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


def check_scope(scope: str) -> str:
    """Raises BadUsage for a name that could not stand in a marker."""
    if not SCOPE.fullmatch(scope):
        raise BadUsage(
            f"--scope {scope!r}: expected letters, digits, `.`, `_` and `-`, 100 at most"
        )
    return scope


def mark(scope: str, data: Mapping[str, object], kind: str = "") -> str:
    """The first two lines of a body. `kind` tells a drift's issue from a plan's comment."""
    told = json.dumps(dict(data), sort_keys=True).replace("<", "\\u003c").replace(">", "\\u003e")
    return f"{name(scope, kind)}\n<!-- kstate-data {told} -->"


def name(scope: str, kind: str = "") -> str:
    return f"<!-- kstate:{f'{kind}:' if kind else ''}{scope} -->"


def is_of(body: object, scope: str, kind: str = "") -> bool:
    """Whether a body begins with the marker of a scope; one that quotes it further down is not meant."""
    return isinstance(body, str) and body.lstrip().startswith(name(scope, kind))


def data(body: str) -> dict[str, Any]:
    """The data of a body; none where there are none, or they cannot be read."""
    lines = body.lstrip().splitlines()
    found = (
        re.fullmatch(r"<!-- kstate-data (\{.*\}) -->", lines[1].strip()) if len(lines) > 1 else None
    )
    try:
        read = json.loads(found[1]) if found else {}
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}
