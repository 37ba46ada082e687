"""What a plan must not ask of an event hub: every rule of Azure that is documented, told while planning."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import cast

from reconciler.core.model import Action, Body, Change, Key, Resource, Risk, Rule, World
from reconciler.core.near import did_you_mean
from reconciler.core.risk import each
from reconciler.core.units import say_duration
from reconciler.kinds.topic import partitions_rule
from reconciler.platforms.eventhubs.tiers import Tier
from reconciler.platforms.eventhubs.topic import COPIES, HOUR, SETTABLE, UNITS

CODE = "KS946"
Config = Mapping[str, str | None]


def rules(tier: Tier) -> tuple[Rule, ...]:
    """All of them, for hubs of a tier."""
    single: tuple[Callable[[Change, World], Iterator[str]], ...] = (
        _unknown,
        _unset,
        _units,
        _policy,
        _compaction,
        _replication,
        _name,
    )
    own = [each(_refusal(rule)) for rule in single]
    bound = [each(_refusal(_partitions(tier))), each(_refusal(_retention(tier)))]
    return (each(partitions_rule), *own, *bound, _twins, _room(tier))


def _refusal(
    rule: Callable[[Change, World], Iterator[str]],
) -> Callable[[Change, World], Iterator[Risk]]:
    return lambda change, world: (Risk(CODE, words) for words in rule(change, world))


def _config(body: Body | None) -> Config:
    return cast("Config", (body or {}).get("config") or {})


def _wanted(change: Change, world: World) -> Config:
    """What is wanted of a hub's settings, whether it is about to change or not."""
    planned = world.planned.get(change.key.name)
    return _config(planned.settings) if planned and change.after is not None else {}


def _policies(change: Change, world: World) -> set[str]:
    """The cleanup policy that it will have."""
    live = world.live.get(change.key.name)
    there = _config(live.settings).get("cleanup.policy") if live else None
    return set((_wanted(change, world).get("cleanup.policy") or there or "delete").split(","))


def _unknown(change: Change, _world: World) -> Iterator[str]:
    for name, value in _config(change.after).items():
        if name not in SETTABLE and value is not None:
            near = did_you_mean(name, SETTABLE)
            told = f"an event hub has no `{name}`{near}; what can be set is"
            yield f"{told} {', '.join(SETTABLE)}"


def _unset(change: Change, world: World) -> Iterator[str]:
    asked = {**_config(change.after), **_wanted(change, world)}
    for name, value in asked.items():
        if value is None and name in SETTABLE:
            told = f"`{name}` cannot be unset: an event hub keeps no default to go back to"
            yield f"{told}; write the value that it is to have"


def _units(change: Change, _world: World) -> Iterator[str]:
    for name, value in _config(change.after).items():
        if name not in UNITS or value is None or int(value) < 0:
            continue
        unit = UNITS[name][2]
        if int(value) % unit:
            whole = "hours" if unit == HOUR else "minutes"
            yield f"`{name}` counts in whole {whole} here, found {_said(value)}"


def _said(value: str) -> str:
    return say_duration(int(value)) or value


def _policy(change: Change, _world: World) -> Iterator[str]:
    for edit in change.edits:
        if edit.path == ("config", "cleanup.policy") and edit.after is not None:
            told = f"cleanup.policy stays {edit.before}: it is chosen when a hub is made"
            yield f"{told} (wanted {edit.after}); make another one"


def _compaction(change: Change, world: World) -> Iterator[str]:
    policies, asked = _policies(change, world), _config(change.after)
    for name in ("delete.retention.ms", "min.compaction.lag.ms"):
        if asked.get(name) is not None and "compact" not in policies:
            yield f"`{name}` counts only with cleanup.policy compact"
    retention = asked.get("retention.ms")
    if retention is not None and policies == {"compact"} and retention != "-1":
        yield f"a compacted hub keeps for ever, found retention.ms {_said(retention)}; leave it out"


def _replication(change: Change, _world: World) -> Iterator[str]:
    asked = (change.after or {}).get("replication")
    if asked is not None:
        yield f"Azure keeps {COPIES} copies of everything, found replication {asked}; leave it out"


def _name(change: Change, _world: World) -> Iterator[str]:
    name = change.key.name
    if change.action is Action.CREATE and not (name[0].isalnum() and name[-1].isalnum()):
        yield "a hub's name begins and ends with a letter or a digit"


def _partitions(tier: Tier) -> Callable[[Change, World], Iterator[str]]:
    def rule(change: Change, _world: World) -> Iterator[str]:
        asked = (change.after or {}).get("partitions")
        if change.action is Action.CREATE and asked is None:
            yield "say how many `partitions`: Azure documents no number of its own"
        if isinstance(asked, int) and asked > tier.partitions:
            yield f"{asked} partitions: {tier.title} has {tier.partitions} at most for a hub"
        if isinstance(asked, int) and change.action is Action.UPDATE and not tier.grows:
            yield f"the partitions of a hub are fixed on {tier.title}; make another hub"

    return rule


def _retention(tier: Tier) -> Callable[[Change, World], Iterator[str]]:
    def rule(change: Change, world: World) -> Iterator[str]:
        asked = _config(change.after).get("retention.ms")
        if asked is None or _policies(change, world) == {"compact"}:
            return
        if int(asked) < HOUR or int(asked) > tier.retention * HOUR:
            days = tier.retention // 24
            yield f"retention.ms is 1h to {days}d on {tier.title}, found {_said(asked)}"

    return rule


def _twins(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
    """Azure tells no small letters from large ones: the second of two names would be the first hub, replaced."""
    by_name: dict[str, set[str]] = {}
    for name in world.live.keys() | world.planned.keys():
        by_name.setdefault(name.lower(), set()).add(name)
    for change in changes:
        others = by_name.get(change.key.name.lower(), set()) - {change.key.name}
        if change.action is Action.CREATE and others:
            told = f"to Azure this is the same name as {', '.join(sorted(others))}"
            yield change.key, Risk(CODE, told)


def _room(tier: Tier) -> Rule:
    """Whether everything fits: what is live, with what is planned on top."""

    def rule(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
        gone = {c.key.name for c in changes if c.action is Action.DELETE}
        units = cast("int", world.facts.get("units") or 1) if tier.per_unit else 1
        then = {n: r for n, r in world.live.items() if n not in gone}
        then |= {
            n: r for n, r in world.planned.items() if n not in then or "partitions" in r.settings
        }
        of = f" with {units} processing unit{'s' * (units != 1)}" if tier.per_unit else ""
        for change in changes:
            for words in _too_much(change, tier, units, then):
                yield change.key, Risk(CODE, words.replace(tier.title, f"{tier.title}{of}"))

    return rule


def _too_much(
    change: Change, tier: Tier, units: int, then: Mapping[str, Resource]
) -> Iterator[str]:
    if change.action is Action.CREATE and len(then) > tier.hubs * units:
        yield f"{len(then)} hubs: {tier.title} has room for {tier.hubs * units} in a namespace"
    partitions = sum(cast("int", r.settings.get("partitions") or 0) for r in then.values())
    most = tier.all_partitions * units
    if "partitions" in (change.after or {}) and most and partitions > most:
        yield f"{partitions} partitions in all: {tier.title} has room for {most}"
