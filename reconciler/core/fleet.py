"""Clusters in, groups for as many jobs out; and what the jobs said, in, as one plan or report, out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from reconciler.core import plan as plans
from reconciler.core import result as results
from reconciler.core.model import Kind, Status
from reconciler.core.order import KindOf, order
from reconciler.core.plan import Plan, sha256
from reconciler.errors import BadUsage, Failed

# GitHub makes at most 256 jobs of one matrix (docs.github.com, "Usage limits").
MOST_JOBS = 256


@dataclass(frozen=True, slots=True)
class Group:
    """The clusters of one job. `whole`: all groups together are every cluster of the spec."""

    name: str
    clusters: tuple[str, ...]
    whole: bool = True

    @property
    def arguments(self) -> str:
        """What the job gives to kstate."""
        return " ".join(f"-c {cluster}" for cluster in self.clusters)


def groups(clusters: Sequence[str], jobs: int, *, whole: bool) -> list[Group]:
    """Neighbours by name together, as evenly as it goes, in at most `jobs` groups."""
    count = min(jobs, len(clusters))
    width = len(str(count))
    base, more = divmod(len(clusters), count) if count else (0, 0)
    found, at = [], 0
    for number in range(count):
        end = at + base + (number < more)
        name = f"{number + 1:0{width}}"
        found.append(Group(name, tuple(sorted(clusters)[at:end]), whole))
        at = end
    return found


def matrix(found: Iterable[Group]) -> dict[str, Any]:
    """The JSON of a GitHub Actions `strategy.matrix`: one job a group."""
    return {
        "include": [
            {
                "group": group.name,
                "clusters": " ".join(group.clusters),
                "args": group.arguments,
                "whole": group.whole,
            }
            for group in found
        ]
    }


def read_matrix(body: Mapping[str, Any]) -> list[Group]:
    """The reverse of `matrix`. Raises BadUsage for anything else."""
    try:
        return [
            Group(str(job["group"]), tuple(str(job["clusters"]).split()), bool(job["whole"]))
            for job in body["include"]
        ]
    except (KeyError, TypeError) as error:
        raise BadUsage("the matrix is none that `kstate fleet matrix` writes") from error


# --- what the jobs said


def check_shards(found: Sequence[Group], seen: Mapping[str, Sequence[str]]) -> None:
    """`seen`: the clusters of each file. Raises Failed where one is in two of them, or in none of the groups."""
    wanted = {cluster for group in found for cluster in group.clusters}
    where: dict[str, str] = {}
    for file, clusters in sorted(seen.items()):
        for cluster in clusters:
            if cluster not in wanted:
                raise Failed(f"{file}: cluster {cluster} is in no group of the matrix")
            if cluster in where:
                raise Failed(f"cluster {cluster} is in two files: {where[cluster]} and {file}")
            where[cluster] = file


def lost(found: Sequence[Group], seen: Mapping[str, Sequence[str]]) -> list[Group]:
    """The groups, each with those of its clusters that no file speaks of."""
    there = {cluster for clusters in seen.values() for cluster in clusters}
    left = (
        replace(group, clusters=tuple(c for c in group.clusters if c not in there))
        for group in found
    )
    return [group for group in left if group.clusters]


def check_complete(found: Sequence[Group], seen: Mapping[str, Sequence[str]]) -> None:
    """Raises Failed, naming what is missing, unless every cluster of every group is in a file."""
    if missing := lost(found, seen):
        named = (f"group {group.name} ({', '.join(group.clusters)})" for group in missing)
        raise Failed(
            f"no file speaks of {', '.join(named)}",
            hint="Look at why its job failed, and run it again; the others need not be.",
        )


def merged_plan(
    parts: Mapping[str, Plan],
    kinds: Mapping[str, Kind],
    kind_of: KindOf | None = None,
    *,
    whole: bool,
) -> Plan:
    """The plan that one run over all these clusters would have made, with its digest.

    Raises Failed for plans that cannot be of one run: of another spec, estate or snapshot, or narrowed otherwise.
    """
    first = next(iter(parts.values()))
    for name in ("estate", "commit", "ledger", "root", "only", "snapshot", "kstate"):
        _agree(parts, name)
    if any(plan.stages for plan in parts.values()):
        raise Failed("plans in waves are not merged: make the matrix of each wave by its label")
    every = list(parts.values())
    return replace(
        first,
        clusters=tuple(sorted((c for p in every for c in p.clusters), key=lambda c: c.name)),
        waves=order((change for plan in every for change in plan.changes), kinds, kind_of),
        created=max(plan.created for plan in every),
        expires=min(plan.expires for plan in every),
        records=tuple(sorted((r for p in every for r in p.records), key=lambda r: r.key)),
        protected=tuple(sorted(key for plan in every for key in plan.protected)),
        owners={key: owner for plan in every for key, owner in plan.owners.items()},
        partial=bool(first.only) or not whole,
        unchanged=sum(plan.unchanged for plan in every),
        out_of_scope=sum(plan.out_of_scope for plan in every),
        unmanaged=tuple(sorted(name for plan in every for name in plan.unmanaged)),
        risks=tuple({_told(risk): risk for plan in every for risk in plan.risks}.values()),
        notices=tuple(dict.fromkeys(notice for plan in every for notice in plan.notices)),
    )


def _told(risk: object) -> str:
    return repr(risk)


def _agree(parts: Mapping[str, Plan], name: str) -> None:
    said = {file: plans.plain(getattr(plan, name)) for file, plan in parts.items()}
    (first, value), *others = said.items()
    for file, other in others:
        if other != value:
            raise Failed(f"{first} and {file} are not of one run: {name} {value!r} and {other!r}")


def merged_result(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Results of the jobs as one `kstate.result/v1`, its exit code by the rule for many clusters."""
    changes = [change for part in parts for change in part["changes"]]
    codes = {int(part["exit_code"]) for part in parts}
    return {
        "format": results.FORMAT,
        "plan": sha256(sorted(str(part["plan"]) for part in parts)),
        "clusters": sorted(str(name) for part in parts for name in part["clusters"]),
        "exit_code": _code(codes, changes),
        "summary": {str(s): sum(c["status"] == str(s) for c in changes) for s in Status},
        "changes": sorted(changes, key=lambda change: str(change["key"])),
        "failures": [failure for part in parts for failure in part["failures"]],
    }


