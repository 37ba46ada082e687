"""Topics: a Topic document in, one resource out; read in bulk, written in batches, vetted by the broker itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from confluent_kafka import KafkaError
from confluent_kafka.admin import NewTopic

from reconciler.clients import topics
from reconciler.clients.evidence import gather
from reconciler.clients.kafka import LOST, Kafka, code, opinion, reason
from reconciler.clients.replies import Topic
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Body,
    Change,
    Code,
    Document,
    Json,
    Key,
    Kind,
    Outcome,
    Path,
    Platform,
    Resource,
    Right,
    Risk,
    Scope,
    Session,
    Status,
    World,
    nothing,
)
from reconciler.core.risk import each
from reconciler.core.values import canonical, lenient, spoken
from reconciler.kinds import topic_costs

INTERNAL = frozenset({"__consumer_offsets", "__transaction_state", "__share_group_state"})
EXISTS = topics.EXISTS
# Among the facts of a wanted topic: the names its document has that the platform drops.
IGNORED = "ignored"


# --- what a document means


def resources(document: Document, platform: Platform) -> Iterator[Resource]:
    """One topic. Partitions and replication that the document leaves out are the broker's to choose."""
    spec = document.spec
    settings: dict[str, object] = {
        name: spec[name] for name in ("partitions", "replication") if spec.get(name) is not None
    }
    config = cast("Body", spec.get("config") or {})
    ignored = sorted(config.keys() & platform.dropped)
    values = {
        name: canonical(name, value)
        for name, value in sorted(config.items())
        if name not in platform.dropped
    }
    if values:
        settings["config"] = values
    facts: Body = {IGNORED: ignored} if ignored else nothing()
    yield Resource(document.name, cast("Body", settings), facts)


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document a topic, values as a person writes them."""
    for resource in live:
        spec = {name: resource.settings[name] for name in ("partitions", "replication")}
        config = {
            name: spoken(name, value or "") for name, value in _config(resource.settings).items()
        }
        yield {"name": resource.name, "spec": {**spec, **({"config": config} if config else {})}}


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the JSON Schema cannot say: units by the name of the setting, and names Kafka keeps for itself."""
    if document.name in INTERNAL:
        yield (
            ("metadata", "name"),
            f"`{document.name}` is internal to Kafka; kstate never touches it",
        )
    for name, value in cast("Body", document.spec.get("config") or {}).items():
        try:
            canonical(name, value)
        except ValueError as error:
            yield ("spec", "config", name), f"`{name}`: {error}"


def recalled(resource: Resource, scope: Scope) -> Resource:
    """A recorded topic as a read of this scope tells it: the settings in play, and its id where that is asked for."""
    config = _config(resource.settings)
    shown = {n: v for n, v in config.items() if scope.fields is None or n in scope.fields}
    facts = resource.facts if scope.facts else {}
    return Resource(resource.name, {**resource.settings, "config": shown}, facts)


# --- what could hurt, told from the change alone


def _config(body: Body | None) -> Mapping[str, str | None]:
    return cast("Mapping[str, str | None]", (body or {}).get("config") or {})


def _edited(change: Change, name: str) -> tuple[int, int] | None:
    for edit in change.edits:
        if edit.path == (name,):
            return cast("int", edit.before), cast("int", edit.after)
    return None


def partitions_rule(change: Change, _world: World) -> Iterator[Risk]:
    if edit := _edited(change, "partitions"):
        before, after = edit
        if after < before:
            yield Risk(
                "KS911",
                f"{before} partitions cannot become {after}: Kafka never removes partitions",
            )
        else:
            yield Risk(
                "KS111",
                f"{before} -> {after} partitions: records with the same key may move to another one",
            )


