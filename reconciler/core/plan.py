"""A Plan and its bytes: canonical, so that equal work has an equal digest, and sealed, so that damage shows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

from reconciler.core.model import (
    NOTHING,
    Action,
    Body,
    Change,
    Edit,
    Json,
    Key,
    Owner,
    Risk,
    nothing,
)
from reconciler.core.unicode import spelt
from reconciler.errors import Stale

FORMAT = "kstate.plan/v1"
FRESH = "Make a new one with `kstate plan`."


@dataclass(frozen=True, slots=True)
class ClusterPlan:
    """One cluster of a plan. `spec` is its connection with references, never values."""

    name: str
    id: str
    spec: Body


@dataclass(frozen=True, slots=True)
class Bookkeeping:
    """A record that no longer says what is so: protection given or taken away, or (None) the resource is gone.

    `settings` are to count as applied from now on: live already, wanted by now, and applied otherwise before.
    """

    key: Key
    protect: bool | None
    settings: Body | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """Clusters that are applied together, after those of the stage before came out right. `label` chose them."""

    label: str
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a reviewer and an apply need. Times are ISO 8601 in UTC.

    `only` is what `--only` narrowed the plan to and `partial` says that it was narrowed at all; both are part of what
    the digest covers. `root` is where relative `file:` references start, relative to where the plan was made.
    `ledger` says where ownership is recorded (`topic`, and `cluster` if it is another one); empty without an Estate.
    `protected` are those of the changed resources whose document protects them.
    `owners` are the teams that the documents of changed resources name.
    `records` are to be brought up to date by an apply without anything being written to a resource.
    `snapshot` is when the snapshot was taken that it was made from, empty for a plan of live clusters.
    `stages` are the clusters in the order in which they are applied, empty where all are at once.
    """

    clusters: tuple[ClusterPlan, ...]
    waves: tuple[tuple[Change, ...], ...]
    created: str
    expires: str
    kstate: str
    estate: str = ""
    commit: str = ""
    root: str = "."
    ledger: Body = field(default_factory=nothing)
    records: tuple[Bookkeeping, ...] = ()
    protected: tuple[Key, ...] = ()
    partial: bool = False
    only: tuple[str, ...] = ()
    unchanged: int = 0
    out_of_scope: int = 0
    unmanaged: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    notices: tuple[str, ...] = field(default=())
    snapshot: str = ""
    stages: tuple[Stage, ...] = ()
    owners: Mapping[Key, str] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for wave in self.waves for change in wave)

    @property
    def summary(self) -> dict[str, int]:
        """The counts that every report shows; derived, so that text and JSON cannot differ."""
        actions = [change.action for change in self.changes]
        blocked = sum(any(risk.blocking for risk in change.risks) for change in self.changes)
        return {
            "create": actions.count(Action.CREATE),
            "update": actions.count(Action.UPDATE),
            "delete": actions.count(Action.DELETE),
            "blocked": blocked,
            "unchanged": self.unchanged,
            "unmanaged": len(self.unmanaged),
            "out_of_scope": self.out_of_scope,
        }

    @property
    def digest(self) -> str:
        """What a reviewer approves: the clusters' digests, whether the plan was narrowed, and the order of stages."""
        clusters = [[c.name, cluster_digest(self, c)] for c in self.clusters]
        order = [[[stage.label, list(stage.clusters)] for stage in self.stages]]
        return sha256([*clusters, self.partial, *(order if self.stages else [])])

    def waves_of(self, cluster: str) -> tuple[tuple[Change, ...], ...]:
        """The waves of one cluster, empty ones left out."""
        own = (tuple(c for c in wave if c.key.cluster == cluster) for wave in self.waves)
        return tuple(wave for wave in own if wave)


def seal(plan: Plan) -> str:
    """What a plan file is sealed with: it covers every byte that matters, the time it was made included."""
    return str(to_json(plan)["seal"])


