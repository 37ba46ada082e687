"""The way to a registry or to Connect: logins, certificates, patience, and what is never sent twice."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from reconciler.clients import http
from reconciler.clients.lean import LostAnswer
from reconciler.core.model import Target
from reconciler.errors import BadUsage, Failed, LoginFailed, Unreachable
from tests.live.certificates import Authority

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Server:
    """What was asked, and what is answered: each answer once, the last one for ever. None closes without one."""

    url: str = ""
    answers: list[Answer | None] = field(default_factory=lambda: [(200, {}, b"{}")])
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def next(self) -> Answer | None:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            server.asked.append((self.command, self.path, dict(self.headers.items()), body))
            answer = server.next()
            if answer is None:
                self.close_connection = True
                return
            status, headers, data = answer
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = _any  # noqa: N815

        def log_message(self, *_arguments: Any) -> None:
            """Quiet."""

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_about: Any) -> None:
            """A client that does not trust us goes away in the middle of the handshake."""

    running = Quiet(("127.0.0.1", 0), Handler)
    if tls is not None:
        running.socket = tls.wrap_socket(running.socket, server_side=True)
    server.url = f"{'https' if tls else 'http'}://127.0.0.1:{running.server_address[1]}/api"
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        running.shutdown()
        running.server_close()


def client(server: Server, root: Path | str = ".", timeout: float = 2.0, **spec: Any) -> http.Http:
    return http.connect("the registry", {"url": server.url, **spec}, str(root), timeout)


# --- logins


def test_basic_and_bearer_by_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pw").write_text("pässword\n")
    monkeypatch.setenv("TOKEN", "t0ken-t0ken")
    with serving() as server:
        basic = {"basic": {"username": "ci", "password": "file:pw"}}
        client(server, tmp_path, auth=basic).send("GET", "subjects")
        client(server, auth={"bearer": "env:TOKEN"}).send("GET", "subjects")
        told = [headers["Authorization"] for _, _, headers, _ in server.asked]
    assert base64.b64decode(told[0].removeprefix("Basic ")).decode("latin-1") == "ci:pässword"
    assert told[1] == "Bearer t0ken-t0ken"


def test_refused_credentials_are_a_login_that_failed_and_no_secret_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TOKEN", "t0ken-t0ken")
    with serving() as server:
        server.answers = [(401, {}, b'{"error_code": 401, "message": "no: t0ken-t0ken"}')]
        with pytest.raises(LoginFailed, match=r"the registry .*401 no: \(secret\)"):
            client(server, auth={"bearer": "env:TOKEN"}).send("GET", "subjects")


@pytest.fixture
def authority() -> Authority:
    return Authority("private")


def context(authority: Authority, folder: Path, *, ask: bool) -> ssl.SSLContext:
    """A server's, signed by that authority; with `ask` it wants a client certificate of it."""
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*authority.sign("server", "127.0.0.1").write(folder, "server"))
    if ask:
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(cadata=authority.certificate)
    return made


