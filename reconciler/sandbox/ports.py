"""Free TCP ports on loopback: held while they are being handed out, so that no two are the same."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from reconciler.errors import Failed

# Below the ports that systems hand to outgoing connections (32768 on Linux, 49152 elsewhere): nobody's connection
# takes a broker's port while it restarts, and no client connects to itself on one.
_FIRST, _LAST = 20000, 32000
_TRIES = 200


@contextmanager
def reserved() -> Iterator[Callable[[], int]]:
    """Gives a function that returns one more free port; all are let go together at the end."""
    with ExitStack() as held:
        yield lambda: _take(held)


def _take(held: ExitStack) -> int:
    for _ in range(_TRIES):
        port = random.randint(_FIRST, _LAST)  # noqa: S311  # not a secret
        if _bind(held, port):
            return port
    raise Failed(f"no free port between {_FIRST} and {_LAST} on 127.0.0.1")


def _bind(held: ExitStack, port: int) -> bool:
    attempt = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        attempt.bind(("127.0.0.1", port))
    except OSError:
        attempt.close()
        return False
    held.enter_context(attempt)
    return True
