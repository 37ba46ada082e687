"""A Plan in, an outcome for every change out: all clusters are ready, or nothing is written anywhere."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from reconciler.core.book import Owned, claimed
from reconciler.core.desired import with_unseen
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Driver,
    Json,
    Key,
    Kind,
    Level,
    Outcome,
    Platform,
    Resource,
    Scope,
    Session,
    State,
    Status,
    Target,
)
from reconciler.core.plan import Plan, cluster_digest
from reconciler.core.result import AS_PLANNED, Result
from reconciler.core.risk import Approval, Gate, gate
from reconciler.core.settle import Moved, Settled, settle
from reconciler.engine.clusters import (
    Options,
    driver_of,
    fields_of,
    login,
    side_by_side,
    stamp,
    state_of,
    vetted,
)
from reconciler.engine.keeping import (
    Keeper,
    check_owners,
    check_unused,
    ledger_session,
    look,
    names,
    store_on,
)
from reconciler.engine.reading import Look, read_back, touched
from reconciler.errors import BadUsage, KstateError, Stale
from reconciler.kinds import registry as kinds_registry
from reconciler.ledger.lock import acquire
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import resolve

STOPPED = "stopped by a signal"
ADDRESS = "bootstrap.servers"
AGAIN = "Nothing was written. Make a new plan with `kstate plan`."


class Unready(KstateError):
    """Clusters on which the plan cannot be carried out; nothing was written anywhere."""

    def __init__(self, failures: Mapping[str, KstateError]) -> None:
        super().__init__("; ".join(error.message for error in failures.values()))
        self.failures = failures


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


def stands_in_the_way(plan: Plan, approvals: Sequence[Approval]) -> Gate:
    """Every blocking risk that was not approved. Opens no connection."""
    return gate(plan.changes, plan.risks, approvals)


def check_fresh(plan: Plan, options: Options) -> None:
    """Raises Stale for a plan whose time is over."""
    if stamp(options.now) > plan.expires:
        raise Stale(
            f"the plan expired at {plan.expires}", hint="Make a new one with `kstate plan`."
        )


def check_expected(plan: Plan, expected: str) -> None:
    """Raises Stale unless the digest is the plan's, or that of its only cluster."""
    known = {plan.digest}
    if len(plan.clusters) == 1:
        known.add(cluster_digest(plan, plan.clusters[0]))
    if expected not in known:
        raise Stale(
            f"the plan's digest is {plan.digest}, not {expected}",
            hint="What would happen now is not what was approved. Look at it: `kstate plan`.",
        )


@dataclass(frozen=True, slots=True)
class _Ready:
    session: Session
    kinds: Mapping[str, Kind]
    drivers: Mapping[str, Driver]
    settled: Settled
    keeper: Keeper | None
    protected: frozenset[Key]


@dataclass
class _Run:
    """What was written on one cluster so far, and why it went no further if it did not."""

    outcomes: list[Outcome] = field(default_factory=list)
    written: bool = False
    halted: str = ""
    failure: str = ""

    @property
    def complete(self) -> bool:
        return all(outcome.status is Status.DONE for outcome in self.outcomes) and not self.failure


def apply(
    plan: Plan, options: Options, connections: Mapping[str, Body] = MappingProxyType({})
) -> Result:
    """Make it so, on every cluster, or write nothing anywhere.

    The plan says how to connect, unless `connections` do. Raises Unready when any cluster cannot be reached, is another
    one, is being applied to, or has moved. From the first write on clusters are independent, and every change has an
    outcome.
    """
    check_fresh(plan, options)
    _check_secrets(plan)
    with ExitStack() as stack:
        ready = _all_ready(plan, options, connections, stack)
        runs, broken = side_by_side(
            ready, lambda name: _apply_cluster(plan, name, ready[name], options)
        )
    outcomes = {outcome.key: outcome for run in runs.values() for outcome in run.outcomes}
    failures = {name: error.message for name, error in broken.items()}
    failures |= {name: run.failure for name, run in runs.items() if run.failure}
    return Result(
        plan,
        tuple(outcomes.get(c.key, Outcome(c.key, Status.UNKNOWN)) for c in plan.changes),
        written=bool(broken) or any(run.written for run in runs.values()),
        interrupted=options.stop.is_set(),
        failures=tuple(sorted(failures.items())),
    )


# --- before the first write


def _check_secrets(plan: Plan) -> None:
    """Raises BadUsage for a secret that cannot be had, before anything is opened."""
    kind_of = platforms_registry.kind_of({c.name: c.spec for c in plan.clusters})
    for change in plan.changes:
        for name in kind_of(change.key).secrets & (change.after or {}).keys():
            try:
                for at, reference in _references((change.after or {})[name], name):
                    # What is masked disappears from every report, so no address may be.
                    resolve(reference, plan.root, secret=not at.endswith(ADDRESS))
            except BadUsage as error:
                error.message = f"{change.key}: {name}: {error.message}"
                raise


