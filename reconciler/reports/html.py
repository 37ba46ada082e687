"""What was found in, one page of HTML out: it needs no network, and nothing in it can make it ask for any.

The page is three files of package data (`page/`) and the data as JSON. No template language is needed for that: there
are five holes, and everything that strangers chose goes through one of them, as JSON that the page reads and shows as
text, never as markup. The Content-Security-Policy allows exactly our one style and our one script, by their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import html
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from string import Template
from typing import Any

from reconciler.core.drift import CODE_OF, Drift, Finding, What
from reconciler.core.model import Action, Change, Key, Outcome, Risk, Status
from reconciler.core.plan import Plan
from reconciler.core.result import Result
from reconciler.reports import access, words
from reconciler.reports.forms import DRIFT, PLAN, RESULT, About, Tell
from reconciler.reports.sides import side_by_side

SYMBOLS = {What.GONE: "-", What.PENDING: ">", What.UNHEALTHY: "!"}
Data = dict[str, Any]


def plan(found: Plan, about: About) -> str:
    """What would change, what stands in its way, and who may access what before and after."""
    data = _head("plan", _told(found.estate), found.created, about) | {
        "meta": _plan_meta(found),
        "verdict": words.verdict(found, "below"),
        "counts": [[word.replace("_", " "), n] for word, n in found.summary.items()],
        "clusters": {
            c.name: {"id": c.id, "platform": c.spec.get("platform")} for c in found.clusters
        },
        "risks": [_risk(risk, None) for risk in found.risks],
        "notices": [*map(words.visible, found.notices), *map(words.record, found.records)],
        "items": [
            _change(change, found.owners.get(change.key, ""), about)
            for changes in words.by_cluster(found).values()
            for change in changes
        ],
    }
    states = {c.key: "gone" if c.action is Action.DELETE else "new" for c in found.changes}
    return _page(data | _estate(about, states, found.unmanaged), about)


def drift(found: Drift, about: About) -> str:
    """What was changed behind kstate's back, and the estate as it is: what is managed, who may access what."""
    data = _head("drift", _told(found.estate), found.created, about) | {
        "meta": _drift_meta(found),
        "verdict": words.off(found),
        "counts": _drift_counts(found),
        "clusters": {
            seen.name: {"id": seen.id, "coverage": seen.coverage, "managed": seen.managed}
            for seen in found.clusters
        },
        "risks": [],
        "notices": [words.visible(line) for line in _conditions(found)],
        "items": [_finding(finding, about) for finding in _worst_first(found.findings)],
    }
    unmanaged = [name for seen in found.clusters for name in seen.unmanaged]
    return _page(data | _estate(about, {}, unmanaged), about)


def result(found: Result, about: About) -> str:
    """What became of every change of a plan."""
    changes = {change.key: change for change in found.plan.changes}
    failures = {name: why for name, why in found.failures}
    left = len(found.outcomes) - found.count(Status.DONE)
    data = _head("result", _told(found.plan.estate), found.plan.created, about) | {
        "meta": _plan_meta(found.plan),
        "verdict": f"{left:,} changes are not as planned" if left or failures else "",
        "counts": [[str(status), found.count(status)] for status in Status],
        "clusters": {c.name: {"id": c.id} for c in found.plan.clusters},
        "failures": _failures({**about.failures, **failures}),
        "risks": [],
        "notices": [],
        "items": [
            _change(changes[o.key], found.plan.owners.get(o.key, ""), about) | _outcome(o)
            for o in found.outcomes
        ],
    }
    return _page(data | _estate(about, {}, ()), about)


# --- data of the page


def _head(what: str, estate: str, created: str, about: About) -> Data:
    named = f" of {estate}" if estate else ""
    titles = {"plan": "Plan", "drift": "Drift", "result": "Result"}
    return {
        "what": what,
        "title": titles[what] + named,
        "created": created,
        "failures": _failures(about.failures),
    }


