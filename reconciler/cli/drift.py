"""`kstate drift`: live against the spec and what was last applied; exit 2 when somebody changed something."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)
from reconciler.cli.showing import FormatOption

if TYPE_CHECKING:
    from reconciler.core.estate import Live
    from reconciler.spec.folder import Spec


def register(app: typer.Typer) -> None:
    app.command()(drift)


def drift(
    spec: SpecArgument = ".",
    form: FormatOption = "text",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Show what was changed behind kstate's back."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.showing import check_form, show, uploading
    from reconciler.core.result import fold
    from reconciler.engine.drifting import drift as look
    from reconciler.reports.forms import DRIFT, ESTATE, UPLOADED

    check_form(form, DRIFT)
    live: list[Live] = []
    asked = options(clusters=cluster, labels=label, only=only, timeout=timeout, folder=spec)
    with uploading(form, spec):
        seen = live.extend if form in ESTATE else None
        read = read_spec(spec, values)
        found = look(read, replace(asked, seen=seen))
    if found.drift.clusters or form in UPLOADED:
        more: dict[str, Any] = {"failures": found.failures, "owners": _owners(read), "live": live}
        show(form, DRIFT, found.drift, root=asked.root, **more)
    failed = tell_failures(dict(found.failures)) if found.failures else 0
    raise typer.Exit(fold([failed, 2 if found.drift.drifted else 0]))


def _owners(spec: Spec) -> dict[str, str]:
    """The teams that documents name, by the documents' places."""
    named = ((document.source, document.metadata.get("owner")) for document in spec.documents)
    return {source: str(owner) for source, owner in named if owner}
