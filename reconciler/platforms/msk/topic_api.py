"""Topics by the MSK topic API: no broker is asked, so nothing is vetted or weighed, and reads lag by a minute."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

from reconciler.clients.lean import LostAnswer
from reconciler.clients.msk import ACTIVE, CREATING, Msk, Topic
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Code,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
    World,
)
from reconciler.core.values import lenient
from reconciler.errors import Failed
from reconciler.kinds.topic import INTERNAL
from reconciler.kinds.topic_costs import GUARDED, POLICY, Shift
from reconciler.platforms.msk.limits import Limits

SIDE_BY_SIDE = 8
# Seconds that a batch may take until its topics read as asked: they are made in the background, and reads are up to
# a minute old. Terraform's provider waits half an hour for one.
PATIENCE = 300.0
# What an UpdateTopic that replaced everything would take data with, or turn producers away by: sent along as it is.
KEPT = frozenset({*GUARDED, "min.insync.replicas"})
Config = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class ApiTopicDriver:
    """Topics of a cluster whose brokers are out of reach."""

    limits: Limits
    wire: str = "msk-api"
    batch: int = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """Each topic in scope by itself, and a listing where others are wanted.

        A listing can be a minute behind, so names in scope that it lacks are asked for all the same. What is being made
        is not there yet, and what is on its way out still is.
        """
        msk = cast("Msk", session.client(self.wire))
        listed = msk.topics() if scope.others or scope.names is None else {}
        names = sorted(listed.keys() - INTERNAL if scope.names is None else scope.names)
        bare = scope.fields is not None and not scope.fields
        asked = [name for name in names if not bare or name not in listed]
        yield from (_bare(name, *listed[name]) for name in names if name not in asked)
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            for name, found in zip(asked, pool.map(msk.topic, asked), strict=True):
                if found is not None and found.status != CREATING:
                    yield _resource(found, _asked_for(name, scope))
        if scope.others:
            yield from (
                Resource(name, {}) for name in sorted(listed.keys() - set(names) - INTERNAL)
            )

    def vet(self, _session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """The API has no dry run, and shows neither records nor readers."""
        return {change.key: list(_judged(change)) for change in changes}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Everything is asked for first, then waited for; what takes two requests waits in between."""
        msk = cast("Msk", session.client(self.wire))
        end = time.monotonic() + PATIENCE
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            yield from pool.map(lambda change: self._written(msk, change, end), changes)

    def _written(self, msk: Msk, change: Change, end: float) -> Outcome:
        for act, done in self._acts(msk, change):
            try:
                act()
            except LostAnswer as lost:
                return Outcome(change.key, Status.UNKNOWN, lost.message)
            except Failed as error:
                return _refused(change.key, error)
            if why := _waited(msk, change.key.name, done, end):
                return Outcome(change.key, Status.UNKNOWN, f"asked for; {why}")
        return Outcome(change.key, Status.DONE)

    def _acts(self, msk: Msk, change: Change) -> Iterator[tuple[Act, Done]]:
        name, after = change.key.name, change.after
        if after is None:
            yield lambda: msk.delete_topic(name), lambda found: found is None
            return
        wanted, config = _partitions(after), _config(after)
        if change.before is None:
            yield lambda: self._create(msk, name, after), _reads(wanted, config)
            return
        edited = {edit.path[0] for edit in change.edits}
        if "config" in edited:
            yield lambda: self._configure(msk, name, config), _reads(None, config)
        if "partitions" in edited:
            yield lambda: msk.grow_topic(name, wanted or 0), _reads(wanted, {})

    def _create(self, msk: Msk, name: str, after: Body) -> None:
        config = {key: value for key, value in _config(after).items() if value is not None}
        replicas = cast("int", after["replication"])
        msk.create_topic(name, _partitions(after) or 1, replicas, config)

    def _configure(self, msk: Msk, name: str, config: Config) -> None:
        """All that is declared, and what must not fall back to a default whatever UpdateTopic makes of the rest."""
        now = msk.topic(name)
        kept = KEPT if self.limits.settable is None else KEPT & self.limits.settable
        there = {key: value for key, value in (now.configs if now else {}).items() if key in kept}
        wanted = {**there, **config}
        msk.configure_topic(name, {key: v for key, v in wanted.items() if v is not None})


