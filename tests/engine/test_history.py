"""The journal of a cluster, read while somebody writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.clients.log import Entry
from reconciler.core import book
from reconciler.core.book import Tip
from reconciler.core.journal import link
from reconciler.engine.custody import chronicle
from reconciler.ledger.file import FileStore


@dataclass(frozen=True)
class Busy(FileStore):
    """A ledger whose apply goes on whenever somebody has looked at it or at its journal."""

    ends: list[Tip] = field(default_factory=lambda: [Tip()])

    def entries(self) -> Iterable[Entry]:
        found = super().entries()
        self.go_on()
        return found

    def journal(self) -> Iterable[Entry]:
        found = super().journal()
        self.go_on()
        return found

    def go_on(self) -> None:
        value, end = link(self.ends[-1], "c", "outcome", {})
        self.ends.append(end)
        key, about = book.tip("c", end)
        self.writer("c").write([(str(key), about)], [value])


def test_an_apply_that_goes_on_breaks_no_chain(tmp_path: Path) -> None:
    store = Busy(tmp_path / "ledger")
    store.create()
    for _ in range(3):
        found = chronicle(store, "c")
        assert found.problems == ()
    assert [one.seq for one in found.links] == list(range(1, len(found.links) + 1))