def _references(value: Json, name: str) -> Iterator[tuple[str, str]]:
    """References with their names. A text is one by itself; in a mapping only what stands in a list is."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for inner_name, inner in value.items():
            yield from () if isinstance(inner, str) else _references(inner, inner_name)
    elif isinstance(value, (list, tuple)):
        yield from ((name, str(item)) for item in value)


def _all_ready(
    plan: Plan, options: Options, connections: Mapping[str, Body], stack: ExitStack
) -> dict[str, _Ready]:
    """Every cluster logged in, locked, read again and as the plan found it; or Unready, with every reason."""
    touched = {r.key.cluster for r in plan.records} | {c.key.cluster for c in plan.changes}
    peers = {c.name: c.spec for c in plan.clusters} | dict(connections)
    targets = {
        c.name: Target(c.name, peers[c.name], plan.root, options.timeout, peers)
        for c in plan.clusters
        if c.name in touched
    }
    sessions, failures = side_by_side(targets, lambda name: _login(plan, targets[name], stack))
    # In the order of the clusters' ids, so that two applies of several clusters cannot block each other.
    keepers: dict[str, Keeper | None] = {}
    for name in sorted(sessions, key=lambda name: sessions[name].cluster_id):
        if not failures:
            try:
                keepers[name] = _locked(plan, sessions[name], connections, options, stack)
            except KstateError as error:
                failures[name] = error
    if failures:
        raise Unready(failures)
    ready, failures = side_by_side(
        sessions, lambda name: _ready(plan, sessions[name], keepers[name], options)
    )
    if failures:
        raise Unready(failures)
    return ready


def _login(plan: Plan, target: Target, stack: ExitStack) -> Session:
    platform = platforms_registry.of(target.spec)
    expected = next(cluster.id for cluster in plan.clusters if cluster.name == target.name)
    session = login(platform, target)
    stack.callback(session.close)
    if session.cluster_id != expected:
        raise Stale(
            f"cluster {target.name}: the plan is for the cluster with id {expected},"
            f" this one is {session.cluster_id}"
        )
    return session


def _locked(
    plan: Plan,
    session: Session,
    connections: Mapping[str, Body],
    options: Options,
    stack: ExitStack,
) -> Keeper | None:
    """The ledger, with its lock held until the stack is closed. None without an Estate: nothing is recorded then."""
    if not plan.estate:
        return None
    options.say(f"{session.cluster}: taking the lock")
    home = stack.enter_context(ledger_session(plan.ledger, session, connections, options))
    store = store_on(home, plan.ledger)
    if not store.exists():
        store.create()
    held = acquire(store, session.cluster_id, options.who, wait=options.wait)
    stack.enter_context(held)
    if held.took_over:
        # At most one batch of a holder that never let go can still be on its way: wait it out, then read.
        options.say(f"{session.cluster}: waiting out what a former apply may still have sent")
        time.sleep(options.timeout)
    keeping = look(store, session.cluster_id, plan.estate)
    check_unused(options.seal, keeping.book)
    check_owners(plan, session.cluster, keeping)
    about = {
        "who": options.who,
        "commit": plan.commit,
        "approved": list(options.approved),
        "created": plan.created,
    }
    stamp_of = Owned(
        plan.estate, {}, apply=options.apply_id, commit=plan.commit, at=stamp(options.now)
    )
    counts = not keeping.trouble or keeping.book.is_new(plan.estate)
    return Keeper(held, session.cluster_id, plan.estate, keeping.book, about, stamp_of, counts)


def _ready(plan: Plan, session: Session, keeper: Keeper | None, options: Options) -> _Ready:
    cluster = next(cluster for cluster in plan.clusters if cluster.name == session.cluster)
    platform = platforms_registry.of(cluster.spec)
    changes = [change for wave in plan.waves_of(cluster.name) for change in wave]
    kinds = kinds_registry.on(platform)
    drivers = {
        name: driver_of(kinds[name], platform) for name in sorted({c.key.kind for c in changes})
    }
    options.say(f"{cluster.name}: reading again what the plan touches")
    live = touched(session, drivers, changes)
    recorded = _recorded(cluster.name, live, keeper)
    known = {**recorded, **dict(_found_unfit(plan, changes, recorded, keeper, kinds))}
    settled = settle(changes, with_unseen(live, known, kinds))
    if settled.moved:
        raise Drifted(cluster.name, settled.moved)
    _same_evidence(session, drivers, settled.todo)
    if keeper is not None:
        keeper.begin(_intended(session, platform, keeper), plan)
    return _Ready(session, kinds, drivers, settled, keeper, frozenset(plan.protected))


def _recorded(cluster: str, live: State, keeper: Keeper | None) -> dict[Key, Body]:
    """What the ledger says was applied last, a killed apply's intents that came true included."""
    if keeper is None:
        return {}
    return {
        Key(cluster, kind, name): owned.settings
        for (kind, name), owned in claimed(keeper.book, keeper.estate, live).own.items()
    }


