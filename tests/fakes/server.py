"""A fake of a vendor's HTTP API: real sockets, strict about what it was not told of, faults on demand, calls noted.

A fake is a `Service`: a base path, a way to check a login, and routes. What nobody documented (a path, a field, an API
version) is refused as the vendor would and remembered in `violations`, so that a test can hold that there were none.
"""

from __future__ import annotations

import json
import os
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

# Where every call is noted for docs/vendor-calls.md: one JSON line each, in a file for each process.
TRACE = "KSTATE_VENDOR_TRACE"


@dataclass(frozen=True)
class Call:
    """One request as it came in. `path` is what the route's `{names}` stood for, decoded; `query` the last of each."""

    method: str
    url: str
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    data: bytes

    @property
    def json(self) -> Any:
        """The body as JSON, None for none. Raises ValueError for a body that is not JSON."""
        return json.loads(self.data) if self.data else None

    def header(self, name: str) -> str:
        """A header whatever its letters' case, empty where it was not sent."""
        return next((v for k, v in self.headers.items() if k.lower() == name.lower()), "")


@dataclass(frozen=True)
class Reply:
    """What goes back. A `body` that is not bytes is sent as JSON. `cut`: half of it, then the connection ends."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False

    @property
    def data(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


Handler = Callable[[Call], Reply]


@dataclass(frozen=True)
class Route:
    """A method and a path template such as `/topics/{topic}`; `{rest*}` takes slashes too.

    `query` are the names that may stand behind the question mark, `fields` those at the top of a JSON body (None: the
    handler looks itself), and `document` is where the vendor describes the call.
    """

    method: str
    template: str
    handle: Handler
    query: frozenset[str] = frozenset()
    fields: frozenset[str] | None = None
    document: str = ""

    def match(self, method: str, path: str) -> Mapping[str, str] | None:
        found = self.pattern.fullmatch(path) if method == self.method else None
        return None if found is None else {k: unquote(v) for k, v in found.groupdict().items()}

    @property
    def pattern(self) -> re.Pattern[str]:
        parts = re.split(r"(\{[a-z_]+\*?\})", self.template)
        return re.compile("".join(_part(part) for part in parts))


def _part(part: str) -> str:
    if not part.startswith("{"):
        return re.escape(part)
    name = part.strip("{}")
    return f"(?P<{name.rstrip('*')}>{'.+' if name.endswith('*') else '[^/]+'})"


@dataclass
class Fault:
    """What happens instead of, or around, the next `times` calls whose `METHOD /path` matches.

    `reply` is given in the service's place. `after`: the call is carried out first, and its own reply is lost.
    `hang_up`: no reply at all. `delay` in seconds comes before anything else.
    """

    pattern: str
    reply: Reply | None = None
    times: int = 1
    after: bool = False
    hang_up: bool = False
    delay: float = 0.0


@dataclass
class Service:
    """One vendor API. `login` gives the reply to who may not come in, None for who may. `version` is the API's."""

    name: str
    routes: Sequence[Route]
    login: Callable[[Call], Reply | None] = lambda _call: None
    unknown: Callable[[Call, str], Reply] = lambda _call, why: Reply(404, {"message": why})
    version: Callable[[Call], str] = lambda _call: ""
    calls: list[Call] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    url: str = ""
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def answer(self, call: Call) -> Reply | None:
        """The reply, or None to hang up. State is touched by one call at a time, as behind one vendor endpoint."""
        fault = self._due(call)
        if fault is None:
            return self._carried_out(call)
        time.sleep(fault.delay)
        if fault.after or (fault.reply is None and not fault.hang_up):
            done = self._carried_out(call)
            return done if not fault.after and not fault.hang_up else fault.reply
        return None if fault.hang_up else fault.reply

    def _due(self, call: Call) -> Fault | None:
        where = f"{call.method} {urlsplit(call.url).path}"
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, where):
                    fault.times -= 1
                    return fault
        return None

    def _carried_out(self, call: Call) -> Reply:
        with self._lock:
            self.calls.append(call)
            if refused := self.login(call):
                return refused
            for route in self.routes:
                found = route.match(call.method, urlsplit(call.url).path)
                if found is not None:
                    return self._routed(route, Call(**{**call.__dict__, "path": found}))
            return self._strange(call, f"unknown path: {call.method} {call.url}")

    def _routed(self, route: Route, call: Call) -> Reply:
        _note(self, route, call)
        if extra := sorted(call.query.keys() - route.query):
            return self._strange(call, f"unknown query parameters: {extra} at {call.url}")
        if route.fields is not None:
            sent = call.json
            extra = sorted(sent.keys() - route.fields) if isinstance(sent, dict) else []
            if extra or (sent is not None and not isinstance(sent, dict)):
                return self._strange(call, f"unknown fields: {extra or sent!r} at {call.url}")
        return route.handle(call)

    def _strange(self, call: Call, why: str) -> Reply:
        self.violations.append(why)
        return self.unknown(call, why)

    def asked(self, pattern: str) -> list[Call]:
        """The calls so far whose `METHOD /path?query` matches."""
        with self._lock:
            return [call for call in self.calls if re.search(pattern, f"{call.method} {call.url}")]


