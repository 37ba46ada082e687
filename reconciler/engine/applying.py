"""A Plan in, an outcome for every change out: all clusters are ready, or nothing is written anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from types import MappingProxyType

from reconciler.core.book import Owned
from reconciler.core.events import Event, Step
from reconciler.core.model import (
    Body,
    Json,
    Key,
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
from reconciler.core.result import BEFORE, Result
from reconciler.core.risk import Approval, Gate, gate
from reconciler.engine.clusters import (
    Options,
    driver_of,
    fields_of,
    held_back,
    login,
    side_by_side,
    stamp,
    state_of,
)
from reconciler.engine.keeping import (
    Keeper,
    Spent,
    check_owners,
    check_unused,
    followed,
    ledger_session,
    names,
    store_on,
)
from reconciler.engine.reading import Look
from reconciler.engine.settling import met
from reconciler.engine.writing import Ready, Run, write_cluster
from reconciler.errors import BadUsage, KstateError, Stale
from reconciler.kinds import registry as kinds_registry
from reconciler.ledger.lock import acquire
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import resolve

Connections = Mapping[str, Body]
NONE: Connections = MappingProxyType({})
FORMER = "until what a former apply may still have sent is through"
ADDRESS = "bootstrap.servers"


class Unready(KstateError):
    """Clusters on which the plan cannot be carried out; nothing was written anywhere."""

    def __init__(self, failures: Mapping[str, KstateError]) -> None:
        super().__init__("; ".join(error.message for error in failures.values()))
        self.failures = failures


def stands_in_the_way(plan: Plan, approvals: Sequence[Approval]) -> Gate:
    """Every blocking risk that was not approved. Opens no connection."""
    return gate(plan.changes, plan.risks, approvals)


def check_fresh(plan: Plan, options: Options) -> None:
    """Raises Stale for a plan that is over, that no live cluster was looked at for, or that has a cluster twice."""
    if plan.snapshot:
        raise Stale(
            f"the plan was made from a snapshot of {plan.snapshot}; it shows, and is not applied",
            hint="Make one on the live clusters: `kstate plan`, or `kstate apply SPEC --expect DIGEST`.",
        )
    if stamp(options.now) > plan.expires:
        raise Stale(
            f"the plan expired at {plan.expires}", hint="Make a new one with `kstate plan`."
        )
    for name, others in _twice(plan).items():
        # It would wait for its own lock, and each half would undo the other's.
        raise Stale(f"clusters {name} and {', '.join(others)} of the plan are one and the same")


def _twice(plan: Plan) -> dict[str, list[str]]:
    """Clusters that an estate has under several names: the first of them, with the others."""
    names: dict[str, list[str]] = {}
    for cluster in plan.clusters if plan.estate else ():
        names.setdefault(cluster.id, []).append(cluster.name)
    return {first: others for first, *others in names.values() if others}


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


def apply(
    plan: Plan, options: Options, connections: Connections = NONE, clusters: Set[str] | None = None
) -> Result:
    """Make it so, on every cluster, or write nothing anywhere.

    The plan says how to connect, unless `connections` do. `clusters`: only on these, and only their changes have an
    outcome. Raises Unready when any cluster cannot be reached, is another one, is being applied to, or has moved. From
    the first write on clusters are independent, and every change has an outcome.
    """
    check_fresh(plan, options)
    _check_secrets(plan)
    meant = {cluster.name for cluster in plan.clusters} if clusters is None else clusters
    with ExitStack() as stack:
        ready, spent = _all_ready(plan, options, connections, stack, meant)
        runs, broken = side_by_side(
            ready, lambda name: write_cluster(plan, name, ready[name], options)
        )
    lost = Run()
    own = [change.key for change in plan.changes if change.key.cluster in meant]
    lost.came_to([Outcome(k, Status.DONE, BEFORE) for k in own if k.cluster in spent], options.say)
    reached = {outcome.key for run in (*runs.values(), lost) for outcome in run.outcomes}
    missing = [key for key in own if key not in reached]
    lost.came_to([Outcome(key, Status.UNKNOWN) for key in missing], options.say)
    outcomes = {o.key: o for run in (*runs.values(), lost) for o in run.outcomes}
    failures = {name: error.message for name, error in broken.items()}
    failures |= {name: run.failure for name, run in runs.items() if run.failure}
    return Result(
        plan,
        tuple(outcomes[key] for key in own),
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
    plan: Plan, options: Options, connections: Connections, stack: ExitStack, meant: Set[str]
) -> tuple[dict[str, Ready], Set[str]]:
    """Every cluster logged in, locked, read again and as the plan found it; or Unready, with every reason.

    Beside them those on which this very plan came to its end before: there is nothing left of it, whatever came after.
    """
    touched = {r.key.cluster for r in plan.records} | {c.key.cluster for c in plan.changes}
    peers = {c.name: c.spec for c in plan.clusters} | dict(connections)
    targets = {
        c.name: Target(
            c.name,
            peers[c.name],
            plan.root,
            options.timeout,
            peers,
            held_back(options.say, c.name),
        )
        for c in plan.clusters
        if c.name in touched & meant
    }
    sessions, failures = side_by_side(targets, lambda name: _login(plan, targets[name], stack))
    # In the order of the clusters' ids, so that two applies of several clusters cannot block each other.
    keepers: dict[str, Keeper | None] = {}
    spent: dict[str, KstateError] = {}
    for name in sorted(sessions, key=lambda name: sessions[name].cluster_id):
        if not failures:
            try:
                keepers[name] = _locked(plan, sessions[name], connections, options, stack)
            except Spent as error:
                spent[name] = error
            except KstateError as error:
                failures[name] = error
    if failures or (spent and not keepers):
        raise Unready(failures or spent)
    ready, failures = side_by_side(
        keepers, lambda name: _ready(plan, sessions[name], keepers[name], options)
    )
    if failures:
        raise Unready(failures)
    return ready, spent.keys()


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
    plan: Plan, session: Session, connections: Connections, options: Options, stack: ExitStack
) -> Keeper | None:
    """The ledger, with its lock held until the stack is closed. None without an Estate: nothing is recorded then."""
    if not plan.estate:
        return None
    options.say(Event(Step.LOCKING, session.cluster, words=options.patience))
    home = stack.enter_context(ledger_session(plan.ledger, session, connections, options))
    store = store_on(home, plan.ledger)
    if not store.exists():
        store.create()
    held = acquire(store, session.cluster_id, options.who, wait=options.wait)
    stack.enter_context(held)
    options.say(Event(Step.LOCKED, session.cluster))
    if held.took_over:
        # At most one batch of a holder that never let go can still be on its way: wait it out, then read.
        options.say(Event(Step.WAITING, session.cluster, words=FORMER))
        time.sleep(options.timeout)
    keeping = followed(held.tail, plan.estate)
    check_unused(options.seal, keeping.book)
    check_owners(plan, session.cluster, keeping)
    about = {
        "who": options.who,
        "commit": plan.commit,
        "approved": list(options.approved),
        "created": plan.created,
        # What was narrowed did not look at everything: drift must not take it for a time when all was well.
        **({"only": list(plan.only)} if plan.only else {}),
    }
    stamp_of = Owned(
        plan.estate, {}, apply=options.apply_id, commit=plan.commit, at=stamp(options.now)
    )
    counts = not keeping.trouble or keeping.book.is_new(plan.estate)
    at = session.cluster, session.cluster_id
    return Keeper(held, *at, plan.estate, keeping.book, about, stamp_of, counts)


def _ready(plan: Plan, session: Session, keeper: Keeper | None, options: Options) -> Ready:
    cluster = next(cluster for cluster in plan.clusters if cluster.name == session.cluster)
    platform = platforms_registry.of(cluster.spec)
    changes = [change for wave in plan.waves_of(cluster.name) for change in wave]
    kinds = kinds_registry.on(platform)
    drivers = {
        name: driver_of(kinds[name], platform) for name in sorted({c.key.kind for c in changes})
    }
    settled = met(plan, Look(session, kinds, drivers), keeper, options.say)
    if keeper is not None:
        keeper.begin(_intended(session, platform, keeper), plan)
    return Ready(session, kinds, drivers, settled, keeper, frozenset(plan.protected))


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
