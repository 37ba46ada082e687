"""A broker's port in, another port out: what passes is counted by name, and can be altered, lost, late or cut off."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from kafka.protocol import admin
from kafka.protocol.api_key import ApiKey

HOST = "127.0.0.1"
# Answers that tell clients where brokers are: a host with its port right behind it, in every version.
ADDRESSES = frozenset({"Metadata", "FindCoordinator", "DescribeCluster"})
# Requests that can be sent to hear what the broker would say.
VETTED = frozenset({"CreateTopics", "CreatePartitions", "IncrementalAlterConfigs"})


class Cut(Exception):
    """Raised by a meddler: the connection ends here, and neither side is told anything more."""


class Request(NamedTuple):
    """One request as it came by. `number` counts from 1 those that count, and is 0 for the others."""

    api: str
    version: int
    correlation: int
    number: int
    frame: bytes

    @property
    def body(self) -> Any:
        """Decoded by kafka-python's class of that name."""
        kind = getattr(admin, f"{self.api}Request")
        return kind.decode(self.frame, version=self.version, header=True, framed=True)


def pass_on(request: Request) -> bytes:
    return request.frame


def give_back(_request: Request, answer: bytes) -> bytes | None:
    return answer


@dataclass(frozen=True, slots=True)
class Meddler:
    """What is done to traffic. `forth` gives the request to send on, `back` the answer, None for a lost one.

    Each runs in the thread of its direction of one connection, so waiting inside holds up that direction only. Either
    may raise Cut. `counts` says which requests are numbered, by name.
    """

    forth: Callable[[Request], bytes] = pass_on
    back: Callable[[Request, bytes], bytes | None] = give_back
    counts: Callable[[str], bool] = lambda _api: True


def decoded(request: Request, answer: bytes) -> Any:
    """An answer as kafka-python's class."""
    kind = getattr(admin, f"{request.api}Response")
    return kind.decode(answer, version=request.version, header=True, framed=True)


def encoded(message: Any) -> bytes:
    """A request or an answer that was decoded and altered, as a frame again."""
    return bytes(message.encode(header=True, framed=True))


@dataclass
class Proxy:
    """Listens on `port`. A client that begins here stays here: brokers' addresses in answers become this one."""

    upstream: int
    meddler: Meddler
    _listener: socket.socket = field(default_factory=lambda: socket.create_server((HOST, 0)))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _seen: Counter[str] = field(default_factory=Counter)
    _number: int = 0
    _open: set[socket.socket] = field(default_factory=set)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    @property
    def seen(self) -> Counter[str]:
        """Requests so far, by name."""
        with self._lock:
            return Counter(self._seen)

    def serve(self) -> None:
        """Accept until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                _thread(self._connect, client)

    def close(self) -> None:
        """Stop listening, and end what is open."""
        # A blocked accept() only notices a shutdown, not a close.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            left = list(self._open)
        _hang_up(*left)

    def _connect(self, client: socket.socket) -> None:
        # Without a broker behind it a proxy is a port that takes a connection and ends it.
        with (
            client,
            suppress(OSError),
            socket.create_connection((HOST, self.upstream)) as broker,
        ):
            self._pass_on(client, broker)

    def _pass_on(self, client: socket.socket, broker: socket.socket) -> None:
        pending: dict[int, Request] = {}
        with self._lock:
            self._open |= {client, broker}
        forth = _thread(self._forth, client, broker, pending)
        self._back(broker, client, pending)
        forth.join()
        with self._lock:
            self._open -= {client, broker}

    def _forth(
        self, client: socket.socket, broker: socket.socket, pending: dict[int, Request]
    ) -> None:
        with suppress(OSError, Cut), client.makefile("rb") as stream:
            for frame in frames(stream):
                request = self._noted(frame)
                pending[request.correlation] = request
                broker.sendall(self.meddler.forth(request))
        _hang_up(client, broker)

    def _back(
        self, broker: socket.socket, client: socket.socket, pending: dict[int, Request]
    ) -> None:
        with suppress(OSError, Cut), broker.makefile("rb") as stream:
            for frame in frames(stream):
                request = pending.pop(int.from_bytes(frame[4:8], "big", signed=True))
                answer = self.meddler.back(request, self._readdressed(request, frame))
                if answer is not None:
                    client.sendall(answer)
        _hang_up(client, broker)

    def _noted(self, frame: bytes) -> Request:
        key, version = (int.from_bytes(frame[at : at + 2], "big", signed=True) for at in (4, 6))
        api = name(key)
        with self._lock:
            self._seen[api] += 1
            counted = self.meddler.counts(api)
            self._number += counted
            number = self._number if counted else 0
        correlation = int.from_bytes(frame[8:12], "big", signed=True)
        return Request(api, version, correlation, number, frame)

    def _readdressed(self, request: Request, answer: bytes) -> bytes:
        if request.api not in ADDRESSES:
            return answer
        there, here = (
            HOST.encode() + port.to_bytes(4, "big") for port in (self.upstream, self.port)
        )
        return answer.replace(there, here)


def frames(stream: BinaryIO) -> Iterator[bytes]:
    """Requests or answers one by one, each with its four bytes of length; one that is cut off is left out."""
    while len(head := stream.read(4)) == 4:
        length = int.from_bytes(head, "big")
        body = stream.read(length)
        if len(body) < length:
            return
        yield head + body


def name(key: int) -> str:
    """What Kafka's protocol guide calls this API; its number where kafka-python does not know it."""
    try:
        return str(ApiKey(key).name)
    except ValueError:
        return f"api {key}"


def _hang_up(*sockets: socket.socket) -> None:
    """End both directions, which wakes whoever is reading."""
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def _thread(act: Callable[..., None], *arguments: object) -> threading.Thread:
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread


@contextmanager
def between(upstream: int, meddler: Meddler | None = None) -> Iterator[Proxy]:
    """A proxy before the broker on this port, as long as the block lasts."""
    proxy = Proxy(upstream, meddler or Meddler())
    _thread(proxy.serve)
    try:
        yield proxy
    finally:
        proxy.close()


def in_earnest(request: Request, api: str) -> bool:
    """Whether this is such a request that is to be carried out, and not just vetted."""
    if request.api != api:
        return False
    return api not in VETTED or not request.body.validate_only


class Watched:
    """Meddles with the first request in earnest of one API, and counts those."""

    def __init__(self, api: str, act: Callable[[bytes], bytes | None] = lambda a: a) -> None:
        self.api = api
        self.act = act
        self.requests: list[Request] = []

    @property
    def meddler(self) -> Meddler:
        return Meddler(forth=self._forth, back=self._back)

    def _forth(self, request: Request) -> bytes:
        if in_earnest(request, self.api):
            self.requests.append(request)
        return request.frame

    def _back(self, request: Request, answer: bytes) -> bytes | None:
        first = bool(self.requests) and request is self.requests[0]
        return self.act(answer) if first else answer