def _failures(failures: Mapping[str, str]) -> list[list[str]]:
    return [[words.visible(name), words.visible(why)] for name, why in sorted(failures.items())]


def _told(estate: str) -> str:
    return words.visible(estate)


def _plan_meta(found: Plan) -> list[list[str]]:
    rows = [
        ["commit", found.commit],
        ["made", _when(found.created)],
        ["expires", _when(found.expires)],
        ["narrowed", ", ".join(found.only) or "by -c" if found.partial else ""],
        ["digest", found.digest],
    ]
    return [[name, words.visible(value)] for name, value in rows if value]


def _when(stamp: str) -> str:
    """`2026-11-24T19:04:30Z` as people write it."""
    return stamp.replace("T", " ").replace("Z", " UTC")


def _drift_meta(found: Drift) -> list[list[str]]:
    rows = [
        ["commit", found.commit],
        ["seen", _when(found.created)],
        ["narrowed", "by -c or --only" if found.partial else ""],
        ["fingerprint", found.fingerprint],
    ]
    return [[name, words.visible(value)] for name, value in rows if value]


def _drift_counts(found: Drift) -> list[list[Any]]:
    counts: list[list[Any]] = [
        [str(what), sum(finding.what is what for finding in found.findings)] for what in What
    ]
    counts.append(["managed", sum(seen.managed for seen in found.clusters)])
    counts.append(["unmanaged", sum(len(seen.unmanaged) for seen in found.clusters)])
    return [*counts, ["out of scope", sum(seen.out_of_scope for seen in found.clusters)]]


def _conditions(found: Drift) -> Iterator[str]:
    for seen in found.clusters:
        yield from [f"{seen.name}: {seen.trouble}"] if seen.trouble else []
        yield from seen.conditions
        for key, extra in seen.undeclared.items():
            told = ", ".join(f"{name}={words.value(name, value)}" for name, value in extra.items())
            yield f"{key}: set, and declared nowhere: {told}"


def _item(key: Key, owner: str, sources: Iterable[str]) -> Data:
    return {
        "c": key.cluster,
        "k": key.kind,
        "n": words.title(key),
        "o": words.visible(owner),
        "p": [words.visible(source) for source in sources],
    }


def _change(change: Change, owner: str, about: About) -> Data:
    sides = _spelt(change, about)
    hidden = {"schema"} if sides else set()
    return _item(change.key, owner, change.sources) | {
        "a": str(change.action),
        "s": words.symbol(change),
        "w": str(change.owner),
        "r": [_risk(risk, change.key) for risk in change.risks],
        "f": list(_settings(change, hidden)),
        "t": [words.visible(step) for step in change.steps],
        "d": sides,
        "m": words.visible(change.note),
    }


def _risk(risk: Risk, key: Key | None) -> Data:
    # A reader is helped by what was found, not by what was looked for in vain.
    figures = {
        name: found for name, found in risk.evidence.items() if found not in (None, "", [], {})
    }
    return {
        "code": risk.code,
        "level": str(risk.level),
        "text": words.visible(risk.message),
        "way": words.way_out(risk, key),
        "figures": [[words.visible(n), words.visible(str(v))] for n, v in figures.items()],
    }


def _settings(change: Change, hidden: set[str]) -> Iterator[list[str]]:
    """Name, before and after; what only one side has leaves the other one empty."""
    if change.action is not Action.UPDATE:
        body = change.after if change.action is Action.CREATE else change.before
        shown = {name: value for name, value in (body or {}).items() if name not in hidden}
        created = change.action is Action.CREATE
        for name, value in words.told(shown):
            yield [name, "", value] if created else [name, value, ""]
        return
    for edit in words.ordered(change.edits):
        if edit.path[0] not in hidden:
            yield [words.label(edit.path), *words.both(change.key, edit)]


def _spelt(change: Change, about: About) -> list[list[str]]:
    """A schema on its two sides, line by line; nothing where there is no text or no difference."""
    before, after = (
        about.mask(about.spell(change.key.kind, body)) if body else ""
        for body in (change.before, change.after)
    )
    if before == after:
        return []
    return [
        [row.how, words.visible(row.before), words.visible(row.after)]
        for row in side_by_side(before, after)
    ]


