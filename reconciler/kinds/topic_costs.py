"""What changing or deleting a topic costs, judged from live figures: the class of what was found decides the code."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from reconciler.clients.effect import defaults, effective, loss
from reconciler.clients.evidence import Evidence
from reconciler.clients.kafka import Kafka
from reconciler.core.model import Body, Change, Code, Key, Resource, Risk
from reconciler.core.snapshot import BLIND
from reconciler.core.units import say_duration, say_size
from reconciler.core.values import lenient

KEEPS = ("retention.ms", "retention.bytes")
POLICY = "cleanup.policy"
LARGEST = "max.message.bytes"
GUARDED = frozenset({*KEEPS, POLICY, LARGEST})


@dataclass(frozen=True, slots=True)
class Shift:
    """A setting as it works now and as it will work, whether from the topic or from the broker's default."""

    name: str
    before: str
    after: str

    @property
    def smaller(self) -> bool:
        """Less than before, with -1 for no limit."""
        before, after = _number(self.before), _number(self.after)
        return after < before

    @property
    def unknown(self) -> bool:
        """It goes back to a default that this login may not see."""
        return not self.after

    @property
    def words(self) -> str:
        return f"{self.name} {_shown(self.name, self.before)} -> {_shown(self.name, self.after)}"


def _shown(name: str, text: str) -> str:
    if not text.lstrip("-").isdigit():
        return text or "nothing"
    said = say_duration(int(text)) if name.endswith(".ms") else say_size(int(text))
    return said or text


def _number(text: str) -> float:
    return float("inf") if text.startswith("-") else float(text or "inf")


InForce = Callable[[Kafka, Iterable[str]], Mapping[str, Body]]


def updates(
    kafka: Kafka, changes: Sequence[Change], in_force: InForce | None = None
) -> dict[Key, list[Risk]]:
    """The risks of updates that take data away or turn producers away, with what is there now as evidence.

    `in_force` tells the settings of each topic as they work now, where that is not Kafka.
    """
    guarded = {c.key.name: c for c in changes if _edits(c)}
    if not guarded:
        return {}
    now = (in_force or effective)(kafka, guarded)
    beneath = defaults(kafka) if any(None in dict(_edits(c)).values() for c in changes) else {}
    there = {name: change for name, change in guarded.items() if name in now}
    shifts = {name: list(_shifts(c, now[name], beneath)) for name, c in there.items()}
    costly = {name: own for name, own in shifts.items() if any(map(_costs, own))}
    if not costly:
        return {}
    found = loss(kafka, {name: _cut(own, now[name]) for name, own in costly.items()})
    return {
        guarded[name].key: [_judged(shift, *found[name]) for shift in own if _costs(shift)]
        for name, own in costly.items()
    }


def _edits(change: Change) -> list[tuple[str, str | None]]:
    """(name, wanted value or None for the default) of the guarded settings that an update is about."""
    if change.before is None or change.after is None:
        return []
    config = cast("Mapping[str, str | None]", change.after.get("config") or {})
    return [(name, config[name]) for name in sorted(config.keys() & GUARDED)]


def _shifts(change: Change, now: Body, beneath: Body) -> Iterator[Shift]:
    wanted = {
        name: str(beneath.get(name, "")) if value is None else value
        for name, value in _edits(change)
    }
    policy = _policies(wanted.get(POLICY, str(now[POLICY])))
    for name, after in wanted.items():
        # What is kept by key alone has no age and no size at which it goes.
        if name not in KEEPS or "delete" in policy:
            yield Shift(name, lenient(name, str(now[name])), lenient(name, after))


def _policies(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(",") if part.strip())


def _costs(shift: Shift) -> bool:
    if shift.unknown:
        return True
    if shift.name == POLICY:
        return bool(_policies(shift.after) - _policies(shift.before))
    return shift.smaller


def _cut(shifts: Sequence[Shift], now: Body) -> tuple[int | None, int | None]:
    """The time and the size from which records go, for `loss`; a new `delete` policy applies what is in force."""
    after = {shift.name: shift.after for shift in shifts}
    cuts = {name: after[name] for name in KEEPS if name in after}
    if "delete" in _policies(after.get(POLICY, "")) - _policies(str(now[POLICY])):
        cuts = {name: after.get(name, str(now[name])) for name in KEEPS}
    age, size = (_limit(cuts.get(name)) for name in KEEPS)
    return (None if age is None else int(time.time() * 1000) - age), size


def _limit(text: str | None) -> int | None:
    return None if text is None or text.startswith("-") or not text else int(text)


def _judged(shift: Shift, found: Evidence, lost: int) -> Risk:
    evidence: Body = {"records": found.records, "bytes": found.bytes, "lost": lost}
    hidden = [*found.hidden, *(["the broker's default cannot be seen"] if shift.unknown else [])]
    if hidden:
        return Risk("KS206", f"{shift.words}: {'; '.join(hidden)}", evidence)
    if not found.records:
        return Risk("KS114", f"{shift.words}: the topic is empty", evidence)
    code, words = _cost(shift, lost)
    held = f"; the topic holds up to {found.records:,} records"
    return Risk(code, f"{shift.words}: {words}{held}", evidence)


