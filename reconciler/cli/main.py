"""The command line as a whole: its verbs, and one place that turns every way to end into an exit code."""

from __future__ import annotations

import errno
import gc
import importlib
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, NoReturn

import typer
from typer.exceptions import TyperException

from reconciler import __version__
from reconciler.cli.talk import talking

if TYPE_CHECKING:
    from types import FrameType

# One module a verb beside this file. Only typer is imported up here, so that --help costs nothing else.
VERBS = (
    "validate",
    "plan",
    "apply",
    "drift",
    "notify",
    "approved",
    "init",
    "import_",
    "snapshot",
    "show",
    "explain",
    "adopt",
    "release",
    "history",
    "unlock",
    "doctor",
    "fleet",
    "platforms",
    "sandbox",
)
USAGE = 64
FAILED = 1
INTERRUPTED = 130
FORBIDDEN = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR})
INSTALL = "--install-completion"


def build() -> typer.Typer:
    """The application with every verb registered."""
    app = typer.Typer(
        name="kstate",
        help="Kafka estates in Git: a reviewed plan, applied exactly.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    )
    app.callback()(_root)
    for verb in VERBS:
        importlib.import_module(f"reconciler.cli.{verb}").register(app)
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = talking(command.callback)
    return app


def _root(
    version: bool = typer.Option(
        False,
        "--version",
        help="Show the version and exit.",
        is_eager=True,
        callback=lambda wanted: _show_version() if wanted else None,
    ),
) -> None: ...


def _show_version() -> None:
    typer.echo(f"kstate {__version__}")
    raise typer.Exit


def main() -> None:
    """Run the command line and end the process with one of the README's exit codes."""
    _have_streams()
    # A run is short and makes next to no garbage that counting references does not free; looking for it again and again
    # among the millions of objects of a large estate costs a third of the time (measured at 93,000 resources; of the
    # tenth that is left with 200,000 nothing is with a million).
    gc.set_threshold(1_000_000, 50, 100)
    _leave(run(sys.argv[1:]))


def _leave(code: int) -> NoReturn:
    """End the process at once: everything is written and closed by now.

    Python would take a large estate apart object by object first: 0.25 s at 93,000 resources. What is still at work in
    a thread of its own is waited for as ever.
    """
    import threading

    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    if all(thread.daemon or thread is threading.main_thread() for thread in threading.enumerate()):
        os._exit(code)
    sys.exit(code)


def _have_streams() -> None:
    """Both streams open, so that no socket takes their place, and able to say every character."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            setattr(sys, name, os.fdopen(nowhere, "r" if name == "stdin" else "w"))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def run(arguments: list[str]) -> int:
    """The exit code for these arguments; nothing that a user sees is ever a traceback."""
    from reconciler.cli.console import begin, end

    begin()
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        code = _unwritable(error) if code == 0 else code
        _no_more_output()
    end(code)
    return code


def _run(arguments: list[str]) -> int:
    from reconciler.cli.console import complain, tell
    from reconciler.errors import KstateError

    _heed_signals()
    try:
        code = build()(arguments, prog_name="kstate", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except KstateError as error:
        complain(error)
        return error.exit_code
    except TyperException as error:
        print(_usage(error), file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        tell("kstate: interrupted", "error")
        return INTERRUPTED
    except OSError as error:
        return _forbidden(error, arguments) or _unwritable(error)
    except Exception as error:  # noqa: BLE001  # the last line of defence: a defect of ours, said in one sentence
        return _defect(error)


def _heed_signals() -> None:
    """SIGTERM and SIGHUP while nothing is written yet end like a Ctrl-C: in words, and with everything closed."""
    import signal
    import threading

    from reconciler.cli.console import leave_terminal

    def hung_up(number: int, frame: FrameType | None) -> None:
        leave_terminal()
        signal.default_int_handler(number, frame)

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        # Who started us by `nohup` wants us to go on.
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            signal.signal(signal.SIGHUP, hung_up)


def _usage(error: TyperException) -> str:
    """What was wrong with the arguments; for none at all the help, as it is."""
    said = error.format_message()
    if said.startswith("Usage: "):
        return said
    from reconciler.reports.words import visible

    return (
        f"kstate: {visible(said)}\n"
        "`kstate --help` lists the verbs, `kstate VERB --help` the options."
    )


def _unwritable(error: OSError) -> int:
    """Nobody reads any more, or the disk is full; any other of the system's errors is a defect of ours."""
    from reconciler.cli.console import tell

    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
    if not full and not isinstance(error, BrokenPipeError):
        return _defect(error)
    _no_more_output()
    if full:
        tell(f"kstate: cannot write the answer: {error.strerror}", "error")
    return FAILED


def _forbidden(error: OSError, arguments: list[str]) -> int:
    """A file that this user may not have, with what to do about it; 0 for any other error."""
    from reconciler.cli.console import tell
    from reconciler.reports.words import visible

    if error.errno not in FORBIDDEN or not error.filename:
        return 0
    way_out = "This user needs the right to write there."
    if INSTALL in arguments:
        way_out += " `kstate --show-completion` prints what would be installed."
    tell(f"kstate: {visible(str(error.filename))}: {error.strerror}\n{way_out}", "error")
    return FAILED


def _no_more_output() -> None:
    # Whoever read our output has closed it (`kstate plan | head`); Python must not complain about it on exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _defect(error: Exception) -> int:
    from reconciler.cli.console import tell

    if os.environ.get("KSTATE_DEBUG"):
        import traceback

        tell(traceback.format_exc(), "error")
    kind = type(error).__name__
    tell(
        f"kstate: this is a defect in kstate, please report it: {kind}: {error}\n"
        "Run again with KSTATE_DEBUG=1 in the environment for the details to report.",
        "error",
    )
    return FAILED
