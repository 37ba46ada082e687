"""The ledger while planning and applying: what is ours, one apply at a time, intent before each batch, record after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

from reconciler.clients.kafka import Kafka, batches
from reconciler.clients.log import Entry
from reconciler.core import book as pages
from reconciler.core import journal
from reconciler.core.book import Book, Intent, Owned, Record, Tally, claimed, fold
from reconciler.core.model import Action, Body, Change, Key, Outcome, Session, State, Status, Target
from reconciler.core.ownership import Keeping, after
from reconciler.core.plan import Bookkeeping, Plan
from reconciler.engine.clusters import Options, login
from reconciler.engine.offline import RecordedSession
from reconciler.errors import Failed, Stale
from reconciler.ledger.lock import Held
from reconciler.ledger.store import Store, TopicStore
from reconciler.ledger.tail import Tail
from reconciler.platforms import registry as platforms_registry

TOPIC = "__kstate"
WIRE = "ledger"
# A record of the journal stays well below the largest one a topic takes (1 MiB), whatever the names.
OUTCOMES = 500
# Characters of an intent; a topic takes records of 1 MiB, and a character is three bytes at most, or nearly always one.
PIECE = 300_000


def store_on(session: Session, ledger: Body) -> Store:
    """The ledger of a plan on the cluster that holds it. Raises Failed where the platform cannot hold one."""
    if isinstance(session, RecordedSession):
        return session.store(str(ledger.get("topic") or TOPIC))
    kafka = cast("Kafka", session.client(WIRE))
    return TopicStore(kafka, str(ledger.get("topic") or TOPIC))


def read(store: Store, cluster_id: str) -> Book:
    """What the ledger says about a cluster; an empty book where there is no ledger yet. Raises Failed."""
    records = ((entry.key, entry.value) for entry in store.entries()) if store.exists() else ()
    return fold(records, cluster_id)


def look(store: Store, cluster_id: str, estate: str) -> Keeping:
    """What a ledger says about a cluster: what cannot be read is trouble, told loudly, and deletes nothing."""
    return looking(store, cluster_id, estate)()


def looking(store: Store, cluster_id: str, estate: str) -> Callable[[], Keeping]:
    """The same, begun: it is about the ledger as it is when this returns, and what is returned reads it."""
    try:
        there = store.exists()
        if not there and (lost := store.lost()):
            trouble = f"the ledger {store.name} is no proof: {lost}"
            return lambda: Keeping(estate, Book(), trouble)
        entries = store.entries() if there else ()
    except Failed as error:
        trouble = _unreadable(store, error)
        return lambda: Keeping(estate, Book(), trouble)
    return lambda: _read(store, cluster_id, estate, entries if there else None)


def followed(tail: Tail, estate: str) -> Keeping:
    """The same by a log that was read before, read on to its end."""
    try:
        return _believed(tail.store, estate, tail.follow().book())
    except Failed as error:
        return Keeping(estate, Book(), _unreadable(tail.store, error))


def _read(store: Store, cluster_id: str, estate: str, entries: Iterable[Entry] | None) -> Keeping:
    if entries is None:
        return Keeping(estate, Book(), there=False)
    try:
        found = fold(((entry.key, entry.value) for entry in entries), cluster_id)
    except Failed as error:
        return Keeping(estate, Book(), _unreadable(store, error))
    return _believed(store, estate, found)


def _believed(store: Store, estate: str, found: Book) -> Keeping:
    trouble = found.trouble(estate)
    return Keeping(estate, found, trouble and f"the ledger {store.name} is no proof: {trouble}")


def _unreadable(store: Store, error: Failed) -> str:
    return f"the ledger {store.name} cannot be read: {error.message}"


@contextmanager
def ledger_session(
    ledger: Body, session: Session, known: Mapping[str, Body], options: Options
) -> Iterator[Session]:
    """The session of the cluster that holds the ledger: this one, unless another is named."""
    other = str(ledger.get("cluster") or "")
    if other in ("", session.cluster) or isinstance(session, RecordedSession):
        yield session
        return
    spec = known.get(other, cast("Body", ledger.get("spec") or {}))
    platform = platforms_registry.of(spec)
    with closing(login(platform, Target(other, spec, options.root, options.timeout))) as found:
        yield found


@dataclass
class Keeper:
    """One cluster's ledger under the lock. Every write goes through `held`, so none of them survives a fence.

    `open` is what was begun and has no known end, by batch. `counts`: the count over our records may be written. Not
    over damaged ones: that would hide the damage, and only `kstate adopt` may say that what is there now is right.
    """

    held: Held
    cluster: str
    cluster_id: str
    estate: str
    book: Book
    about: Mapping[str, Any]
    stamp: Owned
    counts: bool
    open: list[dict[str, Body | None]] = field(default_factory=list)
    _last: tuple[Owned, bytes] | None = None

    @cached_property
    def _tally(self) -> Tally:
        tally = Tally()
        for at in self.book.owned_by(self.estate):
            tally.add(at)
        return tally

    def owns(self, at: tuple[str, str], owned: Owned | None) -> Record:
        """From here on a resource is owned so, or by nobody: the record that says it."""
        tally = self._tally  # of what is owned up to here
        before = self.book.own.pop(at, None)
        if before is not None and before.estate == self.estate:
            tally.remove(at)
        if owned is None:
            return pages.own(self.cluster_id, *at, None)
        if owned.estate == self.estate:
            tally.add(at)
        self.book.own[at] = owned
        return pages.own_key(self.cluster_id, *at), self._bytes(owned)

    def _bytes(self, owned: Owned) -> bytes:
        """Thousands of bindings are owned in the same words, one after the other."""
        if self._last is None or self._last[0] != owned:
            self._last = owned, pages.own_value(owned)
        return self._last[1]

    def begin(self, live: State, plan: Plan) -> None:
        """Settle what a killed apply left, bring records up to date, and say in the journal what starts."""
        mine = claimed(self.book, self.estate, live).own
        new = [at for at in mine if at not in self.book.own]
        records = [self.owns(at, mine[at]) for at in new]
        records += [self._up_to_date(record) for record in plan.records]
        killed = self.book.intents.get(self.estate)
        over = [self._intent(number, {}) for number in (killed.batches if killed else ())]
        self._write([*records, *over], journal.BEGIN, {"plan": plan.digest, **self.about})

    def _up_to_date(self, record: Bookkeeping) -> Record:
        at = (record.key.kind, record.key.name)
        old = self.book.own.get(at)
        if old is None or record.protect is None:
            return self.owns(at, None)
        return self.owns(at, renewed(old, record, self.stamp))

    def sure(self) -> None:
        """Right before a batch is sent. Raises Busy when the lock is not safely ours any more."""
        if not self.held.valid():
            self.held.write()

    def intend(self, batch: Sequence[Change]) -> None:
        """Before a batch is sent, in as many records as its size asks for. Raises Busy as `sure`."""
        self.sure()
        records, told = [], []
        for part in _parts(batch):
            self.open.append({_at(change): change.after for change in part})
            records.append(self._intent(len(self.open) - 1, self.open[-1]))
            told.append({"changes": [str(change.key) for change in part]})
        self._write(records, journal.INTENT, *told)

    def record(
        self, changes: Sequence[Change], outcomes: Sequence[Outcome], protected: frozenset[Key]
    ) -> None:
        """After a wave was read back: what is done is ours, or nobody's; what is unknown stays intended.

        Batch after batch, each with its intent taken back: what a crash in between leaves is intended still. What was
        made and is not as it should be (a connector that fails) is ours too: nobody else made it.
        """
        ended = {outcome.key: outcome for outcome in outcomes}
        by_name = {_at(change): change for change in changes}
        told = {at: ended.pop(change.key) for at, change in by_name.items()}
        for number, batch in enumerate(self.open):
            own = [by_name[at] for at in batch if at in by_name]
            if own:
                left = {at: b for at, b in batch.items() if told[at].status is Status.UNKNOWN}
                self._record(number, own, [told.pop(_at(c)) for c in own], protected, left)
        if told:  # never begun
            self._write((), journal.OUTCOME, *_told(list(told.values())))

    def _record(
        self,
        number: int,
        changes: Sequence[Change],
        outcomes: Sequence[Outcome],
        protected: frozenset[Key],
        left: dict[str, Body | None],
    ) -> None:
        ended = zip(changes, outcomes, strict=True)
        done = [change for change, outcome in ended if _ours_now(change, outcome)]
        records = [self._done(change, change.key in protected) for change in done]
        if left != self.open[number]:
            self.open[number] = left
            records.append(self._intent(number, left))
        self._write(records, journal.OUTCOME, *_told(outcomes))

    def _done(self, change: Change, protect: bool) -> Record:
        at = (change.key.kind, change.key.name)
        stamp = replace(self.stamp, protect=True) if protect else self.stamp
        return self.owns(at, after(change, self.book.own.get(at), stamp))

    def end(self, plan: Plan, seal: str, *, complete: bool) -> None:
        """The last word of an apply. A saved plan that is complete is used up."""
        used = [pages.used(self.cluster_id, seal, plan.expires)] if complete and seal else []
        over = [s for s, expires in self.book.used.items() if expires < self.stamp.at]
        gone = [pages.used(self.cluster_id, seal, None) for seal in over]
        self._write([*used, *gone], journal.END, {"complete": complete})

    def note(self, records: Sequence[Record], kind: str, body: Mapping[str, Any]) -> None:
        """Records that come with no write to any resource, and why."""
        self._write(records, kind, {**self.about, **body})

    def _intent(self, number: int, wanted: Mapping[str, Body | None]) -> Record:
        intent = Intent(self.stamp.apply, self.stamp.at, wanted) if wanted else None
        return pages.intent(self.cluster_id, self.estate, intent, number)

    def _write(self, records: Sequence[Record], kind: str, *bodies: Mapping[str, Any]) -> None:
        """Records, the count over them, and the journal's next links: all of it or nothing."""
        told = {"apply": self.stamp.apply, "at": self.stamp.at, "estate": self.estate}
        links, end = [], self.book.tip
        for body in bodies:
            value, end = journal.link(end, self.cluster_id, kind, {**told, **body})
            links.append(value)
        about = self.cluster_id, self.estate, self._tally.figures, self.cluster
        head = [pages.head(*about)] if self.counts else []
        self.held.write([*records, *head, pages.tip(self.cluster_id, end)], links)
        self.book.tip = end


