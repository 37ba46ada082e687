"""A plan meets its cluster again: what is left to do of it out, or why the plan no longer fits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.book import claimed
from reconciler.core.desired import with_unseen
from reconciler.core.events import Event, Say, Step
from reconciler.core.model import Action, Body, Change, Key, Level, State
from reconciler.core.plan import Plan
from reconciler.core.risk import doubted
from reconciler.core.settle import Moved, Settled, settle
from reconciler.engine.clusters import vetted
from reconciler.engine.keeping import Keeper
from reconciler.engine.reading import Look, agreed, touched
from reconciler.errors import Stale

AGAIN = "Nothing was written. Make a new plan with `kstate plan`."


class Drifted(Stale):
    """The cluster is neither as the plan found it nor as the plan wants it."""

    def __init__(self, cluster: str, moved: Sequence[Moved]) -> None:
        lines = [_moved_line(item) for item in moved]
        super().__init__(
            "\n".join([f"cluster {cluster} has moved since the plan was made:", *lines]), hint=AGAIN
        )


def _moved_line(item: Moved) -> str:
    what = ".".join(item.path) or "it"
    return (
        f"  {item.change.key}: {what} was {item.planned_from!r} when planned,"
        f" is {item.now!r} now, wanted {item.wanted!r}"
    )


@dataclass(frozen=True, slots=True)
class _Met:
    """What is left to do, and what of it costs something, as planned and as weighed now."""

    settled: Settled
    weighed: Sequence[tuple[Change, Change]] = ()


def met(plan: Plan, look: Look, keeper: Keeper | None, say: Say) -> Settled:
    """Everything the plan touches on one cluster read again, and what is left to do.

    Raises Drifted when it is neither as planned from nor as planned for, Stale when a change costs something else now.
    """
    found = agreed(
        lambda: _met(plan, look, keeper, say),
        lambda met: doubted(now for _, now in met.weighed),
        say,
    )
    if found.settled.moved:
        raise Drifted(look.session.cluster, found.settled.moved)
    _same_evidence(found.weighed)
    return found.settled


def _met(plan: Plan, look: Look, keeper: Keeper | None, say: Say) -> _Met:
    cluster = look.session.cluster
    changes = _changes(plan, look)
    say(Event(Step.READING, cluster))
    live = touched(look.session, look.drivers, changes)
    say(Event(Step.READ, cluster, done=len(live)))
    recorded = _recorded(cluster, live, keeper)
    known = {**recorded, **dict(_found_unfit(plan, look, recorded, keeper))}
    settled = settle(changes, with_unseen(live, known, look.kinds))
    return _Met(settled) if settled.moved else _Met(settled, _weighed(look, settled.todo))


def _changes(plan: Plan, look: Look) -> list[Change]:
    return [change for wave in plan.waves_of(look.session.cluster) for change in wave]


def _recorded(cluster: str, live: State, keeper: Keeper | None) -> dict[Key, Body]:
    """What the ledger says was applied last, a killed apply's intents that came true included."""
    if keeper is None:
        return {}
    return {
        Key(cluster, kind, name): owned.settings
        for (kind, name), owned in claimed(keeper.book, keeper.estate, live).own.items()
    }


def _found_unfit(
    plan: Plan, look: Look, recorded: Mapping[Key, Body], keeper: Keeper | None
) -> Iterator[tuple[Key, Body]]:
    """Secrets that were tried when the plan was made, and did not fit: what was recorded before that is no proof."""
    for change in _changes(plan, look):
        lost = {
            edit.path[0]: None
            for edit in change.edits
            if edit.before is None and edit.path[0] in look.kinds[change.key.kind].unseen
        }
        owned = keeper.book.own.get((change.key.kind, change.key.name)) if keeper else None
        if lost and change.before is not None and (owned is None or owned.at <= plan.created):
            yield change.key, {**recorded.get(change.key, {}), **lost}


def _weighed(look: Look, todo: Sequence[Change]) -> list[tuple[Change, Change]]:
    """What a change would cost is looked at again."""
    costly = [c for c in todo if c.action is Action.DELETE or any(r.evidence for r in c.risks)]
    bare = [replace(c, risks=tuple(risk for risk in c.risks if not risk.evidence)) for c in costly]
    return list(zip(costly, vetted(look.session, look.drivers, bare), strict=True))


def _same_evidence(weighed: Sequence[tuple[Change, Change]]) -> None:
    """Another class of evidence makes another plan."""
    for before, after in weighed:
        was, now = _codes(before), _codes(after)
        if was != now:
            raise Stale(
                f"{before.key}: the plan was made with {_listed(was)}, but now it is {_listed(now)}",
                hint=AGAIN,
            )


def _listed(codes: set[str]) -> str:
    return ", ".join(sorted(codes)) or "no danger"


def _codes(change: Change) -> set[str]:
    return {risk.code for risk in change.risks if risk.level is not Level.NOTICE}
