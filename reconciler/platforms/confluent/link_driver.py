"""Cluster links on their way to and from REST v3: a link and its mirror topics read, vetted and written as one."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from reconciler.clients.confluent_rest import Rest, side_by_side
from reconciler.clients.connect_config import resolved_all
from reconciler.clients.http import Answer
from reconciler.core.model import (
    Action,
    Body,
    Change,
    Json,
    Key,
    Outcome,
    Resource,
    Risk,
    Scope,
    Session,
)
from reconciler.errors import BadUsage
from reconciler.platforms.confluent.link_topics import (
    PREFIX,
    TOPIC_FILTERS,
    canonical,
    carried,
    original,
)
from reconciler.platforms.confluent.login import REST
from reconciler.platforms.confluent.outcomes import opinion, outcome

# Promoted or failed over: the API has one word for both.
STOPPED = "STOPPED"
MIRRORED, ENDED = "mirrored", "stopped"
LINK_PAUSED = "link paused"
# What a document decides of a link; a server tells all other settings too, as if they had been set.
DECIDED = (
    "acl.sync.enable",
    "auto.create.mirror.topics.enable",
    TOPIC_FILTERS,
    PREFIX,
    "connection.mode",
    "consumer.offset.group.filters",
    "consumer.offset.sync.enable",
    "consumer.offset.sync.ms",
    "link.mode",
    "topic.config.sync.ms",
)
# A link that was made can take a while until mirror topics can be made on it.
PATIENCE = 30.0


@dataclass(frozen=True)
class Links:
    """Cluster links of the target."""

    wire: str = REST
    batch: int = 20

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """One listing, then settings and mirror topics of the links in scope."""
        rest = rest_of(session)
        links = rest.links()
        close = [name for name in sorted(links) if scope.names is None or name in scope.names]
        yield from side_by_side(close, lambda n: _resource(rest, links[n], scope.wanted.get(n, {})))
        if scope.others:
            yield from (Resource(name, {}) for name in sorted(links.keys() - set(close)))

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """The server's own opinion, by `validate_only`."""
        rest = rest_of(session)
        asked = [c for c in changes if not any(risk.code.startswith("KS9") for risk in c.risks)]
        found = side_by_side(asked, lambda change: _opinions(rest, session, change))
        return {change.key: risks for change, risks in zip(asked, found, strict=True)}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        rest = rest_of(session)
        for change in changes:
            answers = _requests(rest, session, change)
            yield outcome(change.key, answers, gone=change.after is None)


def rest_of(session: Session) -> Rest:
    return cast("Rest", session.client(REST))


def _resource(rest: Rest, link: Mapping[str, Any], wanted: Body) -> Resource:
    name = str(link["link_name"])
    told = rest.link_configs(name)
    configs = {key: canonical(key, told[key]) for key in DECIDED if told.get(key)}
    mirrors = {str(m["mirror_topic_name"]): str(m["mirror_status"]) for m in rest.mirrors(name)}
    asked = cast("Mapping[str, Json]", wanted.get("topics") or {})
    # What the link makes by itself is its own; what was promoted is an ordinary topic. Both are of interest only where
    # a document asks for them by name.
    own = set(carried({"configs": configs}, mirrors))
    topics = {
        topic: ENDED if status == STOPPED else MIRRORED
        for topic, status in sorted(mirrors.items())
        if asked.get(topic) is not None or (status != STOPPED and topic not in own)
    }
    settings: Body = {
        "source": str(link.get("source_cluster_id") or link.get("remote_cluster_id") or ""),
        "configs": configs,
        "topics": topics,
        "state": _state(
            str(link.get("link_state") or ""), mirrors, str(wanted.get("state") or "running")
        ),
    }
    return Resource(name, settings)


def _state(link: str, mirrors: Mapping[str, str], wanted: str) -> str:
    """One word where all that copies agrees. Without a mirror topic there is nothing that could be otherwise."""
    if link == "PAUSED":
        return LINK_PAUSED
    copying = {topic: status for topic, status in mirrors.items() if status != STOPPED}
    paused = sorted(topic for topic, status in copying.items() if status == "PAUSED")
    if not copying:
        return wanted
    if len(paused) == len(copying):
        return "paused"
    return f"paused in part: {', '.join(paused)}" if paused else "running"


# --- vetting