def _ours_now(change: Change, outcome: Outcome) -> bool:
    made = change.action is Action.CREATE and outcome.partly
    return outcome.status is Status.DONE or made


def _at(change: Change) -> str:
    return f"{change.key.kind}/{change.key.name}"


def _parts(batch: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """The batch in pieces that each fit into one record of a topic, whatever the names."""
    start, size = 0, 0
    for number, change in enumerate(batch):
        own = len(change.key.name) + len(str(change.after)) + 20
        if number > start and size + own > PIECE:
            yield batch[start:number]
            start, size = number, 0
        size += own
    yield batch[start:]


def _told(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    told = [{"key": str(o.key), "status": str(o.status), "words": o.words} for o in outcomes]
    return [{"outcomes": list(part)} for part in batches(told, OUTCOMES)]


def renewed(old: Owned, record: Bookkeeping, stamp: Owned) -> Owned:
    """What is owned, as a plan's record has it: who applied it is told anew only where settings are."""
    kept = replace(old, protect=bool(record.protect))
    if record.settings is None:
        return kept
    kept = replace(kept, apply=stamp.apply, commit=stamp.commit, at=stamp.at)
    return replace(kept, settings=record.settings)


def check_owners(plan: Plan, cluster: str, keeping: Keeping) -> None:
    """Raises Stale when somebody else's apply changed whose the plan's resources are."""
    for change in plan.changes:
        if change.key.cluster != cluster:
            continue
        owned = keeping.book.own.get((change.key.kind, change.key.name))
        if owned is not None and owned.estate != keeping.estate:
            raise Stale(f"{change.key}: estate {owned.estate} owns it by now")
        pruned = any(risk.code in ("KS231", "KS232") for risk in change.risks)
        # What a killed apply of ours had begun to make is ours as well: its record is written when this one begins.
        ours = owned is not None or keeping.began(change.key)
        if pruned and (not ours or keeping.trouble):
            raise Stale(
                f"{change.key}: {keeping.trouble or 'the ledger no longer says it is ours'}"
            )


class Spent(Stale):
    """A saved plan that was carried out before, completely."""


def check_unused(seal: str, found: Book) -> None:
    """Raises Spent for a saved plan that was carried out before on this cluster."""
    if seal and seal in found.used:
        raise Spent(
            "this plan was applied before, completely", hint="Make a new one with `kstate plan`."
        )


def names(intents: Iterable[str], kind: str) -> frozenset[str]:
    """The names of one kind among the keys of an intent."""
    split = (at.partition("/") for at in intents)
    return frozenset(name for found, _, name in split if found == kind)
