"""`kstate validate`: reads and checks a spec; no network."""

from __future__ import annotations

import typer

from reconciler.cli.common import SpecArgument, ValuesOption


def register(app: typer.Typer) -> None:
    app.command()(validate)


def validate(spec: SpecArgument = ".", values: ValuesOption = None) -> None:
    """Read and check a spec without touching any network."""
    from reconciler.cli.common import read_spec
    from reconciler.cli.console import tell
    from reconciler.engine.intent import check

    found = read_spec(spec, values)
    check(found)
    tell(
        f"valid: {len(found.documents):,} documents for {len(found.clusters):,} clusters"
        f" in {len(found.files):,} files"
    )