def test_a_private_authority_and_a_client_certificate(authority: Authority, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(authority.certificate)
    authority.sign("app").write(tmp_path, "app")
    mtls = {"certificate": "file:app.pem", "key": "file:app.key"}
    with serving(context(authority, tmp_path, ask=True)) as server:
        ours = client(server, tmp_path, ca="file:ca.pem", auth={"mtls": mtls})
        assert ours.send("GET", "subjects").ok
        with pytest.raises(Failed):
            client(server, tmp_path, ca="file:ca.pem").send("GET", "subjects")


def test_an_authority_nobody_named_is_not_trusted(authority: Authority, tmp_path: Path) -> None:
    with serving(context(authority, tmp_path, ask=False)) as server:
        with pytest.raises(LoginFailed, match=r"TLS: .*certificate verify failed"):
            client(server).send("GET", "subjects")
        assert server.asked == []


def test_a_certificate_for_another_host_is_not_trusted(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_text(authority.certificate)
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(*authority.sign("other", "elsewhere.example").write(tmp_path, "other"))
    with serving(made) as server, pytest.raises(LoginFailed, match="TLS: "):
        client(server, tmp_path, ca="file:ca.pem").send("GET", "subjects")


def test_a_key_that_does_not_fit_is_told(authority: Authority, tmp_path: Path) -> None:
    authority.sign("one").write(tmp_path, "one")
    authority.sign("two").write(tmp_path, "two")
    mtls = {"certificate": "file:one.pem", "key": "file:two.key"}
    spec = {"url": "https://127.0.0.1:1", "auth": {"mtls": mtls}}
    with pytest.raises(LoginFailed, match="the client certificate cannot be used"):
        http.connect("the registry", spec, str(tmp_path), 1.0)


# --- patience


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_was_put_off_is_asked_again_as_late_as_the_server_says(
    status: int, method: str
) -> None:
    with serving() as server:
        server.answers = [(status, {"Retry-After": "1"}, b""), (200, {}, b"{}")]
        began = time.monotonic()
        assert client(server).send(method, "x", body=None if method == "GET" else {}).ok
        assert time.monotonic() - began >= 1.0
        assert len(server.asked) == 2


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_server_that_lost_its_way_is_asked_again_only_for_reads(status: int) -> None:
    with serving() as server:
        server.answers = [(status, {}, b""), (200, {}, b"{}")]
        assert client(server).send("GET", "x").ok
    with serving() as server:
        server.answers = [(status, {}, b"gateway"), (200, {}, b"{}")]
        assert client(server).send("POST", "x", body={}).status == status
        assert len(server.asked) == 1


def test_it_does_not_ask_for_ever() -> None:
    with serving() as server:
        server.answers = [(503, {"Retry-After": "0"}, b'{"message": "not today"}')]
        found = client(server).send("GET", "x")
        assert (found.status, found.words) == (503, "503 not today")
        assert len(server.asked) == http.ATTEMPTS + 1


def test_a_write_whose_answer_is_lost_is_not_sent_twice() -> None:
    with serving() as server:
        server.answers = [None, (200, {}, b"{}")]
        with pytest.raises(LostAnswer):
            client(server).send("POST", "x", body={})
        assert len(server.asked) == 1


def test_a_read_whose_answer_is_lost_is() -> None:
    with serving() as server:
        server.answers = [None, (200, {}, b"[1]")]
        assert client(server).send("GET", "x").body == [1]


def test_nobody_there_is_unreachable_for_a_write_too() -> None:
    nowhere = http.Http("the registry", "http://127.0.0.1:1", 1.0)
    for method in ("GET", "POST"):
        told = r"^the registry \(http://127.0.0.1:1\): Connection refused$"
        with pytest.raises(Unreachable, match=told):
            nowhere.send(method, "x", body=None if method == "GET" else {})


def test_a_connection_that_is_broken_off_is_told_in_plain_words() -> None:
    with serving() as server:
        server.answers = [None]
        told = r": no answer: Remote end closed connection without response$"
        with pytest.raises(LostAnswer, match=told):
            client(server).send("POST", "x", body={})


def test_an_address_that_is_none_is_told_before_anything_is_sent() -> None:
    with pytest.raises(BadUsage, match="`registry:8081` is no address: http:// or https://"):
        http.connect("the registry", {"url": "registry:8081"}, ".", 1.0)


def test_a_server_that_never_answers_is_given_up_in_time() -> None:
    silent = threading.Event()
    with serving() as server:
        server.next = lambda: (silent.wait(20), None)[1]  # type: ignore[method-assign, func-returns-value]
        began = time.monotonic()
        with pytest.raises(LostAnswer):
            client(server, timeout=0.5).send("POST", "x", body={})
        assert time.monotonic() - began < 5
        silent.set()


# --- what is said


def test_names_are_encoded_and_bodies_are_json() -> None:
    with serving() as server:
        client(server).send("PUT", "config", "a/b c:d?é", query=(("x", "1&2"),), body={"k": "v"})
        method, path, headers, body = server.asked[0]
    assert (method, path) == ("PUT", "/api/config/a%2Fb%20c%3Ad%3F%C3%A9?x=1%262")
    assert headers["Content-Type"] == "application/json"
    assert json.loads(body) == {"k": "v"}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"error_code": 42201, "message": "bad\\nschema"}', "422 bad schema"),
        (b"<html><h2>HTTP ERROR</h2>teapot</html>", "422 HTTP ERROR teapot"),
        (b'{"errors": [{"status": "422", "detail": "no such role"}]}', "422 no such role"),
        (b'{"error": {"code": 422, "message": "no"}}', "422 no"),
        (b"", "422"),
        (b'{"message": {"deep": 1}}', "422 {'deep': 1}"),
        (b"\xff\xfe", "422 \ufffd\ufffd"),
    ],
)
def test_a_refusal_is_shown_in_the_servers_words(data: bytes, words: str) -> None:
    with serving() as server:
        server.answers = [(422, {}, data)]
        assert client(server).send("POST", "x", body={}).words == words


def test_many_at_once_over_a_few_connections() -> None:
    with serving() as server:
        ours = client(server)
        with ThreadPoolExecutor(64) as pool:
            found = list(pool.map(lambda n: ours.send("GET", str(n)).ok, range(300)))
        assert all(found)
        assert len(server.asked) == 300
        ours.close()


@pytest.mark.parametrize(
    ("make", "words"), [(http.registry, "`registry`"), (http.workers, "`connect`")]
)
def test_a_cluster_document_without_one_says_so(
    make: Callable[[Target], object], words: str
) -> None:
    with pytest.raises(Failed, match=f"its Cluster document has no {words}"):
        make(Target("eu", {}))


def test_a_secret_that_is_not_there_is_bad_usage() -> None:
    with pytest.raises(BadUsage, match="NOT_SET_ANYWHERE"):
        http.connect("x", {"url": "http://a", "auth": {"bearer": "env:NOT_SET_ANYWHERE"}}, ".", 1)