Act = Callable[[], None]
Done = Callable[[Topic | None], bool]


def _partitions(body: Body) -> int | None:
    return cast("int | None", body.get("partitions"))


def _config(body: Body | None) -> Config:
    return cast("Config", (body or {}).get("config") or {})


def _reads(partitions: int | None, config: Config) -> Done:
    """Whether a topic is there, at rest and as wanted."""

    def done(found: Topic | None) -> bool:
        return (
            found is not None
            and found.status == ACTIVE
            and partitions in (None, found.partitions)
            and all(
                value is None or lenient(name, found.configs.get(name, "")) == value
                for name, value in config.items()
            )
        )

    return done


def _waited(msk: Msk, name: str, done: Done, end: float) -> str:
    """Look until it is so; what kept it from being seen, empty for nothing.

    An answer may be a minute old, so one that says otherwise says nothing yet.
    """
    pause = 0.1
    while True:
        try:
            found = msk.topic(name)
            if done(found):
                return ""
            state = found.status if found else "not there"
            why = f"after {PATIENCE:g} s it is {state}, and does not read as asked"
        except Failed as error:
            why = error.message
        if time.monotonic() + pause > end:
            return why
        time.sleep(pause)
        pause = min(pause * 1.5, 5.0)


def _refused(key: Key, error: Failed) -> Outcome:
    """Somebody made it in between, or our own request did before its answer was lost: reading back decides."""
    unsure = getattr(error, "code", "") == "TopicExistsException"
    return Outcome(key, Status.UNKNOWN if unsure else Status.FAILED, error.message)


def _asked_for(name: str, scope: Scope) -> frozenset[str] | None:
    """Which settings to show of a topic. All of them only where a topic is imported: defaults look like its own."""
    if scope.fields is not None:
        return scope.fields
    if scope.names is None:
        return None
    return frozenset(_config(scope.wanted.get(name)))


def _bare(name: str, partitions: int, replication: int) -> Resource:
    return Resource(name, {"partitions": partitions, "replication": replication, "config": {}})


def _resource(found: Topic, fields: frozenset[str] | None) -> Resource:
    config = {
        name: lenient(name, value)
        for name, value in sorted(found.configs.items())
        if fields is None or name in fields
    }
    settings: Body = {
        "partitions": found.partitions,
        "replication": found.replication,
        "config": config,
    }
    return Resource(found.name, settings)


# --- what could hurt


def unset_rule(change: Change, _world: World) -> Iterator[Risk]:
    """A setting that the spec no longer has cannot be seen to be unset."""
    for edit in change.edits:
        if edit.path[0] == "config" and edit.after is None:
            words = f"with `via: api` nobody can see whether `{edit.path[-1]}` is unset: declare a value"
            yield Risk("KS993", words)


def whole_rule(change: Change, _world: World) -> Iterator[Risk]:
    if change.action is Action.UPDATE and any(edit.path[0] == "config" for edit in change.edits):
        kept = ", ".join(sorted(KEPT))
        words = f"all declared settings are sent, and {kept} as they are; others that a hand has set may go back"
        yield Risk("KS193", words)


def _judged(change: Change) -> Iterator[Risk]:
    if change.action is Action.DELETE:
        yield Risk(
            "KS204", "cannot see what would be lost: the MSK API shows no records and no readers"
        )
        return
    yield Risk("KS101", "not vetted: the MSK topic API has no dry run")
    for edit in change.edits:
        if change.action is Action.UPDATE and edit.path[-1] in GUARDED:
            yield from _cost(edit.path[-1], str(edit.before or ""), str(edit.after or ""))


def _cost(name: str, before: str, after: str) -> Iterator[Risk]:
    shift = Shift(name, before, after)
    costs = set(after.split(",")) - set(before.split(",")) if name == POLICY else shift.smaller
    if costs:
        yield Risk("KS206", f"{shift.words}: the MSK API shows neither records nor sizes")


CODES = (
    Code(
        "KS193",
        "Settings that nobody declared may go back to their default",
        "Amazon does not say whether UpdateTopic replaces a topic's settings or adds to them, and its API does not tell"
        " a topic's own settings from defaults. So kstate sends every declared setting, and those by which data would"
        " be lost as they are now; another one that was set by hand may be gone afterwards. Declare it to keep it.",
    ),
)
