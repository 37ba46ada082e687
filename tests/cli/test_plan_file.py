"""A plan file comes from anywhere: whatever is in it, it is shown or refused with 4, never obeyed, never a defect."""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.cli.common import options
from reconciler.cli.main import run
from reconciler.cli.saved import read_plan
from reconciler.cli.showing import show_plan
from reconciler.core.model import Change, Edit, Key, Owner, Risk
from reconciler.core.plan import Bookkeeping, ClusterPlan, Plan, from_json, render, sha256, to_json
from reconciler.engine import applying
from reconciler.errors import KstateError, Stale, Unreachable
from reconciler.reports.forms import NAMES

T = ("2026-11-23T10:00:00Z", "2999-11-24T10:00:00Z", "0.1.0")
KEY = Key("live", "topic", "orders")
UPDATE = Change(
    KEY,
    {"partitions": 1, "config": {"retention.ms": "7"}},
    {"partitions": 2, "config": {"retention.ms": None}},
    (Edit(("config", "retention.ms"), "7", None), Edit(("partitions",), 1, 2)),
    ("first", "then"),
    (Risk("KS202", "up to 3 records", {"records": 3}),),
    {"topic_id": "x"},
    ("a.yaml:1",),
    Owner.OURS,
    "changed by hand",
)
PLAN = Plan(
    (ClusterPlan("live", "id", {"platform": "apache", "bootstrap": ["127.0.0.1:1"]}),),
    ((UPDATE,), (Change(Key("live", "topic", "new"), None, {"partitions": 1}),)),
    *T,
    estate="acme",
    ledger={"topic": "__kstate"},
    records=(Bookkeeping(KEY, False), Bookkeeping(KEY, True, {"config": {"a": "1"}})),
    protected=(KEY,),
    unmanaged=("live/topic/stray",),
    risks=(Risk("KS301", "many"),),
    notices=("first apply",),
    owners={KEY: "team-orders"},
)
ODD: tuple[Any, ...] = (None, 5, -1, True, "", "x", "KS999", "\x1b[2J", [], [1], {}, {"a": [{}]})


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, (dict, list)):
        for name, found in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(found, (*path, name))


def with_one(body: Any, path: tuple[Any, ...], odd: Any) -> Any:
    body = copy.deepcopy(body)
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = odd
    return body


def sealed(body: dict[str, Any]) -> bytes:
    """As somebody would who knows how: every digest made anew if it can be, else only the seal."""
    try:
        return json.dumps(to_json(from_json(body))).encode()
    except (LookupError, TypeError, ValueError, AttributeError):
        rest = {name: value for name, value in body.items() if name != "seal"}
        return json.dumps(rest | {"seal": sha256(rest)}).encode()


@pytest.fixture
def no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_arguments: object) -> None:
        raise Unreachable("nobody is there")

    monkeypatch.setattr(applying, "login", nobody)


WHERE = [path for path in places(to_json(PLAN)) if path]