def replication_rule(change: Change, world: World) -> Iterator[Risk]:
    if edit := _edited(change, "replication"):
        yield Risk("KS912", f"{edit[0]} replicas cannot become {edit[1]} by this version of kstate")
    wanted = (change.after or {}).get("replication") if change.action is Action.CREATE else None
    brokers = world.facts.get("brokers")
    if isinstance(wanted, int) and isinstance(brokers, int) and wanted > brokers:
        yield Risk("KS913", f"{wanted} replicas need {wanted} brokers; the cluster has {brokers}")


def ignored_rule(change: Change, world: World) -> Iterator[Risk]:
    """What the platform takes and does not heed, said wherever the topic is written."""
    wanted = world.planned.get(change.key.name)
    for name in cast("Sequence[str]", wanted.facts.get(IGNORED, ()) if wanted else ()):
        yield Risk("KS115", f"{world.platform.title} takes `{name}` and ignores it: not compared")


def in_sync_rule(change: Change, world: World) -> Iterator[Risk]:
    asked = _config(change.after).get("min.insync.replicas")
    if asked is None or not asked.isdigit():
        return
    known = world.live.get(change.key.name) or world.planned.get(change.key.name)
    replicas = (change.after or {}).get("replication") or (
        known and known.settings.get("replication")
    )
    if isinstance(replicas, int) and int(asked) > replicas:
        yield Risk(
            "KS914",
            f"min.insync.replicas {asked} with {replicas} replica{'s' * (replicas != 1)}:"
            " no producer with acks=all could ever write",
        )


