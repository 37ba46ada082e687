"""Mirrors on their way to and from Connect: three connectors read as one, vetted and written together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients import connect
from reconciler.clients.connect_config import recalled, recorded, resolved_all, veiled
from reconciler.clients.connect_workers import (
    WIRE,
    Plugins,
    all_known,
    declared,
    failures,
    parts,
    refusal,
    side_by_side,
    steered,
    worker_of,
    workers,
)
from reconciler.clients.http import Answer, Http
from reconciler.clients.lean import LostAnswer
from reconciler.core.model import (
    NOTHING,
    Body,
    Change,
    Json,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.errors import BadUsage, Failed, ServerRefused
from reconciler.kinds.mirror_flow import CLASSES, ROLES
from reconciler.secrets.references import redact

SETTLE = 5.0
# Tasks of a mirror start by talking to both clusters.
START = 30.0
MISSING = "missing"
Found = Mapping[str, connect.Connector]


class MirrorDriver:
    """Flows by Connect's REST API."""

    wire = WIRE
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """One bulk read of each Connect cluster; what is not there of a flow is missing from its settings."""
        for at, worker in workers(session).items():
            yield from _read(session, scope, at, worker)
        all_known(session, scope.names or ())

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        found: dict[Key, list[Risk]] = {}
        asked = [change for change in changes if change.after is not None]
        for key, risks in side_by_side(asked, lambda change: list(_opinions(session, change))):
            found.setdefault(key, []).extend(risks)
        failed = [c for c in changes if "failed" in str((c.before or {}).get("state"))]
        for change in failed:
            names = [own_name(change.key.name, role) for role in ROLES]
            told = failures(worker_of(session, change.key), names)
            found.setdefault(change.key, []).extend(Risk("KS166", words) for words in told)
        return found

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Side by side; then a look at whether what should run does."""
        outcomes = dict(side_by_side(changes, lambda change: _written(session, change)))
        for change in changes:
            if outcomes[change.key].status is Status.DONE and change.after is not None:
                outcomes[change.key] = _started(session, change)
        yield from outcomes.values()


def own_name(name: str, role: str) -> str:
    """What a flow's connector is called: `eu-to-us-source`."""
    return f"{parts(name)[1]}-{role}"


def _read(session: Session, scope: Scope, at: str, worker: Http) -> Iterator[Resource]:
    found = connect.read(worker)
    there = {f"{at}/{name}" for name in _flows(found)}
    wanted = {n for n in scope.names or () if parts(n)[0] == at}
    close = there if scope.names is None else {n for n in wanted if _there(n, found)}
    own = frozenset(own_name(n, role) for n in close for role in ROLES)
    found = connect.settled(worker, own, within=SETTLE) if own else found
    secret = declared(worker, (found[name] for name in own & found.keys()))
    for name in sorted(close):
        yield _resource(session, scope, name, (found, secret))
    if scope.others:
        yield from (Resource(name, {}) for name in sorted(there - close))


def _flows(found: Found) -> set[str]:
    """The names of flows: source connectors that are called as kstate calls them."""
    return {
        name.removesuffix("-source")
        for name, one in found.items()
        if name.endswith("-source") and one.config.get("connector.class") == CLASSES["source"]
    }


def _there(name: str, found: Found) -> bool:
    return any(own_name(name, role) in found for role in ROLES)


def _resource(session: Session, scope: Scope, name: str, seen: tuple[Found, Plugins]) -> Resource:
    found, secret = seen
    wanted = cast("Mapping[str, Body]", scope.wanted.get(name, {}).get("connectors") or {})
    there = {role: found[own_name(name, role)] for role in ROLES if own_name(name, role) in found}
    states = {role: there[role].state if role in there else MISSING for role in ROLES}
    flow: dict[str, Json] = {}
    verdicts: dict[str, Json] = {}
    unproven: list[str] = []
    for role, one in there.items():
        passwords = secret.get(one.config.get("connector.class", ""), frozenset())
        asked = wanted.get(role, {})
        if scope.facts:
            flow[role], verdicts[role] = recorded(one.config, asked, passwords, session)
        else:
            flow[role], open_ = veiled(one.config, asked, passwords, session)
            unproven += [f"{role}: {sentence}" for sentence in open_]
    facts: Body = {"states": states, "verdicts": verdicts} if scope.facts else NOTHING
    settings: Body = {"connectors": flow, "state": _state(states, wanted)}
    return Resource(name, settings, facts, tuple(unproven))


