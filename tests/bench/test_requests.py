"""Counting requests: Kafka's frames are told apart however the bytes arrive, and nothing is lost on the way."""

from __future__ import annotations

import io
import socket
import threading

from bench.requests import counting, frames, name


def frame(key: int, body: bytes = b"") -> bytes:
    inner = key.to_bytes(2, "big", signed=True) + body
    return len(inner).to_bytes(4, "big") + inner


def test_frames_one_by_one() -> None:
    sent = [frame(3, b"abc"), frame(18), frame(32, bytes(5_000))]
    assert list(frames(io.BytesIO(b"".join(sent)))) == sent


def test_a_frame_that_is_cut_off_is_none() -> None:
    assert list(frames(io.BytesIO(frame(3) + frame(18, b"abc")[:-1]))) == [frame(3)]
    assert list(frames(io.BytesIO(b"\0\0"))) == []


def test_names() -> None:
    assert name(frame(32, b"x")) == "DescribeConfigs"
    assert name(frame(999)) == "api 999"


def test_what_goes_through_is_passed_on_and_counted() -> None:
    asked = frame(3, b"abc") + frame(18)
    with socket.create_server(("127.0.0.1", 0)) as broker, counting() as proxy:
        proxy.upstream = broker.getsockname()[1]
        got: list[bytes] = []
        server = threading.Thread(target=_answer, args=(broker, got, len(asked)))
        server.start()
        with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client:
            client.sendall(asked)
            client.shutdown(socket.SHUT_WR)
            assert client.makefile("rb").read() == b"answer"
        server.join(10)
        seen = proxy.traffic()
        assert proxy.traffic().total == 0
    assert got == [asked]
    assert seen.requests == {"Metadata": 1, "ApiVersions": 1}
    assert (seen.sent, seen.received) == (len(asked), 6)


def _answer(broker: socket.socket, got: list[bytes], length: int) -> None:
    connection, _ = broker.accept()
    with connection, connection.makefile("rb") as stream:
        got.append(stream.read(length))
        connection.sendall(b"answer")
