"""The faults of the matrix: each makes a meddler that does its harm once, at the Nth request that counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.live.proxy import Cut, Meddler, Request

TIMEOUT = 3.0  # seconds: `--timeout` of the apply that is harmed
BEYOND = TIMEOUT + 3.0


@dataclass
class Harm:
    """What a fault may need to know: which request, how to kill kstate, how to restart the broker.

    `armed` until the harmed apply has ended; `done` holds the name of the request that was hit.
    """

    at: int
    kill: Callable[[], None]
    restart: Callable[[], None]
    armed: bool = True
    done: list[str] = field(default_factory=list)
    _once: threading.Lock = field(default_factory=threading.Lock)

    def here(self, request: Request) -> bool:
        with self._once:
            hit = self.armed and not self.done and request.number == self.at
            if hit:
                self.done.append(request.api)
        return hit


def killed_before(harm: Harm) -> Meddler:
    """SIGKILL to kstate while its Nth request is on its way; the broker never sees it."""

    def forth(request: Request) -> bytes:
        if harm.here(request):
            harm.kill()
            raise Cut
        return request.frame

    return Meddler(forth=forth)


def killed_after(harm: Harm) -> Meddler:
    """SIGKILL to kstate when the broker has answered its Nth request; it never sees the answer."""

    def back(request: Request, answer: bytes) -> bytes | None:
        if harm.here(request):
            harm.kill()
            raise Cut
        return answer

    return Meddler(back=back)


def lost(harm: Harm) -> Meddler:
    """The Nth answer never comes; the connection stays open."""

    def back(request: Request, answer: bytes) -> bytes | None:
        return None if harm.here(request) else answer

    return Meddler(back=back)


def late(harm: Harm) -> Meddler:
    """The Nth answer comes after the request's timeout is over."""

    def back(request: Request, answer: bytes) -> bytes | None:
        if harm.here(request):
            time.sleep(BEYOND)
        return answer

    return Meddler(back=back)


def cut(harm: Harm) -> Meddler:
    """The broker takes the Nth request, and the connection ends instead of an answer."""

    def back(request: Request, answer: bytes) -> bytes | None:
        if harm.here(request):
            raise Cut
        return answer

    return Meddler(back=back)


def restarted(harm: Harm) -> Meddler:
    """The broker is killed as the Nth request reaches it, and started again on its data."""

    def forth(request: Request) -> bytes:
        if harm.here(request):
            harm.restart()
            raise Cut
        return request.frame

    return Meddler(forth=forth)


@dataclass(frozen=True)
class Fault:
    """A row of the table. `lanes` cells of it go side by side: most of a cell's time is a lease that has to end."""

    name: str
    words: str
    meddle: Callable[[Harm], Meddler]
    lanes: int = 1
    kills: bool = False
    restarts: bool = False


FAULTS = (
    Fault(
        "killed-before",
        "kstate killed (SIGKILL), its request never arrives",
        killed_before,
        lanes=5,
        kills=True,
    ),
    Fault(
        "killed-after",
        "kstate killed (SIGKILL), its request carried out, the answer never seen",
        killed_after,
        lanes=5,
        kills=True,
    ),
    Fault("lost", "the answer never comes", lost, lanes=3),
    Fault("late", f"the answer comes {BEYOND:g} s late, `--timeout {TIMEOUT:g}s`", late, lanes=3),
    Fault("cut", "the request is carried out, then the connection ends", cut, lanes=3),
    Fault(
        "restarted",
        "the broker is killed (SIGKILL) as the request arrives, and started again",
        restarted,
        restarts=True,
    ),
)
