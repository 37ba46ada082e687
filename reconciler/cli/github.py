"""GitHub's environment in; annotations on stdout, the job's summary and the step's outputs in their files, out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.reports.github import Job, Note


def show(job: Job, root: str) -> None:
    """One report. `root` is the folder of the spec, where annotations have their places."""
    _annotate(job.notes, prefix(root))
    if job.page:
        _summary(job.page)
    if job.line:
        _say(job.line)
    if job.outputs:
        _outputs(job.outputs)


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
