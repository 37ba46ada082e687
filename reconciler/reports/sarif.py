"""What was found in, a log of SARIF 2.1.0 out: every risk, drift and problem of a spec at its file and line.

What GitHub takes of it ("SARIF support for code scanning"): 20 runs, 25,000 results in a run, 10 MB as gzip. There is
one run, and what has no room is counted in a notification; the worst is kept.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from reconciler import __version__
from reconciler.core.drift import CODE_OF, Drift
from reconciler.core.model import Code, Level, Risk
from reconciler.core.plan import Plan
from reconciler.core.risk import badness
from reconciler.core.validation import INVALID, Validation
from reconciler.reports import words
from reconciler.reports.forms import DRIFT, PLAN, VALIDATION, About, Tell
from reconciler.reports.places import Place, place, within

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
HOME = "https://github.com/kstate/kstate"
MOST_RESULTS = 25_000
MOST_BYTES = 10_000_000
LEVELS = {
    Level.NOTICE: "note",
    Level.DANGER: "warning",
    Level.LIMIT: "warning",
    Level.IMPOSSIBLE: "error",
}


class Told(NamedTuple):
    """One result: its code, what it is about (a key, or nothing), what is to be said, where, and in which column."""

    code: str
    level: str
    about: str
    message: str
    at: Place
    column: int | None = None


def plan(found: Plan, about: About) -> dict[str, Any]:
    """Every risk of a plan; what stands in its way first."""
    pairs = [(risk, None, ()) for risk in found.risks] + [
        (risk, change.key, change.sources) for change in found.changes for risk in change.risks
    ]
    pairs.sort(key=lambda pair: badness(pair[0]))
    told = (
        Told(
            risk.code,
            LEVELS[risk.level],
            str(key or ""),
            _said(risk, f"{words.thing(key)} on {key.cluster}: " if key else "", key),
            _at(about.root, sources),
        )
        for risk, key, sources in pairs
    )
    log = _log(told, about)
    log["runs"][0]["properties"] = {"digest": found.digest}
    return log


def _said(risk: Risk, what: str, key: Any) -> str:
    way = words.way_out(risk, key)
    return words.visible(f"{what}{risk.message}") + (f". {way}" if way else "")


def drift(found: Drift, about: About) -> dict[str, Any]:
    """Everything that is not as it was applied; what only waits to be applied is none of it."""
    told = (
        Told(
            CODE_OF[finding.what],
            "warning",
            str(finding.key),
            words.visible(f"{words.thing(finding.key)} on {finding.key.cluster}: ")
            + words.drifted(finding),
            _at(about.root, finding.sources),
        )
        for finding in found.drifted
    )
    return _log(told, about)


def validation(found: Validation, about: About) -> dict[str, Any]:
    """Every problem of a spec, to the column."""
    told = (
        Told(
            INVALID,
            "error",
            "",
            words.visible(problem.message),
            Place(within(about.root, problem.file), problem.line),
            problem.column,
        )
        for problem in found.problems
    )
    return _log(told, about)


def _at(root: str, sources: Sequence[str]) -> Place:
    # What no document asks for has no line: the spec itself is the place where something is missing.
    return place(root, sources[0]) if sources else Place(within(root, "."), 1)


def _log(told: Iterable[Told], about: About) -> dict[str, Any]:
    every = list(told)
    results = _distinct([_result(one) for one in every])
    kept = results[: _fitting(results)]
    codes = sorted({result["ruleId"] for result in kept})
    run = {
        "tool": {"driver": _driver(codes, about.codes)},
        "columnKind": "unicodeCodePoints",
        "invocations": [_invocation(about.failures, len(results) - len(kept))],
        "results": [one | {"ruleIndex": codes.index(one["ruleId"])} for one in kept],
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _driver(codes: Iterable[str], known: Mapping[str, Code]) -> dict[str, Any]:
    return {
        "name": "kstate",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_rule(code, known.get(code)) for code in codes],
    }


def _rule(code: str, known: Code | None) -> dict[str, Any]:
    title = known.title if known else code
    text = known.text if known else ""
    undo = f" Undoing it: {known.undo}" if known and known.undo else ""
    return {
        "id": code,
        "shortDescription": {"text": title},
        "fullDescription": {"text": text or title},
        "help": {"text": f"{text}{undo}".strip() or title},
        "helpUri": words.help_page(code, title),
        "defaultConfiguration": {"level": LEVELS[Risk(code, "").level]},
    }


def _result(told: Told) -> dict[str, Any]:
    region: dict[str, Any] = {"startLine": told.at.line}
    region |= {} if told.column is None else {"startColumn": told.column}
    physical = {"artifactLocation": {"uri": _uri(told.at.file)}, "region": region}
    location: dict[str, Any] = {"physicalLocation": physical}
    if told.about:
        name = {"fullyQualifiedName": words.visible(told.about), "kind": "resource"}
        location["logicalLocations"] = [name]
    return {
        "ruleId": told.code,
        "level": told.level,
        "message": {"text": _literal(told.message)},
        "locations": [location],
        "partialFingerprints": _fingerprints(told),
    }


def _literal(text: str) -> str:
    """As it is: in a message of SARIF `{0}` is a placeholder and `[x](y)` a link (sections 3.11.5 and 3.11.6)."""
    text = re.sub(r"\{(\d+)\}", r"{{\1}}", text)
    return re.sub(r"[\[\]\\]", r"\\\g<0>", text) if "](" in text else text


def _uri(file: str) -> str:
    path = quote(file.encode("utf-8", "surrogatepass"), safe="/-._~")
    return f"file://{path}" if file.startswith("/") else path


def _fingerprints(told: Told) -> dict[str, str]:
    """A risk is the same one wherever its document moves; a problem of a spec is where it is said to be."""
    what = [told.about] if told.about else [told.at.file, told.message]
    text = "\0".join([told.code, *what]).encode("utf-8", "surrogatepass")
    found = hashlib.sha256(text).hexdigest()
    # GitHub goes by the first name alone.
    return {"primaryLocationLineHash": f"{found[:16]}:1", "kstate/v1": found}


def _distinct(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Two problems with the same words in one file are told apart by a number."""
    seen: dict[str, int] = {}
    for result in results:
        prints = result["partialFingerprints"]
        number = seen[prints["kstate/v1"]] = seen.get(prints["kstate/v1"], 0) + 1
        prints["primaryLocationLineHash"] = f"{prints['kstate/v1'][:16]}:{number}"
    return results


def _fitting(results: Sequence[Mapping[str, Any]]) -> int:
    """How many of them fit, with room for the rules."""
    count, room = min(len(results), MOST_RESULTS), MOST_BYTES * 9 // 10
    while count:
        size = len(gzip.compress(json.dumps(results[:count]).encode(), compresslevel=1))
        if size <= room:
            break
        count = min(count - 1, count * room // size)
    return count


def _invocation(failures: Mapping[str, str], left_out: int) -> dict[str, Any]:
    notices = [*_notices(failures, left_out)]
    body: dict[str, Any] = {"executionSuccessful": not failures}
    return body | ({"toolExecutionNotifications": notices} if notices else {})


def _notices(failures: Mapping[str, str], left_out: int) -> Iterator[dict[str, Any]]:
    for name, why in sorted(failures.items()):
        said = _literal(words.visible(f"cluster {name}: {why}"))
        yield {"level": "error", "message": {"text": said}}
    if left_out:
        more = f"{left_out:,} further results have no room here; the other forms have them all"
        yield {"level": "warning", "message": {"text": more}}


FORM: Mapping[str, Tell] = {PLAN: plan, DRIFT: drift, VALIDATION: validation}
