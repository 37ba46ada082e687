"""A ledger in a folder, for tests: the same contract as the one in Kafka, kept by file locks."""

from __future__ import annotations

import base64
import fcntl
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from reconciler.clients.log import Entry, Fenced
from reconciler.ledger.store import Reader, Writer, Written


@dataclass(frozen=True, slots=True)
class FileStore:
    """Two files of JSON lines, and a number that counts writers: only the last one may write."""

    folder: Path

    @property
    def name(self) -> str:
        return str(self.folder)

    def exists(self) -> bool:
        return (self.folder / "ledger").exists()

    def lost(self) -> str:
        return ""

    def create(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "ledger").touch()
        (self.folder / "journal").touch()

    def entries(self) -> Iterable[Entry]:
        return self.on()

    def reader(self) -> Reader:
        return self

    def on(self, start: int = 0) -> Iterable[Entry]:
        with self.alone():
            return list(_read(self.folder / "ledger"))[start:]

    def close(self) -> None:
        """Nothing is open."""

    def journal(self) -> Iterable[Entry]:
        with self.alone():
            return list(_read(self.folder / "journal"))

    def append(self, key: str, value: bytes) -> int:
        with self.alone():
            return self.add("ledger", [(key, value)])

    def coming(self, lock: str) -> Callable[[], Writer]:
        return lambda: self.writer(lock)

    def writer(self, lock: str) -> Writer:
        with self.alone():
            epoch = self.epoch(lock) + 1
            (self.folder / f"epoch-{lock}").write_text(str(epoch))
            return FileWriter(self, lock, epoch)

    def epoch(self, lock: str) -> int:
        file = self.folder / f"epoch-{lock}"
        return int(file.read_text()) if file.exists() else 0

    def add(self, file: str, records: Sequence[Written]) -> int:
        """Append under the lock; the offset of the first."""
        path = self.folder / file
        offset = sum(1 for _ in _read(path))
        with path.open("a") as out:
            for key, value in records:
                text = None if value is None else base64.b64encode(value).decode()
                out.write(json.dumps([time.time(), key, text]) + "\n")
        return offset

    @contextmanager
    def alone(self) -> Iterator[None]:
        with (self.folder / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


def _read(path: Path) -> Iterator[Entry]:
    for offset, line in enumerate(path.read_text().splitlines()):
        at, key, text = json.loads(line)
        yield Entry(offset, at, key, None if text is None else base64.b64decode(text))


@dataclass(frozen=True, slots=True)
class FileWriter:
    """The writer with this number, as long as nobody opened another."""

    store: FileStore
    lock: str
    number: int

    def write(self, records: Sequence[Written], journal: Sequence[bytes]) -> None:
        with self.store.alone():
            if self.store.epoch(self.lock) != self.number:
                raise Fenced("this writer of the ledger was cut off")
            self.store.add("ledger", records)
            self.store.add("journal", [("", value) for value in journal])
