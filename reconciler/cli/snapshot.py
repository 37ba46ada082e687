"""`kstate snapshot`: what is live now, in a file, so that `plan --offline` needs no cluster and no secret."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Set

    from reconciler.core.snapshot import Snapshot


def register(app: typer.Typer) -> None:
    app.command()(snapshot)


def snapshot(
    out: Annotated[
        str,
        typer.Option("--out", metavar="FILE", help="The file to write; it may be there already."),
    ],
    spec: SpecArgument = ".",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Record what is live, for `plan --offline`."""
    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import clear_progress, tell
    from reconciler.cli.whole import check_writable, write_whole
    from reconciler.core.result import fold
    from reconciler.core.snapshot import render
    from reconciler.engine.recording import snapshot as record
    from reconciler.reports.words import visible

    check_writable(out)
    settings = options(clusters=cluster, labels=label, timeout=timeout, folder=spec)
    found = read_spec(spec, values)
    made, failures = record(found, settings)
    clear_progress()
    for line in _told(made):
        tell(visible(line))
    if made.clusters:
        write_whole(out, render(made))
        tell(f"snapshot saved; it is good until {made.expires}: kstate plan --offline {out}")
    in_use = {document.kind for document in found.documents}
    raise typer.Exit(fold([tell_failures(dict(failures)), *_lacking(made, in_use)]))


def _lacking(made: Snapshot, in_use: Set[str]) -> Iterator[int]:
    """A failure for every kind that the spec has documents of and that could not be read."""
    from reconciler.kinds.registry import load

    for cluster in made.clusters:
        yield from (
            1 for name, k in cluster.kinds.items() if k.unread and load()[name].document in in_use
        )


def _told(made: Snapshot) -> list[str]:
    lines = []
    for cluster in made.clusters:
        counts = [
            f"{len(k.resources):,} {name}" for name, k in cluster.kinds.items() if not k.unread
        ]
        lines.append(f"cluster {cluster.name}: {', '.join(counts) or 'nothing'}")
        lines += [
            f"cluster {cluster.name}: {name} could not be read, so no plan from here can hold one:"
            f" {kind.unread}"
            for name, kind in cluster.kinds.items()
            if kind.unread
        ]
        if cluster.ledger and cluster.ledger.trouble:
            lines.append(f"cluster {cluster.name}: the ledger: {cluster.ledger.trouble}")
    return lines
