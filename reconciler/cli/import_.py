"""`kstate import`: what is live on a cluster, as a spec whose plan is empty."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli.common import SpecArgument, TimeoutOption, ValuesOption


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    out: Annotated[
        str, typer.Option("--out", metavar="DIR", help="A new folder for the spec; must not exist.")
    ],
    spec: SpecArgument = ".",
    cluster: Annotated[
        str, typer.Option("-c", "--cluster", help="The cluster, as its Cluster document calls it.")
    ] = "",
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Write what is live on a cluster as a spec whose plan is empty."""
    from pathlib import Path

    from reconciler.cli.common import options, read_spec
    from reconciler.cli.console import clear_progress, tell
    from reconciler.engine.importing import imported
    from reconciler.engine.intent import chosen, desired_of
    from reconciler.errors import BadUsage
    from reconciler.reports.words import visible
    from reconciler.spec.writing import save

    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BadUsage(f"--out {out}: it is there already, and an import overwrites nothing")
    found = read_spec(spec, values)
    settings = options(clusters=[cluster] if cluster else [], timeout=timeout, folder=spec)
    documents = chosen(found, settings)
    if len(documents) != 1:
        names = ", ".join(document.name for document in documents)
        raise BadUsage(f"one cluster at a time: -c with one of {names}")
    made = imported(found, desired_of(found, documents[0]), settings, out)
    save(target, made.files)
    clear_progress()
    for name in made.left_out:
        tell(f"left out, because no document can say it: {visible(name)}")
    counts = ", ".join(f"{count:,} {kind}s" for kind, count in made.counts.items())
    tell(f"wrote {len(made.files)} files to {out}: {counts}")
    tell(f"next: kstate plan {out} (empty), then kstate adopt {out} to own it")
