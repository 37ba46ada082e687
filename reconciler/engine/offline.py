"""A Snapshot in, sessions and drivers that read from it out: a plan is made as ever, and no connection is opened."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reconciler.clients.log import Entry
from reconciler.core.model import (
    NOTHING,
    Body,
    Change,
    Driver,
    Key,
    Kind,
    Outcome,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
    Target,
)
from reconciler.core.plan import plain
from reconciler.core.snapshot import BLIND, RecordedCluster, RecordedKind, RecordedLedger, Snapshot
from reconciler.errors import Failed
from reconciler.kinds import registry as kinds_registry
from reconciler.ledger.store import Reader, Writer
from reconciler.platforms import registry as platforms_registry

OFFLINE = "KS132"
FRESH = "Take a new one with `kstate snapshot`."


@dataclass(frozen=True, slots=True)
class RecordedSession:
    """One cluster of a snapshot, read instead of the live one."""

    snapshot: Snapshot
    recorded: RecordedCluster

    @property
    def cluster(self) -> str:
        return self.recorded.name

    @property
    def cluster_id(self) -> str:
        return self.recorded.id

    @property
    def facts(self) -> Body:
        return self.recorded.facts

    @property
    def operations(self) -> frozenset[str] | None:
        return None

    def secret(self, reference: str) -> str:
        raise Failed(f"{reference}: a plan from a snapshot knows no secret")

    def plain(self, reference: str) -> str:
        raise Failed(f"{reference}: a plan from a snapshot follows no reference")

    def client(self, wire: str) -> object:
        raise Failed(f"cluster {self.cluster}: a plan from a snapshot has no {wire}")

    def peer(self, name: str) -> Session:
        return RecordedSession(self.snapshot, _cluster(self.snapshot, name))

    def reached(self) -> Mapping[int, int]:
        return {}

    def close(self) -> None: ...

    def driver(self, kind: str) -> Driver:
        """What reads a kind of this cluster, as its platform has it."""
        return RecordedDriver(
            kinds_registry.on(platforms_registry.of(self.recorded.spec))[kind], ""
        )

    def store(self, name: str) -> RecordedStore:
        """The ledger of this name, as it was. Another one than the snapshot's has not been looked at."""
        ledger = self.recorded.ledger
        if ledger is None or ledger.name != name:
            ledger = RecordedLedger(name, trouble=f"the snapshot has no ledger {name}")
        return RecordedStore(ledger)


@dataclass(frozen=True, slots=True)
class RecordedStore:
    """A ledger to read; nobody writes to a snapshot."""

    ledger: RecordedLedger

    @property
    def name(self) -> str:
        return self.ledger.name

    def exists(self) -> bool:
        if self.ledger.trouble:
            raise Failed(self.ledger.trouble)
        return self.ledger.there

    def lost(self) -> str:
        return ""

    def entries(self) -> Iterable[Entry]:
        return [
            Entry(offset, 0.0, key, value.encode())
            for offset, (key, value) in enumerate(self.ledger.records)
        ]

    def create(self) -> None:
        raise Failed("a snapshot is not written to")

    def journal(self) -> Iterable[Entry]:
        return ()

    def append(self, key: str, value: bytes) -> int:  # noqa: ARG002  # the contract's names
        raise Failed("a snapshot is not written to")

    def reader(self) -> Reader:
        raise Failed("a snapshot holds still: there is nothing to follow")

    def writer(self, lock: str) -> Writer:  # noqa: ARG002  # the contract's name
        raise Failed("a snapshot is not written to")

    def coming(self, lock: str) -> Callable[[], Writer]:  # noqa: ARG002  # the contract's name
        raise Failed("a snapshot is not written to")


