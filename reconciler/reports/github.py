"""What was found in, GitHub's own forms of it out: annotations on a file's lines, a job's summary, a step's outputs.

GitHub shows ten annotations of a kind in a step and drops the rest without a word, so the ten most dangerous are given,
and how many more there are. A summary may have 1,024 KiB, and is not shown at all beyond.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from posixpath import join, normpath

from reconciler.core.drift import Drift, What
from reconciler.core.model import Change, Level, Outcome, Risk, Status
from reconciler.core.plan import Plan
from reconciler.core.result import Result, ended
from reconciler.core.risk import Gated
from reconciler.core.validation import Validation
from reconciler.errors import KstateError, Problem, SpecInvalid
from reconciler.reports import markdown, pages, text, words
from reconciler.reports.forms import DRIFT, ERROR, FAILURES, PLAN, RESULT, VALIDATION, Tell

MOST = 10
SUMMARY = 900 * 1024
BAD, WARNING, NOTICE = "error", "warning", "notice"
LEVELS = {
    Level.IMPOSSIBLE: BAD,
    Level.LIMIT: WARNING,
    Level.DANGER: WARNING,
    Level.NOTICE: NOTICE,
}


@dataclass(frozen=True, slots=True)
class Note:
    """One annotation. `place` is `file:line`, or `file:line:column`, relative to the spec; empty: of the whole run."""

    level: str
    title: str
    text: str
    place: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """What a job is shown of one report: annotations and a line in its log, a page of a given room, a step's outputs.

    `page` is given how many characters it may have.
    """

    notes: Iterable[Note]
    page: Callable[[int], str] | None = None
    line: str = ""
    outputs: Mapping[str, str] = field(default_factory=dict)


def commands(notes: Iterable[Note], prefix: str | None = "") -> Iterator[str]:
    """The ten worst as workflow commands, and how many are left out.

    `prefix` leads from the repository to the spec; None where the spec is not inside the repository.
    """
    order = (BAD, WARNING, NOTICE)
    worst = sorted(notes, key=lambda note: order.index(note.level))
    yield from (_command(note, prefix) for note in worst[:MOST])
    if left := len(worst) - MOST:
        more = f"{left:,} more in the summary of this job"
        yield from [_command(Note(NOTICE, "kstate", more), None)] if left > 0 else []


def _command(note: Note, prefix: str | None) -> str:
    about = {"title": note.title}
    file, _, rest = note.place.partition(":")
    if file and prefix is not None:
        line, _, column = rest.partition(":")
        about = {"file": normpath(join(prefix, file)), "line": line, "col": column, **about}
    told = ",".join(f"{name}={_property(value)}" for name, value in about.items() if value)
    lines = "\n".join(words.visible(line) for line in note.text.split("\n"))
    return f"::{note.level} {told}::{_data(lines)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(words.visible(text)).replace(":", "%3A").replace(",", "%2C")


# --- what there is to note


def of_plan(plan: Plan) -> Iterator[Note]:
    """Every risk, at the document it is about; the most dangerous changes first."""
    yield from (_risk(risk, "the plan", words.way_out(risk, None), "") for risk in plan.risks)
    for changes in words.by_cluster(plan).values():
        for change in changes:
            place = change.sources[0] if change.sources else ""
            for risk, way in words.risks(change):
                yield _risk(risk, _named(change), way, place)


def _named(change: Change) -> str:
    return f"{change.key.cluster}: {change.action} {words.thing(change.key)}"


def _risk(risk: Risk, what: str, way: str, place: str) -> Note:
    text = f"{what}: {risk.message}" + (f"\n{way}" if way else "")
    return Note(LEVELS[risk.level], f"{risk.code} {risk.level}", text, place)


def of_gate(blocked: Iterable[Gated]) -> Iterator[Note]:
    """What nobody has approved, or nothing can."""
    for gated in blocked:
        what = str(gated.key) if gated.key else "the plan"
        text = f"{what}: {gated.risk.message}\n{words.way_out(gated.risk, gated.key)}"
        yield Note(BAD, f"not applied: {gated.risk.code} {gated.risk.level}", text)


def of_result(result: Result) -> Iterator[Note]:
    """Everything that is not as planned, in the server's words; or what stood in the way of all of it."""
    if result.refused:
        yield from of_gate(result.blocked)
        return
    sources = {change.key: change.sources for change in result.plan.changes}
    for name, why in result.failures:
        yield Note(BAD, f"cluster {name}", why)
    for outcome in result.outcomes:
        if outcome.status is not Status.DONE:
            level = WARNING if outcome.status is Status.SKIPPED else BAD
            place = next(iter(sources.get(outcome.key, ())), "")
            yield Note(level, f"{outcome.status}: {outcome.key}", _words(outcome), place)


def _words(outcome: Outcome) -> str:
    return outcome.words or "it does not read as planned"


