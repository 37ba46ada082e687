"""A managed platform's Kafka endpoint before the sandbox's real broker: its login, its session's end, its refusals.

What passes the login reaches a real broker unaltered, as a super user. The login is checked as the platform would check
it, by a callback; SASL PLAIN and OAUTHBEARER end here (KIP-43, KIP-152, KIP-255), with re-authentication (KIP-368).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from kafka.protocol.sasl import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)

from tests.live import proxy
from tests.live.proxy import HOST, Meddler, Proxy, Request

BEFORE_LOGIN = frozenset({"ApiVersions", "SaslHandshake", "SaslAuthenticate"})
UNSUPPORTED_MECHANISM = 33
AUTHENTICATION_FAILED = 58

# The words of a refusal for a mechanism's first message, or None to let it in.
Check = Callable[[bytes], str | None]


def plain(known: Callable[[str, str], bool]) -> Check:
    """SASL PLAIN (RFC 4616): user and password as one message."""

    def check(message: bytes) -> str | None:
        _, user, password = message.decode().split("\0")
        return (
            None if known(user, password) else "Authentication failed: Invalid username or password"
        )

    return check


def bearer(fits: Callable[[str, dict[str, str]], str | None]) -> Check:
    """SASL OAUTHBEARER (RFC 7628): a token with extensions; `fits` says what is wrong with them."""

    def check(message: bytes) -> str | None:
        pairs = [p.partition("=") for p in message.decode().split("\x01") if "=" in p]
        given = {name: value for name, _, value in pairs if name not in ("n,,", "")}
        return fits(given.pop("auth", "").removeprefix("Bearer "), given)

    return check


@dataclass
class Front(Proxy):
    """A proxy that lets in only who logs in by one of `mechanisms`.

    `lifetime` in seconds is what a session is told it has; one that has not logged in again by then is cut off.
    `instead` may answer a request in the broker's place, with a whole frame. `logins` counts what was let in.
    """

    mechanisms: dict[str, Check] = field(default_factory=dict)
    lifetime: float = 0.0
    instead: Callable[[Request], bytes | None] = lambda _request: None
    shown: int = 0
    logins: int = 0
    refusals: list[str] = field(default_factory=list)

    def expire(self) -> None:
        """Every session ends now, as when a platform takes a credential away or moves a broker."""
        with self._lock:
            left = list(self._open)
        proxy._hang_up(*left)

    def _readdressed(self, request: Request, answer: bytes) -> bytes:
        if request.api not in proxy.ADDRESSES:
            return answer
        there = HOST.encode() + self.upstream.to_bytes(4, "big")
        return answer.replace(there, HOST.encode() + (self.shown or self.port).to_bytes(4, "big"))

    def _forth(
        self, client: socket.socket, broker: socket.socket, pending: dict[int, Request]
    ) -> None:
        guest = _Guest()
        with suppress(OSError, proxy.Cut), client.makefile("rb") as stream:
            for frame in proxy.frames(stream):
                request = self._noted(frame)
                if request.api.startswith("Sasl"):
                    _until(lambda: not pending)  # answers keep the order of their requests
                    client.sendall(self._login(guest, request))
                    continue
                if request.api not in BEFORE_LOGIN and not guest.welcome():
                    break
                own = self.instead(request)
                if own is not None:
                    _until(lambda: not pending)
                    client.sendall(own)
                    continue
                pending[request.correlation] = request
                broker.sendall(self.meddler.forth(request))
        proxy._hang_up(client, broker)

    def _login(self, guest: _Guest, request: Request) -> bytes:
        if request.api == "SaslHandshake":
            asked = _decoded(SaslHandshakeRequest, request)
            guest.mechanism = asked.mechanism
            error = 0 if asked.mechanism in self.mechanisms else UNSUPPORTED_MECHANISM
            told = SaslHandshakeResponse(error_code=error, mechanisms=sorted(self.mechanisms))
            return encoded(told, request)
        return encoded(self._verdict(guest, _decoded(SaslAuthenticateRequest, request)), request)

    def _verdict(self, guest: _Guest, asked: Any) -> Any:
        check = self.mechanisms.get(guest.mechanism)
        why = check(bytes(asked.auth_bytes)) if check else "handshake first"
        if why is not None:
            self.refusals.append(why)
            told = {"error_code": AUTHENTICATION_FAILED, "error_message": why, "auth_bytes": b""}
            return SaslAuthenticateResponse(**told, session_lifetime_ms=0)
        self.logins += 1
        guest.until = time.monotonic() + self.lifetime if self.lifetime else float("inf")
        lifetime = int(self.lifetime * 1000)
        return SaslAuthenticateResponse(
            error_code=0, error_message=None, auth_bytes=b"", session_lifetime_ms=lifetime
        )


@dataclass
class _Guest:
    """One connection: how it wants to log in, and until when it is logged in."""

    mechanism: str = ""
    until: float = 0.0

    def welcome(self) -> bool:
        return time.monotonic() < self.until


def _until(holds: Callable[[], bool], patience: float = 5.0) -> None:
    end = time.monotonic() + patience
    while not holds() and time.monotonic() < end:
        time.sleep(0.001)


def _decoded(kind: Any, request: Request) -> Any:
    return kind.decode(request.frame, version=request.version, header=True, framed=True)


def encoded(message: Any, request: Request) -> bytes:
    """An answer as a frame. Its version has to be set before its header: kafka-python sets no version on a header."""
    message.API_VERSION = request.version
    message.with_header(correlation_id=request.correlation)
    return bytes(message.encode(header=True, framed=True))


@contextmanager
def fronting(
    upstream: int, mechanisms: dict[str, Check], tls: ssl.SSLContext | None = None, **more: Any
) -> Iterator[Front]:
    """A front before the broker's port, as long as the block lasts; `front.shown` is where clients connect."""
    front = Front(upstream, Meddler(), mechanisms=mechanisms, **more)
    threading.Thread(target=front.serve, daemon=True).start()
    try:
        if tls is None:
            front.shown = front.port
            yield front
        else:
            with _behind_tls(front.port, tls) as port:
                front.shown = port
                yield front
    finally:
        front.close()


@contextmanager
def _behind_tls(port: int, context: ssl.SSLContext) -> Iterator[int]:
    """A port that speaks TLS and passes on to a plain one. One loop: OpenSSL's connections are for one thread each."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def meet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.CancelledError):
            there, back = await asyncio.open_connection(HOST, port)
            await asyncio.gather(_pump(reader, back), _pump(there, writer))

    async def end() -> None:
        server.close()
        # Who was just accepted is a task that has not begun: cancelled now, it would leave its socket open.
        await asyncio.sleep(0)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=5) if others else None
        # TLS says goodbye at leisure, one that still shakes hands is in no task; Python 3.11 names neither.
        for transport in list(vars(loop).get("_transports", {}).values()):
            transport.abort()
        await asyncio.sleep(0.05)  # transports close in the loop's next rounds

    started = asyncio.start_server(meet, HOST, 0, ssl=context)
    server = asyncio.run_coroutine_threadsafe(started, loop).result(10)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        with suppress(OSError, ssl.SSLError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
    finally:
        writer.close()
