"""What a person said on the command line, as text in; what it means out, or BadUsage for what could never be meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reconciler.errors import BadUsage

if TYPE_CHECKING:
    from reconciler.core.risk import Approval


def check_format(form: str, known: tuple[str, ...]) -> None:
    """Raises BadUsage for a form that does not exist, before anything is read."""
    from reconciler.reports.words import shell

    if form not in known:
        raise BadUsage(f"--format {shell(form)}: there is {', '.join(known)}")


def check_digest(expect: str | None) -> None:
    """Raises BadUsage for what cannot be a digest: an empty variable in a script must not mean: anything will do."""
    if expect is not None and not re.fullmatch("sha256:[0-9a-f]{64}", expect):
        raise BadUsage(
            f"--expect {expect!r}: expected `sha256:` and 64 hexadecimal digits",
            hint="`kstate show PLAN.json` ends with the plan's digest.",
        )


def approval(text: str) -> Approval:
    """One `--approve`. Raises BadUsage for what could never approve anything."""
    from difflib import get_close_matches

    from reconciler.cli.explain import codes
    from reconciler.core.model import Key
    from reconciler.core.risk import Approval

    found, known = Approval.parse(text), codes()
    if found.code not in known:
        near = get_close_matches(found.code.upper(), known, 1)
        raise BadUsage(
            f"--approve {text}: {found.code or 'nothing'} is not a code"
            + (f"; did you mean {near[0]}?" if near else ""),
            hint="It is CODE or CODE:KEY, as the plan prints it; `kstate explain` lists the codes.",
        )
    try:
        # With a colon there must be a key: an empty variable in a script must not mean: wherever it is.
        Key.parse(found.key if ":" in text else "any/resource/at all")
    except ValueError as error:
        raise BadUsage(
            f"--approve {text}: a key is cluster/kind/name, as the plan prints it"
        ) from error
    return found
