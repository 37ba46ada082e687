"""Schemas compared by meaning: whatever their layout, one shape; and back to a text that means the same."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.diff import drop_unset, flat
from reconciler.core.model import Json
from reconciler.kinds.schema_changes import broken, differences
from reconciler.kinds.schema_forms import FORMS, explains, fingerprint, live_shape, shape, text_of

NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
PRIMITIVE = st.sampled_from(
    ["null", "boolean", "int", "long", "float", "double", "bytes", "string"]
)


@st.composite
def avro_types(draw: st.DrawFn, depth: int = 2) -> Any:
    what = draw(st.integers(0, 5 if depth else 0))
    inner = avro_types(depth=depth - 1)
    if what == 1:
        return {"type": "array", "items": draw(inner)}
    if what == 2:
        return {"type": "map", "values": draw(inner)}
    if what == 3:
        return ["null", draw(inner.filter(lambda t: t != "null" and not isinstance(t, list)))]
    if what == 4:
        return draw(records(depth=depth - 1))
    if what == 5:
        symbols = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
        return {
            "type": "enum",
            "name": draw(NAMES) + str(draw(st.integers(0, 10**9))),
            "symbols": symbols,
        }
    return draw(PRIMITIVE)


@st.composite
def records(draw: st.DrawFn, depth: int = 2) -> Any:
    fields = draw(st.lists(NAMES, max_size=4, unique=True))
    made: dict[str, Any] = {
        "type": "record",
        "name": draw(NAMES) + str(draw(st.integers(0, 10**9))),
        "fields": [{"name": name, "type": draw(avro_types(depth=depth))} for name in fields],
    }
    if draw(st.booleans()):
        made["namespace"] = "com.acme"
    if draw(st.booleans()):
        made["doc"] = draw(st.text(min_size=1, max_size=5))
    return made


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same with the members of every mapping in another order."""
    if isinstance(value, dict):
        items = [(name, shuffled(inner, dice)) for name, inner in value.items()]
        dice.shuffle(items)
        return dict(items)
    return [shuffled(item, dice) for item in value] if isinstance(value, list) else value


@given(records(), st.randoms(use_true_random=False))
def test_avro_in_another_layout_is_the_same(schema: Any, dice: random.Random) -> None:
    found = live_shape("AVRO", json.dumps(schema))
    other = json.dumps(shuffled(schema, dice), indent=3)
    assert live_shape("AVRO", other) == found
    text = text_of("AVRO", found)
    assert live_shape("AVRO", text) == found
    assert not broken(found, found, "FULL")
    assert differences(found, found) == []


@given(records())
def test_a_shape_goes_into_a_plan_and_comes_back(schema: Any) -> None:
    """Settings lose empty mappings and what is None; a schema loses nothing by that."""
    found = live_shape("AVRO", json.dumps(schema))
    kept = json.loads(json.dumps(drop_unset({"schema": found})))
    assert live_shape("AVRO", text_of("AVRO", kept["schema"])) == found


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(min_size=1, max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.text(min_size=1, max_size=5), VALUES, max_size=4),
    st.randoms(use_true_random=False),
)
def test_json_in_another_layout_is_the_same_and_nothing_is_lost(
    schema: Any, dice: random.Random
) -> None:
    found = live_shape("JSON", json.dumps(schema))
    assert live_shape("JSON", json.dumps(shuffled(schema, dice), indent=2)) == found
    kept = json.loads(json.dumps(drop_unset({"schema": found})))["schema"] if schema else found
    back = json.loads(text_of("JSON", kept))
    assert live_shape("JSON", json.dumps(back)) == found
    assert all(value is not None for _, value in flat({"schema": found}))


PROTO = """
syntax = "proto3"; package acme.v1;
import "google/protobuf/timestamp.proto";
option java_package = "com.acme";
// What a customer wants.
message Order {
  reserved 9, 20 to 30; reserved "old";
  int64 id = 1; repeated string tags = 2 [deprecated = true];
  oneof payment { string card = 3; string iban = 4; }
  map<string, Money> totals = 5;
  enum State { NEW = 0; PAID = 1; }
  State state = 6;
  message Money { int64 cents = 1; }
}
message Empty {}
service Orders { rpc Get (Order) returns (stream Order); }
"""


def test_protobuf_in_another_layout_is_the_same() -> None:
    found = shape("PROTOBUF", PROTO)
    other = PROTO.replace("; ", ";\n\n    ").replace("// What a customer wants.", "/* other */")
    assert shape("PROTOBUF", other) == found
    text = text_of("PROTOBUF", found)
    assert shape("PROTOBUF", text) == found
    for part in (
        "syntax",
        "rpc Get (Order) returns (stream Order)",
        "oneof payment",
        'reserved "old"',
    ):
        assert part in text
    kept = json.loads(json.dumps(drop_unset({"schema": found})))["schema"]
    assert text_of("PROTOBUF", kept) == text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (
            {"type": "record", "name": "a.B", "fields": []},
            {"type": "record", "name": "B", "namespace": "a", "fields": []},
        ),
        ("string", {"type": "string"}),
        ({"type": "array", "items": {"type": "int"}}, {"type": "array", "items": "int"}),
    ],
)
def test_two_ways_to_write_one_avro_schema(one: Json, other: Json) -> None:
    assert shape("AVRO", json.dumps(one)) == shape("AVRO", json.dumps(other))


# --- what breaks


def record(*fields: Any, name: str = "R", **more: Any) -> Json:
    made = [f if isinstance(f, dict) else {"name": f[0], "type": f[1]} for f in fields]
    return shape("AVRO", json.dumps({"type": "record", "name": name, "fields": made, **more}))


WITH_DEFAULT = {"name": "n", "type": "int", "default": 0}


