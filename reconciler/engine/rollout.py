"""A Plan with stages in, applied one stage after the other; what comes after a stage that failed is left as it is."""

from __future__ import annotations

from collections.abc import Sequence, Set

from reconciler.core.events import Event, Step
from reconciler.core.model import Outcome, Status
from reconciler.core.plan import Plan
from reconciler.core.result import BEFORE, Result
from reconciler.engine.applying import NONE, Connections, Unready, apply
from reconciler.engine.clusters import Options
from reconciler.engine.keeping import Spent
from reconciler.engine.writing import STOPPED


def rollout(plan: Plan, options: Options, connections: Connections = NONE) -> Result:
    """Like `apply`, stage by stage where the plan has any.

    Each stage is made ready when its turn comes: locked, read again, settled against the very plan that was approved. A
    stage that is not ready ends it as one that failed does. Raises Unready as long as nothing was written.
    """
    if not plan.stages:
        return apply(plan, options, connections)
    results: list[Result] = []
    spent: list[Unready] = []
    for stage in plan.stages:
        if options.stop.is_set():
            return _joined(plan, results, STOPPED)
        options.say(Event(Step.NOTE, words=f"wave {stage.label}: {', '.join(stage.clusters)}"))
        try:
            results.append(apply(plan, options, connections, frozenset(stage.clusters)))
        except Unready as unready:
            if _all_spent(unready):
                spent.append(unready)
                results.append(_result(plan, stage.clusters, Status.DONE, BEFORE))
            elif any(result.written for result in results):
                results.append(_unready(plan, stage.clusters, unready))
            else:
                raise
        if not results[-1].complete:
            return _joined(plan, results, f"not tried: wave {stage.label} did not come out right")
    busy = [result for result in results if result.outcomes]
    if spent and len(spent) == len(busy):
        raise spent[0]
    return _joined(plan, results, "")


def _all_spent(unready: Unready) -> bool:
    return all(isinstance(error, Spent) for error in unready.failures.values())


def _result(plan: Plan, clusters: Sequence[str], status: Status, words: str) -> Result:
    """One word for every change of these clusters, of which none was touched now."""
    own = (change.key for change in plan.changes if change.key.cluster in clusters)
    return Result(plan, tuple(Outcome(key, status, words) for key in own), written=False)


def _unready(plan: Plan, clusters: Sequence[str], unready: Unready) -> Result:
    words = f"not tried: {unready.message}"
    found = _result(plan, clusters, Status.SKIPPED, words)
    failures = tuple(sorted((n, error.message) for n, error in unready.failures.items()))
    return Result(plan, found.outcomes, written=False, failures=failures)


def _joined(plan: Plan, results: Sequence[Result], why: str) -> Result:
    """All of it as one; `why` the stages that are not among the results were left as they are."""
    known = {outcome.key: outcome for result in results for outcome in result.outcomes}
    return Result(
        plan,
        tuple(known.get(c.key, Outcome(c.key, Status.SKIPPED, why)) for c in plan.changes),
        written=any(result.written for result in results),
        interrupted=any(result.interrupted for result in results) or why == STOPPED,
        failures=tuple(failure for result in results for failure in result.failures),
    )


def staged(plan: Plan) -> bool:
    """Whether the stages, if there are any, name every cluster of the plan once."""
    named = [name for stage in plan.stages for name in stage.clusters]
    clusters: Set[str] = {cluster.name for cluster in plan.clusters}
    return not plan.stages or (len(named) == len({*named}) and {*named} == clusters)
