"""The same promise on the way through a registry and Connect: at every write, whatever happens, the next apply ends it.

`python -m tests.crash.web [--step N]` runs it at every (Nth) write and prints the table.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest import mock
from urllib.parse import urlsplit
from uuid import uuid4

from ruamel.yaml import YAML

from reconciler.sandbox import estate
from reconciler.sandbox.shape import Cluster, Options
from tests.crash.cell import KSTATE, ROOT

FAULTS = (
    *("lost before", "lost after", "cut short", "busy", "refused"),
    *("killed before", "killed after"),
)
WRITES = frozenset({"POST", "PUT", "DELETE"})
NOTHING = frozenset({1, 3, 4, 5})
APPROVED = ("KS231", "KS152", "KS251", "KS242", "KS243")
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"


# --- what stands between kstate and the servers


@dataclass
class Harm:
    """What happens at write number `at`, counted over both servers."""

    fault: str
    at: int
    kill: Callable[[], None]
    armed: bool = False
    seen: int = 0
    hit: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def due(self, method: str, path: str) -> bool:
        with self._lock:
            if not self.armed or method not in WRITES:
                return False
            self.seen += 1
            if self.seen == self.at:
                self.hit = f"{method} {path}"
            return self.seen == self.at


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, harm: Harm, upstream: str, *arguments: Any) -> None:
        self.harm, self.upstream = harm, urlsplit(upstream)
        super().__init__(*arguments)

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.harm.fault if self.harm.due(self.command, self.path) else ""
        if fault == "killed before":
            self.harm.kill()
        if fault in ("lost before", "killed before"):
            self.close_connection = True
            return
        if fault == "busy":
            self._answer(503, {"Retry-After": "0"}, b"{}")
            return
        if fault == "refused":
            self._answer(422, {}, b'{"error_code": 42201, "message": "not like this"}')
            return
        status, headers, answer = self._forward(body)
        if fault == "killed after":
            self.harm.kill()
        if fault in ("lost after", "killed after"):
            self.close_connection = True
        elif fault == "cut short":
            self._answer(status, headers, answer[: len(answer) // 2], length=len(answer) + 1)
            self.close_connection = True
        else:
            self._answer(status, headers, answer)

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = _any  # noqa: N815

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        upstream = http.client.HTTPConnection(
            str(self.upstream.hostname), self.upstream.port or 80, timeout=60
        )
        headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
        upstream.request(self.command, self.path, body or None, headers)
        found = upstream.getresponse()
        answer = found.read()
        upstream.close()
        kept = {k: v for k, v in found.getheaders() if k.lower() == "content-type"}
        return found.status, kept, answer

    def _answer(
        self, status: int, headers: Mapping[str, str], body: bytes, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """A proxy in a test has nothing to say."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_about: Any) -> None:
        """A client that was killed leaves its connections as they are: that is the point."""


@contextmanager
def between(harm: Harm, url: str) -> Iterator[str]:
    """The address under which a server is reached through the harm."""
    server = _Server(("127.0.0.1", 0), partial(_Handler, harm, url))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}{urlsplit(url).path}"
    finally:
        server.shutdown()
        server.server_close()


# --- the story


