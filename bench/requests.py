"""A Kafka port in, another port out that passes everything on and counts requests by name and bytes both ways.

With a delay it is as far away as a cluster elsewhere: every byte is late by half of it, in each direction.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from typing import BinaryIO

from bench.samples import Traffic

# Kafka's protocol guide, "API keys"; what is not here shows as its number.
NAMES = {
    0: "Produce",
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    10: "FindCoordinator",
    17: "SaslHandshake",
    18: "ApiVersions",
    19: "CreateTopics",
    20: "DeleteTopics",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    26: "EndTxn",
    29: "DescribeAcls",
    30: "CreateAcls",
    32: "DescribeConfigs",
    36: "SaslAuthenticate",
    37: "CreatePartitions",
    44: "IncrementalAlterConfigs",
    60: "DescribeCluster",
    71: "GetTelemetrySubscriptions",
    75: "DescribeTopicPartitions",
}
CHUNK = 1 << 16


class Proxy:
    """Listens on a port of its own from the start; passes on to `upstream` once that is known."""

    def __init__(self, delay: float = 0.0) -> None:
        self.upstream = 0
        self._late = delay / 2
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._requests: Counter[str] = Counter()
        self._sent = self._received = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def traffic(self) -> Traffic:
        """What came by since the last time this was asked."""
        with self._lock:
            seen = Traffic(dict(self._requests), self._sent, self._received)
            self._requests = Counter()
            self._sent = self._received = 0
        return seen

    def serve(self) -> None:
        """Accept until the listener is closed."""
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                broker = socket.create_connection(("127.0.0.1", self.upstream))
                _thread(self._pass_on, client, broker)

    def close(self) -> None:
        # A blocked accept() only notices a shutdown, not a close.
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _pass_on(self, client: socket.socket, broker: socket.socket) -> None:
        with client, broker:
            forth = _thread(self._forth, client, broker)
            self._back(broker, client)
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)  # wakes the other direction, which may be reading
            forth.join()

    def _forth(self, client: socket.socket, broker: socket.socket) -> None:
        with late(broker, self._late) as send, suppress(OSError), client.makefile("rb") as stream:
            for frame in frames(stream):
                with self._lock:
                    self._requests[name(frame)] += 1
                    self._sent += len(frame)
                send(frame)
        with suppress(OSError):
            broker.shutdown(socket.SHUT_WR)  # answers may still be on their way

    def _back(self, broker: socket.socket, client: socket.socket) -> None:
        with late(client, self._late) as send, suppress(OSError):
            while data := broker.recv(CHUNK):
                with self._lock:
                    self._received += len(data)
                send(data)


@contextmanager
def late(to: socket.socket, seconds: float) -> Iterator[Callable[[bytes], None]]:
    """Sending to a socket, so many seconds after it was asked for; nothing waits for what went before it."""
    if not seconds:
        yield to.sendall
        return
    waiting: SimpleQueue[tuple[float, bytes]] = SimpleQueue()

    def deliver() -> None:
        with suppress(OSError):
            while (item := waiting.get())[1]:
                time.sleep(max(0.0, item[0] - time.monotonic()))
                to.sendall(item[1])

    courier = threading.Thread(target=deliver, daemon=True)
    courier.start()
    try:
        yield lambda data: waiting.put((time.monotonic() + seconds, data))
    finally:
        waiting.put((0.0, b""))
        courier.join()


def frames(stream: BinaryIO) -> Iterator[bytes]:
    """Requests one by one, each with its four bytes of length; one that is cut off is left out."""
    while len(head := stream.read(4)) == 4:
        length = int.from_bytes(head, "big")
        body = stream.read(length)
        if len(body) < length:
            return
        yield head + body


def name(frame: bytes) -> str:
    """What a request is called: its API key stands right behind the length."""
    key = int.from_bytes(frame[4:6], "big", signed=True)
    return NAMES.get(key, f"api {key}")


def _thread(act: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
    thread = threading.Thread(target=act, args=arguments, daemon=True)
    thread.start()
    return thread


@contextmanager
def counting(delay: float = 0.0) -> Iterator[Proxy]:
    """A proxy that listens as long as the block lasts; `delay` is in seconds, there and back."""
    proxy = Proxy(delay)
    _thread(proxy.serve)
    try:
        yield proxy
    finally:
        proxy.close()