@pytest.mark.usefixtures("no_cluster")
@pytest.mark.parametrize("top", sorted({path[0] for path in WHERE}))
def test_anything_anywhere_is_shown_or_refused(
    top: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, file = to_json(PLAN), tmp_path / "plan.json"
    for path in (path for path in WHERE if path[0] == top):
        for odd in ODD:
            file.write_bytes(sealed(with_one(whole, path, odd)))
            try:
                plan = read_plan(str(file))
            except Stale:
                continue
            for form in NAMES:
                show_plan(plan, form)
            with pytest.raises(KstateError):
                applying.apply(plan, options())
    assert "\x1b" not in capsys.readouterr().out


@pytest.mark.parametrize("form", NAMES)
def test_the_plan_itself_is_shown(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_bytes(render(PLAN))
    assert run(["show", str(tmp_path / "plan.json"), "--format", form]) == 0
    assert PLAN.digest in capsys.readouterr().out


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_half_a_pair_of_utf_16_is_saved_read_back_and_shown(
    form: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A server may tell one in its JSON, in a name or in a value; no file in UTF-8 can hold it."""
    schema = {"schema": {"doc": "a \ud83d b", "\udc00": '\\ud800 is "\ud800"'}}
    change = Change(Key("live", "schema", "odd-\udfff"), None, schema)
    plan = replace(PLAN, waves=((change,),), unmanaged=("live/schema/\ud800",), owners={})
    file = tmp_path / "plan.json"
    file.write_bytes(render(plan))
    assert read_plan(str(file)) == plan
    assert run(["show", str(file), "--format", form]) == 0
    assert plan.digest in capfd.readouterr().out


def forged(**more: Any) -> Plan:
    return replace(PLAN, waves=((replace(UPDATE, **more),),))


@pytest.mark.parametrize(
    "plan",
    [
        forged(edits=UPDATE.edits[:1]),
        forged(edits=(*UPDATE.edits[:1], Edit(("partitions",), 1, 1))),
        forged(after={"partitions": 9, "config": {"retention.ms": None}}),
        forged(after={**(UPDATE.after or {}), "replication": 1}),
        forged(before=None),
        forged(before=None, after=None, edits=()),
        forged(key=Key("live", "nonsense", "orders")),
        forged(key=Key("elsewhere", "topic", "orders")),
    ],
    ids=["hidden", "softened", "other", "more", "new", "nothing", "kind", "cluster"],
)
def test_what_is_shown_is_what_would_be_done(
    plan: Plan, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The digest covers what is written; people read the edits. A file in which they differ is refused."""
    (tmp_path / "plan.json").write_bytes(render(plan))
    for verb in ("show", "apply"):
        assert run([verb, str(tmp_path / "plan.json")]) == 4
        said = capsys.readouterr()
        assert (said.out, "Make a new one" in said.err) == ("", True)


def deep(levels: int) -> bytes:
    body = to_json(PLAN)
    nested: Any = {}
    for _ in range(levels):
        nested = {"a": nested}
    body["waves"][1][0]["after"] = nested
    return json.dumps(body).encode()


CONTENT: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "list": b"[]",
    "object": b"{}",
    "not UTF-8": b"\xff\xfe",
    "with a mark": b"\xef\xbb\xbf" + render(PLAN),
    "deep": b"[" * 100_000,
    "deep inside": deep(900),
    "another format": json.dumps({"format": "kstate.plan/v2"}).encode(),
    "a strange format": json.dumps({"format": "\x1b[2J\n::error::" * 9}).encode(),
    "cut": render(PLAN)[:-40],
    "twice": render(PLAN) * 2,
    "more behind": render(PLAN) + b"x",
    "a huge number": b'{"format": ' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", CONTENT)
def test_what_is_no_plan_is_4(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plan.json"
    file.write_bytes(CONTENT[name])
    for verb in ("show", "apply"):
        assert run([verb, str(file)]) == 4
        said = capsys.readouterr()
        assert said.out == ""
        assert "Traceback" not in said.err
        assert "\x1b" not in said.err
        assert not any(line.lstrip().startswith("::") for line in said.err.splitlines())


def test_a_plan_that_has_one_cluster_under_two_names_is_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It would wait for its own lock. Without an estate there is none, and nothing that one of the two would delete."""
    file = tmp_path / "plan.json"
    twin = ClusterPlan("twin", "id", {"platform": "apache", "bootstrap": ["127.0.0.1:1"]})
    file.write_bytes(render(replace(PLAN, clusters=(*PLAN.clusters, twin))))
    assert run(["apply", str(file)]) == 4
    assert "clusters live and twin of the plan are one and the same" in capsys.readouterr().err
    file.write_bytes(render(replace(PLAN, clusters=(*PLAN.clusters, twin), estate="")))
    assert run(["apply", str(file)]) == 3


def _link(file: Path) -> None:
    file.symlink_to(file.with_name("good.json"))


def _dangling(file: Path) -> None:
    file.symlink_to("nowhere")


def _huge(file: Path) -> None:
    file.touch()
    os.truncate(file, (1 << 30) + 1)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_link, "is a symbolic link"),
        (_dangling, "is a symbolic link"),
        (Path.mkdir, "is no ordinary file"),
        (os.mkfifo, "is no ordinary file"),
        (_huge, "is too large"),
    ],
    ids=["link", "dangling link", "folder", "pipe", "huge"],
)
def test_what_is_no_plain_file_is_4_and_never_waited_for(
    make: Callable[[Path], None], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "good.json").write_bytes(render(PLAN))
    file = tmp_path / "plan.json"
    make(file)
    for verb in ("show", "apply"):
        assert run([verb, str(file)]) == 4
        assert words in capsys.readouterr().err


def test_every_flipped_bit_of_the_file_is_found(tmp_path: Path) -> None:
    whole, file = render(PLAN), tmp_path / "plan.json"
    for at in range(len(whole)):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        if not _reads_as_before(bytes(damaged), whole):
            with pytest.raises(Stale):
                read_plan(str(file))


def _reads_as_before(damaged: bytes, whole: bytes) -> bool:
    """A blank turned into another blank is no damage."""
    try:
        return bool(json.loads(damaged) == json.loads(whole))
    except ValueError:
        return False


def test_what_json_says_commands_no_terminal_and_no_ci(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = "\x9b2J \u202e ##[error] é"
    plan = forged(note=odd, sources=(odd,))
    (tmp_path / "plan.json").write_bytes(render(plan))
    assert run(["show", str(tmp_path / "plan.json"), "--format", "json"]) == 0
    shown = capsys.readouterr().out
    assert shown.isascii()
    assert "##" not in shown
    assert json.loads(shown) == to_json(plan)


def test_approvals_that_open_nothing_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_bytes(render(PLAN))
    wrong = ["--approve", "KS911", "--approve", "KS203", "--approve", "KS202:live/topic/other"]
    assert run(["apply", str(tmp_path / "plan.json"), *wrong]) == 3
    said = capsys.readouterr().err
    assert "note: --approve KS911 cannot be approved" in said
    assert "note: --approve KS203 matched nothing in this plan" in said
    assert "2 risks stand in the way" in said
