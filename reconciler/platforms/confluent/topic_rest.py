"""Topics by REST v3, where no broker can be reached: read whole, vetted by `validate_only`, written one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.clients.confluent_rest import Entry, Rest, side_by_side
from reconciler.clients.evidence import Evidence
from reconciler.clients.http import Answer
from reconciler.core.model import Action, Body, Change, Key, Outcome, Resource, Risk, Scope, Session
from reconciler.core.values import lenient
from reconciler.kinds.topic import INTERNAL
from reconciler.kinds.topic_costs import GUARDED, POLICY, Shift, deletion
from reconciler.platforms.confluent.outcomes import opinion, outcome
from reconciler.platforms.confluent.topic_rules import (
    IGNORED,
    config,
    in_two,
    too_many,
    with_compact,
)

NONE: Mapping[str, Entry] = {}
BLIND = "REST v3 does not tell what is in a topic"


@dataclass(frozen=True)
class RestTopics:
    """A topic has no id here, so one that was made anew under its name in between is not told from the former."""

    most: int
    wire: str = "confluent-rest"
    batch: int = 100

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """Names and sizes in one call, settings in one more; what the listing lacks is asked for again."""
        rest = cast("Rest", session.client(self.wire))
        listed = {name: shape for name, shape in rest.topics().items() if name not in INTERNAL}
        names = listed.keys() if scope.names is None else scope.names
        lost = sorted(names - listed.keys())
        again = dict(zip(lost, side_by_side(lost, rest.topic), strict=True))
        there = {**listed, **{name: shape for name, shape in again.items() if shape}}
        here = [name for name in names if name in there]
        # Nobody asks for a setting: the names alone say what is there.
        bare: dict[str, Mapping[str, Entry]] = dict.fromkeys(here, NONE)
        found = bare if scope.fields == frozenset() else rest.configs(here)
        for name in sorted(found):
            yield _resource(name, there[name], found[name], scope.fields)
        if scope.others:
            yield from (Resource(name, {}) for name in sorted(there.keys() - names))

    def vet(self, session: Session, changes: Sequence[Change]) -> dict[Key, list[Risk]]:
        """What REST v3 would say to it, and that nobody can see what it would cost."""
        rest = cast("Rest", session.client(self.wire))
        risks = dict(
            zip(
                (c.key for c in changes),
                side_by_side(changes, lambda c: _asked(rest, c)),
                strict=True,
            )
        )
        guarded = [change for change in changes if _guarded(change)]
        now = rest.configs(change.key.name for change in guarded) if guarded else {}
        for change in guarded:
            risks[change.key] += _costs(change, now.get(change.key.name, {}))
        if any("partitions" in (c.after or {}) or c.action is Action.CREATE for c in changes):
            there = {name: count for name, (count, _) in rest.topics().items()}
            for key, more in too_many(changes, there, self.most).items():
                risks[key] += more
        return risks

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        rest = cast("Rest", session.client(self.wire))
        yield from side_by_side(changes, lambda change: _written(rest, change))


def _resource(
    name: str, shape: tuple[int, int], found: Mapping[str, Entry], fields: frozenset[str] | None
) -> Resource:
    own = {
        key: lenient(key, entry.value)
        for key, entry in sorted(found.items())
        if entry.own and key not in IGNORED and (fields is None or key in fields)
    }
    return Resource(name, {"partitions": shape[0], "replication": shape[1], "config": own})


# --- vetting


def _asked(rest: Rest, change: Change) -> list[Risk]:
    if change.after is None:
        return [deletion(Evidence(hidden=[BLIND]))]
    possible = not any(risk.code.startswith("KS9") for risk in change.risks)
    answers = _trials(rest, with_compact(change) if in_two(change) else change) if possible else ()
    return [risk for answer in answers if (risk := opinion(answer))]


def _trials(rest: Rest, change: Change) -> Iterator[Answer]:
    """More partitions cannot be tried: PATCH has no `validate_only`."""
    if change.action is Action.CREATE:
        yield rest.create_topic(change.key.name, _creation(change.after or {}), validate=True)
    elif values := config(change.after):
        yield rest.alter_topic(change.key.name, values, validate=True)


def _guarded(change: Change) -> bool:
    return change.action is Action.UPDATE and bool(GUARDED & config(change.after).keys())


def _costs(change: Change, now: Mapping[str, Entry]) -> Iterator[Risk]:
    """What takes data away, or turns producers away, if there is any: nobody here can see whether there is."""
    for name in sorted(GUARDED & config(change.after).keys()):
        before = now.get(name, Entry("", own=False, beneath=""))
        wanted = config(change.after)[name]
        after = before.beneath if wanted is None else wanted
        shift = Shift(name, lenient(name, before.value), lenient(name, after))
        costs = _parts(after) - _parts(before.value) if name == POLICY else shift.smaller
        if costs or shift.unknown:
            yield Risk("KS206", f"{shift.words}: {BLIND}")


def _parts(policy: str) -> frozenset[str]:
    return frozenset(part.strip() for part in policy.split(",") if part.strip())


# --- writing


def _written(rest: Rest, change: Change) -> Outcome:
    return outcome(change.key, _requests(rest, change), gone=change.after is None)


def _requests(rest: Rest, change: Change) -> Iterator[Answer]:
    name, after = change.key.name, change.after
    if after is None:
        yield rest.delete_topic(name)
    elif change.action is Action.CREATE:
        yield rest.create_topic(name, _creation(after), validate=False)
    else:
        wanted = after.get("partitions")
        # An apply that was cut short may have come as far as this already.
        if wanted is not None and (rest.topic(name) or (0, 0))[0] != wanted:
            yield rest.grow_topic(name, int(cast("int", wanted)))
        if in_two(change):
            yield rest.alter_topic(name, {POLICY: "compact"}, validate=False)
        if values := config(after):
            yield rest.alter_topic(name, values, validate=False)


def _creation(after: Body) -> dict[str, object]:
    """What the document leaves out is Confluent Cloud's to choose."""
    names = {"partitions": "partitions_count", "replication": "replication_factor"}
    sizes = {theirs: after[ours] for ours, theirs in names.items() if after.get(ours) is not None}
    values = [
        {"name": name, "value": value}
        for name, value in sorted(config(after).items())
        if value is not None
    ]
    return {**sizes, "configs": values} if values else dict(sizes)
