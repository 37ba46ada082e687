"""What each channel was told last, kept in a file; so that a change of state is told, and the same state is not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from reconciler.errors import BadUsage

FORMAT = "kstate.state/v1"


def load(file: Path, scope: str) -> dict[str, str]:
    """Fingerprints by channel; none where there is no file yet. Raises BadUsage for any other file."""
    return dict(_read(file).get(scope, {}))


def render(file: Path, scope: str, told: Mapping[str, str]) -> bytes:
    """The file with this scope brought up to date, other scopes as they are."""
    scopes = {**_read(file), scope: dict(told)}
    return (
        json.dumps({"format": FORMAT, "scopes": scopes}, indent=1, sort_keys=True).encode() + b"\n"
    )


def _read(file: Path) -> dict[str, dict[str, str]]:
    try:
        body = json.loads(file.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise BadUsage(f"--state {file}: it cannot be read") from error
    scopes = body.get("scopes") if isinstance(body, dict) and body.get("format") == FORMAT else None
    if not isinstance(scopes, dict) or not all(isinstance(told, dict) for told in scopes.values()):
        raise BadUsage(f"--state {file}: it is no state that kstate wrote")
    return {str(scope): {str(n): str(v) for n, v in told.items()} for scope, told in scopes.items()}
