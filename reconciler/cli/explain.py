"""`kstate explain`: what a risk code means and what to do about it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconciler.core.model import Code

WIDEST = 100


def register(app: typer.Typer) -> None:
    app.command()(explain)


def explain(
    code: Annotated[
        str | None,
        typer.Argument(metavar="[CODE]", help="A code such as KS202; none lists them all."),
    ] = None,
) -> None:
    """Say what a risk code means and what to do about it."""
    from difflib import get_close_matches

    from reconciler.cli.console import out, width
    from reconciler.errors import BadUsage
    from reconciler.reports.fit import fit

    columns = width(sys.stdout)
    known = codes()
    if code is None:
        out(fit("".join(f"{name}  {found.title}\n" for name, found in known.items()), columns))
        return
    found = known.get(code.upper())
    if found is None:
        # Of several that are as close, the one that begins alike: the first digits say what a code is about.
        alike = get_close_matches(code.upper(), known, 3)
        near = sorted(alike, key=lambda other: not other.startswith(code.upper()[:4]))
        raise BadUsage(
            f"{code} is not a code" + (f"; did you mean {near[0]}?" if near else ""),
            hint="`kstate explain` lists them all.",
        )
    out(_page(found, columns))


def codes() -> dict[str, Code]:
    """Every code there is, kinds' own included, in order."""
    from reconciler.core import drift, ignore, ownership, risk, validation
    from reconciler.kinds.registry import load
    from reconciler.platforms import registry

    own = (*risk.CODES, *ownership.CODES, *drift.CODES, *ignore.CODES, *validation.CODES)
    platforms = [registry.load(name) for name in registry.names()]
    kinds = [*load().values(), *(kind for p in platforms for kind in p.kinds.values())]
    found = [*own, *(code for kind in kinds for code in kind.codes)]
    found += [code for platform in platforms for code in platform.codes]
    return {code.code: code for code in sorted(found, key=lambda code: code.code)}


def _page(found: Code, columns: int | None) -> str:
    import textwrap

    from reconciler.core.model import Level, Risk

    risk = Risk(found.code, "")
    way = {
        Level.NOTICE: "It never blocks.",
        Level.IMPOSSIBLE: "It cannot be approved.",
    }.get(
        risk.level,
        f"It blocks `apply` until approved: --approve {found.code} or --approve {found.code}:KEY.",
    )
    undo = [f"Undoing it: {found.undo}"] if found.undo else []
    body = [f"{found.code} ({risk.level}): {found.title}", "", found.text, *undo, way]
    # A flag is copied, so it is not broken at its hyphens.
    wrapped = textwrap.TextWrapper(
        min(columns or WIDEST, WIDEST), break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(map(wrapped.fill, body)) + "\n"
