"""`kstate validate`: reads and checks a spec; no network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from reconciler.cli.common import SpecArgument, ValuesOption
from reconciler.cli.showing import FormatOption

if TYPE_CHECKING:
    from reconciler.core.validation import Validation


def register(app: typer.Typer) -> None:
    app.command()(validate)


def validate(
    spec: SpecArgument = ".", values: ValuesOption = None, form: FormatOption = "text"
) -> None:
    """Read and check a spec without touching any network."""
    from reconciler.cli.console import tell
    from reconciler.cli.showing import check_form, show, show_error
    from reconciler.errors import KstateError
    from reconciler.reports.forms import VALIDATION
    from reconciler.reports.words import checked, many

    check_form(form, VALIDATION)
    try:
        found = _checked(spec, values)
    except KstateError as error:
        show_error(form, error, spec)
        raise
    show(form, VALIDATION, found, root=spec)
    tell(f"valid: {checked(found)} in {many(found.files, 'file')}")


def _checked(spec: str, values: str | None) -> Validation:
    from reconciler.cli.common import read_spec
    from reconciler.core.validation import Validation
    from reconciler.engine.intent import check

    found = read_spec(spec, values)
    check(found)
    return Validation((), len(found.documents), len(found.clusters), len(found.files))