def names_rule(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
    """Kafka counts `a.b` and `a_b` together in its metrics, and may refuse the second one."""
    by_metric: dict[str, set[str]] = {}
    for name in world.live.keys() | world.planned.keys():
        by_metric.setdefault(_metric(name), set()).add(name)
    for change in changes:
        flat = _metric(change.key.name)
        others = by_metric.get(flat, set()) - {change.key.name}
        if change.action is Action.CREATE and others:
            twins = ", ".join(sorted(others))
            yield change.key, Risk("KS112", f"collides in metrics with {twins}: all become {flat}")


def _metric(name: str) -> str:
    """Kafka replaces dots by underscores in the names of its metrics."""
    return name.replace(".", "_")


# --- reading


class TopicDriver:
    """Topics by Kafka's admin protocol."""

    wire = "kafka-admin"
    batch = topics.BATCH

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        """Names and sizes in one call, configs of the names in scope in batches.

        A name in scope that the listing lacks is asked for again: a listing is shorter without rights, and can be
        behind on a cluster of several brokers.
        """
        kafka = cast("Kafka", session.client(self.wire))
        listed = self._listed(kafka, scope)
        names = listed.keys() - INTERNAL if scope.names is None else scope.names
        there = {name: listed[name] for name in names if name in listed}
        unknown = {name for name in names if scope.facts and name in there and not there[name].id}
        # Whoever asks again sees for himself what is missing; but a listing there has to be.
        missing = frozenset() if scope.again and listed else names - there.keys()
        described = topics.describe(kafka, unknown | missing)
        there.update({name: _shape(found) for name, found in described.items()})
        configs = topics.configs(kafka, there, scope.fields)
        for name in sorted(configs):
            yield _resource(name, there[name], configs[name])
        if scope.others:
            yield from (Resource(name, {}) for name in sorted(listed.keys() - names - INTERNAL))

    def _listed(self, kafka: Kafka, scope: Scope) -> Mapping[str, Topic]:
        """What is there by one listing; nothing where a few names are all that is asked for: describing tells more."""
        few = scope.names is not None and len(scope.names) <= topics.FEW
        if few and scope.facts and not scope.others:
            return {}
        return topics.listing(kafka, many=not few)

    def vet(self, session: Session, changes: Sequence[Change]) -> dict[Key, list[Risk]]:
        """The broker's own opinion on what would be written, and the evidence behind what would take data away."""
        kafka = cast("Kafka", session.client(self.wire))
        risks = _opinions(changes, lambda some, act: act(kafka, some, True))
        going = [change for change in changes if change.action is Action.DELETE]
        for key, risk in _deletions(kafka, going) if going else ():
            risks.setdefault(key, []).append(risk)
        for key, costs in topic_costs.updates(kafka, changes).items():
            risks.setdefault(key, []).extend(costs)
        return risks

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Create, grow, alter, delete, each in batches; one outcome for each change."""
        kafka = cast("Kafka", session.client(self.wire))
        words: dict[Key, list[Outcome]] = {change.key: [] for change in changes}
        for act, chosen in _acts(changes):
            answers = act(kafka, chosen, False)
            for change in chosen:
                error = answers.get(change.key.name)
                words[change.key].append(_outcome(change.key, error, CONTRADICTS[act]))
        for outcomes in words.values():
            yield max(outcomes, key=lambda outcome: _WORST.index(outcome.status))


def _shape(description: Any) -> Topic:
    partitions = description.partitions
    fewest = min(len(partition.replicas) for partition in partitions)
    return Topic(len(partitions), fewest, str(description.topic_id))


def _resource(name: str, topic: Topic, config: Mapping[str, str]) -> Resource:
    values = {key: lenient(key, value) for key, value in sorted(config.items())}
    settings: Body = {
        "partitions": topic.partitions,
        "replication": topic.replicas,
        "config": values,
    }
    return Resource(name, settings, {"topic_id": topic.id} if topic.id else nothing())


# --- writing

Act = Callable[[Kafka, Sequence[Change], bool], topics.Answers]


def _create(kafka: Kafka, changes: Sequence[Change], validate: bool) -> topics.Answers:
    return topics.create(kafka, [_new(change) for change in changes], validate=validate)


def _new(change: Change) -> NewTopic:
    after = change.after or {}
    config = {name: value for name, value in _config(after).items() if value is not None}
    return NewTopic(
        change.key.name,
        num_partitions=cast("int", after.get("partitions", -1)),
        replication_factor=cast("int", after.get("replication", -1)),
        config=config,
    )


def _grow(kafka: Kafka, changes: Sequence[Change], validate: bool) -> topics.Answers:
    totals = {c.key.name: cast("int", (c.after or {})["partitions"]) for c in changes}
    return topics.grow(kafka, totals, validate=validate)


def _alter(kafka: Kafka, changes: Sequence[Change], validate: bool) -> topics.Answers:
    return topics.alter(kafka, {c.key.name: _config(c.after) for c in changes}, validate=validate)


def _delete(kafka: Kafka, changes: Sequence[Change], _validate: bool) -> topics.Answers:
    return topics.delete(kafka, [change.key.name for change in changes])


def _acts(changes: Sequence[Change]) -> Iterator[tuple[Act, list[Change]]]:
    """The calls that bring these changes about, each with the changes it is for."""
    made = [c for c in changes if c.action is Action.CREATE]
    grown = [c for c in changes if c.action is Action.UPDATE and "partitions" in (c.after or {})]
    altered = [c for c in changes if c.action is Action.UPDATE and _config(c.after)]
    gone = [c for c in changes if c.action is Action.DELETE]
    for act, chosen in ((_create, made), (_grow, grown), (_alter, altered), (_delete, gone)):
        if chosen:
            yield act, chosen


# What the controller answers when the topic is not as it was read: it is there already, has so many partitions
# already, or is gone. Others refuse by INVALID_PARTITIONS for reasons of their own.
CONTRADICTS: Mapping[Act, frozenset[int]] = {
    _create: frozenset({EXISTS}),
    _grow: frozenset({KafkaError.INVALID_PARTITIONS, *topics.MISSING}),
    _alter: topics.MISSING,
    _delete: frozenset(),
}


def _opinions(
    changes: Sequence[Change], ask: Callable[[Sequence[Change], Act], topics.Answers]
) -> dict[Key, list[Risk]]:
    possible = [c for c in changes if not any(risk.code.startswith("KS9") for risk in c.risks)]
    risks: dict[Key, list[Risk]] = {}
    for act, chosen in _acts([c for c in possible if c.action is not Action.DELETE]):
        answers = ask(chosen, act)
        for change in chosen:
            error = answers.get(change.key.name)
            if error is not None:
                risk = opinion(change.key, error)
                risk = replace(risk, doubted=code(error) in CONTRADICTS[act])
                risks.setdefault(change.key, []).append(risk)
    return risks


def _deletions(kafka: Kafka, going: Sequence[Change]) -> Iterator[tuple[Key, Risk]]:
    """What each deletion destroys. Of a topic that is gone already nothing can be seen, which is no reason to worry."""
    partitions = {c.key.name: cast("int", (c.before or {})["partitions"]) for c in going}
    found = gather(kafka, partitions)
    gone = topics.missing(kafka, (name for name, evidence in found.items() if evidence.hidden))
    for change in going:
        evidence = found[change.key.name]
        doubted = evidence.gone or change.key.name in gone
        yield change.key, replace(topic_costs.deletion(evidence), doubted=doubted)


_WORST = (Status.DONE, Status.SKIPPED, Status.UNKNOWN, Status.FAILED)


def _outcome(key: Key, error: BaseException | None, settling: frozenset[int]) -> Outcome:
    if error is None:
        return Outcome(key, Status.DONE)
    # Somebody else did it in between, or our own request before its answer was lost: reading back decides.
    unsure = code(error) in LOST | settling
    return Outcome(key, Status.UNKNOWN if unsure else Status.FAILED, reason(error))


CODES = (
    Code(
        "KS111",
        "More partitions",
        "Adding partitions changes which partition a key belongs to: new records of a key may go to another"
        " partition than its old ones, so their order across the change is lost, and a compacted topic keeps the"
        " old copies. Kafka Streams applications stop when their input topics grow.",
        "It cannot be undone: Kafka never removes partitions.",
    ),
    Code(
        "KS112",
        "Names collide in metrics",
        "Kafka replaces `.` by `_` in the names of its metrics, so `a.b` and `a_b` would be counted together. Use"
        " one of the two characters throughout.",
    ),
    Code(
        "KS115",
        "Ignored by the platform",
        "The platform accepts this setting and does nothing with it, so that a profile can be shared between platforms."
        " It is not written and not compared there.",
    ),
    Code(
        "KS911",
        "Fewer partitions",
        "Kafka never removes partitions from a topic. Create a topic with another name and move the data, or keep the"
        " number as it is.",
    ),
    Code(
        "KS912",
        "Another replication factor",
        "The replication factor of a live topic changes only by moving replicas between brokers, which this version"
        " does not do. Set `replication` to what the topic has, and use kafka-reassign-partitions to move it.",
    ),
    Code(
        "KS913",
        "More replicas than brokers",
        "Every replica of a partition lives on a broker of its own.",
    ),
    Code(
        "KS914",
        "min.insync.replicas above the replication factor",
        "Kafka accepts this, and then refuses every write with acks=all. Lower min.insync.replicas or raise the"
        " replication factor.",
    ),
)

KIND = Kind(
    name="topic",
    document="Topic",
    resources=resources,
    check=check,
    drivers=(TopicDriver(),),
    documents=documents,
    recalled=recalled,
    foreseen=topic_costs.foreseen,
    after=("user",),
    facts=True,
    owns="topics",
    rights=(
        Right("Describe", "to see them", "plan", on="own"),
        Right("DescribeConfigs", "to see their settings", "plan", on="own"),
        Right("DescribeConfigs", "to see the defaults beneath their settings", "plan"),
        Right("Describe", "to see who reads what is deleted", "plan", on="groups"),
        Right("Create", "to make them", on="own"),
        Right("Alter", "to add partitions", on="own"),
        Right("AlterConfigs", "to change their settings", on="own"),
        Right("Delete", "to delete them", on="own"),
    ),
    rules=(
        each(partitions_rule),
        each(replication_rule),
        each(in_sync_rule),
        each(ignored_rule),
        names_rule,
    ),
    codes=(*CODES, *topic_costs.CODES),
)
