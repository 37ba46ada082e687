"""One apply at a time per cluster: a lock kept in the ledger's own log, with lease, heartbeat and fence.

What it promises: while a holder is valid nobody else holds; after another one took over, no record of the former one
reaches the ledger. What no lock in Kafka can promise: an admin request of a paused holder that is already on its way
still arrives. So a holder asks `valid` right before each batch, and a successor waits out the request timeout and reads
again before it writes anything.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from reconciler.clients.log import Unsure
from reconciler.core.lock import BEAT, BREAK, CLAIM, RELEASE, Beat, Holder, encode
from reconciler.errors import Busy, Failed, KstateError, ServerRefused
from reconciler.ledger.store import Store, Writer, Written
from reconciler.ledger.tail import Tail, key_of

LEASE = 30.0  # seconds a holder may be silent
HIDDEN = (
    30.0  # seconds an unfinished transaction can hide what was written after it, with room to spare
)
HANGING = "A transaction hangs in this topic: `kafka-transactions.sh find-hanging` names it, `abort` ends it."
LOOK = 5.0  # seconds in which a claim whose answer was lost is looked for
PAUSE = 0.2  # seconds between two tries
MARGIN = 5.0  # seconds before the end of a lease in which nothing new is begun


class Lost(Busy):
    """The lease ran out, or somebody took over: this apply has to stop."""


@dataclass
class Held:
    """The lock, held. `took_over`: a former holder never let go, so something of its may still be on its way.

    `tail` is the ledger as it was read on the way here.
    """

    cluster_id: str
    writer: Writer
    beat: Beat
    took_over: bool
    sent: float
    tail: Tail
    beats: int = 0  # that are in the log
    lost: threading.Event = field(default_factory=threading.Event)
    _once: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)
    _beater: threading.Thread | None = None

    def write(
        self, records: Sequence[Written] = (), journal: Sequence[bytes] = (), *, op: str = BEAT
    ) -> None:
        """Records, journal and a beat, all or none. Raises Lost or Failed, and then nothing more may be written."""
        with self._once:
            if self.lost.is_set():
                raise Lost("the lock was lost")
            sent = time.monotonic()
            try:
                self._put([*records, self._record(op)], journal)
                if self._over():
                    raise Lost("the lease ran out while the ledger was written")
            except KstateError:
                self.lost.set()
                raise
            self.sent = sent

    def _put(self, records: Sequence[Written], journal: Sequence[bytes]) -> None:
        """Written, once, also by a broker that stands still for a while.

        Such a broker ends a transaction for its age, and its writer is told the same as if somebody had taken over.
        """
        failed = _tried(lambda: self.writer.write(records, journal))
        while failed is not None:
            if self._over():
                raise failed
            time.sleep(PAUSE)
            failed = _tried(lambda: self._put_again(records, journal))
        self.beats += 1

    def _put_again(self, records: Sequence[Written], journal: Sequence[bytes]) -> None:
        """The same by a new writer, unless it is there by now. Raises Lost where the lock is not ours any more."""
        self._beats()
        self.writer = self.tail.store.writer(self.cluster_id)  # ends what is on its way
        # Whoever has claimed the lock opens its writer when its claim can be read: one that cannot be read now will
        # cut this writer off.
        if self._beats() == self.beats:
            self.writer.write(records, journal)

    def _beats(self) -> int:
        """How many beats of ours the log holds. Raises Lost where it says that the lock is somebody else's."""
        with closing(Tail(self.tail.store, self.cluster_id, self.beat.epoch)) as tail:
            found = tail.follow().holder
        if found is None or found.id != self.beat.id:
            raise Lost("another apply has taken over the lock")
        return sum(beat.op == BEAT and beat.id == found.id for beat in tail.beats)

    def _over(self) -> bool:
        """Whether the lease may be over by the log's clock. A beat that came later would not have prolonged it."""
        return time.monotonic() - self.sent > self.beat.lease

    def _record(self, op: str) -> Written:
        beat = self.beat
        own = Beat(op, beat.id, beat.epoch, beat.lease, beat.who, beat.since)
        return key_of(self.cluster_id), encode(own)

    def valid(self) -> bool:
        """Whether there is enough of the lease left to begin a batch."""
        return not self.lost.is_set() and time.monotonic() - self.sent < self.beat.lease - MARGIN

    def __enter__(self) -> Held:
        """Keep the lease alive in the background until the block ends."""
        self._beater = threading.Thread(target=self._keep, name="kstate-heartbeat", daemon=True)
        self._beater.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._beater is not None:
            self._beater.join()
        # A lock that was lost is not ours to release.
        if not self.lost.is_set():
            with suppress(Busy, Failed):
                self.write(op=RELEASE)
        self.tail.close()

    def _keep(self) -> None:
        every = self.beat.lease / 3
        while not self._stop.wait(max(PAUSE, self.sent + every - time.monotonic())):
            if time.monotonic() - self.sent > every:
                with suppress(Busy, Failed):
                    self.write()
            if self.lost.is_set():
                return


