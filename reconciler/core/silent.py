"""What a kind does where it says nothing: no problems, no further looks, nothing to import, one tier, one name."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def of_one(_thing: object) -> tuple[()]:
    """Nothing about one thing."""
    return ()


def of_two(_thing: object, _other: object) -> tuple[()]:
    """Nothing about two."""
    return ()


def never(_thing: object, _other: object) -> bool:
    """Not so, of anything."""
    return False


def by_somebody(_key: object, _path: object, _live: object) -> bool:
    """Whatever is live, somebody has set it so: it did not come about by itself."""
    return False


def no_words(_thing: object) -> str:
    """No particular reason."""
    return "no document can mean it"


def recorded(resource: T, _scope: object) -> T:
    """A recorded resource is as it was read."""
    return resource


def anywhere(document: T, _place: object) -> T:
    """A document means the same on every cluster."""
    return document


def same(name: str) -> str:
    """A name is what `owns` speaks of."""
    return name


def unchanged(spec: T) -> T:
    """What a Cluster document says is all there is."""
    return spec


def one_tier(_change: object) -> int:
    """All changes of an action may go together."""
    return 0