def record(name: str, *fields: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": f"acme.{name}", "fields": list(fields)}


ID = {"name": "id", "type": "long"}
NOTE = {"name": "note", "type": "string", "default": ""}
PRICE = {"name": "price", "type": "acme.Money"}


def documents(prefix: str, *, after: bool) -> Iterator[dict[str, Any]]:
    """Before: three schemas, one made of another, and two connectors. After: all changed, two gone, two new."""
    more = [NOTE] if after else []
    refers = [{"name": "acme.Money", "subject": f"{prefix}money"}]
    level = "BACKWARD" if after else "FULL"
    yield _schema(f"{prefix}money", record("Money", ID, *more))
    yield _schema(
        f"{prefix}order", record("Order", ID, PRICE, *more), references=refers, compatibility=level
    )
    yield _connector(f"{prefix}kept", topics="b" if after else "a")
    if after:
        yield _schema(f"{prefix}new", record("New", ID), compatibility="FULL")
        yield _connector(f"{prefix}new", topics="c")
    else:
        yield _schema(f"{prefix}gone", record("Gone", ID), delete="permanent")
        yield _connector(f"{prefix}gone", topics="d")


def _schema(name: str, schema: Any, **more: Any) -> dict[str, Any]:
    return {"kind": "Schema", "metadata": {"name": name}, "spec": {"schema": schema, **more}}


def _connector(name: str, topics: str) -> dict[str, Any]:
    """Stopped, so that nobody has to wait for its tasks."""
    config = {"connector.class": FILE_SINK, "file": "/dev/null", "topics": topics}
    spec = {"connect": "main", "state": "stopped", "config": config}
    return {"kind": "Connector", "metadata": {"name": name}, "spec": spec}


@dataclass
class Cell:
    """One fault at one write. `broken` is every promise that did not hold, in words."""

    cluster: Cluster
    harm: Harm
    folder: Path
    prefix: str
    broken: list[str] = field(default_factory=list)
    code: int = 0
    process: subprocess.Popen[str] | None = None

    def must(self, holds: bool, words: str) -> None:
        if not holds:
            self.broken.append(words)

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def write(self, registry: str, connect: str, *, after: bool) -> None:
        servers = {"registry": {"url": registry}, "connect": [{"name": "main", "url": connect}]}
        spec = {"platform": "apache", "bootstrap": [self.cluster.bootstrap], **servers}
        ledger = {"ledger": {"topic": f"__{self.prefix}ledger"}}
        frame = [
            {"kind": "Estate", "metadata": {"name": "crash"}, "spec": ledger},
            {"kind": "Cluster", "metadata": {"name": "live"}, "spec": spec},
        ]
        every = [*frame, *documents(self.prefix, after=after)]
        with (self.folder / "all.yaml").open("w") as stream:
            YAML(typ="safe").dump_all([{"apiVersion": "kstate/v1", **d} for d in every], stream)

    def kstate(self, *arguments: str) -> tuple[int, str, str]:
        self.process = subprocess.Popen(
            [*KSTATE, *arguments],
            cwd=ROOT,
            env={**os.environ, "KSTATE_DEBUG": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        out, err = self.process.communicate(timeout=240)
        return self.process.returncode, out, err

    def apply(self, *more: str) -> tuple[int, str, str]:
        approved = [word for code in APPROVED for word in ("--approve", code)]
        words = ["apply", str(self.folder), "--yes", "--format", "json", "--timeout", "5s"]
        return self.kstate(*words, *approved, *more)

    def live(self) -> dict[str, Any]:
        """What there is of this story, asked of the servers themselves."""
        found: dict[str, Any] = {}
        there = _get(self.cluster.registry_url, "/subjects?limit=10000")
        for subject in _get(self.cluster.registry_url, "/subjects?limit=10000&deleted=true"):
            if subject.startswith(self.prefix) and subject not in there:
                found[f"schema/{subject}"] = "deleted softly"
            elif subject.startswith(self.prefix):
                newest = _get(self.cluster.registry_url, f"/subjects/{subject}/versions/latest")
                level = _get(self.cluster.registry_url, f"/config/{subject}")["compatibilityLevel"]
                references = [(r["name"], r["version"]) for r in newest.get("references", [])]
                fields = json.loads(newest["schema"])["fields"]
                found[f"schema/{subject}"] = (fields, references, level)
        for name, one in _get(self.cluster.connect_url, "/connectors?expand=info").items():
            if name.startswith(self.prefix):
                found[f"connector/main/{name}"] = one["info"]["config"]["topics"]
        return found


def _get(url: str, path: str) -> Any:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port or 80, timeout=30)
    connection.request("GET", parts.path + path)
    body = json.loads(connection.getresponse().read())
    connection.close()
    return body


def wanted(prefix: str) -> dict[str, Any]:
    """What is there once the spec is applied."""
    made = {
        f"{d['kind'].lower()}/{d['metadata']['name']}": d["spec"]
        for d in documents(prefix, after=True)
    }
    found: dict[str, Any] = {}
    for key, spec in made.items():
        if key.startswith("connector/"):
            found[key.replace("/", "/main/", 1)] = spec["config"]["topics"]
        else:
            refers = [("acme.Money", 2)] if "references" in spec else []
            level = spec.get("compatibility", "NONE")
            found[key] = (spec["schema"]["fields"], refers, level)
    return found


def run(cluster: Cluster, fault: str, at: int) -> Cell:
    """An estate, an apply that is harmed at its write number `at`, one more apply, and a look at everything."""
    with TemporaryDirectory(prefix="kstate-web-") as folder:
        cell = Cell(cluster, Harm(fault, at, lambda: None), Path(folder), f"w{uuid4().hex[:8]}.")
        cell.harm.kill = cell.kill
        with (
            between(cell.harm, cluster.registry_url) as registry,
            between(cell.harm, cluster.connect_url) as connect,
        ):
            cell.write(registry, connect, after=False)
            code, out, err = cell.apply()
            cell.must(code == 0, f"the estate could not be made: {code} {out}{err}")
            before = cell.live()
            cell.write(registry, connect, after=True)
            cell.harm.armed = True
            code, out, err = cell.apply()
            cell.harm.armed, cell.code = False, code
            _look(cell, (code, out, err), before)
            code, out, err = cell.apply("--wait", "60s")
            cell.must(code == 0, f"the next apply: exit {code}: {out[-2000:]}{err}")
            cell.must(cell.live() == wanted(cell.prefix), f"afterwards {_differs(cell)}")
            again = cell.kstate("plan", str(cell.folder), "--detailed-exitcode")
            cell.must(again[0] == 0, f"a plan afterwards: {again}")
    return cell


def _look(cell: Cell, said: tuple[int, str, str], before: Mapping[str, Any]) -> None:
    """Whatever the harmed apply says of itself is true."""
    code, out, err = said
    cell.must("Traceback" not in err and "defect" not in err, f"stderr: {err}")
    if code < 0:
        return
    live = cell.live()
    if code == 0:
        cell.must(live == wanted(cell.prefix), f"exit 0, but {_differs(cell)}")
    elif code in NOTHING:
        cell.must(live == dict(before), f"exit {code}, but something has changed: {out[-500:]}")
    else:
        cell.must(code == 6, f"exit {code}: {err}")
    start = out.find("{")
    for change in json.loads(out[start:])["changes"] if start >= 0 else ():
        key = change["key"].removeprefix("live/")
        done = live.get(key) == wanted(cell.prefix).get(key)
        cell.must(done or change["status"] != "done", f"{key} is said to be done: {live.get(key)}")
        cell.must(not done or change["status"] != "failed", f"{key} is said to have failed")


def _differs(cell: Cell) -> str:
    live, asked = cell.live(), wanted(cell.prefix)
    keys = sorted(live.keys() | asked.keys())
    return "; ".join(f"{k} is {live.get(k)}" for k in keys if live.get(k) != asked.get(k))


@contextmanager
def ground() -> Iterator[Cluster]:
    """A cluster with a registry and Connect, in a folder that is gone afterwards."""
    with (
        TemporaryDirectory(prefix="kstate-web-home-") as home,
        mock.patch.dict(os.environ, KSTATE_SANDBOX_HOME=home),
    ):
        try:
            yield estate.up(
                Options(name="web", extras=frozenset({"registry", "connect"}))
            ).clusters[0]
        finally:
            estate.down("web")


def series(cluster: Cluster, fault: str, step: int, first: int) -> list[Cell]:
    """At every `step`th write, until an apply ends before it comes to it."""
    cells: list[Cell] = []
    at = first
    while True:
        cell = run(cluster, fault, at)
        if not cell.harm.hit:
            return [*cells, cell] if cell.broken else cells
        cells.append(cell)
        at += step


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1)
    step = parser.parse_args().step
    bad = 0
    with ground() as cluster, ThreadPoolExecutor(3) as lanes:
        for fault, cells in zip(
            FAULTS, lanes.map(lambda f: series(cluster, f, step, 1), FAULTS), strict=True
        ):
            ends = Counter(
                "killed" if c.code < 0 else {0: "whole", 6: "in part"}.get(c.code, "nothing")
                for c in cells
            )
            broken = [
                f"{c.harm.hit} (write {c.harm.at}): {words}" for c in cells for words in c.broken
            ]
            told = f"{fault:14} {len(cells):4} applies, {dict(ends)}, broken: {len(broken)}\n"
            sys.stdout.write(told + "".join(f"    {line}\n" for line in broken))
            sys.stdout.flush()
            bad += len(broken)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
