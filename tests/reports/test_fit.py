"""Reports on a terminal of 60 and of 200 columns: lines break where they can, and nothing is left out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.reports import forms, text
from reconciler.reports.fit import COPIED, fit
from reconciler.reports.paint import ansi
from reconciler.reports.words import columns, elided
from tests.reports.test_golden import CASES, DRIFTS, PLANS, RESULTS, _same

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
lines = st.text(st.sampled_from("ab é中 -"), max_size=200)


def bare(shown: str) -> str:
    return COLOUR.sub("", shown)


@given(lines, st.integers(20, 200), st.booleans())
def test_nothing_is_left_out_and_what_can_fit_does(line: str, width: int, coloured: bool) -> None:
    given = ansi("bad", line) if coloured and line else line
    shown = bare(fit(given, width))
    assert shown.split() == line.split()
    room = width - width // 2
    for part in shown.split("\n"):
        long = [word for word in part.split() if columns(word) > room - 4]
        assert columns(part.rstrip()) <= width or long or part.startswith(COPIED)


@given(st.text(st.sampled_from("ab c"), min_size=1, max_size=200), st.integers(20, 60))
def test_no_blank_before_a_line_is_painted(line: str, width: int) -> None:
    for part in fit(ansi("loud", line), width).split("\n")[1:]:
        assert re.match(r" *\x1b\[[0-9;]+m", part)
        assert part.endswith("\x1b[0m")


def test_without_a_width_it_is_as_it_is() -> None:
    assert fit("a " * 1_000, None) == "a " * 1_000


def test_what_is_copied_is_not_broken() -> None:
    flag = "        --approve KS202:prod-eu/topic/" + "x" * 100
    assert fit(flag, 60) == flag


WIDE = {
    "plan": (forms.PLAN, PLANS["whole"]),
    "danger": (forms.PLAN, PLANS["impossible"]),
    "takeover": (forms.PLAN, PLANS["takeover"]),
    "result": (forms.RESULT, RESULTS["part"]),
    "drift": (forms.DRIFT, DRIFTS["some"]),
}


@pytest.mark.parametrize("width", [60, 200])
@pytest.mark.parametrize("name", WIDE)
def test_it_reads_so_on_a_terminal(name: str, width: int) -> None:
    what, found = WIDE[name]
    shown = str(forms.tell("text", what, found, forms.About(width=width)))
    _same(CASES / "terminal" / f"{name}-{width}.txt", shown)
    assert "".join(shown.split()) == "".join(
        str(forms.tell("text", what, found, forms.About())).split()
    )
    for line in shown.split("\n"):
        assert columns(line) <= width or line.lstrip().startswith(COPIED)


def test_every_plan_fits_with_colour_too() -> None:
    for found in PLANS.values():
        wide = forms.About(width=60, paint=ansi)
        shown = str(forms.tell("text", forms.PLAN, found, wide))
        assert bare(shown).split() == bare(text.plan(found, ansi)).split()


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=80), st.integers(0, 60))
def test_an_elided_name_fits_and_keeps_both_ends(name: str, room: int) -> None:
    shown = elided(name, room)
    assert columns(shown) <= room or columns(name) <= room
    if columns(name) > room > 12 and name.isascii():
        assert shown[:4] == name[:4]
        assert shown[-4:] == name[-4:]
        assert "..." in shown