def _opinions(rest: Rest, session: Session, change: Change) -> list[Risk]:
    try:
        answers = list(_trials(rest, session, change))
    except BadUsage as error:
        return [Risk("KS101", f"not vetted: {error.message}")]
    return [risk for answer in answers if (risk := opinion(answer))]


def _trials(rest: Rest, session: Session, change: Change) -> Iterator[Answer]:
    name = change.key.name
    if change.after is None:
        yield rest.delete_link(name, validate=True)
    elif change.action is Action.CREATE:
        yield rest.create_link(name, _creation(session, change.after), validate=True)
    elif values := _alterations(session, change):
        yield rest.alter_link(name, values, validate=True)


# --- writing


def _requests(rest: Rest, session: Session, change: Change) -> Iterator[Answer]:
    """The link, its settings, its mirror topics, and then whether they copy. What is done already is left out."""
    name, after = change.key.name, change.after
    if after is None:
        yield rest.delete_link(name, validate=False)
        return
    if change.action is Action.CREATE:
        yield rest.create_link(name, _creation(session, after), validate=False)
        _await(rest, name)
    elif values := _alterations(session, change):
        yield rest.alter_link(name, values, validate=False)
    there = {str(one["mirror_topic_name"]) for one in rest.mirrors(name)}
    for copy, state in sorted(cast("Mapping[str, Json]", after.get("topics") or {}).items()):
        if state == MIRRORED and copy not in there:
            yield rest.create_mirror(name, original(after, copy), copy)
    if change.action is Action.CREATE or any(edit.path == ("state",) for edit in change.edits):
        yield from _steering(rest, change)


def _await(rest: Rest, name: str) -> None:
    """Until a link that was just made can be seen, or the time is over: then what follows says so."""
    end, pause = time.monotonic() + PATIENCE, 0.1
    while name not in rest.links() and time.monotonic() < end:
        time.sleep(pause)
        pause = min(pause * 2, 2.0)


def _steering(rest: Rest, change: Change) -> Iterator[Answer]:
    name, state = change.key.name, str((change.after or {}).get("state"))
    if state == "running" and (change.before or {}).get("state") == LINK_PAUSED:
        yield rest.alter_link(name, {"cluster.link.paused": "false"}, validate=False)
    mirrors = {str(m["mirror_topic_name"]): str(m["mirror_status"]) for m in rest.mirrors(name)}
    verb, from_ = ("pause", "ACTIVE") if state == "paused" else ("resume", "PAUSED")
    topics = sorted(topic for topic, status in mirrors.items() if status == from_)
    if topics:
        yield _each_looked_at(rest.steer_mirrors(name, verb, topics))


def _each_looked_at(answer: Answer) -> Answer:
    """A 200 with a refusal inside is a refusal: the answer has an entry for each topic."""
    data = answer.body.get("data") if isinstance(answer.body, Mapping) else None
    wrong = [one for one in data or () if one.get("error_code")]
    if not answer.ok or not wrong:
        return answer
    told = "; ".join(f"{one.get('mirror_topic_name')}: {one.get('error_message')}" for one in wrong)
    return Answer(400, {"message": told}, told)


def _creation(session: Session, after: Body) -> dict[str, Any]:
    configs = {**cast("Mapping[str, str]", after["configs"]), **_login(session, after)}
    listed = [{"name": name, "value": value} for name, value in sorted(configs.items())]
    return {"source_cluster_id": after["source"], "configs": listed}


def _login(session: Session, after: Body) -> dict[str, str]:
    """How the link reaches its source, references resolved. Raises BadUsage for one that leads nowhere."""
    return resolved_all(cast("Body", after.get("security") or {}), session)


def _alterations(session: Session, change: Change) -> dict[str, str | None]:
    """The settings that an update is about, its login as a whole: a part of one is no login."""
    found: dict[str, str | None] = {
        edit.path[1]: cast("str | None", edit.after)
        for edit in change.edits
        if edit.path[0] == "configs"
    }
    if any(edit.path[0] == "security" for edit in change.edits):
        gone = {
            e.path[1]: None for e in change.edits if e.path[0] == "security" and e.after is None
        }
        found = {**found, **gone, **_login(session, {"security": _wanted(change)})}
    return found


def _wanted(change: Change) -> Body:
    own = cast("Body", (change.after or {}).get("security") or {})
    return {name: value for name, value in own.items() if value is not None}
