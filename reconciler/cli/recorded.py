"""The file of a snapshot in, the Snapshot out; whatever is not one is refused with 4."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import BadUsage, Stale

if TYPE_CHECKING:
    from reconciler.core.snapshot import Snapshot

# That of a hundred thousand resources has a tenth of this.
MOST_BYTES = 1 << 30
FRESH = "Take a new one with `kstate snapshot`."


def read_snapshot(path: str, *, verify: bool = False) -> Snapshot:
    """A snapshot, read once. Raises BadUsage where there is none, Stale for whatever is not one."""
    from reconciler.core.snapshot import parse
    from reconciler.reports.words import shell

    if verify:
        raise BadUsage("--offline knows no password, so --verify-passwords cannot go with it")
    try:
        if Path(path).stat().st_size > MOST_BYTES:
            raise Stale(f"{path} is too large for a snapshot", hint=FRESH)
        data = Path(path).read_bytes()
    except OSError as error:
        raise BadUsage(f"--offline {shell(path)}: {error.strerror}") from error
    if not _has_the_form(data):
        parse(data)  # says what is wrong, where it can
        raise Stale(f"{path} says things that no `kstate snapshot` says", hint=FRESH)
    return parse(data)


def _has_the_form(data: bytes) -> bool:
    """Whether it is what `schemas/snapshot.v1.json` describes."""
    import json

    import jsonschema_rs

    from reconciler.spec.schema import folder

    form = json.loads((folder() / "snapshot.v1.json").read_bytes())
    try:
        return bool(jsonschema_rs.validator_for(form).is_valid(json.loads(data)))
    except (ValueError, RecursionError):
        return False
