"""Event hubs on their way to and from Resource Manager; what a change would cost is asked by Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

from reconciler.clients.arm import understood, words
from reconciler.clients.event_hubs import EventHubs
from reconciler.clients.evidence import Evidence, gather
from reconciler.clients.http import Answer
from reconciler.clients.kafka import Kafka
from reconciler.clients.lean import LostAnswer
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Key,
    Kind,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.errors import Failed
from reconciler.kinds import topic, topic_costs
from reconciler.platforms.eventhubs.tiers import Tier
from reconciler.platforms.eventhubs.topic import (
    chosen,
    documents,
    properties,
    resource,
    resources,
)
from reconciler.platforms.eventhubs.topic_rules import rules

WIRE = "event-hubs"
KAFKA = "kafka-admin"
# Resource Manager refills ten writes a second ("Understand how Azure Resource Manager throttles requests").
THREADS = 4
BROKEN = frozenset({500, 502, 504})


def namespace(session: Session) -> EventHubs:
    return cast("EventHubs", session.client(WIRE))


def side_by_side(
    session: Session,
    changes: Sequence[Change],
    act: Callable[[EventHubs, Change], Answer | Outcome],
) -> Iterator[Outcome]:
    """One outcome for each change; what was sent and not answered is unknown, and settled by reading."""
    hubs = namespace(session)

    def one(change: Change) -> Outcome:
        try:
            found = act(hubs, change)
        except LostAnswer as error:
            return Outcome(change.key, Status.UNKNOWN, error.message)
        except Failed as error:
            return Outcome(change.key, Status.FAILED, error.message)
        return found if isinstance(found, Outcome) else outcome(change.key, found)

    with ThreadPoolExecutor(THREADS) as pool:
        yield from pool.map(one, changes)


def outcome(key: Key, answer: Answer) -> Outcome:
    """A server that broke down may have carried it out: reading back decides."""
    if answer.ok:
        return Outcome(key, Status.DONE)
    status = Status.UNKNOWN if answer.status in BROKEN else Status.FAILED
    return Outcome(key, status, words(answer))


class TopicDriver:
    """Hubs by Resource Manager, in one listing."""

    wire = WIRE
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """Everything is listed whatever the scope, and told whole: the listing has it all.

        Who asks for every setting that there is (an import, drift) means those that somebody chose.
        """
        for found in _live(session):
            if scope.names is None or scope.others or found.name in scope.names:
                wanted = scope.wanted.get(found.name, {})
                yield chosen(found, wanted) if scope.fields is None else found

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """Azure has no dry run for hubs; what deletions and shorter retentions would cost is asked by Kafka."""
        gone = [c for c in changes if c.action is Action.DELETE]
        cut = {c.key.name: c for c in changes if _retentions(c)}
        if not gone and not cut:
            return {}
        try:
            kafka = cast("Kafka", session.client(KAFKA))
        except Failed as error:
            return {**_unseen(gone, error.message), **_unweighed(cut.values(), error.message)}
        return {**_deletions(kafka, gone), **_updates(session, kafka, cut)}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        return side_by_side(session, changes, _written)


def _live(session: Session) -> list[Resource]:
    hubs = namespace(session)
    with understood(f"{hubs.arm.http.what}: event hubs"):
        return [resource(hub) for hub in hubs.hubs()]


def _retentions(change: Change) -> tuple[str, str] | None:
    """What an update makes of the retention: before and after."""
    for edit in change.edits if change.action is Action.UPDATE else ():
        if edit.path == ("config", "retention.ms") and edit.after is not None:
            return str(edit.before), str(edit.after)
    return None


def _updates(
    session: Session, kafka: Kafka, cut: Mapping[str, Change]
) -> Mapping[Key, Sequence[Risk]]:
    """What shorter retentions cost. What else is asked for is refused by the rules, and costs nothing."""
    kept = {
        n: {"config": {"retention.ms": (_retentions(c) or ("", ""))[1]}} for n, c in cut.items()
    }
    only = [replace(c, after=cast("Body", kept[n])) for n, c in cut.items()]
    try:
        return topic_costs.updates(kafka, only, lambda *_: _in_force(session, cut))
    except Failed as error:
        return _unweighed(cut.values(), error.message)


def _in_force(session: Session, names: Iterable[str]) -> dict[str, Body]:
    wanted = set(names)
    found = _live(session)
    return {r.name: cast("Body", r.settings["config"]) for r in found if r.name in wanted}


def _deletions(kafka: Kafka, gone: Sequence[Change]) -> dict[Key, list[Risk]]:
    partitions = {c.key.name: cast("int", (c.before or {})["partitions"]) for c in gone}
    found = gather(kafka, partitions) if partitions else {}
    return {c.key: [topic_costs.deletion(found[c.key.name])] for c in gone}


def _unseen(gone: Iterable[Change], why: str) -> dict[Key, list[Risk]]:
    return {c.key: [topic_costs.deletion(Evidence(hidden=[why]))] for c in gone}


def _unweighed(cut: Iterable[Change], why: str) -> dict[Key, list[Risk]]:
    """Shorter retentions of hubs that nobody could look into."""
    shifts = {c.key: topic_costs.Shift("retention.ms", *(_retentions(c) or ("", ""))) for c in cut}
    return {
        key: [Risk("KS206", f"{shift.words}: {why}")]
        for key, shift in shifts.items()
        if shift.smaller
    }


# --- writing


def _written(hubs: EventHubs, change: Change) -> Answer | Outcome:
    """Looked at right before it is replaced or deleted: Azure compares nothing by itself."""
    there = hubs.hub(change.key.name)
    if there.status != 404 and not there.ok:
        return Outcome(change.key, Status.FAILED, words(there))
    found = cast("Mapping[str, Any]", there.body["properties"]) if there.ok else None
    moved = _moved(change, found)
    if moved is not None:
        return moved
    if change.after is None:
        return hubs.delete_hub(change.key.name)
    return hubs.put_hub(change.key.name, properties(found or {}, change.after))


def _moved(change: Change, found: Mapping[str, Any] | None) -> Outcome | None:
    """Why nothing is to be sent any more; None where the hub is still as it was planned from."""
    key, expected = change.key, change.expects.get("identifier")
    if change.action is Action.CREATE:
        told = "somebody made it in between"
        return None if found is None else Outcome(key, Status.FAILED, told)
    if found is None and change.after is None:
        return Outcome(key, Status.DONE)
    if found is None:
        return Outcome(key, Status.FAILED, "somebody deleted it in between")
    if expected and found.get("identifier") != expected:
        return Outcome(key, Status.FAILED, "it is another hub by now: somebody made it anew")
    return None


def topics(tier: Tier) -> Kind:
    """The kind as a namespace of this tier has it."""
    return replace(
        topic.KIND,
        resources=resources,
        documents=documents,
        drivers=(TopicDriver(),),
        rules=rules(tier),
        rights=(),
    )
