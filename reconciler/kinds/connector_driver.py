"""Connectors on their way to and from Connect's REST API: read in bulk, vetted key by key, written side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients import connect
from reconciler.clients.connect_config import recorded, resolved_all, veiled
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
    Body,
    Change,
    Condition,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
    Status,
)
from reconciler.core.near import did_you_mean
from reconciler.errors import BadUsage, Failed, ServerRefused
from reconciler.secrets.references import redact, remember

SETTLE = 5.0
# How long a connector that was written may take until it is in its new state, or has failed.
START = 15.0


class ConnectorDriver:
    """Connectors by Connect's REST API."""

    wire = WIRE
    batch = 200

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """One bulk read of each Connect cluster, and one of each plugin in use for what it calls a password."""
        for name, worker in workers(session).items():
            yield from _read(session, scope, name, worker)
        all_known(session, scope.names or ())

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """The workers' own opinion of each configuration, side by side; and why something has failed."""
        found: dict[Key, list[Risk]] = {}
        asked = [c for c in changes if c.after is not None and "config" in c.after]
        for key, risks in side_by_side(asked, lambda change: _opinion(session, change)):
            found.setdefault(key, []).extend(risks)
        for key, risk in _failures(session, changes):
            found.setdefault(key, []).append(risk)
        return found

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Side by side; then a look at whether what should run does."""
        outcomes = dict(side_by_side(changes, lambda change: _written(session, change)))
        done = [c for c in changes if outcomes[c.key].status is Status.DONE and c.after is not None]
        outcomes.update(_started(session, done))
        yield from outcomes.values()


def _read(session: Session, scope: Scope, at: str, worker: Http) -> Iterator[Resource]:
    asked = None if scope.names is None else {n[1] for n in map(parts, scope.names) if n[0] == at}
    found = connect.settled(worker, frozenset(asked or ()), within=SETTLE)
    close = {name: one for name, one in found.items() if asked is None or name in asked}
    secret = declared(worker, close.values())
    for name, one in close.items():
        yield _resource(session, scope, f"{at}/{name}", one, secret)
    if scope.others:
        yield from (Resource(f"{at}/{name}", {}) for name in found.keys() - close.keys())


def _resource(
    session: Session, scope: Scope, name: str, one: connect.Connector, secret: Plugins
) -> Resource:
    wanted = cast("Body", scope.wanted.get(name, {}).get("config") or {})
    passwords = secret.get(one.config.get("connector.class", ""), frozenset())
    if scope.facts:
        bare, verdicts = recorded(one.config, wanted, passwords, session)
        return Resource(name, {"config": bare, "state": one.state}, verdicts)
    config, unproven = veiled(one.config, wanted, passwords, session)
    settings: Body = {"config": config, "state": one.state}
    return Resource(name, settings, unproven=unproven)


def health(session: Session, resources: Sequence[Resource]) -> Iterator[Condition]:
    """Why those have failed that have, in the words of their workers."""
    for resource in resources:
        if resource.settings["state"] == "failed":
            at, name = parts(resource.name)
            told = failures(workers(session)[at], [name])
            yield Condition(resource.name, False, "; ".join(told) or "it runs again by now")


# --- vetting


def _opinion(session: Session, change: Change) -> list[Risk]:
    worker, config = worker_of(session, change.key), cast("Body", (change.after or {})["config"])
    if "connector.class" not in config:
        return [Risk("KS951", "connector.class: missing; a connector needs a class")]
    try:
        plain = resolved_all(config, session)
    except BadUsage as error:
        return [Risk("KS151", f"the workers were not asked: {error.message}")]
    return opinion_of(worker, parts(change.key.name)[1], plain, config)


def opinion_of(worker: Http, name: str, plain: Mapping[str, str], config: Body) -> list[Risk]:
    """What the workers would refuse of a configuration, key by key; and keys that look like slips."""
    try:
        found = connect.validate(worker, name, plain)
    except ServerRefused as refused:
        return [_no_plugin(worker, plain["connector.class"], refused)]
    risks = [
        Risk("KS951", redact(f"{key}: {error}"))
        for key, errors in sorted(found.errors.items())
        for error in errors
    ]
    return risks + _slips(plain, found.known) + _in_the_open(worker, plain, config)


def _no_plugin(worker: Http, plugin: str, refused: ServerRefused) -> Risk:
    there = connect.plugins(worker)
    short = {name.rpartition(".")[2]: name for name in there}
    if plugin in there or "find any class" not in refused.message:
        return Risk("KS951", redact(refused.message))
    near = did_you_mean(plugin, there) or did_you_mean(plugin.rpartition(".")[2], short)
    return Risk("KS952", f"there is no {plugin} here{near}; there is {', '.join(there)}")


def _slips(config: Mapping[str, str], known: frozenset[str]) -> list[Risk]:
    """Connect ignores a key it does not know. One that comes close to a known one is likely meant to be that."""
    strange = [key for key in sorted(config) if key not in known and "." in key]
    near = {key: _close(key, known - config.keys()) for key in strange}
    return [
        Risk("KS155", f"{key}: the plugin knows no such key{meant}")
        for key, meant in near.items()
        if meant
    ]


def _close(key: str, known: Iterable[str]) -> str:
    from difflib import SequenceMatcher

    alike = [name for name in known if SequenceMatcher(None, key, name).ratio() > 0.88]
    return did_you_mean(key, alike)


def _in_the_open(worker: Http, plain: Mapping[str, str], config: Body) -> list[Risk]:
    """Passwords by the plugin's own word that no name gave away."""
    risks = []
    for key in sorted(connect.passwords(worker, plain["connector.class"]) & config.keys()):
        if isinstance(config[key], str) and config[key] and "${" not in str(config[key]):
            remember(str(config[key]))
            risks.append(Risk("KS953", f"{key}: write a reference, `{{env: NAME}}`"))
    return risks


