"""A snapshot comes back as it was, damage shows, and it is what its JSON Schema says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from reconciler.core import snapshot as snapshots
from reconciler.core.model import Resource
from reconciler.core.plan import sha256
from reconciler.core.snapshot import RecordedCluster, RecordedKind, RecordedLedger, Snapshot
from reconciler.errors import Stale

FORM = json.loads((Path(__file__).parents[2] / "schemas" / "snapshot.v1.json").read_text())
words = st.text(max_size=8)
bodies = st.dictionaries(
    words, st.one_of(words, st.integers(), st.none(), st.lists(words)), max_size=3
)
resources = st.builds(Resource, words, bodies, bodies, st.lists(words, max_size=2).map(tuple))
kinds = st.builds(
    RecordedKind,
    st.lists(resources, max_size=3).map(lambda found: {r.name: r for r in found}),
    words,
)
ledgers = st.builds(
    RecordedLedger,
    words,
    st.booleans(),
    words,
    st.lists(st.tuples(words, words), max_size=3).map(tuple),
)
clusters = st.builds(
    RecordedCluster,
    words,
    words,
    bodies,
    bodies,
    st.dictionaries(words, kinds, max_size=2),
    st.one_of(st.none(), ledgers),
)
TIME = "2026-11-23T10:00:00Z"
found = st.builds(
    Snapshot,
    st.just(TIME),
    st.just(TIME),
    words,
    st.lists(clusters, max_size=2).map(tuple),
    words,
    words,
    st.dictionaries(words, words, max_size=2),
)


@given(found)
def test_it_comes_back_as_it_was_and_has_its_form(snapshot: Snapshot) -> None:
    data = snapshots.render(snapshot)
    back = snapshots.parse(data)
    assert snapshots.render(back) == data
    assert [c.name for c in back.clusters] == [c.name for c in snapshot.clusters]
    for one, other in zip(back.clusters, snapshot.clusters, strict=True):
        assert one == other
        facts = [(k, n, r.facts) for k, own in one.kinds.items() for n, r in own.resources.items()]
        assert all(dict(other.kinds[k].resources[n].facts) == dict(f) for k, n, f in facts)
    Draft202012Validator(FORM).validate(json.loads(data))


@given(found, st.data())
def test_a_byte_that_changed_is_seen(snapshot: Snapshot, data: st.DataObject) -> None:
    whole = snapshots.render(replace(snapshot, estate="an estate"))
    at = data.draw(st.integers(0, len(whole) - 2))
    changed = bytes([*whole[:at], whole[at] ^ 1, *whole[at + 1 :]])
    if json_of(changed) != json_of(whole):
        with pytest.raises(Stale):
            snapshots.parse(changed)


def json_of(data: bytes) -> object:
    try:
        return json.loads(data.decode("utf-8"))
    except ValueError:
        return None


def test_what_is_none_is_refused_in_words() -> None:
    for data, said in (
        (b"{", "not JSON"),
        (b"[]", "its format is 'list'"),
        (b"{}", "not a kstate"),
    ):
        with pytest.raises(Stale, match=said):
            snapshots.parse(data)
    body = {"format": snapshots.FORMAT, "clusters": 7}
    with pytest.raises(Stale, match="cannot be read"):
        snapshots.parse(json.dumps(body | {"seal": sha256(body)}).encode())
