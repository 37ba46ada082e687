"""Random states, as Hypothesis draws them: small worlds in which names meet often."""

from __future__ import annotations

from hypothesis import strategies as st

from reconciler.core.model import Change, Edit, Key, Kind, Owner, Resource, Risk
from reconciler.core.plan import ClusterPlan, Plan

names = st.sampled_from(["a", "b", "c.d", "c_d", "orders.placed.v1", "ü|%"])
clusters = st.sampled_from(["eu", "us"])
kinds = st.sampled_from(["topic", "acl"])
keys = st.builds(Key, clusters, kinds, names)
scalars = st.one_of(
    st.none(), st.integers(-5, 5), st.sampled_from(["1", "2", "delete", "é\u2028\ud800"])
)
set_scalars = st.one_of(st.integers(-5, 5), st.sampled_from(["1", "2", "delete", "é\u2028"]))
settings = ["partitions", "replication"]
configs = ["retention.ms", "cleanup.policy", "x"]


def bodies(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    config = st.dictionaries(st.sampled_from(configs), values, min_size=1)
    return st.builds(
        lambda flat, nested: {**flat, **({"config": nested} if nested else {})},
        st.dictionaries(st.sampled_from(settings), values),
        st.one_of(st.none(), config),
    )


def states(values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[Key, Resource]]:
    drawn = st.dictionaries(keys, bodies(values), max_size=6)
    return drawn.map(lambda d: {key: Resource(key.name, body) for key, body in d.items()})


wanted = states(scalars)
live = states(set_scalars)
risks = st.builds(
    Risk,
    st.sampled_from(["KS111", "KS202", "KS301", "KS911"]),
    st.sampled_from(["one", "two ` é"]),
    st.dictionaries(st.sampled_from(["records", "bytes"]), st.integers(0, 9)),
)
edits = st.builds(Edit, st.tuples(st.just("config"), st.sampled_from(configs)), scalars, scalars)
changes = st.builds(
    Change,
    keys,
    bodies(scalars),
    bodies(scalars),
    st.lists(edits, max_size=2).map(tuple),
    st.lists(st.sampled_from(["first", "then"]), max_size=2).map(tuple),
    st.lists(risks, max_size=2).map(tuple),
    st.dictionaries(st.just("topic_id"), st.sampled_from(["x", "y"])),
    st.lists(st.sampled_from(["a.yaml:1", "b.yaml:2"]), max_size=2).map(tuple),
    st.sampled_from(list(Owner)),
)

CLUSTERS = (ClusterPlan("eu", "id-eu", {"platform": "apache"}), ClusterPlan("us", "id-us", {}))
plans = st.builds(
    Plan,
    clusters=st.just(CLUSTERS),
    waves=st.lists(st.lists(changes, min_size=1, max_size=3).map(tuple), max_size=3).map(tuple),
    created=st.just("2026-11-23T10:00:00Z"),
    expires=st.just("2026-11-24T10:00:00Z"),
    kstate=st.just("0.1.0"),
    estate=st.sampled_from(["", "acme"]),
    unchanged=st.integers(0, 9),
    unmanaged=st.just(("eu/topic/x",)),
    partial=st.booleans(),
)


def kind(name: str, after: tuple[str, ...] = (), **more: object) -> Kind:
    """A kind without drivers, for what is pure."""
    return Kind(
        name=name,
        document=name.title(),
        resources=lambda _document, _platform: (),
        drivers=(),
        after=after,
        **more,  # type: ignore[arg-type]  # whatever the test is about
    )
