"""GitHub's environment in; annotations on stdout, the job's summary and the step's outputs in their files, out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.drift import Drift
    from reconciler.core.plan import Plan
    from reconciler.core.result import Result
    from reconciler.core.risk import Gate
    from reconciler.errors import KstateError
    from reconciler.reports.github import Note


def show_plan(plan: Plan, root: str) -> None:
    """The plan's risks at their lines, the whole plan in the summary, its digest as an output."""
    from reconciler.reports import github, markdown, words

    _show(github.of_plan(plan), lambda room: markdown.plan(plan, room=room), root)
    _say(f"{words.summary(plan)}; digest {plan.digest}")
    _outputs(github.of_plan_outputs(plan))


def show_result(result: Result, root: str) -> None:
    """What is not as planned at its lines, the rest in the summary."""
    from reconciler.core.result import ended
    from reconciler.reports import github, pages, text

    found = ended(result)
    _show(github.of_result(result), lambda room: pages.result(found, room=room), root)
    _say(text.result(result).rstrip().splitlines()[-1])
    _outputs(github.of_result_outputs(result))


def show_drift(drift: Drift, root: str) -> None:
    """What has drifted at its lines, the whole report in the summary."""
    from reconciler.reports import github, pages

    _show(github.of_drift(drift), lambda room: pages.drift(drift, room=room), root)
    _say(f"drift: {pages.drift_title(drift)}")
    _outputs(github.of_drift_outputs(drift))


def show_valid(words: str) -> None:
    _summary(lambda _room: f"### kstate: {words}\n")


def show_failures(failures: Mapping[str, KstateError]) -> None:
    """Clusters that failed, each as an annotation."""
    from reconciler.reports.github import ERROR, Note

    notes = [
        Note(ERROR, f"cluster {name}", f"{error.message}\n{error.hint}".strip())
        for name, error in sorted(failures.items())
    ]
    _annotate(notes, None)


def show_gate(gate: Gate) -> None:
    """What stands in the way of an apply."""
    from reconciler.reports.github import of_gate

    _annotate(of_gate(gate), None)


@contextmanager
def annotated(form: str, root: str) -> Iterator[None]:
    """With `--format github`, an error that ends the run is an annotation too; then it goes its way."""
    from reconciler.errors import KstateError

    try:
        yield
    except KstateError as error:
        if form == "github":
            from reconciler.reports import github, pages

            told = error
            _show(github.of_error(error), lambda room: pages.error(told, room=room), root)
        raise


def _show(notes: Iterable[Note], page: Callable[[int], str], root: str) -> None:
    _annotate(notes, prefix(root))
    _summary(page)


def _annotate(notes: Iterable[Note], place: str | None) -> None:
    from reconciler.cli.console import clear_progress, out
    from reconciler.reports.github import commands

    clear_progress()
    out("".join(f"{line}\n" for line in commands(notes, place)))


def _say(line: str) -> None:
    from reconciler.cli.console import out
    from reconciler.reports.words import visible

    out(visible(line) + "\n")


def prefix(root: str) -> str | None:
    """The way from the repository to the spec, which annotations need; None where there is none."""
    from pathlib import Path

    above = Path(os.environ.get("GITHUB_WORKSPACE") or ".").resolve()
    here = Path(root).resolve()
    here = here if here.is_dir() else here.parent
    return here.relative_to(above).as_posix() if here.is_relative_to(above) else None


def _summary(page: Callable[[int], str]) -> None:
    from pathlib import Path

    from reconciler.reports.github import summary
    from reconciler.secrets.references import redact

    if path := os.environ.get("GITHUB_STEP_SUMMARY"):
        used = Path(path).stat().st_size if Path(path).exists() else 0
        _append(path, redact(summary(page, used)).rstrip("\n") + "\n\n")


def _outputs(values: Mapping[str, str]) -> None:
    from uuid import uuid4

    from reconciler.reports.github import outputs

    if path := os.environ.get("GITHUB_OUTPUT"):
        _append(path, outputs(values, uuid4().hex))


def write_outputs(values: Mapping[str, str]) -> None:
    """The outputs of this step, where it is one."""
    _outputs(values)


def _append(path: str, text: str) -> None:
    from reconciler.errors import BadUsage

    try:
        with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as error:
        raise BadUsage(f"cannot write {path}: {error.strerror}") from error
