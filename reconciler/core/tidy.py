"""Documents in, the same with what many share moved into profiles, and the file each belongs into, out. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import cast

from reconciler.core.diff import flat, nest
from reconciler.core.model import Json, Path
from reconciler.core.plan import canonical

SHARED = 3  # so many documents are worth a profile
# A profile costs its own lines and the head of its document; naming it costs a document one line.
HEAD, NAMING = 2, 1
MOST_PROFILES = 12
# Bodies that are looked at for what they have in common; all others only take what was found.
LOOKED_AT = 40
Body = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class _Shape:
    """A body as bits: which settings it has, and with which values. `count` documents have it."""

    names: int
    values: int
    count: int = 1

    @property
    def size(self) -> int:
        return self.values.bit_count()

    def above(self, profile: _Shape) -> int:
        """The lines that are left on top of a profile. One with a setting that the body lacks never fits."""
        if profile.names & ~self.names:
            return self.size
        return NAMING + (self.values & ~profile.values).bit_count()


class _Index:
    """Settings with their values as bits, and back."""

    def __init__(self) -> None:
        self._bits: dict[tuple[Path, bytes], int] = {}
        self._names: dict[Path, int] = {}
        self._leaves: list[tuple[Path, Json]] = []

    def shape(self, leaves: Mapping[Path, Json]) -> _Shape:
        names = values = 0
        for path, value in leaves.items():
            at = (path, canonical(value))
            if at not in self._bits:
                self._bits[at] = len(self._leaves)
                self._leaves.append((path, value))
            names |= 1 << self._names.setdefault(path, len(self._names))
            values |= 1 << self._bits[at]
        return _Shape(names, values)

    def leaves(self, values: int) -> dict[Path, Json]:
        """What stands alone first, then what is nested, by name: as a person would write it."""
        own = [leaf for bit, leaf in enumerate(self._leaves) if values >> bit & 1]
        return dict(sorted(own, key=lambda leaf: (len(leaf[0]), leaf[0])))


def profiled(
    documents: Sequence[Body], taken: Set[str] = frozenset()
) -> tuple[list[Body], list[Body]]:
    """(profiles, documents): what several documents have in common becomes profiles, which they name.

    A document keeps what its profile does not say, or says otherwise. Nothing changes its meaning. `taken` are names
    that other profiles have.
    """
    index = _Index()
    leaves = [dict(flat(cast("Body", document["spec"]))) for document in documents]
    shapes = [index.shape(own) for own in leaves]
    chosen = _chosen(_counted(shapes), index)
    shared = [index.leaves(profile.values) for profile in chosen]
    names = _names(shared, taken)
    told: list[Body] = []
    for document, own, shape in zip(documents, leaves, shapes, strict=True):
        best = _best(shape, chosen)
        if best is None:
            told.append(document)
            continue
        left = {path: v for path, v in own.items() if shared[best].get(path) != v}
        told.append({**document, "spec": {"profile": names[best], **nest(left.items())}})
    profiles: list[Body] = [
        {"name": name, "spec": nest(own.items())} for name, own in zip(names, shared, strict=True)
    ]
    return sorted(profiles, key=lambda profile: str(profile["name"])), told


def _counted(shapes: Iterable[_Shape]) -> list[_Shape]:
    """Each shape once, with how many documents have it; those with the most to say first."""
    counts: dict[_Shape, int] = {}
    for shape in shapes:
        counts[shape] = counts.get(shape, 0) + 1
    found = [replace(shape, count=count) for shape, count in counts.items()]
    return sorted(found, key=lambda s: (-s.count * s.size, s.values))


def _chosen(bodies: Sequence[_Shape], index: _Index) -> list[_Shape]:
    """One profile after the other, as long as each saves more lines than it costs; those with few users go again."""
    candidates = _candidates(bodies[:LOOKED_AT], index)
    chosen: list[_Shape] = []
    lines = {body: body.size for body in bodies}
    while candidates and len(chosen) < MOST_PROFILES:
        saved = {profile: _saved(profile, lines) for profile in candidates}
        best = max(candidates, key=lambda p: (saved[p], p.size, -p.values))
        if saved[best] < 1:
            break
        chosen.append(best)
        lines = {body: min(left, body.above(best)) for body, left in lines.items()}
    return _used(chosen, bodies)


def _used(chosen: list[_Shape], bodies: Sequence[_Shape]) -> list[_Shape]:
    """Without those that a later one left with too few users; their users choose again among the rest."""
    users = dict.fromkeys(range(len(chosen)), 0)
    for body in bodies:
        if (best := _best(body, chosen)) is not None:
            users[best] += body.count
    few = min(users, key=lambda at: users[at], default=None)
    if few is None or users[few] >= SHARED:
        return chosen
    return _used([profile for at, profile in enumerate(chosen) if at != few], bodies)


def _candidates(bodies: Sequence[_Shape], index: _Index) -> list[_Shape]:
    """Whole bodies, and what any two of them have in common."""
    wholes = {body.values for body in bodies}
    common = {one.values & other.values for one in bodies for other in bodies}
    return [index.shape(index.leaves(values)) for values in sorted(wholes | common) if values]


def _saved(profile: _Shape, lines: Mapping[_Shape, int]) -> int:
    gains = [(body.count, left - body.above(profile)) for body, left in lines.items()]
    users = [(count, gain) for count, gain in gains if gain > 0]
    if sum(count for count, _ in users) < SHARED:
        return 0
    return sum(count * gain for count, gain in users) - profile.size - HEAD


def _best(body: _Shape, chosen: Sequence[_Shape]) -> int | None:
    """Which profile leaves a body the fewest lines; None where none saves any."""
    best = min(range(len(chosen)), key=lambda at: body.above(chosen[at]), default=None)
    return best if best is not None and body.above(chosen[best]) < body.size else None


def _names(profiles: Sequence[Mapping[Path, Json]], taken: Set[str]) -> list[str]:
    """A name for each from what it is: `compact-6`, and where that is not enough `delete-6-30d`, or a number."""
    found: list[str] = []
    for own in profiles:
        free = (name for name in _spellings(own) if name not in taken and name not in found)
        found.append(next(free))
    return found


def _spellings(own: Mapping[Path, Json]) -> Iterable[str]:
    policy = own.get(("config", "cleanup.policy")) or "delete"
    words = policy if isinstance(policy, (list, tuple)) else str(policy).split(",")
    parts = ["-".join(str(word).strip() for word in words)]
    parts += [str(own[("partitions",)])] if ("partitions",) in own else []
    plain = re.sub(r"[^A-Za-z0-9.-]+", "-", "-".join(parts)).strip("-.")
    yield plain
    if (kept := own.get(("config", "retention.ms"))) is not None:
        yield f"{plain}-{kept}"
    yield from (f"{plain}-{number}" for number in itertools.count(2))


def file_of(kind: str, name: str) -> str:
    """One file for each first part of a name: `topics/orders.yaml` for `orders.placed.v1`."""
    stem = re.split(r"[._-]", name.lstrip("._-") or name, maxsplit=1)[0].lower()
    safe = re.sub(r"[^a-z0-9]+", "-", stem).strip("-") or "others"
    return f"{kind}s/{safe}.yaml"
