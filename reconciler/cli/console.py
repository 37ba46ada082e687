"""What a person sees: colour only on a terminal, talk and progress on stderr, data on stdout."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from reconciler.errors import KstateError, SpecInvalid

if TYPE_CHECKING:
    from reconciler.core.events import Event


class Watch(Protocol):
    """Whoever is told what happens while kstate works, and steps aside when something is to be said."""

    def __call__(self, event: Event) -> None: ...

    def clear(self) -> None: ...


class Record(Protocol):
    """Where events go as JSON lines."""

    def write(self, body: dict[str, Any]) -> None: ...

    def end(self, code: int) -> None: ...


@dataclass
class Talk:
    """How this run talks: everything that happens told, as JSON lines, and with stdout left to the events."""

    verbose: bool = False
    as_json: bool = False
    stdout_taken: bool = False
    watch: Watch | None = None
    events: Record | None = None


# One process is one run; whoever runs several begins each anew, as `main.run` does.
talk = Talk()


def begin() -> None:
    """Forget how a run before this one talked."""
    talk.verbose = talk.as_json = talk.stdout_taken = False
    talk.watch = talk.events = None


def end(code: int) -> None:
    """The last thing said: nothing more moves, and how it ended."""
    clear_progress()
    if talk.events is not None:
        talk.events.end(code)


def coloured(stream: TextIO) -> bool:
    """Colour on a terminal only; NO_COLOR (no-color.org), CI and a dumb terminal switch it off."""
    return interactive(stream) and not os.environ.get("NO_COLOR")


def interactive(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("CI") and os.environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int | None:
    """Columns of a terminal that a person looks at; None where lines may be as long as they are."""
    if not interactive(stream):
        return None
    try:
        # Of this very stream: the other one may go elsewhere. A terminal that does not say has none.
        return os.get_terminal_size(stream.fileno()).columns or None
    except (OSError, ValueError):
        return None


def leave_terminal() -> None:
    """A terminal that is gone is written to no more: each byte would be an error in the middle of an apply."""
    import stat

    for handle in (1, 2):
        # A device that was a terminal is none any more once it was hung up.
        if stat.S_ISCHR(os.fstat(handle).st_mode) and not os.isatty(handle):
            os.dup2(os.open(os.devnull, os.O_WRONLY), handle)


def clear_progress() -> None:
    """Take away what shows how far things are, so that something can be said."""
    if talk.watch is not None:
        talk.watch.clear()


def out(text: str) -> None:
    """Data, on stdout, with every secret masked; where stdout is taken by the events, talk."""
    from reconciler.secrets.references import redact

    if talk.stdout_taken:
        tell(text)
        return
    clear_progress()
    sys.stdout.write(redact(text))


def out_json(found: object, *, indent: int | None = 1, sort_keys: bool = False) -> None:
    """Data as JSON, on stdout."""
    clear_progress()
    sys.stdout.write(json_text(found, indent=indent, sort_keys=sort_keys) + "\n")


def json_text(found: object, *, indent: int | None = None, sort_keys: bool = False) -> str:
    """JSON with every secret masked, in ASCII, so that no text in it can command a terminal or a CI."""
    import json

    from reconciler.secrets.references import any_known

    shown = masked(found) if any_known() else found
    text = json.dumps(shown, indent=indent, sort_keys=sort_keys)
    # A `#` stands in strings only; `##[...]` is an order to a CI wherever it stands.
    return text.replace("##", "\\u0023#")


def masked(found: object) -> object:
    """Before the escapes of JSON come between a text and the secret in it."""
    from reconciler.secrets.references import redact

    if isinstance(found, dict):
        return {redact(str(name)): masked(inner) for name, inner in found.items()}
    if isinstance(found, (list, tuple)):
        return [masked(inner) for inner in found]
    return redact(found) if isinstance(found, str) else found


def tell(text: str, level: str = "info", **more: object) -> None:
    """Talk, on stderr, with every secret masked; `more` is only for machines."""
    from reconciler.secrets.references import redact

    clear_progress()
    if talk.as_json:
        line = json_text({"at": now(), "level": level, "message": text.rstrip("\n"), **more})
        sys.stderr.write(line + "\n")
    else:
        from reconciler.reports.fit import fit

        sys.stderr.write(fit(redact(text).rstrip("\n"), width(sys.stderr)) + "\n")
    sys.stderr.flush()


def now() -> str:
    """The time of an event or of a line of the log, in UTC."""
    from datetime import UTC, datetime

    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")[:-4] + "Z"


def complain(error: KstateError) -> None:
    """An error as a person needs it: all problems of a spec, or one sentence, then what to do."""
    from reconciler.reports.words import visible

    if isinstance(error, SpecInvalid):
        for found in error.problems:
            place = {"file": found.file, "line": found.line, "column": found.column}
            tell(visible(str(found)), "error", **place)
    lines = [visible(line) for line in error.message.split("\n")]
    hint = visible(error.hint or error.way_out)
    if talk.as_json:
        tell("\n".join(lines), "error", hint=hint, exit_code=error.exit_code)
        return
    tell("kstate: " + "\n".join(lines))
    if hint:
        tell(hint)
