"""What was sent, in; what can be read of it afterwards, out: nothing is done because a server said so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

from reconciler.core.desired import with_unseen
from reconciler.core.events import Event, Say, Step, silent
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Driver,
    Key,
    Kind,
    Outcome,
    Resource,
    Scope,
    Session,
    State,
    Status,
)
from reconciler.core.settle import remaining, settle
from reconciler.engine.clusters import asked, fields_of, state_of
from reconciler.errors import Failed

T = TypeVar("T")
# Seconds. A single broker was up to 5 s behind with a thousand new topics.
AGREEMENT = 30.0

UNSEEN = "until what was written can be read"
BEHIND = "until a server reads what it says is there already"
SAME = "until every broker has it"
LAGGING = "is behind the others: for a while yet it may answer as if nothing had been applied"
# Seconds until a broker is called slow, and in which a controller has told something more where it ever does.
SPREAD, PASSED = 30.0, 1.2
# Seconds between two looks, so that what is there is not seen much later than it could be.
MOST_PAUSE = 0.3


def touched(
    session: Session,
    drivers: Mapping[str, Driver],
    changes: Sequence[Change],
    *,
    again: bool = False,
) -> State:
    """Everything the changes are about, and nothing else, as it is now. `again`: whoever looks will look again."""
    state: dict[Key, Resource] = {}
    for name, driver in drivers.items():
        own = [change for change in changes if change.key.kind == name]
        if own:
            found = frozenset(change.key.name for change in own)
            bodies = (body for c in own for body in (c.before, c.after) if body)
            expecting = any(change.expects for change in own)
            wanted = {c.key.name: asked(c.before or {}, c.after or c.before or {}) for c in own}
            scope = Scope(found, fields_of(bodies), facts=expecting, wanted=wanted, again=again)
            state.update(state_of(session, name, driver, scope))
    return state


def agreed(look: Callable[[], T], doubts: Callable[[T], Sequence[Key]], say: Say) -> T:
    """Looks until no server contradicts what was read, for at most 30 s; after that the last look stands.

    Whoever answers a read may be seconds behind what was written, and knows nothing of it: no plan is made of that,
    and nothing is called impossible for it.
    """
    end, pause = time.monotonic() + AGREEMENT, 0.2
    while True:
        seen = look()
        open_ = doubts(seen)
        if not open_ or time.monotonic() > end:
            return seen
        say(Event(Step.WAITING, open_[0].cluster, open_[0].kind, words=BEHIND))
        time.sleep(pause)
        pause = min(pause * 1.6, 2.0)


@dataclass(frozen=True, slots=True)
class Look:
    """Where to look. `unseen` is what no server tells of each resource, as far as its answers let us believe."""

    session: Session
    kinds: Mapping[str, Kind]
    drivers: Mapping[str, Driver]
    unseen: Mapping[Key, Body] = field(default_factory=dict)
    say: Say = silent


def read_back(
    sent: Sequence[Change], outcomes: Sequence[Outcome], look: Look, say: Say
) -> list[Outcome]:
    """Nothing is done because a server said so: it is done when it can be read."""
    if not sent:
        return list(outcomes)
    look = replace(look, unseen=dict(_believed(sent, outcomes)), say=say)
    refused = {outcome.key for outcome in outcomes if outcome.status is Status.FAILED}
    awaited = [change for change in sent if change.key not in refused]
    seen = _wait(awaited, look) if awaited else _Seen()
    # Somebody else may have done the same in between: then the refusal was right, and so is the end state.
    again = _seen(look, [change for change in sent if change.key in refused])
    return [_verdict(o, again if o.key in refused else seen) for o in outcomes]


def everywhere(session: Session, say: Say) -> None:
    """Waits until every broker has what one of them has shown: whoever looks next sees the same wherever he asks.

    A broker takes what the controller tells in its order, and is through with one thing when it is at a later one; a
    controller that has nothing to tell tells that twice a second. Somebody who stays behind for 30 s is named.
    """
    began = time.monotonic()
    target = max(session.reached().values(), default=0)
    while True:
        at = session.reached()
        behind = sorted(broker for broker, reached in at.items() if reached < target)
        waited = time.monotonic() - began
        passed = all(reached > target for reached in at.values())
        if passed or waited > (SPREAD if behind else PASSED):
            break
        say(Event(Step.WAITING, session.cluster, "", len(at) - len(behind), len(at), SAME))
        time.sleep(0.1)
    for broker in behind:
        say(Event(Step.NOTE, session.cluster, words=f"broker {broker} {LAGGING}"))


def _believed(sent: Sequence[Change], outcomes: Sequence[Outcome]) -> Iterator[tuple[Key, Body]]:
    """What a server never shows is as wanted when it said so, or when the resource came to be with it."""
    said_yes = {outcome.key for outcome in outcomes if outcome.status is Status.DONE}
    for change in sent:
        as_wanted = change.before is None or change.key in said_yes
        yield change.key, (change.after if as_wanted else change.before) or {}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a look saw to be as planned, and what of which something is; or why it saw nothing, which says nothing."""

    as_planned: frozenset[Key] = frozenset()
    partly: frozenset[Key] = frozenset()
    blind: str = ""