def _note(service: Service, route: Route, call: Call) -> None:
    folder = os.environ.get(TRACE)
    if not folder:
        return
    sent = call.json if call.data[:1] in (b"{", b"[") else None
    line = {
        "service": service.name,
        "method": route.method,
        "path": route.template,
        "version": service.version(call),
        "query": sorted(call.query),
        "fields": sorted(_fields(sent)),
        "document": route.document,
    }
    with Path(folder, f"{os.getpid()}.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _fields(sent: Any, at: str = "") -> Iterator[str]:
    """Every field that a body has, as `properties.partitionCount` and `data[].name`."""
    if isinstance(sent, list):
        for inner in sent[:1]:
            yield from _fields(inner, f"{at}[]") if isinstance(inner, dict) else (f"{at}[]",)
        return
    for name, inner in sent.items() if isinstance(sent, dict) else ():
        here = f"{at}.{name}" if at else name
        nested = list(_fields(inner, here)) if isinstance(inner, (dict, list)) else []
        yield from nested or [here]


@contextmanager
def serving(service: Service, tls: ssl.SSLContext | None = None) -> Iterator[Service]:
    """The service on a loopback port of its own as long as the block lasts; `service.url` says where."""
    handler = type("Bound", (_Handler,), {"service": service})
    server = _Quiet(("127.0.0.1", 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    host = "localhost" if tls else "127.0.0.1"
    service.url = f"{'https' if tls else 'http'}://{host}:{server.server_address[1]}"
    # How soon it notices that it is to end; the default of half a second would be paid by every test.
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_about: Any) -> None:
        """A client that gives up in the middle is none of our business."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are two packets; without this each answer would wait 40 ms for the client to confirm the first.
    disable_nagle_algorithm = True
    service: Service

    def _any(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        query = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        call = Call(self.command, self.path, {}, query, dict(self.headers.items()), data)
        reply = self.service.answer(call)
        if reply is None:
            self.close_connection = True
            return
        self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _any  # noqa: N815

    def _send(self, reply: Reply) -> None:
        data = reply.data
        self.send_response(reply.status)
        kind = "application/octet-stream" if isinstance(reply.body, bytes) else "application/json"
        bare = reply.status in (204, 304)
        headers = {} if bare else {"Content-Type": kind, "Content-Length": str(len(data))}
        for name, value in {**headers, **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not bare:
            self.wfile.write(data[: len(data) // 2] if reply.cut else data)
        if reply.cut:
            self.close_connection = True

    def log_message(self, *_arguments: Any) -> None:
        """Quiet."""