def recall(resource: Resource, scope: Scope) -> Resource:
    """A recorded flow, its references as far as they were followed when it was recorded."""
    wanted = cast("Mapping[str, Body]", scope.wanted.get(resource.name, {}).get("connectors") or {})
    verdicts = cast("Mapping[str, Body]", resource.facts["verdicts"])
    states = cast("Mapping[str, str]", resource.facts["states"])
    flow: dict[str, Json] = {}
    unproven: list[str] = []
    for role, bare in cast("Mapping[str, Mapping[str, str]]", _flow(resource.settings)).items():
        flow[role], open_ = recalled(bare, verdicts.get(role, {}), wanted.get(role, {}))
        unproven += [f"{role}: {sentence}" for sentence in open_]
    settings: Body = {"connectors": flow, "state": _state(states, wanted)}
    return Resource(resource.name, settings, unproven=tuple(unproven))


def _state(states: Mapping[str, str], wanted: Mapping[str, Body]) -> str:
    """One word where all connectors agree; otherwise what each of them is. One that nobody wants may be missing."""
    asked = wanted or {"source", "heartbeat"}  # a flow of no groups has no third
    told = {r: s for r, s in states.items() if s != MISSING or r in asked}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return ", ".join(f"{role} {state}" for role, state in told.items())


# --- vetting


def _opinions(session: Session, change: Change) -> Iterator[Risk]:
    worker, flow = worker_of(session, change.key), _flow(change.after)
    for role in sorted(_edited(change) & flow.keys()):
        try:
            plain = resolved_all(flow[role], session)
            found = connect.validate(worker, own_name(change.key.name, role), plain)
        except BadUsage as error:
            yield Risk("KS160", f"the workers were not asked about {role}: {error.message}")
        except ServerRefused as refused:
            yield Risk("KS961", redact(f"{role}: {refused.message}"))
        else:
            for key, errors in sorted(found.errors.items()):
                yield from (Risk("KS961", redact(f"{role}: {key}: {e}")) for e in errors)


def _flow(body: Body | None) -> Mapping[str, Body]:
    return cast("Mapping[str, Body]", (body or {}).get("connectors") or {})


def _edited(change: Change) -> set[str]:
    """The connectors whose configuration is to be written."""
    if change.before is None:
        return set(_flow(change.after))
    return {edit.path[1] for edit in change.edits if edit.path[0] == "connectors"}


# --- writing


def _written(session: Session, change: Change) -> Outcome:
    """One connector after the other; stops at the first that is refused, and says which."""
    try:
        worker = worker_of(session, change.key)
        for role, answer in _requests(session, worker, change):
            if not answer.ok and not (_gone(change, role) and answer.status == 404):
                return Outcome(change.key, refusal(answer), f"{role}: {answer.words}")
    except LostAnswer as lost:
        return Outcome(change.key, Status.UNKNOWN, lost.message)
    except (Failed, BadUsage) as error:
        return Outcome(change.key, Status.FAILED, error.message)
    return Outcome(change.key, Status.DONE)


def _gone(change: Change, role: str) -> bool:
    return role not in _flow(change.after)


def _requests(session: Session, worker: Http, change: Change) -> Iterator[tuple[str, Answer]]:
    """The source first: it makes the topics that the others read. What is taken away goes in the same order."""
    flow, there = _flow(change.after), _flow(change.before)
    state = str((change.after or {}).get("state"))
    for role in ROLES:
        name = own_name(change.key.name, role)
        if role not in flow:
            if role in there:
                yield role, connect.delete(worker, name)
        elif role not in there:
            plain = resolved_all(flow[role], session)
            yield role, connect.create(worker, name, plain, state)
        elif role in _edited(change):
            yield role, connect.change(worker, name, resolved_all(flow[role], session))
    if change.after is not None and change.before is not None:
        yield from _steering(worker, change, state)


def _steering(worker: Http, change: Change, state: str) -> Iterator[tuple[str, Answer]]:
    if not any(edit.path == ("state",) for edit in change.edits):
        return
    found = connect.read(worker)
    for role in _flow(change.after):
        name = own_name(change.key.name, role)
        if name in found and found[name].state != state:
            for answer in steered(worker, name, found[name].state, state):
                yield role, answer


def _started(session: Session, change: Change) -> Outcome:
    """A flow that was accepted and then failed is not done."""
    worker, state = worker_of(session, change.key), str((change.after or {})["state"])
    wanted = {own_name(change.key.name, role): state for role in _flow(change.after)}
    failed = list(wanted) if "failed" in str((change.before or {}).get("state")) else []
    found = connect.started(worker, wanted, within=START, failed=failed)
    told = [p.words for n in sorted(wanted) if n in found for p in found[n].failed]
    if state == "running" and told:
        return Outcome(change.key, Status.FAILED, redact("; ".join(told)), partly=True)
    return Outcome(change.key, Status.DONE)