def _wait(changes: Sequence[Change], look: Look) -> _Seen:
    """Looks until all is as planned, for at most 30 s and 10 ms a change.

    Each change has to be seen so twice in a row where several brokers may answer, and is not asked for again then.
    """
    end = time.monotonic() + 30 + 0.01 * len(changes)
    needed = 1 if look.session.facts.get("brokers") == 1 else 2
    times = {change.key: 0 for change in changes}
    partly: set[Key] = set()
    pause, left = 0.02, list(changes)
    while True:
        seen = _seen(look, left)
        partly = (partly - {change.key for change in left}) | seen.partly
        for change in left:
            times[change.key] = times[change.key] + 1 if change.key in seen.as_planned else 0
        left = [change for change in left if times[change.key] < needed]
        # At the end of the time one look is what there is.
        fine = frozenset(key for key, count in times.items() if count)
        if not left or time.monotonic() > end:
            look.say(Event(Step.READ_BACK, look.session.cluster, "", len(fine), len(changes)))
            return _Seen(fine, frozenset(partly), seen.blind)
        counts = len(changes) - len(left), len(changes)
        look.say(Event(Step.WAITING, look.session.cluster, "", *counts, UNSEEN))
        time.sleep(pause)
        pause = min(pause * 1.6, MOST_PAUSE)


def _seen(look: Look, changes: Sequence[Change]) -> _Seen:
    """What reads as planned now. A look that failed saw nothing, least of all that something is gone."""
    try:
        live = touched(look.session, look.drivers, changes, again=True)
    except Failed as error:
        return _Seen(blind=error.message)
    live = with_unseen(live, look.unseen, look.kinds)
    done = frozenset(change.key for change in settle(changes, live).done)
    begun = frozenset(c.key for c in changes if c.key in live and _begun(c, live[c.key]))
    return _Seen(done, begun)


def _begun(change: Change, now: Resource) -> bool:
    """Whether something of a change is there: what was to be made, or one of its edits."""
    if change.action is not Action.UPDATE:
        return change.action is Action.CREATE
    return len(remaining(change, now)) < len(change.edits)


def _verdict(outcome: Outcome, seen: _Seen) -> Outcome:
    key, words, partly = outcome.key, outcome.words, outcome.key in seen.partly
    # What was taken and then failed has not come right for looking so once.
    if key in seen.as_planned and not outcome.partly:
        return Outcome(key, Status.DONE, words and f"as planned, though the answer was: {words}")
    match outcome.status:
        case Status.DONE if seen.blind:
            words = f"the server said yes, but it cannot be read back: {seen.blind}"
            return Outcome(key, Status.UNKNOWN, words)
        case Status.DONE:
            words = "the server said yes, but it does not read as planned"
            return Outcome(key, Status.FAILED, words, partly)
        case Status.UNKNOWN:
            why = (
                f"it cannot be read back: {seen.blind}"
                if seen.blind
                else "it does not read as planned"
            )
            return Outcome(key, Status.UNKNOWN, f"{words}; {why}")
        case _:
            return replace(outcome, partly=partly or outcome.partly)
