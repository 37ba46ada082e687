"""What could hurt about a mirror: seen from both its clusters, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients.connect_config import LOOKED_UP, SECRET
from reconciler.core.model import Action, Body, Change, Code, Json, Key, Resource, Risk, World
from reconciler.core.risk import each
from reconciler.kinds.mirror_flow import POLICIES, ROLES, matching, remote

SHOWN = 10
Topics = Mapping[str, Resource]


def flow_rule(change: Change, _world: World) -> Iterator[Risk]:
    """What stops, what starts again, what is missing."""
    before = str((change.before or {}).get("state"))
    if change.action is Action.DELETE:
        halted = before in ("paused", "stopped")
        yield Risk("KS165", f"it is {before}") if halted else Risk("KS261", f"it is {before}")
        return
    after = str((change.after or {})["state"])
    if change.before is not None and before != after:
        if after != "running":
            yield Risk("KS164", f"nothing is copied once it is {after}")
        elif "failed" in before:
            yield Risk("KS167", "what has failed of it is started again")
    there, wanted = _flow(change.before), _flow(change.after)
    for role in ROLES if change.before is not None else ():
        if role in wanted and role not in there:
            yield Risk("KS163", f"the {role} connector is missing; it is made again")


def topics_rule(change: Change, world: World) -> Iterator[Risk]:
    """What it would copy now, and what of that stands in its way on the target."""
    if change.after is None:
        return
    source = _flow(change.after)["source"]
    alias, cluster = str(source["source.cluster.alias"]), change.key.cluster
    there, here = world.nearby.get((alias, "topic")), world.nearby.get((cluster, "topic"))
    if there is None or here is None:
        yield Risk("KS162", f"{alias} cannot be read, so nobody knows which of its topics match")
        return
    every = _in_the_end(there, world.to_come.get((alias, "topic"), {}))
    found = matching(source, every)
    fresh = sorted(set(found) - set(_former(change, every)))
    if fresh or change.before is None:
        yield Risk("KS161" if found else "KS162", _matches(alias, found, there))
    if source["replication.policy.class"] == POLICIES["identity"]:
        yield from _collisions(
            alias, cluster, [name for name in fresh if name in here and name in there]
        )
    declared = {key.name: r for key, r in world.spec.items() if key.kind == "topic"}
    for name in found:
        if copy := declared.get(remote(source, name)):
            yield from _sizes(copy, every[name])
            yield from _two_owners(source, copy)


def _in_the_end(there: Topics, coming: Topics) -> dict[str, Resource]:
    """The topics of the source once the spec is applied there: partitions are only ever added."""
    return {
        name: max(
            (r for r in (there.get(name), coming.get(name)) if r is not None), key=_partitions
        )
        for name in sorted(there.keys() | coming.keys())
    }


def _partitions(topic: Resource) -> int:
    found = topic.settings.get("partitions")
    return found if isinstance(found, int) else 0


def _former(change: Change, every: Topics) -> list[str]:
    """What it took before: an update need not be told again what is copied already."""
    before = _flow(change.before).get("source")
    return matching(before, every) if before else []


def _matches(alias: str, found: Sequence[str], there: Topics) -> str:
    if not found:
        return f"no topic of {alias} matches now; those to come will be copied"
    names = [name if name in there else f"{name} (to come)" for name in found[:SHOWN]]
    more = f" and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    topics = "1 topic" if len(found) == 1 else f"{len(found):,} topics"
    return f"matches {topics} of {alias} now: {', '.join(names)}{more}"


def _collisions(alias: str, cluster: str, names: Sequence[str]) -> Iterator[Risk]:
    for name in names:
        yield Risk(
            "KS262", f"{name} is on {cluster} already; records from {alias} go in among its own"
        )


def copies_rule(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
    """Topics that the spec declares where a mirror that runs already puts its copies."""
    for name, mirror in world.planned.items():
        source = _flow(mirror.settings)["source"]
        alias = str(source["source.cluster.alias"])
        there = world.nearby.get((alias, "topic"))
        if there is None or name not in world.live:  # what is made only now tells by itself
            continue
        every = _in_the_end(there, world.to_come.get((alias, "topic"), {}))
        copies = {remote(source, topic): every[topic] for topic in matching(source, every)}
        for change in changes:
            if change.after is not None and change.key.name in copies:
                yield from ((change.key, risk) for risk in _as_copy(change, source, copies))


def _as_copy(change: Change, source: Body, copies: Topics) -> Iterator[Risk]:
    declared = Resource(change.key.name, change.after or {})
    yield from _sizes(declared, copies[change.key.name])
    yield from _two_owners(source, declared)


def _sizes(copy: Resource, original: Resource) -> Iterator[Risk]:
    """Of a topic that the spec also declares on the target."""
    ours, theirs = copy.settings.get("partitions"), original.settings.get("partitions")
    if isinstance(ours, int) and isinstance(theirs, int) and ours != theirs:
        many = f"{ours} partition{'s' * (ours != 1)}"
        told = f"{copy.name}: the spec says {many}, the original has {theirs}"
        yield Risk("KS962" if ours < theirs else "KS263", told)


def _two_owners(source: Body, copy: Resource) -> Iterator[Risk]:
    if source.get("sync.topic.configs.enabled") == "true" and copy.settings.get("config"):
        names = ", ".join(sorted(cast("Body", copy.settings["config"])))
        yield Risk("KS168", f"{copy.name}: the spec sets {names}, and so does the mirror")


def replicas_rule(change: Change, world: World) -> Iterator[Risk]:
    """MirrorMaker 2 makes its topics with so many replicas, or fails to."""
    brokers = world.facts.get("brokers")
    asked = _flow(change.after).get("source", {}).get("replication.factor")
    if isinstance(brokers, int) and asked is not None and int(str(asked)) > brokers:
        told = f"replication {asked}, but the cluster has {brokers} broker{'s' * (brokers != 1)}"
        yield Risk("KS963", f"{told}; say `replication: {brokers}`")


def secrets_rule(change: Change, _world: World) -> Iterator[Risk]:
    """Secrets that whoever may read Connect's API can read."""
    for role, config in _flow(change.after).items():
        for name, value in config.items():
            if role == "source" and _open(name, value):
                yield Risk("KS169", f"{name}: Connect's API shows its value to whoever may ask")