@dataclass(frozen=True, slots=True)
class RecordedDriver:
    """A kind as a snapshot has it, in place of its own driver."""

    kind: Kind
    wire: str
    batch: int = 1

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        there = _kind(session, self.kind).resources
        asked = there.keys() if scope.names is None else scope.names
        for name in sorted(there.keys() & asked):
            told = self.kind.recalled(there[name], scope)
            yield told if scope.facts else replace(told, facts=NOTHING)
        if scope.others:
            yield from (Resource(name, {}) for name in sorted(there.keys() - asked))

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """What can be said without asking anybody; what would be lost is not known, so the worst counts."""
        there = _kind(session, self.kind).resources
        found: dict[Key, list[Risk]] = {}
        for key, risk in self.kind.foreseen(changes, there):
            found.setdefault(key, []).append(risk)
        for change in changes:
            told = (*change.risks, *found.get(change.key, ()))
            if change.after is None and not any(_costs(risk) for risk in told):
                found.setdefault(change.key, []).append(Risk("KS233", BLIND))
        return found

    def write(self, _session: Session, _changes: Sequence[Change]) -> Iterable[Outcome]:
        raise Failed("a snapshot is not written to")


def _costs(risk: Risk) -> bool:
    """Whether it says what a deletion costs, and not only whose it is."""
    return risk.blocking and risk.code not in ("KS231", "KS232")


def _kind(session: Session, kind: Kind) -> RecordedKind:
    assert isinstance(session, RecordedSession)
    found = session.recorded.kinds.get(kind.name)
    if found is None:
        raise Failed(
            f"cluster {session.cluster}: the snapshot of {session.snapshot.taken} has no"
            f" {kind.document}: nothing said then where they are",
            hint=FRESH,
        )
    if found.unread:
        raise Failed(
            f"cluster {session.cluster}: {kind.document} could not be read when the snapshot was"
            f" taken: {found.unread}"
        )
    return found


def _cluster(snapshot: Snapshot, name: str) -> RecordedCluster:
    if (found := snapshot.cluster(name)) is not None:
        return found
    if name in snapshot.failures:
        raise Failed(
            f"cluster {name}: it could not be read when the snapshot was taken:"
            f" {snapshot.failures[name]}"
        )
    known = ", ".join(cluster.name for cluster in snapshot.clusters) or "none"
    raise Failed(f"cluster {name}: the snapshot does not have it; it has {known}", hint=FRESH)


def age(snapshot: Snapshot | None, now: datetime, changes: Sequence[Change]) -> Iterator[Risk]:
    """What a plan has to say of the snapshot it was made from."""
    if snapshot is None:
        return
    blind = sum(any(BLIND in risk.message for risk in change.risks) for change in changes)
    many = f"{blind:,} changes are" if blind != 1 else "1 change is"
    worst = f"; {many} taken to cost the worst, so a live plan has another digest" if blind else ""
    taken = datetime.fromisoformat(snapshot.taken)
    late = now > datetime.fromisoformat(snapshot.expires)
    aside = "; it has expired: what is live by now may be quite another thing" if late else ""
    yield Risk(
        OFFLINE,
        f"made from a snapshot of {snapshot.taken}, {_old(now - taken)} old: no server was asked what it would"
        f" refuse or what would be lost{worst}{aside}",
    )


def _old(age: timedelta) -> str:
    minutes = max(int(age.total_seconds() // 60), 0)
    for unit, size in (("days", 60 * 24), ("hours", 60), ("minutes", 1)):
        if minutes >= 2 * size:
            return f"{minutes // size:,} {unit}"
    return "a minute" if minutes else "less than a minute"


def told(session: Session, spec: Body) -> Iterator[str]:
    """What of a cluster's snapshot may not be about what the spec means."""
    if isinstance(session, RecordedSession) and plain(session.recorded.spec) != plain(spec):
        yield (
            f"cluster {session.cluster}: its Cluster document is another one than when the snapshot"
            " was taken; what is shown is where it was then"
        )


def recorded(platform: Platform, snapshot: Snapshot) -> Platform:
    """The platform with a login that opens the snapshot, and drivers that read from it."""

    def login(target: Target) -> Session:
        return RecordedSession(snapshot, _cluster(snapshot, target.name))

    own = {}
    for name, kind in kinds_registry.on(platform).items():
        if (driver := kinds_registry.driver(kind, platform)) is not None:
            own[name] = replace(kind, drivers=(RecordedDriver(kind, driver.wire),))
    return replace(platform, login=login, kinds={**platform.kinds, **own})
