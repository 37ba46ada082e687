"""A request in, the server's answer in its own words out: one pool for many threads, TLS verified, bounded retries."""

from __future__ import annotations

import json
import re
import ssl
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote, urlencode, urlsplit

from reconciler.clients.lean import LostAnswer
from reconciler.core.model import Body, Target
from reconciler.errors import Failed, LoginFailed, Unreachable
from reconciler.secrets.references import redact, resolve

if TYPE_CHECKING:
    import urllib3

THREADS = 16
READS = frozenset({"GET", "HEAD"})
# What a server says when it will not last. 409 is Connect's word for a rebalance: whoever talks to Connect decides.
AGAIN = (429, 502, 503, 504)
ATTEMPTS = 5
# What urllib3 puts before the reason: `HTTPConnection(host='a', port=1): Failed to establish a new connection: `.
NOISE = re.compile(r"^HTTPS?Connection(Pool)?\([^)]*\): (Failed to [a-z ]+: )?(\[Errno -?\d+\] )?")
LONGEST_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is its JSON, None where it is none; `words` is what to show a person of a refusal.

    `location` is where a redirection leads: it is not followed here.
    """

    status: int
    body: Any
    text: str
    location: str = ""

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def words(self) -> str:
        said = self.body.get("message") if isinstance(self.body, Mapping) else None
        text = " ".join(str(said or self.text).split())
        return redact(f"{self.status} {text[:1000]}".strip())


@dataclass
class Http:
    """One server. `what` names it in errors: `the schema registry of cluster prod-eu`. `timeout` is one answer's."""

    what: str
    url: str
    timeout: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None

    def send(
        self,
        method: str,
        *path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        timeout: float | None = None,
    ) -> Answer:
        """One request; path segments are encoded here. Any status is an answer.

        A read, and whatever was not begun or was put off (429, 503), is tried again, with jitter and Retry-After.
        Raises Unreachable, LoginFailed for 401, and LostAnswer for a write that may have been carried out.
        """
        retries = self._patience[method in READS]
        from urllib3.exceptions import HTTPError

        headers = {"Accept": "application/json", **self.headers}
        content = None if body is None else json.dumps(body).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            found = self._pool.urlopen(
                method,
                self._path(path, query),
                body=content,
                headers=headers,
                retries=retries,
                redirect=False,
                timeout=timeout or self.timeout,
            )
        except HTTPError as error:
            raise self._failure(method, error) from error
        return self._answer(found.status, found.data, found.headers.get("Location", ""))

    def _path(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        steps = "/".join(quote(step, safe="") for step in path)
        return f"{self._base}/{steps}" + (f"?{urlencode(query)}" if query else "")

    @cached_property
    def _base(self) -> str:
        return urlsplit(self.url).path.rstrip("/")

    @cached_property
    def _pool(self) -> urllib3.HTTPConnectionPool:
        """Connections to this one server: finding out anew where each request goes costs a fifth of it."""
        import urllib3

        more = {"ssl_context": self.tls} if self.tls is not None else {}
        return urllib3.connection_from_url(self.url, maxsize=THREADS, block=True, **more)

    @cached_property
    def _patience(self) -> tuple[urllib3.Retry, urllib3.Retry]:
        """How often a write and a read are tried again; they are copied for every try, never changed."""
        return _retries(reading=False), _retries(reading=True)

    def _failure(self, method: str, error: Exception) -> Failed:
        from urllib3.exceptions import MaxRetryError, NewConnectionError, SSLError

        cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        words = redact(NOISE.sub("", " ".join(str(cause).split())))
        if isinstance(cause, SSLError):
            return LoginFailed(f"{self.what} ({self.url}): TLS: {words}")
        if method in READS or isinstance(cause, NewConnectionError):
            return Unreachable(f"{self.what} ({self.url}): {words}")
        return LostAnswer(f"{self.what} ({self.url}): no answer: {words}")

    def _answer(self, status: int, data: bytes, location: str) -> Answer:
        text = data.decode("utf-8", "replace")
        try:
            body = json.loads(text) if text.strip() else None
        except ValueError:
            body = None
        found = Answer(status, body, text, location)
        if status == 401:
            raise LoginFailed(f"{self.what} ({self.url}): {found.words}")
        return found

    def close(self) -> None:
        if "_pool" in self.__dict__:
            self._pool.close()


def _retries(*, reading: bool) -> urllib3.Retry:
    import urllib3

    return urllib3.Retry(
        total=ATTEMPTS,
        connect=2,  # never begun, so safe for every method
        read=2 if reading else 0,  # begun: a write may have been carried out
        status=ATTEMPTS,
        other=0,
        redirect=0,
        allowed_methods=None,
        status_forcelist=AGAIN if reading else (429, 503),
        backoff_factor=0.2,
        backoff_jitter=0.3,
        backoff_max=LONGEST_WAIT,
        raise_on_status=False,
        raise_on_redirect=False,
    )


def connect(what: str, spec: Body, root: str, timeout: float) -> Http:
    """A server as a Cluster document describes it: `url`, `ca`, `auth` (basic, bearer, mtls), references resolved."""
    url = resolve(str(spec["url"]), root, secret=False)
    auth = cast("Body", spec.get("auth") or {})
    return Http(what, url, timeout, _headers(auth, root), _tls(url, spec, auth, root))


def registry(target: Target) -> Http:
    """The schema registry of a cluster. Raises Failed where its Cluster document has none."""
    spec = cast("Body", target.spec.get("registry") or {})
    if not spec:
        raise Failed(f"cluster {target.name}: its Cluster document has no `registry`")
    return connect(
        f"the schema registry of cluster {target.name}", spec, target.root, target.timeout
    )


@dataclass
class Workers:
    """The Connect clusters of a cluster, by the name that documents use."""

    by_name: Mapping[str, Http]

    def close(self) -> None:
        for worker in self.by_name.values():
            worker.close()


def workers(target: Target) -> Workers:
    """Raises Failed where the Cluster document has no `connect`."""
    specs = cast("Sequence[Body]", target.spec.get("connect") or ())
    if not specs:
        raise Failed(f"cluster {target.name}: its Cluster document has no `connect`")
    found = {}
    for spec in specs:
        what = f"Connect {spec['name']} of cluster {target.name}"
        found[str(spec["name"])] = connect(what, spec, target.root, target.timeout)
    return Workers(found)


def _headers(auth: Body, root: str) -> dict[str, str]:
    if basic := cast("Mapping[str, str]", auth.get("basic")):
        from urllib3.util import make_headers

        user = resolve(basic["username"], root, secret=False)
        given = make_headers(basic_auth=f"{user}:{resolve(basic['password'], root)}")
        return {"Authorization": given["authorization"]}
    if token := auth.get("bearer"):
        return {"Authorization": f"Bearer {resolve(str(token), root)}"}
    return {}


def _tls(url: str, spec: Body, auth: Body, root: str) -> ssl.SSLContext | None:
    if not url.startswith("https:"):
        return None
    ca = spec.get("ca")
    context = ssl.create_default_context(
        cadata=resolve(str(ca), root, secret=False) if ca else None
    )
    # Python 3.13 asks for extensions that private authorities leave out.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if mtls := cast("Mapping[str, str]", auth.get("mtls")):
        _present(context, mtls, root)
    return context


def _present(context: ssl.SSLContext, mtls: Mapping[str, str], root: str) -> None:
    """The client's certificate. OpenSSL takes it from files only: private ones, gone at once."""
    password = resolve(mtls["password"], root) if "password" in mtls else None
    with tempfile.TemporaryDirectory(prefix="kstate-tls-") as folder:
        certificate, key = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        certificate.write_text(resolve(mtls["certificate"], root, secret=False))
        key.touch(mode=0o600)
        key.write_text(resolve(mtls["key"], root))
        try:
            context.load_cert_chain(certificate, key, password)
        except (ssl.SSLError, OSError) as error:
            raise LoginFailed(f"the client certificate cannot be used: {error}") from error
