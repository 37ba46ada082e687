"""Documents in, the same with what many share moved into profiles, and the file each belongs into, out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.model import Json
from reconciler.core.plan import canonical

SHARED = 3  # so many documents with the same body are worth a profile
Body = Mapping[str, Json]


def profiled(documents: Sequence[Body]) -> tuple[list[Body], list[Body]]:
    """(profiles, documents): bodies that several documents have in common become profiles, the rest stays as it is."""
    groups: dict[bytes, list[Body]] = {}
    for document in documents:
        groups.setdefault(canonical(document["spec"]), []).append(document)
    common = {key: own for key, own in groups.items() if len(own) >= SHARED}
    names = dict(zip(common, _names([own[0]["spec"] for own in common.values()]), strict=True))
    profiles: list[Body] = [
        {"name": name, "spec": common[key][0]["spec"]} for key, name in names.items()
    ]
    told: list[Body] = []
    for document in documents:
        name = names.get(canonical(document["spec"]))
        told.append({**document, "spec": {"profile": name}} if name else document)
    return sorted(profiles, key=lambda p: str(p["name"])), told


def _names(bodies: Iterable[Json]) -> list[str]:
    """A name for each body from what it is: `compact-6`, `delete-12-2`; numbered where two would be the same."""
    taken: dict[str, int] = {}
    found = []
    for body in bodies:
        spec = body if isinstance(body, Mapping) else {}
        config = spec.get("config")
        policy = config.get("cleanup.policy", "delete") if isinstance(config, Mapping) else "delete"
        name = f"{str(policy).replace(',', '-')}-{spec.get('partitions', 'x')}"
        taken[name] = taken.get(name, 0) + 1
        found.append(name if taken[name] == 1 else f"{name}-{taken[name]}")
    return found


def file_of(kind: str, name: str) -> str:
    """One file for each first part of a name: `topics/orders.yaml` for `orders.placed.v1`."""
    stem = re.split(r"[._-]", name.lstrip("._-") or name, maxsplit=1)[0].lower()
    safe = re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "others"
    return f"{kind}s/{safe}.yaml"
