"""Figures of a drift report, read by Prometheus' own parser."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families as families

from reconciler.core.drift import Drift
from reconciler.reports.metrics import SUCCESS, text
from tests.reports.test_golden import DRIFTS

SOME = DRIFTS["some"]


def samples(shown: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    found = {}
    for family in families(shown):
        assert (family.type, bool(family.documentation)) == ("gauge", True)
        for sample in family.samples:
            assert sample.timestamp is None
            found[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return found


def value(shown: str, name: str, **labels: str) -> float | None:
    return samples(shown).get((name, tuple(sorted(labels.items()))))


def test_drift_by_kind_and_what_it_is() -> None:
    shown = text(SOME)
    kinds = {"cluster": "prod-eu", "kind": "topic"}
    assert value(shown, "kstate_drift_findings", what="changed", **kinds) == 1
    assert value(shown, "kstate_drift_findings", what="gone", **kinds) == 1
    assert value(shown, "kstate_drifted_resources", cluster="prod-eu") == 2
    assert value(shown, "kstate_drifted_resources", cluster="prod-us") == 0
    assert value(shown, "kstate_managed_ratio", cluster="prod-eu") == 0.761
    assert value(shown, "kstate_unmanaged_resources", cluster="prod-eu") == 22
    assert value(shown, "kstate_ledger_trusted", cluster="prod-us") == 0
    assert value(shown, "kstate_info", version="0.1.0") == 1


def test_a_cluster_that_failed_keeps_the_time_it_last_did_not() -> None:
    first = text(SOME)
    at = value(first, SUCCESS, verb="drift", cluster="prod-us")
    later = replace(
        SOME,
        clusters=SOME.clusters[:1],
        created="2026-11-23T11:00:00Z",
        failures=(("prod-us", "x"),),
    )
    second = text(later, first)
    third = text(replace(later, created="2026-11-23T12:00:00Z"), second)
    for shown in (second, third):
        assert value(shown, SUCCESS, verb="drift", cluster="prod-us") == at
        assert value(shown, "kstate_cluster_up", cluster="prod-us") == 0
    assert value(third, SUCCESS, verb="drift", cluster="prod-eu") == (at or 0) + 7200
    assert value(text(later), SUCCESS, verb="drift", cluster="prod-us") is None


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
def test_no_name_breaks_the_format(name: str) -> None:
    seen = replace(SOME.clusters[0], name=name)
    report: Drift = replace(SOME, clusters=(seen,), failures=())
    shown = text(report)
    assert value(shown, "kstate_cluster_up", cluster=name) == 1
    again = text(replace(report, clusters=(), failures=((name, "x"),)), shown)
    assert value(again, SUCCESS, verb="drift", cluster=name) is not None
