"""Tidying loses nothing: what came in can be read out of what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.clients.acls import Binding
from reconciler.core.diff import flat
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
        st.sampled_from(["orders", "app-", "app", "*"]),
        st.sampled_from(["literal", "prefixed"]),
        st.sampled_from(["Read", "Write", "Describe", "DescribeConfigs", "Create", "All"]),
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
    """Where saying it once is shorter: a document of two settings names a profile in half its length."""
    _, told = profiled(found)
    rest = [d for d in told if "profile" not in d["spec"]]  # type: ignore[operator]
    long = [str(d["spec"]) for d in rest if _lines([d]) > 2]
    assert all(long.count(spec) < SHARED for spec in long)


@given(topics)
def test_a_profile_shortens_the_whole_and_has_users(found: list[dict[str, object]]) -> None:
    profiles, told = profiled(found)
    users = [d["spec"]["profile"] for d in told if "profile" in d["spec"]]  # type: ignore[index,operator]
    assert {p["name"] for p in profiles} == set(users)
    assert all(users.count(name) >= SHARED for name in users)
    assert _lines(profiles) + _lines(told) <= _lines(found)


def _lines(bodies: Sequence[Mapping[str, Any]]) -> int:
    return sum(len(list(flat(body["spec"]))) for body in bodies)


def test_topics_that_differ_in_one_setting_share_the_rest() -> None:
    def topic(name: str, **config: str) -> dict[str, Any]:
        config = {"compression.type": "zstd", "retention.ms": "7d", **config}
        return {"name": name, "spec": {"partitions": 6, "replication": 3, "config": config}}

    found = [topic("a"), topic("b"), topic("c"), topic("d", **{"retention.ms": "30d"})]
    [profile], told = profiled(found)
    assert profile["name"] == "delete-6"
    assert told[0]["spec"] == {"profile": "delete-6"}
    assert told[3]["spec"] == {"profile": "delete-6", "config": {"retention.ms": "30d"}}


@given(bindings)
def test_folded_bindings_mean_the_same(found: set[Binding]) -> None:
    meant = {
        binding
        for body in acl_folding.documents(found, acl.WORDS)
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
    [body] = acl_folding.documents(own, acl.WORDS)
    assert body == {
        "name": "app",
        "spec": {
            "principal": "User:app",
            "grants": [
                {"role": "producer", "topics": [{"prefix": "orders."}]},
                {"role": "consumer", "topics": ["payments"], "groups": ["app"]},
            ],
            "bindings": [
                {"resource": "topic", "name": "audit", "operation": "Read", "permission": "deny"}
            ],
        },
    }


GRANTS: list[dict[str, Any]] = [
    {"role": "streams", "applicationId": "app", "topics": ["orders", {"prefix": "pay."}]},
    {"role": "admin", "topics": [{"prefix": "orders."}], "cluster": True},
    {"role": "read-only", "topics": ["*"], "groups": ["*"], "cluster": True},
    {"role": "producer", "topics": ["orders"], "transactionalIds": [{"prefix": "app-"}]},
    {"role": "consumer", "topics": ["orders"], "groups": ["app"]},
]


@pytest.mark.parametrize("grant", GRANTS, ids=lambda grant: str(grant["role"]))
def test_a_role_comes_back_as_itself(grant: dict[str, Any]) -> None:
    meant = set(acl.bindings({"principal": "User:app", "grants": [grant]}))
    [body] = acl_folding.documents(meant, acl.WORDS)
    assert body["spec"] == {"principal": "User:app", "grants": [grant]}


def test_whoever_may_describe_a_group_is_no_reader_of_everything() -> None:
    own = [Binding("User:app", "group", "app", "literal", "Describe", "allow", "*")]
    [body] = acl_folding.documents(own, acl.WORDS)
    raw = {"resource": "group", "name": "app", "operation": "Describe"}
    assert body["spec"] == {"principal": "User:app", "bindings": [raw]}


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
