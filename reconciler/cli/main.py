"""The command line as a whole: its verbs, and one place that turns every way to end into an exit code."""

from __future__ import annotations

import importlib
import os
import sys

import typer
from typer.exceptions import TyperException

from reconciler import __version__

# One module a verb beside this file. Only typer is imported up here, so that --help costs nothing else.
VERBS = (
    "validate",
    "plan",
    "apply",
    "drift",
    "import_",
    "show",
    "explain",
    "adopt",
    "release",
    "history",
    "unlock",
    "doctor",
    "sandbox",
)
USAGE = 64
FAILED = 1
INTERRUPTED = 130


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
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code for these arguments; nothing that a user sees is ever a traceback."""
    from reconciler.cli.console import complain
    from reconciler.errors import KstateError

    _heed_sigterm()
    try:
        code = build()(arguments, prog_name="kstate", standalone_mode=False)
        _flush()
        return code if isinstance(code, int) else 0
    except KstateError as error:
        complain(error)
        return error.exit_code
    except TyperException as error:
        print(f"kstate: {error.format_message()}", file=sys.stderr)
        print("`kstate --help` lists the verbs, `kstate VERB --help` the options.", file=sys.stderr)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        print("kstate: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        _no_more_output()
        return FAILED
    except Exception as error:  # noqa: BLE001  # the last line of defence: a defect of ours, said in one sentence
        return _defect(error)


def _heed_sigterm() -> None:
    """A SIGTERM while nothing is written yet ends like a Ctrl-C: in words, and with everything closed."""
    import signal
    import threading

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def _flush() -> None:
    sys.stdout.flush()


def _no_more_output() -> None:
    # Whoever read our output has closed it (`kstate plan | head`); Python must not complain about it on exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _defect(error: Exception) -> int:
    from reconciler.secrets.references import redact

    if os.environ.get("KSTATE_DEBUG"):
        import traceback

        print(redact(traceback.format_exc()), file=sys.stderr)
    kind = type(error).__name__
    print(
        f"kstate: this is a defect in kstate, please report it: {kind}: {redact(str(error))}\n"
        "Run again with KSTATE_DEBUG=1 in the environment for the details to report.",
        file=sys.stderr,
    )
    return FAILED