def _found_unfit(
    plan: Plan,
    changes: Sequence[Change],
    recorded: Mapping[Key, Body],
    keeper: Keeper | None,
    kinds: Mapping[str, Kind],
) -> Iterator[tuple[Key, Body]]:
    """Secrets that were tried when the plan was made, and did not fit: what was recorded before that is no proof."""
    for change in changes:
        lost = {
            edit.path[0]: None
            for edit in change.edits
            if edit.before is None and edit.path[0] in kinds[change.key.kind].unseen
        }
        owned = keeper.book.own.get((change.key.kind, change.key.name)) if keeper else None
        if lost and change.before is not None and (owned is None or owned.at <= plan.created):
            yield change.key, {**recorded.get(change.key, {}), **lost}


def _intended(session: Session, platform: Platform, keeper: Keeper) -> State:
    """What is there of that which a killed apply was about to make."""
    intent = keeper.book.intents.get(keeper.estate)
    wanted = intent.wanted if intent else {}
    fields = fields_of(body for body in wanted.values() if body)
    state: dict[Key, Resource] = {}
    for name, kind in kinds_registry.on(platform).items():
        found = names(wanted, name)
        if found:
            bodies = {own: wanted[f"{name}/{own}"] or {} for own in found}
            scope = Scope(found, fields, wanted=bodies)
            state.update(state_of(session, name, driver_of(kind, platform), scope))
    return state


def _same_evidence(session: Session, drivers: Mapping[str, Driver], todo: Sequence[Change]) -> None:
    """What a change would cost is looked at again: another class of evidence makes another plan."""
    costly = [c for c in todo if c.action is Action.DELETE or any(r.evidence for r in c.risks)]
    bare = [replace(c, risks=tuple(risk for risk in c.risks if not risk.evidence)) for c in costly]
    for before, after in zip(costly, vetted(session, drivers, bare), strict=True):
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


# --- writing


def _apply_cluster(plan: Plan, cluster: str, ready: _Ready, options: Options) -> _Run:
    """Wave by wave; after one that did not come out right, nothing further is built on it or taken away."""
    run = _Run([Outcome(c.key, Status.DONE, AS_PLANNED) for c in ready.settled.done])
    left = {change.key for change in ready.settled.todo}
    for wave in plan.waves_of(cluster):
        todo = [change for change in wave if change.key in left]
        if not run.halted and options.stop.is_set():
            run.halted = STOPPED
        if run.halted:
            run.outcomes += [Outcome(c.key, Status.SKIPPED, run.halted) for c in todo]
        elif todo:
            _write_wave(todo, ready, options, run)
    if ready.keeper is not None and not run.failure:
        _kept(run, lambda keeper: keeper.end(plan, options.seal, complete=run.complete), ready)
    return run


def _write_wave(todo: Sequence[Change], ready: _Ready, options: Options, run: _Run) -> None:
    """One wave written in batches, then read back until it is as planned or the time is over, then recorded."""
    outcomes: list[Outcome] = []
    sent: list[Change] = []
    for driver, batch in _batches(todo, ready.drivers):
        if not run.halted and options.stop.is_set():
            run.halted = STOPPED
        if not run.halted:
            _kept(run, lambda keeper, batch=batch: keeper.intend(batch), ready)  # type: ignore[misc]
        if run.halted:
            outcomes += [Outcome(c.key, Status.SKIPPED, run.halted) for c in batch]
            continue
        outcomes += _sent(driver, ready.session, batch)
        sent += batch
        options.say(f"{ready.session.cluster}: {len(sent)} of {len(todo)} sent")
    outcomes = read_back(
        sent, outcomes, Look(ready.session, ready.kinds, ready.drivers), options.say
    )
    run.outcomes += outcomes
    # A server that refused all of it has written nothing; where no answer came, it may have.
    run.written |= any(o.status in (Status.DONE, Status.UNKNOWN) for o in outcomes)
    if not run.failure and sent:
        _kept(run, lambda keeper: keeper.record(todo, outcomes, ready.protected), ready)
    if not run.halted and any(outcome.status is not Status.DONE for outcome in outcomes):
        run.halted = "not tried: something that had to come first failed"


def _kept(run: _Run, act: Callable[[Keeper], None], ready: _Ready) -> None:
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
