"""The options of how a run talks. A verb that waits for servers has them without naming them."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable
from typing import Annotated, Any, TextIO

import typer

LOGS = ("text", "json")
VERBOSE = Annotated[
    bool, typer.Option("--verbose", help="Tell everything that happens, one line each.")
]
LOG_FORMAT = Annotated[
    str, typer.Option("--log-format", metavar="F", help="What stderr says: text or json.")
]
EVENTS = Annotated[
    str | None,
    typer.Option("--events", metavar="FILE", help="Events as JSON lines; - for stdout."),
]
OPTIONS = (
    ("verbose", VERBOSE, False),
    ("log_format", LOG_FORMAT, "text"),
    ("events", EVENTS, None),
)
# What every verb that waits for servers has.
WAITS = "timeout"


def talking(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb, with the options of how it talks if it ever waits for a server."""
    signature = inspect.signature(verb, eval_str=True)
    if WAITS not in signature.parameters:
        return verb

    @functools.wraps(verb)
    def told(*, verbose: bool, log_format: str, events: str | None, **given: Any) -> None:
        from reconciler.cli.console import talk

        talk.as_json = _as_json(log_format)
        talk.verbose = verbose
        if events is not None:
            _open(events, verb.__name__.rstrip("_"), str(given.get("form", "text")))
        verb(**given)

    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, kind, default in OPTIONS
    ]
    parameters = [*signature.parameters.values(), *added]
    told.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    told.__annotations__ = {**verb.__annotations__, **{name: kind for name, kind, _ in OPTIONS}}
    return told


def _as_json(log_format: str) -> bool:
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    if log_format not in LOGS:
        raise BadUsage(f"--log-format {shell(log_format)}: there is {', '.join(LOGS)}")
    return log_format == "json"


def _open(path: str, verb: str, form: str) -> None:
    """Begin to write events. Raises BadUsage for a file that cannot be written, or two that want stdout."""
    from reconciler import __version__
    from reconciler.cli.console import talk
    from reconciler.cli.watching import Events
    from reconciler.errors import BadUsage

    if path == "-" and form != "text":
        raise BadUsage(f"--events - and --format {form} both want stdout: give --events a file")
    events = Events(sys.stdout if path == "-" else _file(path), path)
    talk.stdout_taken = path == "-"
    talk.events = events
    events.start(verb, __version__)


def _file(path: str) -> TextIO:
    from reconciler.errors import BadUsage
    from reconciler.reports.words import shell

    try:
        return open(path, "w", encoding="ascii")  # open until the process ends
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadUsage(f"--events {shell(path)}: cannot write: {why}") from error
