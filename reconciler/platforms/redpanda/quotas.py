"""Quotas on Redpanda: throughput of clients and users; it counts no share of request threads.

Source: Redpanda's manual, "Manage throughput", which names `producer_byte_rate`, `consumer_byte_rate` and
`controller_mutation_rate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import cast

from reconciler.core.model import Change, Code, Risk, World
from reconciler.core.risk import each
from reconciler.kinds.quota import KIND

KNOWN = frozenset({"producer_byte_rate", "consumer_byte_rate", "controller_mutation_rate"})


def limits_rule(change: Change, _world: World) -> Iterator[Risk]:
    limits = cast("Mapping[str, object]", (change.after or {}).get("limits") or {})
    for name in sorted(name for name in limits.keys() - KNOWN if limits[name] is not None):
        yield Risk("KS938", f"Redpanda has no limit `{name}`; it has {', '.join(sorted(KNOWN))}")


CODES = (
    Code(
        "KS938",
        "Redpanda has no such limit",
        "Redpanda limits bytes written, bytes read and partitions changed by second, and nothing else. Take the limit"
        " out, or keep this quota off clusters of Redpanda.",
    ),
)

QUOTA = replace(KIND, rules=(*KIND.rules, each(limits_rule)), codes=(*KIND.codes, *CODES))
