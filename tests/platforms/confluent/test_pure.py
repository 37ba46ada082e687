"""What follows from documents alone: roles and CRNs, patterns of links, principals, partitions, Cluster documents."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients.confluent_cloud import Account
from reconciler.core.model import Change, Document, Key, Target
from reconciler.platforms.confluent.link_topics import (
    Pattern,
    canonical,
    carried,
    filters,
    matching,
    parse,
)
from reconciler.platforms.confluent.login import kafka_properties
from reconciler.platforms.confluent.principals import People, by_name, called, integers
from reconciler.platforms.confluent.roles import Role, crn, decode, encode, is_role, parsed
from reconciler.platforms.confluent.settings import check
from reconciler.platforms.confluent.topic_rules import too_many

SCOPE = "crn://confluent.cloud/organization=o/environment=env-1/cloud-cluster=lkc-1"
names = st.text(
    st.characters(blacklist_characters="*", blacklist_categories=("Cs", "Cc")),
    min_size=1,
    max_size=30,
)
roles = st.builds(
    Role,
    names.map(lambda n: f"User:{n}"),
    st.sampled_from(["DeveloperRead", "DeveloperWrite", "ResourceOwner"]),
    st.sampled_from(["topic", "group", "transactional_id"]),
    names,
    st.sampled_from(["literal", "prefixed"]),
)


@given(roles)
def test_a_role_binding_has_one_name_and_one_crn(role: Role) -> None:
    assert is_role(encode(role))
    assert decode(encode(role)) == role
    assert parsed(role.principal, role.role, crn(role, SCOPE, "lkc-1"), SCOPE) == role


@given(roles, roles)
def test_different_roles_are_bound_differently(one: Role, other: Role) -> None:
    same = (one.resource, one.name, one.pattern) == (other.resource, other.name, other.pattern)
    assert (crn(one, SCOPE, "lkc-1") == crn(other, SCOPE, "lkc-1")) == same


def test_everything_and_the_cluster_itself() -> None:
    everything = Role("User:a", "DeveloperRead", "topic", "*", "literal")
    assert crn(everything, SCOPE, "lkc-1").endswith("/kafka=lkc-1/topic=*")
    assert parsed("User:a", "DeveloperRead", crn(everything, SCOPE, "lkc-1"), SCOPE) == everything
    whole = Role("User:a", "Operator", "cluster", "kafka-cluster", "literal")
    assert crn(whole, SCOPE, "lkc-1") == SCOPE
    assert parsed("User:a", "Operator", SCOPE, SCOPE) == whole


# --- patterns


@pytest.mark.parametrize(
    ("expression", "meant"),
    [
        (r"orders\.placed", Pattern("orders.placed", False)),
        (r"^orders\.placed$", Pattern("orders.placed", False)),
        (r"orders\..*", Pattern("orders.", True)),
        ("orders-.*", Pattern("orders-", True)),
        (".*", Pattern("", True)),
        ("orders.placed", None),
        (".*-orders", None),
        ("orders|payments", None),
        ("orders[0-9]", None),
        ("", None),
    ],
)
def test_what_a_link_can_say(expression: str, meant: Pattern | None) -> None:
    assert parse(expression) == meant


topic_names = st.text(st.sampled_from("ab.-"), min_size=1, max_size=6)


@given(
    st.lists(st.builds(Pattern, topic_names, st.booleans()), min_size=1, max_size=4),
    st.sets(topic_names, max_size=8),
)
def test_a_link_carries_what_it_takes_and_nothing_else(
    patterns: list[Pattern], there: set[str]
) -> None:
    config = {
        "auto.create.mirror.topics.enable": "true",
        "auto.create.mirror.topics.filters": filters("topic", patterns),
        "cluster.link.prefix": "eu.",
    }
    link: dict[str, Any] = {"configs": config, "topics": {}}
    taken = matching(link, there)
    assert taken == sorted(name for name in there if any(p.fits(name) for p in patterns))
    assert sorted(carried(link, [f"eu.{name}" for name in there])) == sorted(
        f"eu.{name}" for name in taken
    )


@given(st.lists(st.builds(Pattern, topic_names, st.booleans()), max_size=4), st.randoms())
def test_filters_in_any_order_are_the_same(patterns: list[Pattern], random: Any) -> None:
    shuffled = list(patterns)
    random.shuffle(shuffled)
    name = "auto.create.mirror.topics.filters"
    assert canonical(name, filters("topic", shuffled)) == filters("topic", patterns)
    by_hand = filters("topic", shuffled).replace(",", " , ").replace("LITERAL", "literal")
    assert canonical(name, by_hand) == filters("topic", patterns) or not patterns
    for strange in ("{not json", "[]", "{}", '{"topicFilters": [{"name": "a"}]}', "7"):
        assert canonical(name, strange) == strange
        assert (
            matching(
                {"configs": {"auto.create.mirror.topics.enable": "true", name: strange}}, ["a"]
            )
            == []
        )


# --- principals


@pytest.mark.parametrize(
    ("principal", "name"),
    [
        ("User:app", "app"),
        ("User:sa-abc123", ""),
        ("User:u-abc123", ""),
        ("User:pool-abc", ""),
        ("User:12345", ""),
        ("User:*", ""),
        ("User:sa-", "sa-"),
        ("Group:app", ""),
    ],
)
def test_who_is_named_by_name(principal: str, name: str) -> None:
    assert by_name(principal) == name


def test_people() -> None:
    people = People({"sa-1": Account("sa-1", "app", ""), "sa-2": Account("sa-2", "sa-3", "")})
    assert people.id_of("User:app") == "User:sa-1"
    assert people.id_of("User:nobody") == ""
    assert people.id_of("User:u-9") == "User:u-9"
    assert people.names_of("User:sa-1") == ["User:app", "User:sa-1"]
    assert people.names_of("User:sa-2") == ["User:sa-2"], "a name that looks like an id is no name"
    assert called(["a", "b"], {"b"}) == "b"
    assert called(["a", "b"], set()) == "a"


def test_integers_are_asked_for_only_where_there_are_any() -> None:
    asked: list[str] = []

    def ask(id_: str) -> list[str]:
        asked.append(id_)
        return {"User:sa-1": ["User:7"], "User:sa-2": []}[id_]

    assert integers(["User:sa-1"], ["User:sa-1"], ask) == {}
    assert asked == []
    assert integers(["User:7", "User:8"], ["User:sa-1", "User:sa-2"], ask) == {
        "User:7": "User:sa-1"
    }
    assert integers(["User:7"], ["User:sa-1", "User:sa-2"], ask) == {"User:7": "User:sa-1"}
    assert asked == ["User:sa-1", "User:sa-2", "User:sa-1"]


# --- partitions


def change(name: str, before: int | None, after: int | None) -> Change:
    sides = [None if n is None else {"partitions": n} for n in (before, after)]
    return Change(Key("cc", "topic", name), *sides)


def test_partitions_are_counted_together() -> None:
    there = {"a": 10, "b": 5}
    assert too_many([change("c", None, 5)], there, 20) == {}
    assert list(too_many([change("c", None, 6)], there, 20)) == [Key("cc", "topic", "c")]
    assert too_many([change("c", None, 6), change("b", 5, None)], there, 20) == {}
    assert list(too_many([change("a", 10, 16)], there, 20)) == [Key("cc", "topic", "a")]
    assert too_many([change("b", 5, None)], there, 5) == {}, "taking away is never too much"


# --- the Cluster document

FULL: dict[str, Any] = {"cluster": "lkc-1", "type": "standard", "key": "env:K", "secret": "env:S"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({}, "the key `confluent` is missing"),
        ({"confluent": FULL}, "the key `bootstrap` is missing, or say `via: rest`"),
        ({"confluent": {**FULL, "via": "rest"}}, "`via: rest` needs `rest`"),
        (
            {"confluent": {**FULL, "via": "rest", "rest": {}}, "bootstrap": ["a:1"]},
            "speaks to no broker",
        ),
        (
            {"confluent": {"cluster": "lkc-1", "type": "standard"}, "bootstrap": ["a:1"]},
            "of a cluster API key are missing",
        ),
        ({"confluent": {**FULL, "cloud": {}}, "bootstrap": ["a:1"]}, "`cloud` needs `environment`"),
        (
            {
                "confluent": {**FULL, "type": "basic", "identity_pool": "pool-1"},
                "bootstrap": ["a:1"],
            },
            "takes no tokens",
        ),
        (
            {
                "confluent": {
                    "cluster": "lkc-1",
                    "type": "standard",
                    "identity_pool": "pool-1",
                    "rest": {},
                },
                "bootstrap": ["a:1"],
            },
            "`rest` needs `key` and `secret`",
        ),
    ],
)
def test_what_is_wrong_with_a_cluster(spec: dict[str, Any], words: str) -> None:
    document = Document(
        "Cluster",
        "cc",
        {"name": "cc"},
        {"platform": "confluent", **spec},
        "c.yaml",
        1,
        lambda _p: (1, 1),
    )
    assert [told for _, told in check(document) if words in told]


def test_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("K", "key")
    monkeypatch.setenv("S", "a-secret")
    spec: dict[str, Any] = {"platform": "confluent", "bootstrap": ["a:1"], "confluent": FULL}
    assert kafka_properties(Target("cc", spec)) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "key",
        "sasl.password": "a-secret",
    }
    pooled = {
        **spec,
        "confluent": {**FULL, "identity_pool": "pool-1"},
        "kafka": {"sasl.oauthbearer.scope": "x"},
    }
    assert kafka_properties(Target("cc", pooled)) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "sasl.oauthbearer.method": "oidc",
        "sasl.oauthbearer.extensions": "logicalCluster=lkc-1,identityPoolId=pool-1",
        "sasl.oauthbearer.scope": "x",
    }
