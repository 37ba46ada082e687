"""Topics on MSK: by Kafka's protocol with the cluster's limits, or by the MSK topic API (`via: api`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from reconciler.core.model import (
    Action,
    Change,
    Document,
    Key,
    Kind,
    Outcome,
    Path,
    Resource,
    Risk,
    Scope,
    Session,
)
from reconciler.core.risk import each
from reconciler.kinds import topic
from reconciler.platforms.msk.limits import BY_KIND, resources, rule
from reconciler.platforms.msk.settings import Settings
from reconciler.platforms.msk.topic_api import ApiTopicDriver, unset_rule, whole_rule

# AWS's own: the canary's, and those of the connectors it runs.
AMAZON = "__amazon_msk"


def check(document: Document) -> Iterator[tuple[Path, str]]:
    yield from topic.check(document)
    if document.name.startswith(AMAZON):
        words = f"`{document.name}` is Amazon MSK's own; kstate never touches it"
        yield ("metadata", "name"), words


def check_api(document: Document) -> Iterator[tuple[Path, str]]:
    """The API has no defaults to fall back to when a topic is made, and tells no default from a topic's own setting."""
    yield from check(document)
    if document.metadata.get("ensure") == "absent":
        return
    for name in ("partitions", "replication"):
        if document.spec.get(name) is None:
            yield ("spec",), f"`{name}` is missing: with `via: api` there is no default for it"
    config = document.spec.get("config")
    for name, value in config.items() if isinstance(config, Mapping) else ():
        if value is None:
            words = f"`{name}`: with `via: api` nobody can see whether it is unset; write the value it is to have"
            yield ("spec", "config", name), words


@dataclass(frozen=True, slots=True)
class WithoutAmazons:
    """A driver that does not see AWS's own topics."""

    inner: topic.TopicDriver | ApiTopicDriver

    @property
    def wire(self) -> str:
        return self.inner.wire

    @property
    def batch(self) -> int:
        return self.inner.batch

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        found = self.inner.read(session, scope)
        return (resource for resource in found if not resource.name.startswith(AMAZON))

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        return self.inner.vet(session, changes)

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        return self.inner.write(session, changes)


def topic_kind(settings: Settings) -> Kind:
    """Topic as a cluster of these settings has it."""
    own = BY_KIND[settings.kind]
    made = replace(
        topic.KIND,
        resources=partial(resources, limits=own),
        check=check,
        drivers=(WithoutAmazons(topic.TopicDriver()),),
        rules=(*topic.KIND.rules, rule(own)),
        rights=() if settings.auth == "iam" else topic.KIND.rights,
    )
    if settings.via == "kafka":
        return made
    return replace(
        made,
        check=check_api,
        drivers=(WithoutAmazons(ApiTopicDriver(own)),),
        rules=(*made.rules, each(unset_rule), each(whole_rule)),
        steps=steps,
        complete=True,
        facts=False,
        rights=(),
    )


def steps(change: Change) -> Sequence[str]:
    """UpdateTopic takes settings or partitions, never both."""
    if change.action is not Action.UPDATE:
        return ()
    edited = {edit.path[0] for edit in change.edits}
    return ("set the configurations", "add the partitions") if len(edited) > 1 else ()