def _failures(session: Session, changes: Sequence[Change]) -> Iterator[tuple[Key, Risk]]:
    """The first line of each trace of what has failed."""
    for change in changes:
        if (change.before or {}).get("state") == "failed":
            told = failures(worker_of(session, change.key), [parts(change.key.name)[1]])
            yield from ((change.key, Risk("KS156", words)) for words in told)


# --- writing


def _written(session: Session, change: Change) -> Outcome:
    """Never raises what a server or a line may do: there is an outcome for every change."""
    try:
        worker = worker_of(session, change.key)
        for answer in _requests(session, worker, change):
            if not answer.ok and not (change.after is None and answer.status == 404):
                return Outcome(change.key, refusal(answer), answer.words)
    except LostAnswer as lost:
        return Outcome(change.key, Status.UNKNOWN, lost.message)
    except (Failed, BadUsage) as error:
        return Outcome(change.key, Status.FAILED, error.message)
    return Outcome(change.key, Status.DONE)


def _requests(session: Session, worker: Http, change: Change) -> Iterator[Answer]:
    """The requests of one change, one after the other; whoever asks stops at the first that is refused."""
    name, after = parts(change.key.name)[1], change.after
    if after is None:
        yield connect.delete(worker, name)
        return
    state, config = str(after["state"]), resolved_all(cast("Body", after["config"]), session)
    if change.before is None:
        yield connect.create(worker, name, config, state)
        return
    edited = {edit.path[0] for edit in change.edits}
    if "config" in edited:
        yield connect.change(worker, name, config)
    if "state" in edited:
        yield from steered(worker, name, str(change.before["state"]), state)


def _started(session: Session, changes: Sequence[Change]) -> Iterator[tuple[Key, Outcome]]:
    """A connector that was accepted and then failed is not done."""
    for at in sorted({parts(change.key.name)[0] for change in changes}):
        own = {parts(c.key.name)[1]: c for c in changes if parts(c.key.name)[0] == at}
        wanted = {name: str((change.after or {})["state"]) for name, change in own.items()}
        failed = [name for name, c in own.items() if (c.before or {}).get("state") == "failed"]
        found = connect.started(workers(session)[at], wanted, within=START, failed=failed)
        for name, change in own.items():
            if wanted[name] == "running" and name in found and found[name].failed:
                words = redact("; ".join(part.words for part in found[name].failed))
                yield change.key, Outcome(change.key, Status.FAILED, words, partly=True)
