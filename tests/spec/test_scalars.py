"""Plain scalars mean what ruamel's YAML 1.2 says they mean, wherever YAML 1.2's core schema has an opinion."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler.core.model import Json
from reconciler.spec.scalars import STARTS, resolve
from reconciler.spec.yaml import read

RUAMEL = YAML(typ="safe", pure=True)

WRITTEN = {
    "on": "on",
    "off": "off",
    "no": "no",
    "yes": "yes",
    "y": "y",
    "12:30": "12:30",
    "1_000": "1_000",
    "0b11": "0b11",
    "2026-11-23": "2026-11-23",
    "1.2.3": "1.2.3",
    "7d": "7d",
    "012": 12,
    "0o14": 12,
    "0xC": 12,
    "+12": 12,
    "-1": -1,
    "9223372036854775807": 2**63 - 1,
    "1e3": 1000.0,
    ".5": 0.5,
    "5.": 5.0,
    "-.inf": -math.inf,
    "~": None,
    "": None,
    "Null": None,
    "nUll": "nUll",
    "True": True,
    "tRue": "tRue",
    "0o8": "0o8",
    "0x": "0x",
    "-0x1": "-0x1",
    ".": ".",
    "e3": "e3",
    "+": "+",
}


@pytest.mark.parametrize("text", WRITTEN)
def test_core_schema(text: str) -> None:
    value = resolve(text)
    assert (value, type(value)) == (WRITTEN[text], type(WRITTEN[text]))


def test_not_a_number_is_one() -> None:
    assert math.isnan(float(str(resolve(".nan"))))


@pytest.mark.parametrize(
    "text", ["9223372036854775808", "-9223372036854775809", "0x" + "f" * 17, "9" * 5000]
)
def test_more_than_64_bits_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="64 bits"):
        resolve(text)


# Where ruamel keeps habits of YAML 1.1 that the core schema does not have: binary, signed octal and hexadecimal
# numbers, dates; and where it misses a float that has no digit before its point and no sign in its exponent.
OTHERWISE = re.compile(r"[-+]?0b|[-+]0[ox]|[0-9]{4}-[0-9]|[-+]?\.[0-9]+[eE][0-9]")
numbers = st.one_of(
    st.integers(-(2**63) + 1, 2**63 - 1).map(str),
    st.integers(0, 2**40).map(oct),
    st.integers(0, 2**40).map(hex),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"[-+]?[0-9]{1,3}(\.[0-9]{0,3})?([eE][-+]?[0-9]{1,2})?", fullmatch=True),
)
words = st.sampled_from(
    ["true", "false", "null", "~", "yes", "no", "on", "off", "True", "NULL", ".inf", "-.Inf"]
)
texts = st.text("abcnotruefls0123456789.-+xeENTF:~", min_size=1, max_size=8)


@given(st.one_of(numbers, words, texts))
@example("012")
@example("00")
@example("12:30")
@example("1:30:00")
def test_the_same_as_ruamel(text: str) -> None:
    assume(not OTHERWISE.match(text))
    try:
        theirs = RUAMEL.load(f"- {text}\n")
    except (YAMLError, ValueError):
        return
    ours = read(f"- {text}\n".encode())
    if ours.faults:  # not finite, or too long
        assert not _plain_number(theirs)
    else:
        assert _typed(ours.trees[0].value) == _typed(theirs)


@given(st.text(min_size=1))
def test_only_these_starts_can_be_something_else(text: str) -> None:
    if text[0] not in STARTS:
        assert resolve(text) == text


def _plain_number(value: Json) -> bool:
    entry = value[0] if isinstance(value, list) else value
    if isinstance(entry, int):
        return abs(entry) < 2**63
    return isinstance(entry, float) and math.isfinite(entry)


def _typed(value: object) -> object:
    """Python takes 1, 1.0 and True for equal."""
    if isinstance(value, list):
        return [_typed(entry) for entry in value]
    if isinstance(value, dict):
        return {_typed(key): _typed(entry) for key, entry in value.items()}
    return type(value).__name__, repr(value)
