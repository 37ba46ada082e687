"""Shared settings and a document's own in; the settings that count out."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.model import Json


def merge(shared: Mapping[str, Json], own: Mapping[str, Json]) -> dict[str, Json]:
    """`own` wins key by key, one level into mappings.

    Its null takes away what is shared; inside a mapping the null stays, for there it means "unset this". `profile`
    itself is gone afterwards.
    """
    if not shared:
        return {key: own[key] for key in own if own[key] is not None and key != "profile"}
    merged = {**shared, **{key: _one(shared.get(key), value) for key, value in own.items()}}
    merged.pop("profile", None)
    return {key: value for key, value in merged.items() if value is not None}


def _one(shared: Json, own: Json) -> Json:
    if isinstance(shared, Mapping) and isinstance(own, Mapping):
        return {**shared, **own}
    return own
