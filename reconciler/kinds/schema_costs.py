"""What a change of a subject costs or risks, told from the change and from who is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from reconciler.core.model import Body, Change, Risk
from reconciler.kinds.schema_forms import text_of

SHOWN = 8


def deletion(
    change: Change,
    referrers: Mapping[str, bool],
    going: Mapping[str, bool],
    versions: int | None,
    *,
    counted: bool = False,
) -> Iterator[Risk]:
    """What deleting costs. `going`: what else goes, and whether for good; `versions` is None where nobody counted.

    `referrers` are there, or deleted softly (False); `counted`: the registry counts those too.
    """
    if held := sorted(n for n, is_there in referrers.items() if is_there and n not in going):
        yield Risk("KS944", f"it is part of {some(held)}")
    softly = sorted(name for name in referrers if going.get(name) is False)
    before = sorted(n for n, is_there in referrers.items() if not is_there and n not in going)
    if before or (softly and counted):
        told = f"it is part of {some(before + softly)}, deleted softly, which this registry counts"
        yield Risk("KS944", f"{told}: `delete: permanent` lets go of it")
    elif softly:
        yield Risk("KS144", f"it is part of {some(softly)}, deleted softly before it")
    evidence: Body = {"versions": versions}
    told = "all versions" if versions is None else f"{versions} version{'s' * (versions != 1)}"
    yield Risk("KS242" if permanent(change) else "KS241", f"{told} of it", evidence)


def permanent(change: Change) -> bool:
    return (change.before or {}).get("delete") == "permanent"


def some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return "; ".join(names[:SHOWN]) + more


def unrecognised(after: Body) -> Iterator[Risk]:
    """A JSON Schema that a registry which guesses does not take for one; it would say so only when it is registered."""
    if after["type"] != "JSON":
        return
    found = json.loads(text_of("JSON", after["schema"]))
    if not (isinstance(found, dict) and ("properties" in found or "$schema" in found)):
        told = "it has neither `$schema` nor `properties`, by which Apicurio knows a JSON Schema"
        yield Risk("KS148", told)
