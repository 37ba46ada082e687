"""Where a sandbox keeps its files, and how they are written: per user, private, whole or not at all."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from reconciler.errors import Busy, Failed

Say = Callable[[str], None]
ELSEWHERE = "KSTATE_SANDBOX_HOME names another folder for sandboxes, XDG_CACHE_HOME one for what is downloaded."


def state_home() -> Path:
    """The folder of all sandboxes of this user: KSTATE_SANDBOX_HOME, else below XDG_STATE_HOME."""
    if given := os.environ.get("KSTATE_SANDBOX_HOME"):
        return Path(given).expanduser().resolve()
    return (_xdg("XDG_STATE_HOME", ".local/state") / "kstate" / "sandbox").resolve()


def cache_home() -> Path:
    """The folder of what is downloaded once: below XDG_CACHE_HOME."""
    return (_xdg("XDG_CACHE_HOME", ".cache") / "kstate" / "sandbox").resolve()


def _xdg(variable: str, otherwise: str) -> Path:
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    given = Path(os.environ.get(variable, ""))
    return given if given.is_absolute() else Path.home() / otherwise


def make_private(folder: Path) -> Path:
    """The folder, there and open to its user alone. Raises Failed where this user may not have it."""
    with _ours(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
    return folder


@contextmanager
def _ours(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failed(f"cannot write {path}: {error.strerror}", hint=ELSEWHERE) from error


def write_private(path: Path, text: str) -> None:
    """The whole text or the former file, for its user alone."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    partial.replace(path)


@contextmanager
def locked(path: Path, *, say: Say, patience: float = 300.0) -> Iterator[None]:
    """One at a time, across processes; a holder that is killed lets go.

    Raises Busy after `patience` seconds, Failed where the lock cannot be written.
    """
    with _ours(path):
        opened = path.open("a")
    with opened as file:
        _take(file.fileno(), path, say, patience)
        yield


def _take(handle: int, path: Path, say: Say, patience: float) -> None:
    deadline = time.monotonic() + patience
    told = False
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Busy(f"another kstate still holds {path}") from None
        if not told:
            say("another kstate is at work on this sandbox; waiting for it")
            told = True
        time.sleep(0.1)
