"""The ledger's records in the order of its log in, what an estate owns on a cluster out. Pure: bytes in, data out.

Keys, with `|` between their parts (only the last part may hold one):

    own|CLUSTER-ID|KIND|NAME        who owns a resource, and the settings last applied to it
    head|CLUSTER-ID|ESTATE          how many of those an estate has, a sum over their names, and what the estate calls
                                    the cluster
    intent|CLUSTER-ID|ESTATE|N      what a batch in flight is about to make; one record a batch
    tip|CLUSTER-ID                  where the journal's chain ends
    used|CLUSTER-ID|SEAL            a saved plan that was carried out
    lock|CLUSTER-ID                 see core.lock

A value is JSON with its version `v`. An absent value (a tombstone) takes a record back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from sys import intern
from typing import Any

from reconciler.core.model import Body, Json, Key, Resource, State
from reconciler.core.plan import canonical, plain

VERSION = 1
Record = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True)
class Owned:
    """One resource that an estate owns. `origin` is `made` or `adopted`; `at` is ISO 8601 in UTC."""

    estate: str
    settings: Body
    origin: str = "made"
    protect: bool = False
    apply: str = ""
    commit: str = ""
    at: str = ""


@dataclass(frozen=True, slots=True)
class Intent:
    """What an apply was about to write: settings by `KIND/NAME`, None for a deletion.

    `batches` are the numbers of the records that say so.
    """

    apply: str
    at: str
    wanted: Mapping[str, Body | None]
    batches: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of the journal's chain on a cluster."""

    seq: int = 0
    hash: str = ""


@dataclass
class Book:
    """What the log says about one cluster. `damage` says by key which records cannot be read, and why.

    `called` is the name by which an estate spoke of it last.
    """

    own: dict[tuple[str, str], Owned] = field(default_factory=dict)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    called: dict[str, str] = field(default_factory=dict)
    intents: dict[str, Intent] = field(default_factory=dict)
    used: dict[str, str] = field(default_factory=dict)
    tip: Tip = Tip()
    damage: dict[str, str] = field(default_factory=dict)

    def owned_by(self, estate: str) -> Mapping[tuple[str, str], Owned]:
        """What this estate owns, by kind and name."""
        if all(owned.estate == estate for owned in self.own.values()):
            return self.own  # as nearly always: nothing is copied
        return {at: owned for at, owned in self.own.items() if owned.estate == estate}

    def is_new(self, estate: str) -> bool:
        """Whether this estate has left no trace here, so that its first record can be believed."""
        return not (self.damage or estate in self.heads or self.owned_by(estate))

    def trouble(self, estate: str) -> str:
        """Why nothing may be deleted on the word of this book; empty when it can be believed."""
        if self.damage:
            first = [f"{key} is {why}" for key, why in list(self.damage.items())[:3]]
            return "; ".join(first)
        owned = self.owned_by(estate)
        if estate not in self.heads:
            return f"it has no record of estate {estate}: either this is its first apply here, or it was lost"
        count, total = self.heads[estate]
        if (count, total) != summed(owned):
            return f"it speaks of {count:,} resources, but {len(owned):,} records are there"
        return ""


@dataclass(frozen=True, slots=True, eq=False)
class Last(Mapping[Key, Resource]):
    """What was last applied to everything in `owned`, without a second copy of it: thousands are never looked at."""

    cluster: str
    owned: Mapping[tuple[str, str], Owned]

    def __getitem__(self, key: Key) -> Resource:
        return Resource(key.name, self.owned[key.kind, key.name].settings)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, Key) and (key.kind, key.name) in self.owned

    def __iter__(self) -> Iterator[Key]:
        return (Key(self.cluster, kind, name) for kind, name in self.owned)

    def __len__(self) -> int:
        return len(self.owned)


def fold(records: Iterable[Record], cluster_id: str) -> Book:
    """Every record about this cluster, the last one of a key wins. What cannot be read is damage, never a guess."""
    folding = Folding(cluster_id)
    folding.add(records)
    return folding.book()


@dataclass
class Folding:
    """A book on its way, for a log that is read in pieces."""

    cluster_id: str
    _own: dict[tuple[str, str], Owned] = field(default_factory=dict)
    _damage: dict[str, str] = field(default_factory=dict)
    _others: dict[str, bytes | None] = field(default_factory=dict)
    # Thousands of records say the same of different names: those are read once.
    _read: dict[bytes | None, Owned] = field(default_factory=dict)

    def add(self, records: Iterable[Record]) -> None:
        owns = f"own|{self.cluster_id}|"
        for key, value in records:
            if key.startswith(owns):
                kind, _, name = key[len(owns) :].partition("|")
                # The same name stands in the spec, and on the cluster: kept once.
                self._take((intern(kind), intern(name)), key, value)
            else:
                self._others.pop(key, None)
                self._others[key] = value

    def _take(self, at: tuple[str, str], key: str, value: bytes | None) -> None:
        self._own.pop(at, None)
        if self._damage:
            self._damage.pop(key, None)
        if value in self._read:
            self._own[at] = self._read[value]
        elif value is not None:
            with _damage(self._damage, key):
                self._own[at] = self._read[value] = _owned(_body(value))

    def book(self) -> Book:
        """What the records so far come to."""
        book = Book(dict(self._own), damage=dict(self._damage))
        for key, value in self._others.items():
            kind, _, rest = key.partition("|")
            about, _, name = rest.partition("|")
            if value is not None and about == self.cluster_id and kind != "lock":
                with _damage(book.damage, key):
                    _READERS[kind](book, name, _body(value))
        return book


