"""YAML that strangers wrote: one answer each, quickly, and never a traceback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.errors import SpecInvalid
from reconciler.spec import places
from reconciler.spec.folder import load
from reconciler.spec.yaml import LARGEST_FILE, MOST_FAULTS, read

from .writing import CLUSTER, problems, topic, write

BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12)
)
CHAIN = "a0: &a0 [x]\n" + "".join(
    f"a{level}: &a{level} [*a{level - 1}]\n" for level in range(1, 60)
)

ANSWERS: dict[str, tuple[str | bytes, str]] = {
    "alias bomb": (
        BOMB,
        "6:38: the file holds more than 1,000,000 values once its aliases are expanded",
    ),
    "alias chain": (CHAIN, "50:12: nested more than 50 deep"),
    "alias of itself": ("a: &a [*a]", "1:8: `*a` names no anchor that is complete before it"),
    "brackets": ("[" * 900, "1:51: nested more than 50 deep"),
    # libyaml reads ahead, and from 0.2.6 on stops by itself before anything can be said of the fifty-first.
    "brackets beyond libyaml": ("[" * 100_000, "nested more than 50 deep"),
    "braces": ("{a: " * 100_000, "1:201: nested more than 50 deep"),
    "dashes": ("- " * 100_000, "1:101: nested more than 50 deep"),
    "nothing but values": (
        "- x\n" * 1_000_001,
        "1000000:3: the file holds more than 1,000,000 values",
    ),
    "object": (
        "!!python/object/apply:os.system [x]",
        "1:1: the tag `tag:yaml.org,2002:python/object/apply:",
    ),
    "own tag": (
        "%TAG ! tag:evil,2026:\n---\na: !x 1",
        "3:4: the tag `tag:evil,2026:x` is not allowed",
    ),
    "NUL": (b"a: \x00", "1:4: U+0000 is a control character"),
    "escaped NUL": (r'a: "\0"', "1:4: U+0000 is a control character"),
    "ESC": (b"a:\n  b: \x1b[31m", "2:6: U+001B is a control character"),
    "escaped ESC": (r'a: "\e[31m"', "1:4: U+001B is a control character"),
    "bidi": ("a: orders\u202e", "1:10: U+202E is a character that turns the direction of text"),
    "escaped bidi": (
        r'"a\u2066": 1',
        "1:1: U+2066 is a character that turns the direction of text",
    ),
    "bidi comment": ("# \u2067\na: 1", "1:3: U+2067 is a character that turns"),
    "Latin-1": ("größe: ü\nb: ü".encode("latin-1"), "1:3: byte 0xF6 is not UTF-8"),
    "UTF-16": ("a: 1".encode("utf-16"), "1:1: byte 0xFF is not UTF-8"),
    "surrogate": (b"a: \xed\xa0\x80", "1:4: byte 0xED is not UTF-8"),
    "escaped surrogate": (
        r'a: "\ud800"',
        "this is not YAML: found invalid Unicode character escape code",
    ),
    "long number": ("a: " + "9" * 5_000_000, "1:4: the number needs more than 64 bits"),
}


@pytest.mark.parametrize("attack", ANSWERS)
def test_one_answer(tmp_path: Path, attack: str) -> None:
    text, answer = ANSWERS[attack]
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": text})
    started = time.monotonic()
    told = problems(tmp_path)
    assert [problem for problem in told if answer in problem and problem.startswith("x.yaml:")], (
        told
    )
    assert time.monotonic() - started < 20
    assert all(problem.isprintable() and len(problem) < 500 for problem in told)


def test_question_marks() -> None:
    faults = read(b"? " * 100_000).faults
    assert len(faults) <= MOST_FAULTS + 1


def test_a_file_that_is_too_large(tmp_path: Path) -> None:
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": b"#" * (LARGEST_FILE + 1)})
    assert problems(tmp_path) == ["x.yaml:1:1: this file is larger than 10 MiB"]


def test_a_line_of_ten_megabytes(tmp_path: Path) -> None:
    line = "x" * (LARGEST_FILE - 100)
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": topic(line)})
    (told,) = problems(tmp_path)
    assert told.startswith("x.yaml:3:18: `name` must be a topic name")
    assert len(told) < 300


def test_a_bom_is_no_problem(tmp_path: Path) -> None:
    write(tmp_path, {"cluster.yaml": b"\xef\xbb\xbf" + CLUSTER.encode()})
    assert problems(tmp_path) == []


def test_too_many_faults_stop_the_file(tmp_path: Path) -> None:
    write(tmp_path, {"x.yaml": "a: 1\n" * 10_000})
    told = problems(tmp_path)
    assert len(told) == MOST_FAULTS + 1
    assert told[-1].endswith("too much is wrong with this file to read on")


@pytest.mark.parametrize(
    "spec",
    [
        "{" + ", ".join(f"k{at}: 1" for at in range(100_000)) + "}",
        "{config: {cleanup.policy: [" + ", ".join(["delete", "1"] * 50_000) + "]}}",
        "{config: {" + ", ".join(f"k{at}: [1]" for at in range(50_000)) + "}}",
    ],
)
def test_a_flood_of_problems_is_cut(tmp_path: Path, spec: str) -> None:
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": topic("orders", f"spec: {spec}")})
    started = time.monotonic()
    assert 0 < len(problems(tmp_path)) <= 100
    assert time.monotonic() - started < 20


def test_a_flood_of_unknown_clusters_is_cut(tmp_path: Path) -> None:
    names = ", ".join(f"c{at}" for at in range(50_000))
    flood = f"apiVersion: kstate/v1\nkind: Topic\nmetadata: {{name: a, clusters: [{names}]}}\n"
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": flood})
    assert 0 < len(problems(tmp_path)) <= 1_000


@pytest.mark.parametrize("name", ["a\\nb", "a\\n::error::b", "`<!-- -->", "@everyone"])
def test_names_do_not_reach_beyond_their_line(tmp_path: Path, name: str) -> None:
    text = topic(f'"{name}"', f'spec: {{profile: "{name}", "{name}": 1}}\n"{name}": 1\n"{name}": 2')
    write(tmp_path, {"cluster.yaml": CLUSTER, "x.yaml": text})
    told = problems(tmp_path)
    assert told
    assert all(problem.isprintable() for problem in told)


def test_marks_stop_where_a_file_gets_monstrous(tmp_path: Path) -> None:
    deep = write(tmp_path, {"x.yaml": "a: 1\n---\n" + "[" * 900}) / "x.yaml"
    assert places.locate(deep, 0, ("a",)) == (1, 4)
    assert places.locate(deep, 1, ("0",) * 60) == (3, 51)


pieces = st.sampled_from(
    [
        "a",
        "b: ",
        ": ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "\n",
        "  ",
        "&a ",
        "*a",
        "!!str ",
        "? ",
        "'",
        '"',
        "|\n",
        "#",
        "---\n",
        "%",
    ]
)


@settings(max_examples=300)
@given(st.lists(pieces, max_size=40).map("".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    content = read(text.encode())
    assert content.whole or content.faults
    assert all(fault.line >= 1 and fault.column >= 1 for fault in content.faults)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    content = read(data)
    assert content.whole or content.faults


@settings(max_examples=100, deadline=None)
@given(st.lists(pieces, max_size=20).map("".join))
def test_no_text_breaks_the_loader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    root = write(tmp_path_factory.mktemp("spec"), {"x.yaml": topic("a", text)})
    with pytest.raises(SpecInvalid):  # if nothing else, then that there is no Cluster
        load(root)
