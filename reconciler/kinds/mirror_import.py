"""Live flows in, Mirror documents out: where a document means exactly the connectors that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from reconciler.clients.connect_config import readable
from reconciler.clients.connect_workers import parts
from reconciler.core.model import Around, Body, Json, Resource
from reconciler.core.units import say_duration
from reconciler.kinds.mirror_flow import (
    BOOTSTRAP,
    CLASSES,
    EVERY,
    EXCLUDED,
    POLICIES,
    REPLICATION,
    ROLES,
    connectors,
)
from reconciler.secrets.references import MASK

ENDS = ("source", "target")
STATES = frozenset({"running", "paused", "stopped"})
Config = Mapping[str, str]
Flow = Mapping[str, Config]


def documents(live: Sequence[Resource], around: Around) -> Iterator[Mapping[str, Json]]:
    """One document for each flow between two clusters of the spec whose three connectors one document can mean."""
    for resource in live:
        flow = cast("Flow", resource.settings["connectors"])
        worker, name = parts(resource.name)
        if _between_known(flow, around) and resource.settings["state"] in STATES:
            spec = _spec(flow, around, f"{worker}_{name}")
            state = resource.settings["state"]
            whole = {**spec, "connect": worker, **({} if state == "running" else {"state": state})}
            if _means(whole, flow, around):
                yield {"name": name, "spec": whole}


def unsaid(resource: Resource) -> str:
    flow = cast("Flow", resource.settings["connectors"])
    source = flow.get("source", {})
    ends = (source.get(f"{end}.cluster.alias", "nowhere") for end in ENDS)
    told = f"it carries from {' to '.join(ends)}, and no Mirror between clusters of these names"
    return f"{told} means just its connectors; each has a document of its own"


def _between_known(flow: Flow, around: Around) -> bool:
    """Whether these are MirrorMaker 2's own connectors, all from one cluster of the spec and to this one."""
    aliases = {
        (c.get("source.cluster.alias"), c.get("target.cluster.alias")) for c in flow.values()
    }
    if len(aliases) != 1 or not {"source", "heartbeat"} <= flow.keys():
        return False
    [(source, target)] = aliases
    classes = all(config.get("connector.class") == CLASSES[role] for role, config in flow.items())
    known = source in around.addresses and target == around.cluster and source != target
    return classes and known and "topics" in flow["source"]


def _spec(flow: Flow, around: Around, stem: str) -> dict[str, Json]:
    """What the members say; whatever they have no word for under `security` and `config`."""
    own, check = flow["source"], flow.get("checkpoint", {})
    spec: dict[str, Json] = {
        "source": own["source.cluster.alias"],
        "topics": _listed(own["topics"]),
        **({"groups": _listed(check["groups"])} if "groups" in check else {}),
        **_unless("exclude", _listed(own.get("topics.exclude", ""))[len(EXCLUDED) :], []),
        **_unless("naming", _naming(own), "identity"),
        **_unless("sync", _sync(own, check), {}),
        **_unless("replication", _number(own, "replication.factor"), REPLICATION),
        **_unless("tasks", _number(own, "tasks.max"), 1),
        **_unless("interval", _interval(own), EVERY),
    }
    if security := _security(flow, around, stem):
        spec["security"] = security
    if further := _further(spec, flow, around, stem):
        spec["config"] = further
    return spec


def _unless(name: str, value: Json, default: Json) -> dict[str, Json]:
    """What goes without saying is not said."""
    return {} if value in (None, default) else {name: value}


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _naming(own: Config) -> str:
    named = {policy: name for name, policy in POLICIES.items()}
    return named.get(own.get("replication.policy.class", ""), "identity")


def _sync(own: Config, check: Config) -> dict[str, Json]:
    told = {
        "offsets": check.get("sync.group.offsets.enabled", "true") == "true",
        "configs": own.get("sync.topic.configs.enabled", "true") == "true",
        "acls": own.get("sync.topic.acls.enabled", "false") == "true",
    }
    return {name: value for name, value in told.items() if value != (name != "acls")}


def _number(own: Config, name: str) -> int | None:
    text = own.get(name, "")
    return int(text) if text.isdigit() else None


def _interval(own: Config) -> str | None:
    seconds = _number(own, "refresh.topics.interval.seconds")
    return None if seconds is None else say_duration(seconds * 1000)


def _security(flow: Flow, around: Around, stem: str) -> dict[str, Json]:
    """What the connectors say alike of how to reach an end; where it is only if its Cluster document says otherwise."""
    found: dict[str, Json] = {}
    for end in ENDS:
        under = f"{end}.cluster."
        alike = set.intersection(*({*config.items()} for config in flow.values()))
        own = {n.removeprefix(under): v for n, v in sorted(alike) if n.startswith(under)}
        own.pop("alias", None)
        if own.get(BOOTSTRAP) == around.addresses.get(_alias(flow, end)):
            own.pop(BOOTSTRAP, None)
        if own:
            found[end] = readable(own, f"{stem}_{end}")
    return found


def _alias(flow: Flow, end: str) -> str:
    return flow["source"][f"{end}.cluster.alias"]


def _further(spec: Body, flow: Flow, around: Around, stem: str) -> dict[str, Json]:
    """Settings of each connector that the rest of the document does not bring about."""
    made = _made(spec, around)
    found: dict[str, Json] = {}
    for role in ROLES:
        there, said = flow.get(role, {}), made.get(role, {})
        own = {n: v for n, v in sorted(there.items()) if v != said.get(n) and v != MASK}
        secret = {n: v for n, v in there.items() if v == MASK and n not in said}
        if own or secret:
            found[role] = readable({**own, **secret}, f"{stem}_{role}")
    return found


def _means(spec: Body, flow: Flow, around: Around) -> bool:
    """Whether the document brings about just what is there, references aside: nobody may see what they stand for."""
    made = _made(spec, around)
    if made.keys() != flow.keys():
        return False
    return all(
        made[role].keys() == config.keys()
        and all(made[role][name] == value for name, value in config.items() if value != MASK)
        for role, config in flow.items()
    )


def _made(spec: Body, around: Around) -> dict[str, dict[str, Json]]:
    """The connectors as the document means them, addresses as one text like all the rest."""
    ends: dict[str, Json] = {end: [around.addresses[name]] for end, name in _names(spec, around)}
    whole = {**spec, "target": around.cluster, "addresses": ends}
    flow = cast("Mapping[str, Body]", connectors(whole))
    return {role: {n: _plain(n, v) for n, v in config.items()} for role, config in flow.items()}


def _names(spec: Body, around: Around) -> Iterator[tuple[str, str]]:
    yield "source", str(spec["source"])
    yield "target", around.cluster


def _plain(name: str, value: Json) -> Json:
    if isinstance(value, (list, tuple)) and name.endswith(BOOTSTRAP):
        return ",".join(map(str, value))
    return value
