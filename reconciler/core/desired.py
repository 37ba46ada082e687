"""Documents in, the desired state of one cluster out: who asked for what, and what must not be there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from reconciler.core.model import Body, Document, Key, Kind, Path, Platform, Resource, State


@dataclass
class Desired:
    """What the spec says about one cluster. `conflicts` name two documents that cannot both be right.

    `owners` are the teams that documents name.
    """

    state: dict[Key, Resource] = field(default_factory=dict)
    absent: set[Key] = field(default_factory=set)
    unwanted: dict[Key, Resource] = field(default_factory=dict)
    sources: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    owners: dict[Key, str] = field(default_factory=dict)
    protected: set[Key] = field(default_factory=set)
    impossible: dict[Key, Resource] = field(default_factory=dict)
    conflicts: list[tuple[Document, str]] = field(default_factory=list)

    def fields(self, kind: str) -> frozenset[str]:
        """The configuration names in play for a kind: the second step of every nested setting."""
        return frozenset(name for body in self.bodies(kind).values() for name in _inner(body))

    def bodies(self, kind: str) -> dict[str, Body]:
        """What everything wanted of a kind is to be, by name."""
        return {key.name: r.settings for key, r in self.state.items() if key.kind == kind}

    def names(self, kind: str) -> frozenset[str]:
        """Everything declared of a kind, wanted or unwanted."""
        return frozenset(key.name for key in (*self.state, *self.absent) if key.kind == kind)


def _inner(body: Body) -> Iterator[str]:
    return (name for value in body.values() if isinstance(value, Mapping) for name in value)


def by_kind(state: State) -> dict[str, dict[str, Body]]:
    """The settings of everything in a state, by kind and name."""
    found: dict[str, dict[str, Body]] = {}
    for (_, kind, name), resource in state.items():
        found.setdefault(kind, {})[name] = resource.settings
    return found


def desired(
    cluster: str,
    documents: Iterable[Document],
    kinds: Mapping[str, Kind],
    platform: Platform,
    offered: Callable[[Kind], bool],
) -> Desired:
    """Every document that speaks of this cluster, as resources.

    The same resource from two documents is one resource with two sources when both mean the same. A kind the platform
    lacks is impossible where the document names the cluster, and left out where it only means "wherever possible".
    """
    found = Desired()
    by_document = {kind.document: kind for kind in kinds.values()}
    for document in documents:
        kind = by_document.get(document.kind)
        named = cast("list[str] | None", document.metadata.get("clusters"))
        if kind is None or (named is not None and cluster not in named):
            continue
        if offered(kind) or named is not None:
            means = [
                (Key(cluster, kind.name, resource.name), resource)
                for resource in kind.resources(document, platform)
            ]
            _add(found, document, means, possible=offered(kind))
    return found


def _add(
    found: Desired, document: Document, means: list[tuple[Key, Resource]], *, possible: bool
) -> None:
    unwanted = document.metadata.get("ensure") == "absent"
    source = (document.source,)  # one for all that a document means
    for key, resource in means:
        if not possible:
            found.impossible[key] = resource
        elif unwanted:
            _unwanted(found, key, document)
            found.unwanted[key] = resource
        else:
            first = found.state.setdefault(key, resource)
            if first is not resource or key in found.absent:
                _wanted_too(found, key, resource, document)
        before = found.sources.get(key)
        found.sources[key] = source if before is None else before + source
    if document.metadata.get("protect"):
        found.protected.update(key for key, _ in means)
    if owner := document.metadata.get("owner"):
        found.owners.update({key: str(owner) for key, _ in means if key not in found.owners})


def _unwanted(found: Desired, key: Key, document: Document) -> None:
    if key in found.state:
        found.conflicts.append(
            (document, f"{key} must be absent here, but {_first(found, key)} wants it")
        )
    found.absent.add(key)


def _wanted_too(found: Desired, key: Key, resource: Resource, document: Document) -> None:
    if key in found.absent:
        found.conflicts.append(
            (document, f"{key} is wanted here, but must be absent by {_first(found, key)}")
        )
    if found.state[key].settings != resource.settings:
        found.conflicts.append((document, f"{key} is wanted otherwise by {_first(found, key)}"))


def _first(found: Desired, key: Key) -> str:
    return found.sources[key][0]


def with_unseen(live: State, known: Mapping[Key, Body], kinds: Mapping[str, Kind]) -> State:
    """Live state with what no server tells filled in from what is known of it, so that it can be compared."""
    hidden = [key for key in known if key in live and kinds[key.kind].unseen]
    filled = {key: _seen(key, live[key], known[key], kinds) for key in hidden}
    return {**live, **filled} if filled else live


def _seen(key: Key, resource: Resource, known: Body, kinds: Mapping[str, Kind]) -> Resource:
    filled = {name: known[name] for name in kinds[key.kind].unseen if name in known}
    if not filled:
        return resource
    return replace(resource, settings={**resource.settings, **filled})


def in_owned(kind: Kind, name: str, owns: Body) -> bool:
    """Whether a live name is inside what the Cluster document says it owns: literal prefixes."""
    prefixes = cast("Iterable[str]", owns.get(kind.owns) or ())
    return kind.owned_as(name).startswith(tuple(prefixes))


NAME: Path = ("metadata", "name")
