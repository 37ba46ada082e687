"""`kstate import`: what is live on clusters, as a spec whose plan is empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.common import (
    ClusterOption,
    LabelOption,
    OnlyOption,
    SpecArgument,
    TimeoutOption,
    ValuesOption,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.engine.drafting import Imported

SHOWN = 50


def register(app: typer.Typer) -> None:
    app.command("import")(import_)


def import_(
    out: Annotated[
        str,
        typer.Option(
            "--out",
            metavar="DIR",
            help="A new folder for a whole spec; or SPEC itself, to add what it has no document for.",
        ),
    ],
    spec: SpecArgument = ".",
    cluster: ClusterOption = None,
    label: LabelOption = None,
    only: OnlyOption = None,
    values: ValuesOption = None,
    timeout: TimeoutOption = "10s",
) -> None:
    """Write what is live on clusters as a spec whose plan is empty."""
    from pathlib import Path

    from reconciler.cli.common import options, read_spec, tell_failures
    from reconciler.cli.console import clear_progress, tell
    from reconciler.engine.drafting import into_new, into_same
    from reconciler.errors import BadUsage

    target = Path(out)
    same = Path(spec).is_dir() and target.resolve() == Path(spec).resolve()
    if not same:
        _check_new(target)
    settings = options(clusters=cluster, labels=label, only=only, timeout=timeout, folder=spec)
    found = read_spec(spec, values)
    try:
        made = into_same(found, settings) if same else into_new(found, settings, target)
    except OSError as error:
        raise BadUsage(f"cannot write to {target}: {error.strerror}") from error
    clear_progress()
    if made.failures:
        tell("nothing was written: a spec of some of the clusters would look like all of them")
        raise typer.Exit(tell_failures(dict(made.failures)))
    _tell(made, target)


def _check_new(target: Path) -> None:
    from reconciler.errors import BadUsage

    if target.is_symlink() or (target.exists() and not target.is_dir()):
        raise BadUsage(f"--out {target}: it is there already, and no folder")
    there = sorted(entry.name for entry in target.iterdir()) if target.is_dir() else []
    if there:
        more = f" and {len(there) - 5} more" if len(there) > 5 else ""
        raise BadUsage(
            f"--out {target}: it holds {', '.join(there[:5])}{more}, and an import overwrites nothing",
            hint="Name a new folder; or the folder of SPEC, to add what that has no document for.",
        )


def _tell(made: Imported, target: Path) -> None:
    """What was written, what was not and why, what to supply, and what comes next."""
    from reconciler.cli.console import tell
    from reconciler.reports.words import many, shell, visible

    if made.declared:
        have = "resource has" if made.declared == 1 else "resources have"
        tell(f"{made.declared:,} {have} a document already, which stays as it is")
    _list([visible(f"{key}: kept by {owner.name}") for key, owner in sorted(made.kept.items())])
    _list([visible(f"{key}: left out, {why}") for key, why in sorted(made.left_out.items())])
    for title, why in made.aside.items():
        tell(visible(f"{title}: left out, see {target}/_left-out: {' '.join(why.split())}"))
    if not made.files:
        tell("nothing was written: whatever is live and can be told has a document")
        return
    owned = [str(change.key) for change in made.others if not change.sources]
    _list([visible(f"{k}: owned, and no document asks for it any more") for k in owned])
    tell(f"wrote {many(len(made.files), 'file')} to {visible(str(target))}: {_counts(made)}")
    _supplies(made)
    folder = shell(str(target))
    others = f"{many(len(made.others), 'change')}, none of what was imported"
    empty = others if made.others else "empty"
    tell(f"next: kstate plan {folder} ({empty}), then kstate adopt {folder} to own it")


def _list(lines: list[str]) -> None:
    from reconciler.cli.console import tell

    for line in lines[:SHOWN]:
        tell(line)
    if len(lines) > SHOWN:
        tell(f"... and {len(lines) - SHOWN:,} more")


def _counts(made: Imported) -> str:
    from collections import Counter

    counts = Counter(key.kind for draft in made.drafts for key in draft.keys)
    return ", ".join(f"{n:,} {kind}{'s' * (n != 1)}" for kind, n in sorted(counts.items())) or "-"


def _supplies(made: Imported) -> None:
    """Every secret that is in use and that no server tells: what it is for, and the variable that is to hold it."""
    from reconciler.cli.console import tell
    from reconciler.core.drafts import references
    from reconciler.reports.words import visible

    wanted = [
        (variable, f"{draft.title}: {path[-1]}")
        for draft in made.drafts
        for path, variable in references(draft)
    ]
    if wanted:
        tell(f"{len(wanted):,} secrets that no server tells; an apply that writes one needs it:")
    for variable, use in wanted:
        tell(visible(f"  {variable}  {use}"))
