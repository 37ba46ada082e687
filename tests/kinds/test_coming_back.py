"""What is live becomes documents, or a record, and comes back as it was: nothing is lost and no secret gets out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.clients import connect_config
from reconciler.core.model import Around, Change, Key, Resource, Scope
from reconciler.errors import BadUsage
from reconciler.kinds import acl, connector, mirror, quota, schema, topic, user
from reconciler.kinds.mirror_flow import connectors
from reconciler.kinds.schema_forms import laid_out
from reconciler.secrets.references import MASK

ADDRESSES = {"eu": "eu:9092,eu2:9092", "us": "us:9092"}
AROUND = Around("us", ADDRESSES)


# --- mirrors


patterns = st.lists(
    st.sampled_from([r"orders\..*", "payments", ".*"]), min_size=1, max_size=2, unique=True
)
optional: dict[str, st.SearchStrategy[Any]] = {
    "groups": patterns,
    "exclude": patterns,
    "naming": st.just("prefixed"),
    "sync": st.dictionaries(st.sampled_from(["offsets", "configs"]), st.just(False), min_size=1),
    "replication": st.integers(1, 2),
    "tasks": st.integers(2, 4),
    "interval": st.sampled_from(["5s", "1m", "2h"]),
    "security": st.just({"source": {"security.protocol": "SSL"}}),
    "config": st.just({"source": {"offset.lag.max": 7}, "heartbeat": {"producer.acks": "all"}}),
}
specs = st.fixed_dictionaries({"source": st.just("eu"), "topics": patterns}, optional=optional)


def live_flow(spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """The three connectors as workers have them, made from a document."""
    whole = {
        **spec,
        "target": "us",
        "addresses": {"source": [ADDRESSES["eu"]], "target": ["us:9092"]},
    }
    return {
        role: {n: ",".join(v) if isinstance(v, list) else v for n, v in config.items()}  # type: ignore[union-attr]
        for role, config in connectors(whole).items()
    }


@given(specs)
def test_a_mirror_comes_back_as_it_was_written(spec: dict[str, Any]) -> None:
    if "groups" not in spec:
        spec.get("sync", {}).pop("offsets", None)  # there is no connector that could know
        if not spec.get("sync"):
            spec.pop("sync", None)
    live = Resource("main/flow", {"connectors": live_flow(spec), "state": "running"})
    assert list(mirror.documents([live], AROUND)) == [
        {"name": "flow", "spec": {**spec, "connect": "main"}}
    ]


@pytest.mark.parametrize(
    ("role", "name", "value"),
    [
        ("source", "topics.exclude", None),
        ("heartbeat", "target.cluster.alias", "elsewhere"),
        ("source", "connector.class", "org.acme.Mirror"),
        ("checkpoint", "source.cluster.alias", "unknown"),
        ("checkpoint", "replication.policy.class", None),
    ],
)
def test_what_no_mirror_means_stays_connectors(role: str, name: str, value: str | None) -> None:
    flow = live_flow({"source": "eu", "topics": ["a"], "groups": ["g"]})
    flow[role] = {n: v for n, v in {**flow[role], name: value}.items() if v is not None}
    live = Resource("main/flow", {"connectors": flow, "state": "running"})
    assert list(mirror.documents([live], AROUND)) == []


def test_a_login_that_nobody_may_see_becomes_a_reference() -> None:
    flow = live_flow({"source": "eu", "topics": ["a"]})
    for config in flow.values():
        config["source.cluster.sasl.jaas.config"] = MASK
    live = Resource("main/flow", {"connectors": flow, "state": "paused"})
    [body] = mirror.documents([live], AROUND)
    assert body["spec"]["security"] == {  # type: ignore[index,call-overload]
        "source": {"sasl.jaas.config": {"env": "MAIN_FLOW_SOURCE_SASL_JAAS_CONFIG"}}
    }
    assert body["spec"]["state"] == "paused"  # type: ignore[index,call-overload]


# --- schemas


values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner)
    ),
    max_leaves=20,
)


@given(values)
def test_json_that_is_laid_out_means_the_same(found: Any) -> None:
    text = laid_out(json.dumps(found))
    assert json.loads(text) == found


def test_a_schema_keeps_the_text_it_was_registered_with() -> None:
    proto = 'syntax = "proto3";\n// who it is\nmessage A { string id = 1; }\n'
    for kind, text in (("PROTOBUF", proto), ("AVRO", '{\n  "type": "string"\n}'), ("JSON", "true")):
        settings = {"type": kind, "schema": {}}
        [body] = schema.documents([Resource("a", settings, {"text": text})])
        assert body["texts"] == {"file": text.strip() + "\n"}


def test_users_with_two_credentials_say_why_they_are_left_out() -> None:
    both = Resource("a", {"credentials": {"SCRAM-SHA-256": 4096, "SCRAM-SHA-512": 4096}})
    assert list(user.documents([both])) == []
    assert "SCRAM-SHA-256, SCRAM-SHA-512" in user.unsaid(both)


def test_quotas_are_called_after_whom_they_are_for() -> None:
    names = ["user=app", "client-id=app", "user=*", "client-id=a,user=b"]
    live = [Resource(name, {"limits": {"request_percentage": "5"}}) for name in names]
    told = [body["name"] for body in quota.documents(live)]
    assert told == ["app", "client-id-app", "user-default", "client-id-a-user-b"]


# --- from a snapshot


class Vault:
    """A session as far as secrets go: `env:A` is there, nothing else is."""

    def secret(self, reference: str) -> str:
        if not reference.startswith("env:"):
            return reference
        if reference == "env:A":
            return "hunter2-hunter2"
        raise BadUsage(f"{reference} is not set")

    plain = secret


KEYS = st.sampled_from(["topics", "db.password", "api.key", "declared", "x.bootstrap.servers"])
lives = st.dictionaries(KEYS, st.sampled_from(["hunter2-hunter2", "s3cr3t-s3cr3t", "b:1,c:2"]))
wishes = st.dictionaries(
    KEYS, st.sampled_from([["env:A"], ["env:B"], ["b:1", "c:2"], "plain", "hunter2-hunter2"])
)
DECLARED = frozenset({"declared"})


@given(lives, wishes)
def test_a_recorded_connector_reads_as_the_live_one_did(
    live: Mapping[str, str], wanted: Mapping[str, Any]
) -> None:
    """As long as the spec asks what it asked then."""
    shown, unproven = connect_config.veiled(live, wanted, DECLARED, Vault())  # type: ignore[arg-type]
    bare, verdicts = connect_config.recorded(live, wanted, DECLARED, Vault())  # type: ignore[arg-type]
    back, open_ = connect_config.recalled(bare, verdicts, wanted)  # type: ignore[arg-type]
    assert back == shown
    assert [s.partition(" ")[0] for s in open_] == [s.partition(" ")[0] for s in unproven]


@given(lives, wishes, wishes)
def test_a_recorded_connector_holds_no_secret_and_guesses_none(
    live: Mapping[str, str], then: Mapping[str, Any], now: Mapping[str, Any]
) -> None:
    bare, verdicts = connect_config.recorded(live, then, DECLARED, Vault())  # type: ignore[arg-type]
    hidden = {"db.password", "api.key", "declared"}
    asked = {n for n, v in then.items() if v in (["env:A"], ["env:B"])} - {"x.bootstrap.servers"}
    for name in (hidden | asked) & live.keys():
        assert bare[name] == MASK
        assert "hunter2" not in json.dumps(verdicts)
    back, open_ = connect_config.recalled(bare, verdicts, now)  # type: ignore[arg-type]
    for name in live.keys() & now.keys():
        # A reference that nobody followed then is taken at its word, and that is said.
        if now[name] == ["env:A"] and then.get(name) != ["env:A"]:
            assert back[name] == ["env:A"]
            assert any(sentence.startswith(f"{name} was not compared") for sentence in open_)


def test_a_recorded_topic_tells_what_is_asked_for() -> None:
    full = Resource("t", {"partitions": 3, "config": {"a": "1", "b": "2"}}, {"topic_id": "x"})
    told = topic.recalled(full, Scope(fields=frozenset({"b"})))
    assert told.settings == {"partitions": 3, "config": {"b": "2"}}
    assert told.facts == {}
    assert topic.recalled(full, Scope(facts=True)).facts == {"topic_id": "x"}


def test_without_anybody_to_ask_the_worst_is_assumed() -> None:
    there = {"t": Resource("t", {"config": {"retention.ms": "1000"}})}
    key = Key("eu", "topic", "t")
    shorter = Change(key, {"config": {"retention.ms": "1000"}}, {"config": {"retention.ms": "10"}})
    longer = Change(key, {"config": {"retention.ms": "1000"}}, {"config": {"retention.ms": "9999"}})
    unset = Change(key, {"config": {"retention.ms": "1000"}}, {"config": {"retention.ms": None}})
    gone = Change(key, {"partitions": 1}, None)
    foreseen = topic.KIND.foreseen
    assert [risk.code for _, risk in foreseen([shorter], there)] == ["KS206"]
    assert [risk.code for _, risk in foreseen([unset], there)] == ["KS206"]
    assert list(foreseen([longer], there)) == []
    assert [risk.code for _, risk in foreseen([gone], there)] == ["KS204"]
    binding = "User:a|topic|t|literal|Read|allow|*"
    revoked = Change(Key("eu", "acl", binding), {}, None)
    assert [r.code for _, r in acl.foreseen([revoked], {binding: Resource(binding, {})})] == [
        "KS224"
    ]


def test_a_connector_tells_first_what_a_reader_looks_for() -> None:
    config = {"a": "1", "topics": "t", "connector.class": "X", "tasks.max": "2"}
    [body] = connector.documents([Resource("main/c", {"config": config, "state": "running"})])
    assert list(body["spec"]["config"]) == ["connector.class", "tasks.max", "topics", "a"]  # type: ignore[index,call-overload,arg-type]
    assert "state" not in body["spec"]  # type: ignore[operator]