def _code(codes: set[int], changes: Iterable[Mapping[str, Any]]) -> int:
    """Where something was written and something was not, it was applied in part."""
    now = (results.AS_PLANNED, results.BEFORE)
    written = any(
        c["status"] == str(Status.UNKNOWN)
        or (c["status"] == str(Status.DONE) and c["words"] not in now)
        for c in changes
    )
    return results.PARTLY if codes != {0} and written else results.fold(codes)


def merged_drift(parts: Sequence[Mapping[str, Any]], *, whole: bool) -> dict[str, Any]:
    """Drift reports of the jobs as one `kstate.drift/v1`, with the fingerprint that one run would have found."""
    listed = ("clusters", "findings", "notices", "failures")
    joined: dict[str, Any] = {
        name: [entry for part in parts for entry in part[name]]
        for name in listed
        if name in parts[0]
    }
    joined["clusters"].sort(key=lambda cluster: str(cluster["name"]))
    joined["findings"].sort(key=lambda finding: str(finding["key"]).partition("/")[0])
    told = [
        [f["key"], f["what"], f["fields"]] for f in joined["findings"] if f["what"] != "pending"
    ]
    summary = {what: sum(part["summary"][what] for part in parts) for what in parts[0]["summary"]}
    return {
        **parts[0],
        **joined,
        "created": max(str(part["created"]) for part in parts),
        "partial": not whole,
        "summary": summary,
        "fingerprint": sha256(told) if told else "",
    }
