"""A ledger's log in, once; its lock and its book out, as far as it was read, and on from there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from reconciler.core.book import Book, Folding
from reconciler.core.lock import Beat, Holder, decode, holder
from reconciler.ledger.store import Reader, Store


def key_of(cluster_id: str) -> str:
    return f"lock|{cluster_id}"


@dataclass
class Tail:
    """What the log says about one cluster. An apply reads it three times; only the first time is it long."""

    store: Store
    cluster_id: str
    next: int = 0
    beats: list[Beat] = field(default_factory=list)
    _book: Folding = field(init=False)
    _reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self._book = Folding(self.cluster_id)
        self._reader = self.store.reader()

    def follow(self) -> Tail:
        """Read on, to the end as it is now."""
        self._book.add(self._records())
        return self

    def _records(self) -> Iterator[tuple[str, bytes | None]]:
        lock = key_of(self.cluster_id)
        for entry in self._reader.on(self.next):
            self.next = entry.offset + 1
            yield entry.key, entry.value
            if entry.key == lock and entry.value is not None:
                beat = decode(entry.value, entry.offset, entry.at)
                self.beats += [beat] if beat is not None else []

    @property
    def holder(self) -> Holder | None:
        """Who holds the lock by the log; its lease may be over by now."""
        return holder(self.beats)

    def book(self) -> Book:
        return self._book.book()

    def close(self) -> None:
        self._reader.close()