def _open(name: str, value: Json) -> bool:
    """A reference that kstate follows itself is sent in the clear; one that the workers follow is not."""
    listed = isinstance(value, (list, tuple)) and not name.endswith("bootstrap.servers")
    return listed or (SECRET.search(name) is not None and not LOOKED_UP.search(str(value)))


def _flow(body: Body | None) -> Mapping[str, Body]:
    return cast("Mapping[str, Body]", (body or {}).get("connectors") or {})


RULES = tuple(map(each, (flow_rule, topics_rule, replicas_rule, secrets_rule)))

CODES = (
    Code(
        "KS161",
        "What a mirror copies",
        "The topics of the source cluster whose names match now. Those that are made later and match are copied too.",
    ),
    Code(
        "KS162",
        "What a mirror copies is not known",
        "No topic of the source cluster matches now, or the source cannot be read from where the plan is made. A slip"
        " in a pattern looks just the same: check `topics`.",
    ),
    Code(
        "KS163",
        "A connector of a mirror is missing",
        "A mirror is up to three connectors, and somebody deleted one of them. It is made again; its offsets are still"
        " with the workers, so that it goes on where it was.",
    ),
    Code(
        "KS164",
        "Halts a mirror",
        "The document asks for `paused` or `stopped`. What is written on the source from now on is copied when it runs"
        " again, as far as the source still has it by then.",
        "Ask for `running` again.",
    ),
    Code(
        "KS165",
        "Deletes a mirror that does not run",
        "Its connectors go. The topics it filled stay on the target with all their records.",
        "Make it again with the same name: it goes on where it was.",
    ),
    Code(
        "KS166",
        "Why it failed",
        "The first line of the trace that the workers keep of a connector or task that has failed. The whole trace:"
        " `GET /connectors/NAME/status` at the workers.",
    ),
    Code(
        "KS167",
        "Starts a mirror again",
        "A connector of the mirror, or some of its tasks, have failed. What has failed is started again; if the reason"
        " is still there it fails again, and the apply says so.",
    ),
    Code(
        "KS168",
        "Two owners of a configuration",
        "The spec declares configurations of a topic on the target that the mirror copies from the source as well. The"
        " mirror wins again and again, and every plan shows a change. Declare the topic on the source only, or say"
        " `sync: {configs: false}`.",
    ),
    Code(
        "KS169",
        "A secret that Connect shows",
        "The value behind this reference is sent to Connect, whose API shows it in the clear to whoever may ask. Let"
        " the workers look it up instead: `${provider:path:key}` (config providers).",
    ),
    Code(
        "KS160",
        "The workers were not asked",
        "A secret of this mirror cannot be had where the plan is made, so Connect was not asked what it thinks of the"
        " configuration. `apply` needs the secret; what Connect refuses shows only there.",
    ),
    Code(
        "KS261",
        "Deletes a running mirror",
        "Copying ends. The topics it filled stay on the target with all their records, and from now on nothing is added"
        " to them. After a failover that may be just what is wanted: then stop the mirror first.",
        "Make it again with the same name: it goes on where it was, as far as the source still has the records.",
    ),
    Code(
        "KS262",
        "Copies into a topic that is there already",
        "Under `naming: identity` the copy has the original's name, and a topic of that name is on the target. Records"
        " of both go into one topic, and nothing tells them apart afterwards. After a failback this is intended; then"
        " approve it. Otherwise exclude the topic, or use `naming: prefixed`.",
        "Nothing takes the records out again.",
    ),
    Code(
        "KS263",
        "More partitions than the original",
        "The spec declares the copy with more partitions than the original has. Records keep the partition they had, so"
        " that the further ones stay empty, and whoever writes to the copy by key reaches other partitions.",
        "Kafka never takes partitions away: only making the copy anew does.",
    ),
    Code(
        "KS961",
        "Refused by Connect's validation",
        "The workers checked the configuration of a connector of this mirror, as they would at apply, and this is wrong"
        " by their own words.",
    ),
    Code(
        "KS962",
        "Fewer partitions than the original",
        "The spec declares the copy with fewer partitions than the original has. The mirror adds partitions until there"
        " are as many, and kstate could never take them away again. Declare as many, or leave the topic to the mirror.",
    ),
    Code(
        "KS963",
        "More replicas than brokers",
        "The mirror makes topics with `replication` replicas, 3 unless the document says otherwise, and the target has"
        " fewer brokers. Its tasks would fail one by one. Say `replication:` with what the cluster can hold.",
    ),
)
