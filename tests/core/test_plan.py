"""plan: equal work has equal bytes, and no byte can be changed unseen."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.model import Change, Key, Risk
from reconciler.core.plan import (
    Bookkeeping,
    ClusterPlan,
    Plan,
    cluster_digest,
    parse,
    render,
    sha256,
)
from reconciler.errors import Stale
from tests.core.strategies import CLUSTERS, plans

EXAMPLE = Plan(
    clusters=CLUSTERS,
    waves=((Change(Key("eu", "topic", "t"), None, {"partitions": 3}),),),
    created="2026-11-23T10:00:00Z",
    expires="2026-11-24T10:00:00Z",
    kstate="0.1.0",
)


@given(plans)
def test_parse_is_the_reverse_of_render(plan: Plan) -> None:
    assert parse(render(plan)) == plan
    assert render(parse(render(plan))) == render(plan)


@given(plans)
def test_what_moves_by_itself_is_not_in_the_digest(plan: Plan) -> None:
    later = replace(
        plan, created="2027-01-01T00:00:00Z", commit="abc", kstate="9", unmanaged=(), unchanged=7
    )
    elsewhere = replace(
        later, waves=tuple(tuple(replace(c, sources=()) for c in wave) for wave in plan.waves)
    )
    assert elsewhere.digest == plan.digest


def with_risk(risk: Risk) -> Plan:
    change = replace(EXAMPLE.changes[0], risks=(risk,))
    return replace(EXAMPLE, waves=((change,),))


def test_figures_may_move_and_codes_may_not() -> None:
    few, many = (
        Risk("KS202", "1 record", {"records": 1}),
        Risk("KS202", "9 records", {"records": 9}),
    )
    assert with_risk(few).digest == with_risk(many).digest
    assert with_risk(few).digest != with_risk(Risk("KS203", "read by x")).digest
    assert with_risk(Risk("KS111", "a notice")).digest == EXAMPLE.digest


@pytest.mark.parametrize(
    "other",
    [
        replace(EXAMPLE, partial=True),
        replace(EXAMPLE, only=("topic/a*",)),
        replace(
            EXAMPLE, clusters=(ClusterPlan("eu", "other", {"platform": "apache"}), CLUSTERS[1])
        ),
        replace(EXAMPLE, clusters=(ClusterPlan("eu", "id-eu", {"platform": "msk"}), CLUSTERS[1])),
        replace(EXAMPLE, waves=((replace(EXAMPLE.changes[0], after={"partitions": 4}),),)),
        replace(EXAMPLE, waves=((replace(EXAMPLE.changes[0], expects={"topic_id": "z"}),),)),
    ],
)
def test_other_work_has_another_digest(other: Plan) -> None:
    assert other.digest != EXAMPLE.digest


def test_one_clusters_digest_does_not_hang_on_the_others() -> None:
    alone = replace(EXAMPLE, clusters=CLUSTERS[:1], partial=True)
    assert cluster_digest(alone, CLUSTERS[0]) == cluster_digest(EXAMPLE, CLUSTERS[0])


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_no_byte_changes_unseen(at: int, flip: int) -> None:
    data = bytearray(render(EXAMPLE))
    data[at % len(data)] ^= flip
    try:
        plan = parse(bytes(data))
    except Stale:
        return
    assert plan == EXAMPLE  # only the layout was touched: a blank or a line break


def test_a_sealed_lie_is_still_refused() -> None:
    body = json.loads(render(EXAMPLE))
    del body["seal"]
    body["summary"]["create"] = 0
    body["seal"] = sha256(body)
    with pytest.raises(Stale, match="do not follow"):
        parse(json.dumps(body).encode())


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"\xff", b"{}", b'{"format": "kstate.plan/v9"}', b"[" * 100_000]
)
def test_anything_else_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(Stale):
        parse(data)


def test_what_becomes_of_ownership_and_protection_is_approved_too() -> None:
    key = EXAMPLE.changes[0].key
    others = [
        replace(EXAMPLE, records=(Bookkeeping(key, None),)),
        replace(EXAMPLE, records=(Bookkeeping(key, False),)),
        replace(EXAMPLE, protected=(key,)),
    ]
    assert len({plan.digest for plan in (EXAMPLE, *others)}) == 4


def test_an_unknown_level_of_risk_is_refused_in_words() -> None:
    body = json.loads(render(with_risk(Risk("KS202", "x"))))
    body["waves"][0][0]["risks"][0]["code"] = "KSX01"
    body.pop("seal")
    with pytest.raises(Stale):
        parse(json.dumps(body | {"seal": sha256(body)}).encode())