def _cost(shift: Shift, lost: int) -> tuple[str, str]:
    """Of a topic with records: the code, and what happens in words."""
    if shift.name == LARGEST:
        return "KS209", "larger batches are refused"
    if shift.name == POLICY and "compact" in _policies(shift.after) - _policies(shift.before):
        return "KS207", "older records of a key go"
    if shift.name == POLICY:
        return (
            "KS208",
            f"what was kept by key goes with age or size, up to {lost:,} records at once",
        )
    if lost:
        return "KS205", f"up to {lost:,} records go"
    return "KS113", "nothing that is there now goes at once"


def foreseen(
    changes: Sequence[Change], there: Mapping[str, Resource]
) -> Iterator[tuple[Key, Risk]]:
    """What can be said without looking: whatever could take data away is taken to do so."""
    blind = Evidence(hidden=[BLIND])
    for change in changes:
        if change.after is None:
            yield change.key, deletion(blind)
        known = there.get(change.key.name)
        config = cast("Mapping[str, str]", known.settings.get("config") or {}) if known else {}
        for name, after in _edits(change):
            shift = Shift(name, config.get(name, ""), after or "")
            if _may_cost(shift, config.get(POLICY, "delete")):
                yield change.key, Risk("KS206", f"{shift.words}: {blind.hidden[0]}")


def _may_cost(shift: Shift, policy: str) -> bool:
    """A side that is the broker's default may be anything."""
    if shift.name in KEEPS and "delete" not in _policies(policy):
        return False
    return not (shift.before and shift.after) or _costs(shift)


def deletion(found: Evidence) -> Risk:
    """What deleting a topic destroys: nothing, records, somebody's reading, or nobody knows."""
    figures: dict[str, object] = {
        "records": found.records,
        "bytes": found.bytes,
        "last_write": found.last_write or None,
        "groups": dict(sorted(found.groups.items())),
        "active": sorted(found.active),
    }
    evidence = cast("Body", figures)
    if found.hidden:
        return Risk("KS204", f"cannot see what would be lost: {'; '.join(found.hidden)}", evidence)
    lagging = sorted(group for group, lag in found.groups.items() if lag)
    if found.active or lagging:
        readers = ", ".join(sorted({*found.active, *lagging}))
        return Risk("KS203", f"{_held(found)}; read by {readers}", evidence)
    if found.records:
        return Risk("KS202", _held(found), evidence)
    return Risk("KS201", "the topic is empty and nobody reads it", evidence)


def _held(found: Evidence) -> str:
    size = "" if found.bytes is None else f", {found.bytes:,} bytes on disk"
    last = f", last written {found.last_write}" if found.last_write else ""
    return f"up to {found.records:,} records{size}{last}"


CODES = (
    Code(
        "KS113",
        "Keeps records for less",
        "Records will be kept for a shorter time or in less space than now. Nothing that is in the topic at this"
        " moment is beyond the new limit.",
        "Set it back before the new limit is reached.",
    ),
    Code(
        "KS114",
        "Would cost data, if there were any",
        "Shorter retention, another cleanup policy or a smaller largest batch: on a topic with records it would be"
        " dangerous. This one is empty now; if it is not at the apply, the plan is stale.",
    ),
    Code(
        "KS201",
        "Deletes an empty topic",
        "The topic holds no records and no consumer group reads it.",
        "It can be created again; its committed offsets outlive it.",
    ),
    Code(
        "KS202",
        "Deletes a topic with records",
        "The topic holds records, and they go with it. The plan says how many at most (compaction may have removed"
        " some), how much space they take, and when the last one was written.",
        "It cannot be undone: the records are gone.",
        destroys=True,
    ),
    Code(
        "KS203",
        "Deletes a topic that somebody reads",
        "Consumer groups have members on the topic, or have committed offsets behind its end. They are named in the"
        " plan. Ask them first.",
        "It cannot be undone: the records are gone, and its readers stop working.",
        destroys=True,
    ),
    Code(
        "KS204",
        "Deletes a topic that cannot be looked into",
        "This login may not see the topic's offsets or the consumer groups, so nobody knows what would be lost. Grant"
        " it Describe on the topic and on the groups (`kstate doctor` prints the exact ACLs), or approve blindly.",
        "It cannot be undone.",
        destroys=True,
    ),
    Code(
        "KS205",
        "Keeps less, and records go",
        "The new retention is shorter, or smaller, than what the topic holds now. The plan says how many records at"
        " most are beyond it; the broker removes them segment by segment, beginning within minutes.",
        "It cannot be undone: the records are gone.",
        destroys=True,
    ),
    Code(
        "KS206",
        "Cannot see what an update costs",
        "The update takes data away or turns producers away if there is data, and this login may not look. Grant it"
        " Describe on the topic and on the cluster, or approve blindly.",
        "It may be impossible to undo.",
        destroys=True,
    ),
    Code(
        "KS207",
        "Begins to compact",
        "From now on only the newest record of each key is kept, and producers that send records without a key are"
        " refused. Every older record of a key goes.",
        "It cannot be undone: the records are gone.",
        destroys=True,
    ),
    Code(
        "KS208",
        "Begins to delete by age or size",
        "The topic kept the newest record of every key for ever; from now on records beyond the retention in force go,"
        " the newest of their key or not. Whoever rebuilds state from this topic loses it.",
        "It cannot be undone: the records are gone.",
        destroys=True,
    ),
    Code(
        "KS209",
        "Refuses larger batches",
        "Producers that send batches above the new `max.message.bytes` are refused from then on. What is there already"
        " stays readable.",
        "Raise it again; what was refused in between is the producers' to send again.",
    ),
)
