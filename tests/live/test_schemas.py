"""Schemas on a real registry: what is no change, what breaks, in which order things go, and what cannot go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest

from tests.live.conftest import Live
from tests.live.spec import Spec

LONG = "long"


def registry(live: Live, method: str, path: str, body: Any = None) -> Any:
    """A request to the registry of the first cluster, as somebody with curl would make it."""
    data = None if body is None else json.dumps(body).encode()
    url = f"{live.cluster.registry_url}/{path}"
    asked = Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(asked, timeout=30) as answer:
        return json.loads(answer.read())


def latest(live: Live, subject: str) -> dict[str, Any]:
    found: dict[str, Any] = registry(
        live, "GET", f"subjects/{quote(subject, safe='')}/versions/latest"
    )
    return found


@pytest.fixture
def here(connected: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> Spec:
    spec = Spec(tmp_path, capfd)
    where = {"registry": {"url": connected.cluster.registry_url}, "owns": {"subjects": [name]}}
    spec.cluster(connected.bootstrap, **where)
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    return spec


def schema(subject: str, **spec: Any) -> dict[str, Any]:
    return {
        "kind": "Schema",
        "metadata": {"name": subject, **spec.pop("metadata", {})},
        "spec": spec,
    }


def record(name: str, *fields: tuple[str, Any] | dict[str, Any], **more: Any) -> dict[str, Any]:
    made = [f if isinstance(f, dict) else {"name": f[0], "type": f[1]} for f in fields]
    return {"type": "record", "name": name, "namespace": "com.acme", "fields": made, **more}


ORDER = record("Order", ("id", LONG), ("amount", "int"))
PROTO = (
    'syntax = "proto3";\npackage acme;\nmessage Order {\n  int64 id = 1;\n  string note = 2;\n}\n'
)


@pytest.mark.parametrize("kind", ["avro", "json", "protobuf"])
def test_from_nothing_to_nothing_left_to_do_and_away_again(
    connected: Live, here: Spec, name: str, kind: str
) -> None:
    plain = {"type": "object", "properties": {"id": {"type": "integer"}, "any": {}}}
    wider = {**plain, "properties": {**plain["properties"], "note": {"type": "string"}}}  # type: ignore[dict-item]
    first: Any = {"avro": ORDER, "json": plain, "protobuf": PROTO}[kind]
    second: Any = {
        "avro": record(
            "Order",
            ("id", LONG),
            ("amount", "int"),
            {"name": "n", "type": ["null", "string"], "default": None},
        ),
        "json": wider,
        "protobuf": PROTO.replace("note = 2;", "note = 2;\n  bool paid = 3;"),
    }[kind]
    subject = f"{name}value"
    here.write(schema(subject, type=kind, schema=first))
    assert here.plan().code == 2
    said = here.apply()
    assert said.code == 0, said.out + said.err
    assert here.plan().code == 0
    assert latest(connected, subject)["version"] == 1
    here.write(schema(subject, type=kind, schema=second))
    assert here.apply().code == 0
    assert here.plan().code == 0
    assert latest(connected, subject)["version"] == 2
    (here.folder / "spec.yaml").unlink()
    assert here.plan_json().codes == {"KS241", "KS231"}
    assert here.apply("--approve", "KS241", "--approve", "KS231").code == 0
    assert subject not in registry(connected, "GET", "subjects")
    deleted = registry(connected, "GET", "subjects?deleted=true")
    assert subject in deleted, "softly"


def test_another_layout_is_no_change(connected: Live, here: Spec, name: str) -> None:
    """Members in another order, a full name, an attribute that says nothing: one schema."""
    here.write(schema(f"{name}value", schema=ORDER))
    assert here.apply().code == 0
    again = {
        "fields": [
            {"type": {"type": LONG}, "name": "id"},
            {"type": "int", "name": "amount", "order": "ascending"},
        ],
        "name": "com.acme.Order",
        "type": "record",
    }
    (here.folder / "order.avsc").write_text(json.dumps(again, indent=7))
    here.write(schema(f"{name}value", file="order.avsc"))
    found = here.plan()
    assert (found.code, "No changes" in found.out) == (0, True), found.out
    assert latest(connected, f"{name}value")["version"] == 1


def test_what_the_registry_holds_to_be_the_same_is_a_note_and_never_noise(
    here: Spec, name: str
) -> None:
    """Apicurio gives a schema that differs in its `doc` no version of its own."""
    here.write(schema(f"{name}value", schema=ORDER))
    assert here.apply().code == 0
    here.write(schema(f"{name}value", schema={**ORDER, "doc": "An order."}))
    found = here.plan()
    assert found.code == 0
    assert "the registry holds both to be one version" in found.out


def test_documentation_alone_is_said_to_be_that(here: Spec, name: str) -> None:
    plain = {"type": "object", "properties": {"id": {"type": "integer"}}}
    here.write(schema(f"{name}value", type="json", schema=plain))
    assert here.apply().code == 0
    here.write(schema(f"{name}value", type="json", schema={**plain, "description": "An order."}))
    assert here.plan_json().codes <= {"KS141"}


# --- compatibility


def test_what_breaks_is_told_by_field_under_the_level_in_force(here: Spec, name: str) -> None:
    here.write(schema(f"{name}value", schema=ORDER, compatibility="FULL"))
    assert here.apply().code == 0
    worse = record("Order", ("id", "string"), ("new", "int"))
    here.write(schema(f"{name}value", schema=worse, compatibility="FULL"))
    found = here.plan()
    assert found.code == 3
    for words in (
        "under FULL: field `id` is string on one side and long on the other: what was written before",
        "under FULL: field `new` is new and has no default: what was written before cannot be read",
        "under FULL: field `amount` is taken away and had no default: whoever reads with the former",
    ):
        assert words in found.out
    assert '{"type"' not in found.out, "fields, not raw JSON"
    assert here.apply().code == 3


def test_what_this_registry_does_not_recognise_is_told_before(here: Spec, name: str) -> None:
    draft = {"$schema": "http://json-schema.org/draft-07/schema#", "type": "string"}
    here.write(
        schema(f"{name}known", type="json", schema=draft),
        schema(f"{name}unknown", type="json", schema={"enum": ["a"]}),
    )
    changes = [change for wave in here.plan_json().json["waves"] for change in wave]
    told = {c["key"].rpartition(".")[2]: [r["code"] for r in c["risks"]] for c in changes}
    assert told == {"known": [], "unknown": ["KS148"]}
    assert here.apply().code == 6
    assert "Failed to discover artifact type" in here.apply().out


@pytest.mark.parametrize("kind", ["json", "protobuf"])
def test_where_the_registry_is_the_judge_our_words_say_what_differs(
    here: Spec, name: str, kind: str
) -> None:
    plain = {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "additionalProperties": False,
    }
    worse = {
        "type": "object",
        "properties": {"id": {"type": "string"}},
        "additionalProperties": False,
    }
    first: Any = plain if kind == "json" else PROTO
    second: Any = worse if kind == "json" else PROTO.replace("int64 id = 1", "string id = 1")
    here.write(schema(f"{name}value", type=kind, schema=first, compatibility="FULL"))
    assert here.apply().code == 0
    here.write(schema(f"{name}value", type=kind, schema=second, compatibility="FULL"))
    found = here.plan()
    assert found.code == 3
    assert "KS945 impossible: under FULL: `" in found.out
    assert "changed: " in found.out


def test_the_registrys_own_level_counts_where_a_subject_has_none(
    connected: Live, here: Spec, name: str
) -> None:
    here.write(schema(f"{name}value", schema=ORDER))
    assert here.apply().code == 0
    here.write(schema(f"{name}value", schema=record("Order", ("id", "string"))))
    registry(connected, "PUT", "config", {"compatibility": "BACKWARD"})
    try:
        assert "under BACKWARD: field `id`" in here.plan().out
    finally:
        registry(connected, "PUT", "config", {"compatibility": "NONE"})
    assert here.plan().code == 2


def test_loosened_before_and_tightened_after(connected: Live, here: Spec, name: str) -> None:
    subject = f"{name}value"
    here.write(schema(subject, schema=ORDER, compatibility="FULL"))
    assert here.apply().code == 0
    other = record("Order", ("id", "string"))
    here.write(schema(subject, schema=other, compatibility="NONE"))
    found = here.plan_json()
    (change,) = [c for wave in found.json["waves"] for c in wave]
    assert change["steps"] == ["compatibility becomes NONE", "the schema is registered"]
    assert found.codes == {"KS243"}
    assert here.apply("--approve", "KS243").code == 0
    wider = record("Order", ("id", "string"), {"name": "n", "type": "int", "default": 0})
    here.write(schema(subject, schema=wider, compatibility="BACKWARD"))
    (change,) = [c for wave in here.plan_json().json["waves"] for c in wave]
    assert change["steps"] == ["the schema is registered", "compatibility becomes BACKWARD"]
    assert here.apply().code == 0
    assert registry(connected, "GET", f"config/{subject}") == {"compatibilityLevel": "BACKWARD"}
    assert here.plan().code == 0
    here.write(schema(subject, schema=wider))
    assert "KS243" in here.plan_json().codes, "a level that is not asked for any more goes back"
    assert here.apply("--approve", "KS243").code == 0
    again = here.plan()
    assert again.code == 0, again.out


def test_a_mode_is_opened_before_and_closed_after(connected: Live, here: Spec, name: str) -> None:
    """Apicurio stores a mode and does not act on it; the order is for those that do."""
    subject = f"{name}value"
    here.write(schema(subject, schema=ORDER, mode="READONLY", normalize=True))
    (change,) = [c for wave in here.plan_json().json["waves"] for c in wave]
    assert change["steps"] == ["the schema is registered", "mode becomes READONLY"]
    assert here.apply().code == 0
    assert registry(connected, "GET", f"mode/{subject}") == {"mode": "READONLY"}
    assert here.plan().code == 0
    wider = record("Order", ("id", LONG), {"name": "n", "type": "int", "default": 0})
    here.write(schema(subject, schema=wider, mode="READWRITE", normalize=True))
    (change,) = [c for wave in here.plan_json().json["waves"] for c in wave]
    assert change["steps"] == ["mode becomes READWRITE", "the schema is registered"]
    assert here.apply().code == 0
    assert registry(connected, "GET", f"mode/{subject}") == {"mode": "READWRITE"}
    assert here.plan().code == 0


def test_an_older_version_does_not_come_back_by_posting_it(here: Spec, name: str) -> None:
    wider = record("Order", ("id", LONG), {"name": "n", "type": "int", "default": 0})
    for one in (ORDER, wider):
        here.write(schema(f"{name}value", schema=one))
        assert here.apply().code == 0
    here.write(schema(f"{name}value", schema=ORDER))
    found = here.plan()
    assert (found.code, "this is version 1 already, and version 2 is the latest" in found.out) == (
        3,
        True,
    )


# --- references


def test_references_go_first_and_follow_what_they_refer_to(
    connected: Live, here: Spec, name: str
) -> None:
    money = record("Money", ("cents", LONG))
    price = record("Price", ("amount", "com.acme.Money"))
    order = record("Order", ("id", LONG), ("price", "com.acme.Price"))
    refers = lambda *names: [{"name": f"com.acme.{n}", "subject": f"{name}{n}"} for n in names]  # noqa: E731
    # The names are such that the alphabet would put them the wrong way round.
    documents = [
        schema(f"{name}Aorder", schema=order, references=refers("Price", "Money")),
        schema(f"{name}Price", schema=price, references=refers("Money")),
        schema(f"{name}Money", schema=money),
    ]
    cart = record("Cart", ("order", "com.acme.Order"))
    beneath = [{"name": "com.acme.Order", "subject": f"{name}Aorder"}]
    documents.insert(0, schema(f"{name}0cart", schema=cart, references=beneath))
    here.write(*documents)
    waves = [[c["key"] for c in wave] for wave in here.plan_json().json["waves"]]
    assert [len(wave) for wave in waves] == [1, 1, 1, 1]
    said = here.apply()
    assert said.code == 0, said.out
    assert here.plan().code == 0
    wider = record(
        "Money", ("cents", LONG), {"name": "currency", "type": "string", "default": "EUR"}
    )
    here.write(*documents[:3], schema(f"{name}Money", schema=wider))
    planned = here.plan()
    assert f"schema {name}Price  update" in planned.out, "it is made of what changes"
    assert f"schema {name}0cart  update" in planned.out, "it is made of what is made of it"
    assert here.apply("--approve", "KS303").code == 0
    assert here.plan().code == 0
    assert latest(connected, f"{name}Price")["references"][0]["version"] == 2
    assert latest(connected, f"{name}0cart")["references"][0]["version"] == 2
    here.write(*documents[:3])
    found = here.plan()
    assert (
        found.code,
        f"KS944 impossible: it is part of {name}Aorder; {name}Price" in found.out,
    ) == (3, True)


def test_a_reference_to_a_version_and_one_to_what_nobody_declares(
    connected: Live, here: Spec, name: str
) -> None:
    text = json.dumps(record("Money", ("cents", LONG)))
    registry(connected, "POST", f"subjects/{name}Money/versions", {"schema": text})
    order = record("Order", ("price", "com.acme.Money"))
    for version in ({}, {"version": 1}):
        refers = [{"name": "com.acme.Money", "subject": f"{name}Money", **version}]
        here.write(schema(f"{name}value", schema=order, references=refers))
        assert here.apply().code == 0
        assert here.plan().code == 0
    refers = [{"name": "com.acme.Money", "subject": f"{name}Nobody"}]
    here.write(schema(f"{name}other", schema=order, references=refers))
    assert "KS943" in here.plan_json().codes


def test_a_ring_is_refused_with_the_way_round(here: Spec, name: str) -> None:
    refers = lambda n: [{"name": f"com.acme.{n}", "subject": n}]  # noqa: E731
    here.write(
        schema("A", schema=record("A", ("b", "com.acme.B")), references=refers("B")),
        schema("B", schema=record("B", ("a", "com.acme.A")), references=refers("A")),
    )
    found = here.plan()
    assert (found.code, "a ring: A -> B -> A" in found.err) == (64, True), found.err


# --- others, and bad days


def test_more_subjects_than_a_page_and_one_with_an_odd_name(
    connected: Live, here: Spec, name: str
) -> None:
    """The registry would stop at 1,000 without a word."""
    from concurrent.futures import ThreadPoolExecutor

    text = json.dumps(record("X", ("id", LONG)))
    posted = [f"{name}{number}" for number in range(1_020)] + [f"{name}a/b c:d"]
    with ThreadPoolExecutor(8) as pool:
        list(
            pool.map(
                lambda s: registry(
                    connected, "POST", f"subjects/{quote(s, safe='')}/versions", {"schema": text}
                ),
                posted,
            )
        )
    here.write(schema(f"{name}a/b c:d", schema=record("X", ("id", LONG))))
    found = here.plan_json()
    assert found.code == 0, found.err
    unmanaged = {u.removeprefix("live/schema/") for u in found.json["unmanaged"]}
    assert {u for u in unmanaged if u.startswith(name)} == set(posted[:-1])
    to = here.folder.parent / f"{here.folder.name}-import"
    assert here.run("import", str(here.folder), "-c", "live", "--out", str(to)).code == 0
    empty = here.run("plan", str(to), "--detailed-exitcode", "--only", "schema/*")
    assert empty.code == 0, (empty.out + empty.err)[-2000:]


def test_a_registry_out_of_reach_is_an_error_and_never_compatible(
    connected: Live, here: Spec, name: str
) -> None:
    here.cluster(connected.bootstrap, registry={"url": "http://127.0.0.1:1"})
    here.write(schema(f"{name}value", schema=ORDER))
    found = here.plan("--timeout", "2s")
    assert (found.code, "the schema registry of cluster live" in found.err) == (1, True), found.err
    assert here.apply("--timeout", "2s").code == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"schema": {"type": "recrod", "name": "X"}}, "the type `recrod` is not known"),
        (
            {"schema": {"type": "record", "name": "X", "fields": [{"name": "a"}]}},
            "Record field 'a' is missing 'type'",
        ),
        ({"schema": "{"}, "avro: Expecting"),
        ({"type": "json", "schema": {"type": "strnig"}}, "this is no JSON Schema: type"),
        ({"type": "protobuf", "schema": "message {"}, "this is no protobuf"),
        ({}, "there is no schema: name its `file`"),
        ({"file": "../outside.avsc"}, "it leads out of the spec folder"),
        ({"file": "/etc/passwd"}, "write it relative to this document's file"),
        ({"file": "nowhere.avsc"}, "there is no such file"),
        ({"file": "spec.yaml", "schema": "int"}, "`file` and `schema` are both there"),
        ({"schema": "int", "compatibility": "BACKWARDS"}, "`BACKWARD`"),
    ],
)
def test_a_wrong_schema_is_told_with_its_place(
    here: Spec, name: str, spec: dict[str, Any], words: str
) -> None:
    (here.folder.parent / "outside.avsc").write_text('"int"')
    here.write(schema(f"{name}value", **spec))
    found = here.plan()
    assert (found.code, words in found.err, "spec.yaml:" in found.err) == (64, True, True), (
        found.err
    )


def test_a_saved_plan_needs_no_file_beside_it(connected: Live, here: Spec, name: str) -> None:
    (here.folder / "order.avsc").write_text(json.dumps(ORDER))
    here.write(schema(f"{name}value", file="order.avsc"))
    plan = here.folder.parent / f"{here.folder.name}-plan.json"
    assert here.plan("--out", str(plan)).code == 2
    for file in here.folder.iterdir():
        file.unlink()
    assert here.run("apply", str(plan)).code == 0
    assert latest(connected, f"{name}value")["version"] == 1


def test_somebody_registers_another_version_after_the_plan(
    connected: Live, here: Spec, name: str
) -> None:
    subject = f"{name}value"
    here.write(schema(subject, schema=ORDER))
    assert here.apply().code == 0
    wider = record(
        "Order", ("id", LONG), ("amount", "int"), {"name": "n", "type": "int", "default": 0}
    )
    here.write(schema(subject, schema=wider))
    plan = here.folder.parent / f"{here.folder.name}-plan.json"
    assert here.plan("--out", str(plan)).code == 2
    theirs = json.dumps(
        record("Order", ("id", LONG), ("amount", "int"), {"name": "t", "type": "int", "default": 0})
    )
    registry(connected, "POST", f"subjects/{subject}/versions", {"schema": theirs})
    assert here.run("apply", str(plan)).code == 4
