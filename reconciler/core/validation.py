"""What a check of a spec came to, as data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reconciler.core.model import Code
from reconciler.errors import Problem

FORMAT = "kstate.validation/v1"
INVALID = "KS900"
CODES = (
    Code(
        INVALID,
        "The spec is not valid",
        "A document is not as its form says, or documents do not fit together. Every problem is named with its file,"
        " line and column, what was found there and what was expected; `kstate validate` tells them without any"
        " network. Nothing is planned or applied before all of them are mended.",
    ),
)


@dataclass(frozen=True, slots=True)
class Validation:
    """How much was read, and everything that is wrong with it. Counts are 0 where reading itself failed."""

    problems: tuple[Problem, ...] = ()
    documents: int = 0
    clusters: int = 0
    files: int = 0


def to_json(found: Validation) -> dict[str, Any]:
    """The JSON of `schemas/validation.v1.json`."""
    return {
        "format": FORMAT,
        "valid": not found.problems,
        "documents": found.documents,
        "clusters": found.clusters,
        "files": found.files,
        "problems": [
            {"file": p.file, "line": p.line, "column": p.column, "message": p.message}
            for p in found.problems
        ],
    }
