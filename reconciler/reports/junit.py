"""What was found in, JUnit's XML out: a suite for each cluster, a case for each resource.

A case fails where something stands in the way or was refused, is skipped where nobody manages the resource, and is an
error where it is not known how things are. The form is that of the Jenkins xUnit plugin (`junit-10.xsd`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from xml.etree import ElementTree as Xml

from reconciler.core.drift import CODE_OF, Drift, Finding, What
from reconciler.core.model import Change, Key, Outcome, Status
from reconciler.core.plan import Plan
from reconciler.core.result import REFUSED, Result
from reconciler.core.validation import INVALID, Validation
from reconciler.reports import words
from reconciler.reports.forms import DRIFT, PLAN, RESULT, VALIDATION, About, Tell

FAILURE, ERROR, SKIPPED = "failure", "error", "skipped"
TAG_OF = {Status.FAILED: FAILURE, Status.SKIPPED: ERROR, Status.UNKNOWN: ERROR}


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `tag` is empty where all is well; `kind` is a code, `message` one line, `more` everything."""

    group: str
    name: str
    tag: str = ""
    kind: str = ""
    message: str = ""
    more: str = ""


@dataclass(frozen=True, slots=True)
class Suite:
    name: str
    cases: Sequence[Case]
    about: Mapping[str, str] = field(default_factory=dict)


def plan(found: Plan, about: About) -> str:
    """Every change and every unmanaged resource; what is unchanged is counted in the suite's properties."""
    changes = words.by_cluster(found)
    suites = [
        Suite(
            name,
            [_change(change) for change in own] + _unmanaged(name, found.unmanaged),
            {"digest": found.digest},
        )
        for name, own in changes.items()
    ]
    whole = [
        Case("plan", risk.code, FAILURE if risk.blocking else "", risk.code, risk.message)
        for risk in found.risks
    ]
    counts = {name: str(count) for name, count in found.summary.items()}
    return _xml("kstate plan", [*suites, Suite("the plan", whole, counts)], found.created, about)


def _change(change: Change) -> Case:
    blocking = [risk for risk in change.risks if risk.blocking]
    lines = [f"{risk.code} {risk.level}: {risk.message}" for risk in change.risks]
    lines += [words.way_out(risk, change.key) for risk in blocking]
    name = f"{change.action} {words.title(change.key)}"
    if not blocking:
        return Case(_group(change.key), name)
    first = blocking[0]
    return Case(
        _group(change.key), name, FAILURE, first.code, first.message, _text(lines, change.sources)
    )


def _group(key: Key) -> str:
    return f"{key.cluster}.{key.kind}"


def _text(lines: Iterable[str], sources: Iterable[str]) -> str:
    return "\n".join([*lines, *sources])


def _unmanaged(cluster: str, names: Iterable[str]) -> list[Case]:
    keys = (Key.parse(name) for name in names)
    return [
        Case(_group(key), words.title(key), SKIPPED, "", "unmanaged: in no document")
        for key in keys
        if key.cluster == cluster
    ]


def result(found: Result, about: About) -> str:
    """Every change; what was not tried is an error as well, or a stopped apply would look like a good one."""
    by_cluster: dict[str, list[Case]] = {cluster.name: [] for cluster in found.plan.clusters}
    actions = {change.key: change.action for change in found.plan.changes}
    for outcome in found.outcomes:
        case = _outcome(outcome, str(actions[outcome.key]), refused=found.unbegun == REFUSED)
        by_cluster[outcome.key.cluster].append(case)
    for name, why in found.failures:
        by_cluster.setdefault(name, []).append(Case(name, "cluster", ERROR, "failed", why))
    suites = [Suite(name, cases) for name, cases in by_cluster.items()]
    return _xml("kstate apply", suites, "", about)


def _outcome(outcome: Outcome, action: str, *, refused: bool) -> Case:
    name = f"{action} {words.title(outcome.key)}"
    tag = FAILURE if refused else TAG_OF.get(outcome.status, "")
    kind = str(outcome.status) if tag else ""
    return Case(_group(outcome.key), name, tag, kind, outcome.words if tag else "")


