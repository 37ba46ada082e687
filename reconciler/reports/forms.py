"""The forms of a report, all in one place. Each is a module beside this one, whose FORM says what it can tell, and how.

A verb finds something (a plan, the result of an apply, drift, the validation of a spec) and offers every form that can
tell it. A new form is a module with a FORM, and its name below.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from reconciler.core.estate import Live
from reconciler.core.model import Body, Code
from reconciler.reports.paint import Paint, plain

NAMES = ("text", "json", "markdown", "github", "sarif", "junit", "html")
# A CI shows or uploads these whatever happened: where the spec is wrong they tell its problems in place of a plan.
UPLOADED = frozenset({"github", "sarif", "junit"})

# Forms that show the estate beside what was found: who may access what, and what is managed.
ESTATE = frozenset({"html"})

PLAN, RESULT, DRIFT, VALIDATION = "plan", "result", "drift", "validation"
# What a form may tell beside its reports: the error that ended a run, and clusters that failed, by their names.
ERROR, FAILURES = "error", "failures"


def same(text: str) -> str:
    return text


def no_text(_kind: str, _body: Body) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class About:
    """What a form may need beside what was found.

    `failures` are clusters that could not be looked at, with the words that say why. `codes` are what codes mean.
    `owners` are the teams that documents name, by the documents' places. `root` is the folder of the spec as the
    repository sees it. `paint` colours, `width` is a terminal's. `mask` takes secrets out of a text and `dump` writes
    JSON without them. `spell` is a resource's body as a text that people know, empty where it has none. `live` is
    everything that was seen, where the form is one that shows the estate. `limit` is how many changes a terminal is
    shown one by one: 0 for all, None for as many as a person reads.
    """

    failures: Mapping[str, str] = field(default_factory=dict)
    codes: Mapping[str, Code] = field(default_factory=dict)
    owners: Mapping[str, str] = field(default_factory=dict)
    root: str = "."
    paint: Paint = plain
    width: int | None = None
    verbose: bool = False
    mask: Callable[[str], str] = same
    dump: Callable[[object], str] = json.dumps
    spell: Callable[[str, Body], str] = no_text
    live: Iterable[Live] = ()
    limit: int | None = None


# What was found and what is about it in; text, plain data that becomes JSON, or what a job on GitHub is shown, out.
Tell: TypeAlias = Callable[[Any, About], object]


def load(name: str) -> Mapping[str, Tell]:
    """What one form can tell."""
    form: Mapping[str, Tell] = importlib.import_module(f"reconciler.reports.{name}").FORM
    return form


def offered(what: str) -> tuple[str, ...]:
    """The forms that can tell this."""
    return tuple(name for name in NAMES if what in load(name))


def tell(form: str, what: str, found: object, about: About) -> object:
    """A text, plain data that becomes JSON, or what a job on GitHub is shown."""
    return load(form)[what](found, about)
