"""What planning and applying share: many clusters side by side, a login that proves the id, reading by kind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from reconciler.core.estate import Live
from reconciler.core.events import Event, Say, Step, silent
from reconciler.core.model import (
    Body,
    Change,
    Driver,
    Key,
    Kind,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
    Target,
)
from reconciler.core.risk import add_risks
from reconciler.core.snapshot import Snapshot
from reconciler.errors import BadUsage, KstateError, Stale
from reconciler.kinds import registry as kinds_registry

T = TypeVar("T")
SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class Options:
    """What narrows or shapes a run. `now` is the only clock; `timeout` is in seconds, for one request.

    `labels` are selectors of clusters (`env=prod`), all of which must fit; `waves` are selectors too, and say in which
    order clusters are applied.
    `who` stands in the lock and the journal. `seal` is that of a saved plan, which is applied once. `wait` is how many
    seconds to wait for the lock. `approved` are the approvals given, for the journal.
    `verify`: secrets that no server tells are tried out. `snapshot` is read instead of live clusters. `seen` is given
    all that is live, where a report shows it.
    """

    now: datetime
    clusters: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    waves: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    timeout: float = 10.0
    commit: str = ""
    root: str = "."
    say: Say = silent
    who: str = "somebody"
    apply_id: str = ""
    seal: str = ""
    wait: float = 0.0
    approved: tuple[str, ...] = ()
    verify: bool = False
    snapshot: Snapshot | None = None
    seen: Callable[[Iterable[Live]], None] | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    @property
    def patience(self) -> str:
        """How long to wait for the lock, in words; empty where nobody waits."""
        return f"for at most {self.wait:g} s" if self.wait else ""


def held_back(say: Say, cluster: str) -> Callable[[float], None]:
    """What a Target's `waiting` says."""
    words = "for {:.0f} s: a quota of the cluster, controller_mutation_rate as a rule, holds back what comes next"
    return lambda seconds: say(Event(Step.WAITING, cluster, words=words.format(seconds)))


def login(platform: Platform, target: Target) -> Session:
    """A session on the cluster that the target says it must be. Raises Failed, or Stale for another cluster's id."""
    session = platform.login(target)
    expected = target.spec.get("id")
    if expected is not None and session.cluster_id != expected:
        session.close()
        raise Stale(
            f"cluster {target.name}: its id is {session.cluster_id}, but the spec says {expected}",
            hint="Is this the right address? Correct `bootstrap` or `id` in the Cluster document.",
        )
    return session


def driver_of(kind: Kind, platform: Platform) -> Driver:
    found = kinds_registry.driver(kind, platform)
    if found is None:
        raise BadUsage(f"{platform.title} does not offer {kind.document}")
    return found


def state_of(session: Session, kind: str, driver: Driver, scope: Scope) -> dict[Key, Resource]:
    """What a driver reads, by key. What is as it is wanted is kept once, and let go as it was read."""
    cluster, wanted = session.cluster, scope.wanted
    state: dict[Key, Resource] = {}
    for resource in driver.read(session, scope):
        body = wanted.get(resource.name)
        if body is not None and body == resource.settings:
            resource = replace(resource, settings=body)  # noqa: PLW2901
        state[Key(cluster, kind, resource.name)] = resource
    return state


def vetted(
    session: Session, drivers: Mapping[str, Driver], changes: Sequence[Change]
) -> list[Change]:
    found: dict[Key, Sequence[Risk]] = {}
    for name, driver in drivers.items():
        own = [change for change in changes if change.key.kind == name]
        if own:
            found.update(driver.vet(session, own))
    return add_risks(changes, found)


def stamp(when: datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def side_by_side(
    names: Iterable[str], act: Callable[[str], T]
) -> tuple[dict[str, T], dict[str, KstateError]]:
    """The same on many clusters at once; what fails on one says nothing about another."""
    ordered = sorted(names)
    done: dict[str, T] = {}
    failed: dict[str, KstateError] = {}
    with ThreadPoolExecutor(min(SIDE_BY_SIDE, max(len(ordered), 1))) as pool:
        running = {name: pool.submit(act, name) for name in ordered}
        for name, future in running.items():
            try:
                done[name] = future.result()
            except KstateError as error:
                failed[name] = error
    return done, failed


def asked(before: Body, after: Body) -> Body:
    """What a read has to look at: what is to be, and as None what was there and is to be no more."""
    return after if before.keys() <= after.keys() else {**dict.fromkeys(before), **after}


def fields_of(bodies: Iterable[Body]) -> frozenset[str]:
    """The names in all nested settings of these bodies: what a read has to ask for."""
    inner = (value for body in bodies for value in body.values() if isinstance(value, Mapping))
    return frozenset(name for value in inner for name in value)
