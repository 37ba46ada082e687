"""What an apply came to: one outcome for every change, one exit code for all of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import Key, Outcome, Status
from reconciler.core.plan import Plan
from reconciler.core.risk import Gated

FORMAT = "kstate.result/v1"
PARTLY = 6
REFUSED = 3
INTERRUPTED = 130
# The first of these that any cluster has. Where something was written and something was not, that decides; of the
# rest the README's order, in which a signal before the first write stands after every failure.
ORDER = (PARTLY, 64, 1, 4, 3, 5, INTERRUPTED, 2, 0)
AS_PLANNED = "as planned already"
BEFORE = "done when this plan was applied before"


@dataclass(frozen=True, slots=True)
class Result:
    """Outcomes in the plan's order. `written`: something was, or may have been, written by this run.

    `failures` are clusters that could not be finished, with the words that say why. `refused`: nothing was tried,
    because a risk stands in the way.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    written: bool
    interrupted: bool = False
    failures: tuple[tuple[str, str], ...] = ()
    refused: bool = False

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        return self.count(Status.DONE) == len(self.outcomes) and not self.failures

    @property
    def exit_code(self) -> int:
        """0 all as planned, 6 in part, 1 nothing of it, 3 refused, 130 stopped by a signal before the first write."""
        if self.refused:
            return REFUSED
        if self.complete:
            return 0
        if self.written:
            return PARTLY
        return INTERRUPTED if self.interrupted else 1

    @property
    def left(self) -> tuple[Outcome, ...]:
        """Everything that is not as planned."""
        return tuple(o for o in self.outcomes if o.status is not Status.DONE)


def refused(plan: Plan, blocked: Iterable[Gated]) -> Result:
    """An apply that was not begun: each change with the risk that nobody approved, its own or another one."""
    own: dict[Key | None, list[str]] = {}
    for gated in blocked:
        own.setdefault(gated.key, []).append(f"{gated.risk.code} {gated.risk.message}")
    others = "not tried: a risk of another change, or of the whole plan, stands in the way"
    told = {key: "not tried: " + "; ".join(words) for key, words in own.items()}
    outcomes = (Outcome(c.key, Status.SKIPPED, told.get(c.key, others)) for c in plan.changes)
    return Result(plan, tuple(outcomes), written=False, refused=True)


def fold(codes: Iterable[int]) -> int:
    """One exit code for many clusters."""
    found = set(codes)
    return next((code for code in ORDER if code in found), max(found, default=0))


def to_json(result: Result) -> dict[str, Any]:
    """The JSON of `schemas/result.v1.json`: every change with its outcome."""
    actions: dict[Key, str] = {c.key: str(c.action) for c in result.plan.changes}
    return {
        "format": FORMAT,
        "plan": result.plan.digest,
        "clusters": [cluster.name for cluster in result.plan.clusters],
        "exit_code": result.exit_code,
        "summary": {str(status): result.count(status) for status in Status},
        "changes": [
            {
                "key": str(outcome.key),
                "action": actions[outcome.key],
                "status": str(outcome.status),
                "words": outcome.words,
            }
            for outcome in result.outcomes
        ],
        "failures": [{"cluster": name, "words": words} for name, words in result.failures],
    }
