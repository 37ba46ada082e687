"""One cluster that is ready, in; wave by wave everything written, read back and recorded, an outcome for each, out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from reconciler.core.events import Event, Say, Step, ended
from reconciler.core.model import Change, Driver, Key, Kind, Outcome, Session, Status
from reconciler.core.plan import Plan
from reconciler.core.result import AS_PLANNED
from reconciler.core.settle import Settled
from reconciler.engine.clusters import Options
from reconciler.engine.keeping import Keeper
from reconciler.engine.reading import Look, everywhere, read_back
from reconciler.errors import KstateError

STOPPED = "stopped by a signal"


@dataclass(frozen=True, slots=True)
class Ready:
    session: Session
    kinds: Mapping[str, Kind]
    drivers: Mapping[str, Driver]
    settled: Settled
    keeper: Keeper | None
    protected: frozenset[Key]


@dataclass
class Run:
    """What was written on one cluster so far, and why it went no further if it did not."""

    outcomes: list[Outcome] = field(default_factory=list)
    written: bool = False
    halted: str = ""
    failure: str = ""

    @property
    def complete(self) -> bool:
        return all(outcome.status is Status.DONE for outcome in self.outcomes) and not self.failure

    def came_to(self, outcomes: Sequence[Outcome], say: Say) -> None:
        self.outcomes += outcomes
        for outcome in outcomes:
            say(ended(outcome))


def write_cluster(plan: Plan, cluster: str, ready: Ready, options: Options) -> Run:
    """Wave by wave; after one that did not come out right, nothing further is built on it or taken away."""
    run = Run()
    run.came_to([Outcome(c.key, Status.DONE, AS_PLANNED) for c in ready.settled.done], options.say)
    left = {change.key for change in ready.settled.todo}
    for wave in plan.waves_of(cluster):
        todo = [change for change in wave if change.key in left]
        if not run.halted and options.stop.is_set():
            run.halted = STOPPED
        if run.halted:
            run.came_to([Outcome(c.key, Status.SKIPPED, run.halted) for c in todo], options.say)
        elif todo:
            _write_wave(todo, ready, options, run)
    if ready.keeper is not None and not run.failure:
        _kept(run, lambda keeper: keeper.end(plan, options.seal, complete=run.complete), ready)
    if run.written:
        everywhere(ready.session, options.say)
    return run


def _write_wave(todo: Sequence[Change], ready: Ready, options: Options, run: Run) -> None:
    """One wave written in batches, then read back until it is as planned or the time is over, then recorded."""
    options.say(Event(Step.WRITING, ready.session.cluster, total=len(todo)))
    sent, outcomes = _sent_in_batches(todo, ready, options, run)
    look = Look(ready.session, ready.kinds, ready.drivers)
    outcomes = read_back(sent, outcomes, look, options.say)
    # A server that refused all of it has written nothing; where no answer came, it may have.
    run.written |= any(o.status in (Status.DONE, Status.UNKNOWN) or o.partly for o in outcomes)
    if not run.failure and sent:
        _kept(run, lambda keeper: keeper.record(todo, outcomes, ready.protected), ready)
    run.came_to(outcomes, options.say)
    if not run.halted and any(outcome.status is not Status.DONE for outcome in outcomes):
        run.halted = "not tried: something that had to come first failed"


def _sent_in_batches(
    todo: Sequence[Change], ready: Ready, options: Options, run: Run
) -> tuple[list[Change], list[Outcome]]:
    """What was sent, and an outcome for everything. While one batch is on its way the next one is intended."""
    sent: list[Change] = []
    under_way: list[tuple[str, Future[list[Outcome]]]] = []
    outcomes: list[Outcome] = []

    def arrive() -> None:
        for kind, future in under_way:
            outcomes.extend(future.result())
            counts = len(sent), len(todo)
            options.say(Event(Step.WRITTEN, ready.session.cluster, kind, *counts))
        under_way.clear()

    with ThreadPoolExecutor(1) as pool:
        for driver, batch in _batches(todo, ready.drivers):
            if not run.halted and options.stop.is_set():
                run.halted = STOPPED
            if not run.halted:
                _kept(run, lambda keeper, batch=batch: keeper.intend(batch), ready)  # type: ignore[misc]
            # One batch at a time: so much can still be on its way when somebody else takes over.
            arrive()
            if not run.halted:
                _kept(run, Keeper.sure, ready)
            if run.halted:
                outcomes += [Outcome(c.key, Status.SKIPPED, run.halted) for c in batch]
                continue
            under_way.append((batch[0].key.kind, pool.submit(_sent, driver, ready.session, batch)))
            sent += batch
        arrive()
    return sent, outcomes


def _kept(run: Run, act: Callable[[Keeper], None], ready: Ready) -> None:
    """Write to the ledger. When that fails nothing more may be written to the cluster: nobody would know of it."""
    if ready.keeper is None:
        return
    try:
        act(ready.keeper)
    except Exception as error:  # noqa: BLE001  # as in _sent: a defect of ours included
        run.failure = _words(error)
        run.halted = f"not tried: {run.failure}"


def _words(error: Exception) -> str:
    return error.message if isinstance(error, KstateError) else f"{type(error).__name__}: {error}"


def _sent(driver: Driver, session: Session, batch: Sequence[Change]) -> list[Outcome]:
    """From the first write on every change has an outcome, whatever happens: a defect of ours included."""
    try:
        found = {outcome.key: outcome for outcome in driver.write(session, batch)}
    except Exception as error:  # noqa: BLE001  # see above; the words end up in the report
        found = {}
        words = _words(error)
    else:
        words = "the server gave no answer for it"
    return [found.get(c.key, Outcome(c.key, Status.UNKNOWN, words)) for c in batch]


def _batches(
    todo: Sequence[Change], drivers: Mapping[str, Driver]
) -> Iterator[tuple[Driver, Sequence[Change]]]:
    for name, driver in drivers.items():
        own = [change for change in todo if change.key.kind == name]
        for at in range(0, len(own), driver.batch):
            yield driver, own[at : at + driver.batch]