def of_drift(drift: Drift) -> Iterator[Note]:
    """Everything that has drifted, at the document that asks for it; what waits in Git is not told."""
    for finding in drift.drifted:
        level = BAD if finding.what is What.GONE else WARNING
        fields = [
            f"{words.label(f.path)}: is {words.value(f.path[-1], f.live)},"
            f" wanted {words.value(f.path[-1], f.wanted)}"
            for f in finding.fields
        ]
        text = "\n".join([f"{finding.key} {words.DRIFTED[finding.what]}", *fields, finding.note])
        yield Note(
            level, f"drift: {words.DRIFTED[finding.what]}", text, next(iter(finding.sources), "")
        )
    yield from (Note(NOTICE, "kstate", notice) for notice in drift.notices)


def of_error(error: KstateError) -> Iterator[Note]:
    """An error that ended the run: every problem of a spec at its place, or the one sentence."""
    if isinstance(error, SpecInvalid):
        yield from of_problems(error.problems)
    else:
        yield Note(BAD, "kstate", f"{error.message}\n{error.hint}".strip())


def of_problems(problems: Iterable[Problem]) -> Iterator[Note]:
    for problem in problems:
        place = f"{problem.file}:{problem.line}:{problem.column}"
        yield Note(BAD, "the spec is wrong", problem.message, place)


def of_failures(failures: Mapping[str, KstateError]) -> Iterator[Note]:
    """Clusters that failed, by their names."""
    for name, error in sorted(failures.items()):
        yield Note(BAD, f"cluster {name}", f"{error.message}\n{error.hint}".strip())


# --- a job's summary, a step's outputs


def summary(page: Callable[[int], str], used: int = 0) -> str:
    """A page of at most `room` characters, asked for until its bytes fit into what is left of the summary."""
    budget = max(SUMMARY - used, 0)
    room = budget
    text = page(room)
    while (size := len(text.encode("utf-8", "surrogatepass"))) > budget and room > 1_000:
        room = room * budget // size - 1
        text = page(room)
    return text if size <= budget else ""


def outputs(values: Mapping[str, str], delimiter: str) -> str:
    """Lines for the file in GITHUB_OUTPUT. `delimiter` must not be guessable: a value could end itself with it."""
    return "".join(f"{name}<<{delimiter}\n{value}\n{delimiter}\n" for name, value in values.items())


def of_plan_outputs(plan: Plan) -> dict[str, str]:
    return {
        "digest": plan.digest,
        "changes": str(len(plan.changes)),
        "records": str(len(plan.records)),
        "blocked": str(plan.summary["blocked"] + sum(risk.blocking for risk in plan.risks)),
    }


def of_result_outputs(result: Result) -> dict[str, str]:
    counts = {str(status): str(result.count(status)) for status in Status}
    return {"digest": result.plan.digest, **counts}


def of_drift_outputs(drift: Drift) -> dict[str, str]:
    return {
        "fingerprint": drift.fingerprint,
        "drifted": str(len(drift.off)),
        "pending": str(len(drift.pending)),
    }


# --- the whole of it


def plan(found: Plan) -> Job:
    """The risks at their lines, the whole plan in the summary, its digest as an output; nothing where there is none."""
    if not found.clusters:
        return Job(())
    line = f"{words.summary(found)}; digest {found.digest}"
    outputs = of_plan_outputs(found)
    return Job(of_plan(found), lambda room: markdown.plan(found, room=room), line, outputs)


def result(found: Result) -> Job:
    """What is not as planned at its lines, the rest in the summary."""
    whole = ended(found)
    line = pages.REFUSED if found.refused else text.result(found).rstrip().splitlines()[-1]
    outputs = of_result_outputs(found)
    return Job(of_result(found), lambda room: pages.result(whole, room=room), line, outputs)


def drift(found: Drift) -> Job:
    """What has drifted at its lines, the whole report in the summary."""
    line = f"drift: {pages.drift_title(found)}"
    outputs = of_drift_outputs(found)
    return Job(of_drift(found), lambda room: pages.drift(found, room=room), line, outputs)


def validation(found: Validation) -> Job:
    """Every problem at its place; one line in the summary where there is none."""
    if found.problems:
        return error(SpecInvalid(list(found.problems)))
    files = words.many(found.files, "file")
    title = f"### kstate: valid: {words.checked(found)} in {files}\n"
    return Job((), lambda _room: title)


def error(found: KstateError) -> Job:
    """What ended the run, as an annotation and in the summary."""
    return Job(of_error(found), lambda room: pages.error(found, room=room))


FORM: Mapping[str, Tell] = {
    PLAN: lambda found, _: plan(found),
    RESULT: lambda found, _: result(found),
    DRIFT: lambda found, _: drift(found),
    VALIDATION: lambda found, _: validation(found),
    ERROR: lambda found, _: error(found),
    FAILURES: lambda found, _: Job(of_failures(found)),
}