def drift(found: Drift, about: About) -> str:
    """Every finding and every unmanaged resource; what only waits to be applied is well."""
    suites = []
    for seen in found.clusters:
        cases = [_finding(f) for f in found.findings if f.key.cluster == seen.name]
        cases += [Case(seen.name, "ledger", ERROR, "trouble", seen.trouble)] * bool(seen.trouble)
        counts = {"managed": str(seen.managed), "coverage": f"{seen.coverage:g}"}
        suites.append(Suite(seen.name, cases + _unmanaged(seen.name, seen.unmanaged), counts))
    return _xml("kstate drift", suites, found.created, about)


def _finding(finding: Finding) -> Case:
    group, name = _group(finding.key), words.title(finding.key)
    if finding.what is What.PENDING:
        return Case(group, name)
    message = words.drifted(finding)
    more = _text([message, finding.note], finding.sources)
    return Case(group, name, FAILURE, CODE_OF[finding.what], message, more)


def validation(found: Validation, about: About) -> str:
    """A suite for each file that is wrong, or one case that says how much is right."""
    by_file: dict[str, list[Case]] = {}
    for problem in found.problems:
        where = f"{problem.line}:{problem.column}"
        case = Case("spec", where, FAILURE, INVALID, problem.message, str(problem))
        by_file.setdefault(problem.file, []).append(case)
    suites = [Suite(file, cases) for file, cases in by_file.items()]
    if not suites:
        suites = [Suite("spec", [Case("spec", words.checked(found))])]
    return _xml("kstate validate", suites, "", about)


# --- as XML


def _xml(name: str, suites: Sequence[Suite], created: str, about: About) -> str:
    unread = [
        Suite(cluster, [Case(cluster, "cluster", ERROR, "failed", why)])
        for cluster, why in sorted(about.failures.items())
    ]
    every = [suite for suite in (*suites, *unread) if suite.cases or suite.about]
    totals = _counts([case for suite in every for case in suite.cases])
    del totals["skipped"]
    root = Xml.Element("testsuites", {"name": name, **totals})
    for suite in every:
        root.append(_suite(suite, created, about))
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _counts(cases: Sequence[Case]) -> dict[str, str]:
    tags = [case.tag for case in cases]
    return {
        "tests": str(len(tags)),
        "failures": str(tags.count(FAILURE)),
        "errors": str(tags.count(ERROR)),
        "skipped": str(tags.count(SKIPPED)),
    }


def _suite(suite: Suite, created: str, about: About) -> Xml.Element:
    stamp = {"timestamp": created.removesuffix("Z")} if created else {}
    counts = _counts(suite.cases)
    element = Xml.Element("testsuite", {"name": _clean(suite.name, about), **counts, **stamp})
    if suite.about:
        properties = Xml.SubElement(element, "properties")
        for name, value in suite.about.items():
            Xml.SubElement(properties, "property", {"name": name, "value": _clean(value, about)})
    element.extend(_case(case, about) for case in suite.cases)
    return element


def _case(case: Case, about: About) -> Xml.Element:
    names = {"classname": _clean(case.group, about), "name": _clean(case.name, about)}
    element = Xml.Element("testcase", names)
    if case.tag:
        said = {"type": case.kind} if case.kind else {}
        said["message"] = _clean(case.message, about)
        inner = Xml.SubElement(element, case.tag, said)
        inner.text = "\n".join(_clean(line, about) for line in case.more.split("\n")) or None
    return element


def _clean(text: str, about: About) -> str:
    """Secrets out before the escapes of XML come between, and nothing in that XML does not allow."""
    shown = words.visible(about.mask(text))
    return "".join(char for char in shown if ord(char) not in (0xFFFE, 0xFFFF))


FORM: Mapping[str, Tell] = {PLAN: plan, RESULT: result, DRIFT: drift, VALIDATION: validation}