@contextmanager
def _damage(damage: dict[str, str], key: str) -> Iterator[None]:
    try:
        yield
    except _Foreign as version:
        damage[key] = f"written by another version of kstate ({version})"
    except (KeyError, TypeError, ValueError, AttributeError):
        damage[key] = "not readable"


class _Foreign(Exception):
    """A record of another version."""


def _body(value: bytes) -> Any:
    body = json.loads(value)
    if body["v"] != VERSION:
        raise _Foreign(body["v"])
    return body


def _owned(body: Any) -> Owned:
    return Owned(
        str(body["estate"]),
        dict(body["settings"]),
        str(body["origin"]),
        bool(body["protect"]),
        str(body["apply"]),
        str(body["commit"]),
        str(body["at"]),
    )


def _read_head(book: Book, name: str, body: Any) -> None:
    book.heads[name] = (int(body["count"]), str(body["sum"]))
    book.called[name] = str(body.get("cluster", ""))


def _read_intent(book: Book, name: str, body: Any) -> None:
    estate, _, number = name.rpartition("|")
    before = book.intents.get(estate)
    book.intents[estate] = Intent(
        str(body["apply"]),
        str(body["at"]),
        {**(before.wanted if before else {}), **body["wanted"]},
        (*(before.batches if before else ()), int(number)),
    )


def _read_tip(book: Book, _name: str, body: Any) -> None:
    book.tip = Tip(int(body["seq"]), str(body["hash"]))


def _read_used(book: Book, name: str, body: Any) -> None:
    book.used[name] = str(body["expires"])


_READERS = {
    "head": _read_head,
    "intent": _read_intent,
    "tip": _read_tip,
    "used": _read_used,
}


def summed(owned: Iterable[tuple[str, str]]) -> tuple[int, str]:
    """How many names there are, and a sum over them that does not hang on their order."""
    numbers = [_number(at) for at in owned]
    return Tally(len(numbers), sum(numbers) % (1 << 128)).figures


@dataclass
class Tally:
    """The same sum, kept up to date: nobody has to add up 20,000 names again because one of them changed."""

    count: int = 0
    total: int = 0

    def add(self, at: tuple[str, str]) -> None:
        self.count, self.total = self.count + 1, (self.total + _number(at)) % (1 << 128)

    def remove(self, at: tuple[str, str]) -> None:
        self.count, self.total = self.count - 1, (self.total - _number(at)) % (1 << 128)

    @property
    def figures(self) -> tuple[int, str]:
        return self.count, f"{self.total:032x}"


def _number(at: tuple[str, str]) -> int:
    kind, name = at
    return int.from_bytes(hashlib.sha256(f"{kind}|{name}".encode()).digest()[:16], "big")


# --- writing


def own(cluster_id: str, kind: str, name: str, owned: Owned | None) -> Record:
    """The record that a resource is owned so, or by nobody any more."""
    return own_key(cluster_id, kind, name), None if owned is None else own_value(owned)


def own_key(cluster_id: str, kind: str, name: str) -> str:
    return f"own|{cluster_id}|{kind}|{name}"


def own_value(owned: Owned) -> bytes:
    return _value(
        estate=owned.estate,
        settings=owned.settings,
        origin=owned.origin,
        protect=owned.protect,
        apply=owned.apply,
        commit=owned.commit,
        at=owned.at,
    )


def head(cluster_id: str, estate: str, figures: tuple[int, str], cluster: str) -> Record:
    """The record that counts an estate's others. `cluster` is what the estate calls it."""
    count, total = figures
    return f"head|{cluster_id}|{estate}", _value(count=count, sum=total, cluster=cluster)


def intent(cluster_id: str, estate: str, wanted: Intent | None, batch: int = 0) -> Record:
    """The record of what a batch is about to write, or that nothing of it is open any more."""
    key = f"intent|{cluster_id}|{estate}|{batch}"
    if wanted is None:
        return key, None
    return key, _value(apply=wanted.apply, at=wanted.at, wanted=wanted.wanted)


def tip(cluster_id: str, end: Tip) -> Record:
    """The record of where the journal ends."""
    return f"tip|{cluster_id}", _value(seq=end.seq, hash=end.hash)


def used(cluster_id: str, seal: str, expires: str | None) -> Record:
    """The record that a saved plan was carried out; taken back when it has expired anyway."""
    key = f"used|{cluster_id}|{seal}"
    return key, None if expires is None else _value(expires=expires)


def _value(**fields: Json) -> bytes:
    return canonical(plain({"v": VERSION, **fields}))


# --- rules


def claimed(book: Book, estate: str, live: State) -> Book:
    """The book with what a killed apply had made already: its intent is still open, and the thing is there.

    A thing that an intent wanted and that is live as wanted is ours, unless somebody else owns it.
    """
    dangling = book.intents.get(estate)
    if dangling is None:
        return book
    there = {(key.kind, key.name): resource for key, resource in live.items()}
    made = dict(book.own)
    for at, settings in dangling.wanted.items():
        kind, _, name = at.partition("/")
        seen = there.get((kind, name))
        if settings is not None and seen is not None and (kind, name) not in made:
            made[kind, name] = Owned(estate, settings, apply=dangling.apply, at=dangling.at)
    return replace(book, own=made)
