"""What an apply came to: one outcome for every change, one exit code for all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

    `failures` are clusters that could not be finished, with the words that say why. `blocked` are risks that stood in
    the way. `unbegun` is the exit code of an apply of which nothing was tried, because a risk stands in the way or a
    cluster was not ready.
    """

    plan: Plan
    outcomes: tuple[Outcome, ...]
    written: bool
    interrupted: bool = False
    failures: tuple[tuple[str, str], ...] = ()
    blocked: tuple[Gated, ...] = ()
    unbegun: int = 0

    @property
    def refused(self) -> bool:
        return bool(self.blocked)

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        return self.count(Status.DONE) == len(self.outcomes) and not self.failures

    @property
    def exit_code(self) -> int:
        """0 all as planned, 6 in part, 1 nothing of it, 130 stopped by a signal before the first write."""
        if self.unbegun:
            return self.unbegun
        if self.complete:
            return 0
        if self.written:
            return PARTLY
        return INTERRUPTED if self.interrupted else 1

    @property
    def left(self) -> tuple[Outcome, ...]:
        """Everything that is not as planned."""
        return tuple(o for o in self.outcomes if o.status is not Status.DONE)


@dataclass(frozen=True, slots=True)
class Ended:
    """What a report needs of a result, whether it was just made or read from a file. `digest` is the plan's."""

    digest: str
    outcomes: tuple[Outcome, ...]
    failures: tuple[tuple[str, str], ...]
    exit_code: int

    def count(self, status: Status) -> int:
        return sum(outcome.status is status for outcome in self.outcomes)

    @property
    def complete(self) -> bool:
        return self.count(Status.DONE) == len(self.outcomes) and not self.failures


def ended(result: Result) -> Ended:
    return Ended(result.plan.digest, result.outcomes, result.failures, result.exit_code)


def from_json(body: Mapping[str, Any]) -> Ended:
    """The reverse of `to_json`. Raises LookupError, TypeError or ValueError for what no `kstate apply` wrote."""
    if body["format"] != FORMAT:
        raise ValueError(f"not a {FORMAT} report")
    outcomes = (
        Outcome(Key.parse(c["key"]), Status(c["status"]), str(c["words"])) for c in body["changes"]
    )
    failures = tuple((str(f["cluster"]), str(f["words"])) for f in body["failures"])
    return Ended(str(body["plan"]), tuple(outcomes), failures, int(body["exit_code"]))


def refused(plan: Plan, blocked: Iterable[Gated]) -> Result:
    """An apply that was not begun: each change with the risk that nobody approved, its own or another one."""
    own: dict[Key | None, list[str]] = {}
    blocked = tuple(blocked)
    for gated in blocked:
        own.setdefault(gated.key, []).append(f"{gated.risk.code} {gated.risk.message}")
    others = "not tried: a risk of another change, or of the whole plan, stands in the way"
    told = {key: "not tried: " + "; ".join(words) for key, words in own.items()}
    outcomes = (Outcome(c.key, Status.SKIPPED, told.get(c.key, others)) for c in plan.changes)
    return Result(plan, tuple(outcomes), written=False, blocked=tuple(blocked), unbegun=REFUSED)


def unready(plan: Plan, failures: Mapping[str, str], code: int) -> Result:
    """An apply that was not begun anywhere, because of what these clusters said."""
    words = "not tried: nothing is written anywhere unless every cluster is ready"
    outcomes = (Outcome(change.key, Status.SKIPPED, words) for change in plan.changes)
    told = tuple(sorted(failures.items()))
    return Result(plan, tuple(outcomes), written=False, failures=told, unbegun=code)


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