@pytest.mark.parametrize(
    ("before", "after", "backward", "forward"),
    [
        (record(("a", "int")), record(("a", "int"), ("n", "int")), "field `n` is new", ""),
        (record(("a", "int")), record(("a", "int"), WITH_DEFAULT), "", ""),
        (record(("a", "int"), ("n", "int")), record(("a", "int")), "", "field `n` is taken away"),
        (record(("a", "int"), WITH_DEFAULT), record(("a", "int")), "", ""),
        (record(("a", "int")), record(("a", "long")), "", "field `a` is int on one side and long"),
        (record(("a", "long")), record(("a", "int")), "field `a` is int on one side and long", ""),
        (record(("a", "string")), record(("a", "bytes")), "", ""),
        (
            record(("a", "int")),
            record({"name": "b", "type": "int", "aliases": ["a"]}),
            "",
            "field `a` is taken away",
        ),
        (record(("a", "int")), record(("a", ["null", "int"])), "", "field `a`"),
        (record(("a", ["null", "int"])), record(("a", "int")), "field `a`", ""),
        (
            record(name="A"),
            record(name="B"),
            "the schema is the record B",
            "the schema is the record A",
        ),
        (record(name="A"), record(name="B", aliases=["A"]), "", "the schema is the record A"),
        (
            record(("e", {"type": "enum", "name": "E", "symbols": ["X", "Y"]})),
            record(("e", {"type": "enum", "name": "E", "symbols": ["X"]})),
            "field `e` has lost the symbols Y",
            "",
        ),
        (
            record(("f", {"type": "fixed", "name": "F", "size": 4})),
            record(("f", {"type": "fixed", "name": "F", "size": 8})),
            "field `f` is a fixed of another name or size",
            "field `f` is a fixed of another name or size",
        ),
        (
            record(("l", {"type": "array", "items": "int"})),
            record(("l", {"type": "array", "items": "string"})),
            "field `l` is string on one side and int",
            "field `l` is int on one side and string",
        ),
        (
            record(
                (
                    "c",
                    [
                        "null",
                        {"type": "record", "name": "C", "fields": [{"name": "x", "type": "int"}]},
                    ],
                )
            ),
            record(
                (
                    "c",
                    [
                        "null",
                        {"type": "record", "name": "C", "fields": [{"name": "y", "type": "int"}]},
                    ],
                )
            ),
            "field `c.y` is new",
            "field `c.x` is taken away",
        ),
    ],
)
def test_avros_rules_of_resolution(before: Json, after: Json, backward: str, forward: str) -> None:
    for level, expected in (("BACKWARD", backward), ("FORWARD", forward)):
        told = " | ".join(broken(before, after, level))
        assert expected in told if expected else told == "", (level, told)
        assert broken(before, after, f"{level}_TRANSITIVE") == broken(before, after, level)
    both = {*broken(before, after, "BACKWARD"), *broken(before, after, "FORWARD")}
    assert set(broken(before, after, "FULL")) == both
    assert broken(before, after, "NONE") == []


def test_a_record_that_holds_itself_is_no_endless_story() -> None:
    fields = [{"name": "next", "type": ["null", "Node"]}]
    node = shape("AVRO", json.dumps({"type": "record", "name": "Node", "fields": fields}))
    assert broken(node, node, "FULL") == []


def test_what_differs_is_told_by_field() -> None:
    before = shape(
        "JSON", json.dumps({"properties": {"a": {"type": "string"}, "b": {"type": "string"}}})
    )
    after = shape(
        "JSON", json.dumps({"properties": {"a": {"type": "integer"}, "c": {"type": "object"}}})
    )
    assert differences(before, after) == [
        "`a`: type changed: string -> integer",
        "`b` removed (string)",
        "`c` added (object)",
    ]
    proto = shape("PROTOBUF", PROTO)
    changed = shape(
        "PROTOBUF", PROTO.replace("int64 id = 1;", "int32 id = 1;").replace("PAID = 1;", "")
    )
    assert differences(proto, changed) == [
        "`Order.enum State.PAID` removed (PAID = 1;)",
        "`Order.id` changed: int64 id = 1; -> int32 id = 1;",
    ]


def test_documentation_is_no_part_of_a_fingerprint() -> None:
    plain, told = (
        record(("a", "int")),
        record({"name": "a", "type": "int", "doc": "An a."}, doc="An R."),
    )
    assert plain != told
    assert fingerprint("AVRO", plain) == fingerprint("AVRO", told)
    assert fingerprint("AVRO", plain) != fingerprint("AVRO", record(("a", "long")))
    assert explains("AVRO", ("schema", "fields", "a", "doc"))
    assert not explains("AVRO", ("schema", "fields", "a", "type"))


@pytest.mark.parametrize(
    "text", ["{", "no", "[1]", '{"type": "record"}', "syntax;", "message M { int32 a = 1; } }"]
)
@pytest.mark.parametrize("kind", sorted(FORMS))
def test_what_is_no_schema_is_a_sentence_and_never_a_crash(kind: str, text: str) -> None:
    if (kind, text) == ("JSON", '{"type": "record"}'):
        text = '{"type": "recrod"}'
    with pytest.raises(ValueError, match=r"\w+ \w+"):
        shape(kind, text)
    live_shape(kind, text)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("AVRO", r'{"type": "record", "name": "a", "doc": "x\ud800", "fields": []}'),
        ("JSON", r'{"type": "object", "description": "x\ud800"}'),
    ],
)
def test_half_a_pair_of_utf_16_is_sent_as_it_was_read(kind: str, text: str) -> None:
    """As the escape that means it: sent as a character it would arrive as a question mark, and differ for ever."""
    sent = text_of(kind, shape(kind, text))
    assert r"x\ud800" in sent
    assert live_shape(kind, sent) == shape(kind, text)
