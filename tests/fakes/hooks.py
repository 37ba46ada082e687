"""An address that takes events, as Slack or somebody's own service would: it remembers each request as it came."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class Hook:
    """`got` are paths, headers and bodies; `status` is what is answered."""

    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    words: bytes = b"ok"
    url: str = ""


@contextmanager
def serve() -> Iterator[Hook]:
    """A hook on a port of its own, until the block ends."""
    hook = Hook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            hook.got.append((self.path, dict(self.headers), data))
            self.send_response(hook.status)
            self.send_header("Content-Length", str(len(hook.words)))
            self.end_headers()
            self.wfile.write(hook.words)

        def log_message(self, *_arguments: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    hook.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
    ).start()
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


def main(folder: Path, seconds: float) -> None:
    """A receiver to try `kstate notify` with: each event's body and signature go into files of the folder."""
    with serve() as hook:
        ready = folder / "hook.env.new"
        ready.write_text(f"export HOOK_URL={hook.url}/drift\n")
        ready.rename(folder / "hook.env")
        until, seen = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            for _, headers, body in hook.got[seen:]:
                (folder / "event.json").write_bytes(body)
                (folder / "signature.txt").write_text(headers.get("X-Kstate-Signature", ""))
                seen += 1
            time.sleep(0.05)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve(), float(sys.argv[2]))