def _tried(write: Callable[[], None]) -> Busy | Failed | None:
    """Why it failed, where it may be tried again."""
    try:
        write()
    except (Lost, ServerRefused):
        raise
    except (Busy, Failed) as error:
        return error
    return None


def acquire(
    store: Store, cluster_id: str, who: str, *, wait: float = 0.0, lease: float = LEASE
) -> Held:
    """The lock, or Busy with who has it. A loser never touches the writer, so it cannot disturb the holder."""
    end = time.monotonic() + wait
    tail = Tail(store, cluster_id)
    try:
        while True:
            held = _try(tail, who, lease)
            if isinstance(held, Held):
                return held
            if time.monotonic() > end:
                raise _busy(held)
            time.sleep(min(1.0, max(0.05, end - time.monotonic())))
    except BaseException:
        tail.close()
        raise


def _try(tail: Tail, who: str, lease: float) -> Held | Holder:
    store, cluster_id = tail.store, tail.cluster_id
    before = tail.follow().holder
    if before is not None and not _over(before):
        return before
    # Where nobody was, the writer connects while the claim is made.
    writer = partial(store.writer, cluster_id) if before else store.coming(cluster_id)
    me = uuid.uuid4().hex
    now = datetime.now(UTC).isoformat(timespec="seconds")
    sent = time.monotonic()
    offset = _claimed(tail, Beat(CLAIM, me, -1, lease, who, now))
    found = _past(tail, offset)
    if found is None or found.id != me:
        return found or Holder("", -1, 0.0, "somebody who let go in the same moment", now)
    term = Beat(BEAT, me, offset, lease, who, now)
    held = Held(cluster_id, writer(), term, before is not None, sent, tail)
    held.write()
    return held


def _claimed(tail: Tail, claim: Beat) -> int:
    """Where our claim stands in the log. One whose answer was lost is looked for: it may hold the lock."""
    try:
        return tail.store.append(key_of(tail.cluster_id), encode(claim))
    except Unsure:
        end = time.monotonic() + LOOK
        while time.monotonic() < end:
            for beat in tail.follow().beats:
                if (beat.op, beat.id) == (CLAIM, claim.id):
                    return beat.offset
            time.sleep(PAUSE)
        raise


def _past(tail: Tail, offset: int) -> Holder | None:
    """The holder by the log up to this place at least.

    A writer that was killed in a transaction hides what comes after it, until that ends for its age. One that the
    broker has forgotten would hide it for ever: it is ended. A holder who is cut off by that goes on (see `Held`).
    """
    if not _followed(tail, offset, HIDDEN):
        tail.store.writer(tail.cluster_id)
        if not _followed(tail, offset, LOOK):
            raise Failed(f"{tail.store.name}: what was just written cannot be read", hint=HANGING)
    return tail.holder


def _followed(tail: Tail, offset: int, seconds: float) -> bool:
    """Whether the log could be read up to this place in so many seconds."""
    end = time.monotonic() + seconds
    while tail.follow().next <= offset:
        if time.monotonic() > end:
            return False
        time.sleep(PAUSE)
    return True


def _over(found: Holder) -> bool:
    """Whether asking is worth a claim: by our own clock, generously. The log alone decides."""
    return time.time() > found.until - 2.0


def _busy(found: Holder) -> Busy:
    return Busy(
        f"somebody else is applying: {found.who}, since {found.since}",
        hint=f"Wait (`--wait 60s`), or, if that one is dead for certain: kstate unlock {found.id}",
    )


def unlock(store: Store, cluster_id: str, lock_id: str) -> Holder | None:
    """Break the lock that has this id; the holder it was taken from, None if nobody held it under that id."""
    with closing(Tail(store, cluster_id)) as tail:
        found = tail.follow().holder
        if found is None or found.id != lock_id:
            return None
        broken = Beat(BREAK, found.id, found.epoch, 0.0, found.who, found.since)
        offset = store.append(key_of(cluster_id), encode(broken))
        # Opening the writer cuts the former holder off at once, instead of at the next apply, and ends what it had
        # begun. It goes on with a new writer as long as it reads that the lock is its own: hence again, after that.
        store.writer(cluster_id)
        _past(tail, offset)
        store.writer(cluster_id)
    return found