def _worst_first(found: Iterable[Finding]) -> list[Finding]:
    """Cluster by cluster; what only waits to be applied comes last."""
    return sorted(found, key=lambda f: (f.key.cluster, f.what is What.PENDING, f.key))


def _finding(finding: Finding, about: About) -> Data:
    owner = next((about.owners[s] for s in finding.sources if s in about.owners), "")
    code = CODE_OF.get(finding.what)
    risk: Data = {"code": code, "level": "danger", "text": words.drifted(finding)}
    return _item(finding.key, owner, finding.sources) | {
        "a": str(finding.what),
        "s": SYMBOLS.get(finding.what, "~"),
        "r": [risk | {"way": "", "figures": []}] if code else [],
        "g": [
            [words.visible(f.path[-1]), *(words.value(f.path[-1], v) for v in _three(f))]
            for f in finding.fields
        ],
        "m": words.visible(finding.note),
    }


def _three(field: Any) -> tuple[Any, Any, Any]:
    return field.applied, field.wanted, field.live


def _outcome(outcome: Outcome) -> Data:
    sign = {Status.DONE: "\u2713", Status.SKIPPED: "\u2013"}.get(outcome.status, "!")
    return {"a": str(outcome.status), "s": sign, "u": words.visible(outcome.words)}


def _estate(about: About, states: Mapping[Key, str], unmanaged: Iterable[str]) -> Data:
    """The estate as it is, who may access what in it, and what codes mean."""
    live = sorted(about.live, key=lambda one: one.key)
    bindings = {one.key: states.get(one.key, "") for one in live if one.key.kind == "acl"}
    bindings |= {key: state for key, state in states.items() if key.kind == "acl"}
    lines = access.lines(access.rules(bindings.items()))
    resources = [_live(one) for one in live if one.key.kind != "acl"]
    if not live:
        keys = (Key.parse(name) for name in unmanaged)
        resources = [_item(key, "", ()) | {"z": 0, "f": []} for key in keys]
    return {
        "whole": bool(live),
        "resources": resources,
        "access": [
            {"c": cluster, "n": principal, "l": [_line(line) for line in own]}
            for (cluster, principal), own in sorted(access.by_principal(lines).items())
        ],
        "codes": {code: [c.title, c.text, c.undo] for code, c in about.codes.items()},
    }


def _live(one: Any) -> Data:
    told = (
        [[name, value] for name, value in words.told(one.settings)]
        if one.key.kind != "schema"
        else []
    )
    return _item(one.key, one.owner, one.sources) | {"z": int(one.managed), "f": told}


def _line(line: access.Line) -> list[Any]:
    rule = line.rule
    return [
        *access.sentence(rule),
        rule.state,
        int(line.void),
        list(line.limits),
        int(rule.permission == "deny"),
        *([rule.resource, rule.pattern, rule.name] if rule.resource == "topic" else []),
    ]


# --- the page


def _page(data: Data, about: About) -> str:
    style, script = part("page.css"), part("page.js")
    # Inside a script nothing ends it but `<`, and JSON can spell that otherwise.
    found = about.dump(data).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    return Template(part("page.html")).substitute(
        policy=html.escape(policy(style, script)),
        title=html.escape(about.mask(data["title"])),
        style=style,
        script=script,
        data=found,
    )


def policy(style: str, script: str) -> str:
    """Nothing may be loaded from anywhere; only this style and this script apply, and no text becomes markup."""
    return "; ".join(
        [
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(script)}",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        ]
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def part(name: str) -> str:
    """One of the page's files, as it is in the package."""
    return (files("reconciler.reports") / "page" / name).read_text(encoding="utf-8")


FORM: Mapping[str, Tell] = {PLAN: plan, RESULT: result, DRIFT: drift}
