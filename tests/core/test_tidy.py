"""Tidying loses nothing: what came in can be read out of what was written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.clients.acls import Binding
from reconciler.core.model import Document
from reconciler.core.tidy import SHARED, file_of, profiled
from reconciler.core.values import canonical, lenient, spoken
from reconciler.kinds import acl, acl_folding, quota
from reconciler.spec.profiles import merge
from reconciler.spec.writing import render

names = st.text("abcXYZ019._-", min_size=1, max_size=12)
settings = st.dictionaries(
    st.sampled_from(["retention.ms", "cleanup.policy", "max.message.bytes", "preallocate"]),
    st.sampled_from(
        ["604800000", "compact", "delete,compact", "1048576", "true", "-1", "0.5", "x"]
    ),
)
topics = st.lists(
    st.builds(
        lambda name, partitions, config: {
            "name": name,
            "spec": {"partitions": partitions, **({"config": config} if config else {})},
        },
        names,
        st.integers(1, 3),
        settings,
    ),
    max_size=12,
)
bindings = st.sets(
    st.builds(
        Binding,
        st.sampled_from(["User:a", "User:b c", "Group:x"]),
        st.sampled_from(["topic", "group", "transactional_id"]),
        st.sampled_from(["orders", "pay.", "*"]),
        st.sampled_from(["literal", "prefixed"]),
        st.sampled_from(["Read", "Write", "Describe", "All"]),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["*", "10.0.0.1"]),
    ),
    max_size=12,
)


@given(topics)
def test_profiles_change_no_meaning(found: list[dict[str, object]]) -> None:
    profiles, told = profiled(found)
    shared = {profile["name"]: profile["spec"] for profile in profiles}
    assert len(shared) == len(profiles)
    for before, after in zip(found, told, strict=True):
        under = shared.get(after["spec"].get("profile"), {})  # type: ignore[union-attr,call-overload]
        assert merge(under, after["spec"]) == before["spec"]  # type: ignore[arg-type]


@given(topics)
def test_what_many_share_is_said_once(found: list[dict[str, object]]) -> None:
    _, told = profiled(found)
    rest = [str(d["spec"]) for d in told if "profile" not in str(d["spec"])]
    assert all(rest.count(spec) < SHARED for spec in rest)


@given(bindings)
def test_folded_bindings_mean_the_same(found: set[Binding]) -> None:
    meant = {
        binding
        for body in acl_folding.documents(found)
        for binding in acl.bindings(body["spec"])  # type: ignore[arg-type]
    }
    assert meant == found


def test_a_producer_and_a_consumer_are_told_as_such() -> None:
    own = [
        Binding("User:app", "topic", "orders.", "prefixed", "Write", "allow", "*"),
        Binding("User:app", "topic", "payments", "literal", "Read", "allow", "*"),
        Binding("User:app", "group", "app", "literal", "Read", "allow", "*"),
        Binding("User:app", "topic", "audit", "literal", "Read", "deny", "*"),
    ]
    [body] = acl_folding.documents(own)
    assert body == {
        "name": "app",
        "spec": {
            "principal": "User:app",
            "grants": [
                {"role": "consumer", "groups": ["app"], "topics": ["payments"]},
                {"role": "producer", "topics": [{"prefix": "orders."}]},
            ],
            "bindings": [
                {"resource": "topic", "name": "audit", "operation": "Read", "permission": "deny"}
            ],
        },
    }


NUMBERS = ["-1", "0", "1", "007", "1000", "86400000", "1048576", "1000000", "true", ""]


@given(st.sampled_from(["retention.ms", "segment.bytes", "x"]), st.sampled_from(NUMBERS))
def test_a_value_as_a_person_writes_it_means_the_same(name: str, value: str) -> None:
    assert canonical(name, spoken(name, value)) == lenient(name, value)


def test_values_are_spoken() -> None:
    assert spoken("retention.ms", "604800000") == "7d"
    assert spoken("max.message.bytes", "2097152") == "2MiB"
    assert spoken("min.insync.replicas", "2") == 2
    assert spoken("preallocate", "true") is True


@given(st.sets(st.tuples(st.sampled_from(["user", "client-id"]), st.one_of(st.none(), names))))
def test_a_quota_comes_back(parts: set[tuple[str, str | None]]) -> None:
    entity = tuple(sorted(dict(parts).items()))
    if entity:
        name = quota.encode(entity)
        live = [quota.Resource(name, {"limits": {"request_percentage": "12.5"}})]
        [body] = quota.documents(live)
        document = Document("Quota", "q", {}, body["spec"], "", 1, lambda _: (1, 1))  # type: ignore[arg-type]
        assert [r.name for r in quota.resources(document, None)] == [name]  # type: ignore[arg-type]


@given(topics)
def test_what_is_written_is_read(found: list[dict[str, object]]) -> None:
    assert list(YAML(typ="safe").load_all(render(found))) == (found or [])  # type: ignore[arg-type]


@given(names)
def test_every_name_has_a_file(name: str) -> None:
    assert file_of("topic", name).startswith("topics/")
    assert file_of("topic", "orders.placed.v1") == "topics/orders.yaml"
    assert file_of("topic", "__internal") == "topics/internal.yaml"