def canonical(value: object) -> bytes:
    """JSON with sorted keys, no blanks, UTF-8: the same value always gives the same bytes."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode("utf-8", "surrogatepass")


def sha256(value: object) -> str:
    return "sha256:" + hashlib.sha256(canonical(value)).hexdigest()


def cluster_digest(plan: Plan, cluster: ClusterPlan) -> str:
    """What happens on one cluster and nothing else: no time, commit, figures, places or unmanaged things."""
    work = [[_work(change) for change in wave] for wave in plan.waves_of(cluster.name)]
    about = [cluster.name, cluster.id, plain(cluster.spec), plan.estate, plain(plan.ledger)]
    return sha256([*about, list(plan.only), work, *_kept(plan, cluster.name)])


def _kept(plan: Plan, cluster: str) -> list[object]:
    """What becomes of ownership and protection, where anything does: it decides what can be deleted later."""
    records = [_record(r) for r in plan.records if r.key.cluster == cluster]
    protected = sorted(str(key) for key in plan.protected if key.cluster == cluster)
    return [records, protected] if records or protected else []


def _record(kept: Bookkeeping) -> list[object]:
    caught_up = [] if kept.settings is None else [plain(kept.settings)]
    return [str(kept.key), kept.protect, *caught_up]


def _work(change: Change) -> list[object]:
    codes = sorted({risk.code for risk in change.risks if risk.blocking})
    return [
        str(change.key),
        str(change.action),
        plain(change.before),
        plain(change.after),
        list(change.steps),
        plain(change.expects),
        codes,
    ]


def plain(value: Json) -> Any:
    """Mappings and sequences of any type as the dicts and lists that JSON knows."""
    if isinstance(value, Mapping):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(inner) for inner in value]
    return value


def to_json(plan: Plan) -> dict[str, Any]:
    """The plan as the JSON of `schemas/plan.v1.json`, seal included."""
    body: dict[str, Any] = {
        "format": FORMAT,
        "digest": plan.digest,
        "created": plan.created,
        "expires": plan.expires,
        "kstate": plan.kstate,
        "spec": {
            "estate": plan.estate,
            "commit": plan.commit,
            "root": plan.root,
            "ledger": plain(plan.ledger),
        },
        "partial": plan.partial,
        "only": list(plan.only),
        "clusters": [
            {"name": c.name, "id": c.id, "digest": cluster_digest(plan, c), "spec": plain(c.spec)}
            for c in plan.clusters
        ],
        "summary": plan.summary,
        "risks": [risk_json(risk) for risk in plan.risks],
        "waves": [[change_json(change) for change in wave] for wave in plan.waves],
        "records": [_record_json(r) for r in plan.records],
        "protected": [str(key) for key in plan.protected],
        "unmanaged": list(plan.unmanaged),
        "notices": list(plan.notices),
        # Said only of plans that have them, so that all others read as ever.
        **({"snapshot": {"taken": plan.snapshot}} if plan.snapshot else {}),
        **({"stages": [_stage_json(stage) for stage in plan.stages]} if plan.stages else {}),
    }
    if plan.owners:
        body["owners"] = {str(key): owner for key, owner in sorted(plan.owners.items())}
    return body | {"seal": sha256(body)}


def _stage_json(stage: Stage) -> dict[str, Any]:
    return {"label": stage.label, "clusters": list(stage.clusters)}


def change_json(change: Change) -> dict[str, Any]:
    """One change as JSON; `action` and `level` stand there for readers and are derived again on parsing."""
    return {
        "key": str(change.key),
        "action": str(change.action),
        "owner": str(change.owner),
        "before": plain(change.before),
        "after": plain(change.after),
        "edits": [
            {"path": list(e.path), "before": plain(e.before), "after": plain(e.after)}
            for e in change.edits
        ],
        "steps": list(change.steps),
        "risks": [risk_json(risk) for risk in change.risks],
        "expects": plain(change.expects),
        "sources": list(change.sources),
        "note": change.note,
    }


def risk_json(risk: Risk) -> dict[str, Any]:
    return {
        "code": risk.code,
        "level": str(risk.level),
        "message": risk.message,
        "evidence": plain(risk.evidence),
        "blocking": risk.blocking,
    }


def render(plan: Plan) -> bytes:
    """The plan as a file: one line a change, so that a difference of two plans can be read."""
    text = json.dumps(to_json(plan), sort_keys=True, indent=1, ensure_ascii=False)
    return spelt(text).encode() + b"\n"


def parse(data: bytes) -> Plan:
    """The reverse of `render`. Raises Stale for another format, a broken seal, or anything that does not add up."""
    body = _object(data)
    if body.get("format") != FORMAT:
        raise Stale(
            f"not a {FORMAT} file: its format is {str(body.get('format'))[:40]!r}", hint=FRESH
        )
    sealed = {name: value for name, value in body.items() if name != "seal"}
    if body.get("seal") != sha256(sealed):
        raise Stale("the plan file was changed or damaged after it was made", hint=FRESH)
    try:
        plan = from_json(body)
        follows = to_json(plan) == body
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Stale(f"the plan file cannot be read: {error!r}", hint=FRESH) from error
    if not follows:
        raise Stale("the plan file says things that do not follow from one another", hint=FRESH)
    return plan


def _object(data: bytes) -> dict[str, Any]:
    try:
        body = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise Stale("the plan file is not JSON", hint=FRESH) from error
    if not isinstance(body, dict):
        raise Stale("the plan file is not a JSON object", hint=FRESH)
    return body


def _record_json(kept: Bookkeeping) -> dict[str, Any]:
    caught_up = {} if kept.settings is None else {"settings": plain(kept.settings)}
    return {"key": str(kept.key), "protect": kept.protect, **caught_up}


def from_json(body: Mapping[str, Any]) -> Plan:
    """The plan in a JSON body whose seal was checked already."""
    return Plan(
        clusters=tuple(ClusterPlan(c["name"], c["id"], c["spec"]) for c in body["clusters"]),
        waves=tuple(tuple(_change(change) for change in wave) for wave in body["waves"]),
        created=body["created"],
        expires=body["expires"],
        kstate=body["kstate"],
        estate=body["spec"]["estate"],
        commit=body["spec"]["commit"],
        root=body["spec"]["root"],
        ledger=body["spec"]["ledger"],
        protected=tuple(Key.parse(key) for key in body["protected"]),
        records=tuple(
            Bookkeeping(Key.parse(r["key"]), r["protect"], r.get("settings"))
            for r in body["records"]
        ),
        partial=body["partial"],
        only=tuple(body["only"]),
        unchanged=body["summary"]["unchanged"],
        out_of_scope=body["summary"]["out_of_scope"],
        unmanaged=tuple(body["unmanaged"]),
        risks=tuple(_risks(body["risks"])),
        notices=tuple(body["notices"]),
        snapshot=body["snapshot"]["taken"] if "snapshot" in body else "",
        stages=tuple(Stage(s["label"], tuple(s["clusters"])) for s in body.get("stages", ())),
        owners={Key.parse(key): owner for key, owner in body.get("owners", {}).items()},
    )


def _change(body: Mapping[str, Any]) -> Change:
    return Change(
        key=Key.parse(body["key"]),
        before=body["before"],
        after=body["after"],
        edits=tuple(Edit(tuple(e["path"]), e["before"], e["after"]) for e in body["edits"]),
        steps=tuple(body["steps"]),
        risks=tuple(_risks(body["risks"])),
        expects=body["expects"] or NOTHING,
        sources=tuple(body["sources"]),
        owner=Owner(body["owner"]),
        note=body["note"],
    )


def _risks(bodies: Iterable[Mapping[str, Any]]) -> Iterator[Risk]:
    return (Risk(r["code"], r["message"], cast("Body", r["evidence"])) for r in bodies)
