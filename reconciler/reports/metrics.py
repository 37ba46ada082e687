"""A drift report in, Prometheus text out, for the textfile collector of a node exporter. No timestamps in it.

The format is that of https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from reconciler.core.drift import Drift, Seen

Sample = tuple[Mapping[str, str], float]
SUCCESS = "kstate_last_success_timestamp_seconds"
_FORMER = re.compile(rf'^{SUCCESS}\{{.*?cluster="((?:[^"\\]|\\.)*)".*?\}} (\S+)$', re.MULTILINE)


def text(drift: Drift, former: str = "") -> str:
    """The whole file. `former` is what it held before: a cluster that failed keeps the time it last did not."""
    at = datetime.fromisoformat(drift.created).timestamp()
    lines = [
        line
        for name, about, samples in _families(drift, at, former)
        for line in _family(name, about, samples)
    ]
    return "\n".join(lines) + "\n"


def _families(drift: Drift, at: float, former: str) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    seen, down = drift.clusters, [name for name, _ in drift.failures]
    yield "kstate_info", "The version of kstate that looked.", [({"version": drift.kstate}, 1)]
    yield (
        "kstate_cluster_up",
        "Whether the cluster could be looked at.",
        [
            *(({"cluster": one.name}, 1) for one in seen),
            *(({"cluster": name}, 0) for name in down),
        ],
    )
    yield (
        "kstate_drifted_resources",
        "Resources that are not as applied.",
        [
            ({"cluster": one.name}, sum(key.cluster == one.name for key in drift.off))
            for one in seen
        ],
    )
    found = Counter((f.key.cluster, f.key.kind, str(f.what)) for f in drift.findings)
    yield (
        "kstate_drift_findings",
        "Differences by kind and by what they are; pending is no drift.",
        [
            ({"cluster": cluster, "kind": kind, "what": what}, count)
            for (cluster, kind, what), count in sorted(found.items())
        ],
    )
    yield from _coverage(seen)
    yield (
        SUCCESS,
        "When the cluster was last looked at without a failure.",
        [
            *(({"verb": "drift", "cluster": one.name}, at) for one in seen),
            *(({"verb": "drift", "cluster": name}, when) for name, when in _kept(down, former)),
        ],
    )


def _coverage(seen: Iterable[Seen]) -> Iterator[tuple[str, str, Iterable[Sample]]]:
    clusters = list(seen)

    def each(figure: str) -> list[Sample]:
        return [({"cluster": one.name}, getattr(one, figure)) for one in clusters]

    yield "kstate_managed_resources", "Declared or recorded, and live.", each("managed")
    yield (
        "kstate_unmanaged_resources",
        "Inside what the cluster owns, and in no document.",
        [({"cluster": one.name}, len(one.unmanaged)) for one in clusters],
    )
    yield "kstate_out_of_scope_resources", "Outside of what the cluster owns.", each("out_of_scope")
    yield (
        "kstate_managed_ratio",
        "Managed, of what is there and in scope; 0 to 1.",
        [({"cluster": one.name}, round(one.coverage / 100, 4)) for one in clusters],
    )
    yield (
        "kstate_ledger_trusted",
        "Whether the record of what is owned can be believed.",
        [({"cluster": one.name}, int(not one.trouble)) for one in clusters],
    )


def _kept(names: Iterable[str], former: str) -> Iterator[tuple[str, float]]:
    known = {cluster: float(when) for cluster, when in _FORMER.findall(former)}
    yield from ((name, known[_escaped(name)]) for name in names if _escaped(name) in known)


def _family(name: str, about: str, samples: Iterable[Sample]) -> Iterator[str]:
    rows = [f"{name}{{{_labels(labels)}}} {_number(value)}" for labels, value in samples]
    if rows:
        yield from (f"# HELP {name} {about}", f"# TYPE {name} gauge", *rows)


def _labels(labels: Mapping[str, str]) -> str:
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(float(value))
