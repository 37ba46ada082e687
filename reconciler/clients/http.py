"""A request in, the server's answer in its own words out: one pool for many threads, TLS verified, bounded retries."""

from __future__ import annotations

import json
import re
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, cast
from urllib.parse import quote, urlencode, urlsplit

from reconciler.clients.lean import LostAnswer
from reconciler.core.model import Body, Target
from reconciler.errors import BadUsage, Failed, LoginFailed, ServerRefused, Unreachable
from reconciler.secrets.references import is_reference, redact, remember, resolve

if TYPE_CHECKING:
    import urllib3

THREADS = 16
READS = frozenset({"GET", "HEAD"})
# What a server says when it will not last: to a write only what it has not begun; to a question not 500, which Connect
# says of a plugin that is not there. 409 is Connect's word for a rebalance: whoever talks to Connect decides.
AGAIN = {
    "write": (429, 503),
    "question": (429, 502, 503, 504),
    "read": (429, 500, 502, 503, 504),
}
ATTEMPTS = 5
# What urllib3 puts before the reason: `HTTPConnection(host='a', port=1): Failed to establish a new connection: `.
NOISE = re.compile(r"^HTTPS?Connection(Pool)?\([^)]*\): (Failed to [a-z ]+: )?(\[Errno -?\d+\] )?")
LONGEST_WAIT = 30.0
ADDRESS = "Is the address under `registry` or `connect` in the Cluster document the right one?"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `body` is its JSON, None where it is none; `words` is what to show a person of a refusal.

    `headers` have their names in lower case; a redirection (`location`) is not followed here.
    """

    status: int
    body: Any
    text: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def location(self) -> str:
        """Where a redirection leads: it is not followed here."""
        return self.headers.get("location", "")

    @property
    def words(self) -> str:
        text = " ".join(_said(self.body, self.text).split())
        # Cut after it is masked: half a secret is still one.
        return f"{self.status} {redact(text)[:1000]}".strip()


class _Asked(NamedTuple):
    """One request. `target` is path and query; `timeout` in seconds, for one answer."""

    method: str
    target: str
    body: Any
    timeout: float


def _said(body: Any, text: str) -> str:
    """A server's own sentence: its `message`, that of its `error`, the `detail` of its `errors`; of HTML the text."""
    if isinstance(body, Mapping):
        errors = [e for e in body.get("errors") or () if isinstance(e, Mapping)]
        inner = body.get("error")
        said = "; ".join(str(e.get("detail") or e.get("title") or "") for e in errors)
        nested = inner.get("message") if isinstance(inner, Mapping) else None
        return str(body.get("message") or nested or said or text)
    return re.sub(r"<[^>]*>", " ", text) if text.lstrip().startswith("<") else text


@dataclass
class Http:
    """One server. `what` names it in errors: `the schema registry of cluster prod-eu`. `timeout` is one answer's.

    `plain` are characters that stay as they are in a segment of a path, such as the colon of `configs:alter`.
    `sign` makes the headers of a login that changes while we are at it, for every request anew.
    `patient`: an answer that puts a request off (429, 503) is waited out here; else it is the caller's to judge.
    """

    what: str
    url: str
    timeout: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    tls: ssl.SSLContext | None = None
    plain: str = ""
    sign: Callable[[], Mapping[str, str]] | None = field(default=None, repr=False)
    patient: bool = True

    def send(
        self,
        method: str,
        *path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        timeout: float | None = None,
    ) -> Answer:
        """One request; path segments are encoded here, a body becomes JSON unless it is bytes. Any status is an answer.

        A read, and whatever was not begun or was put off (429, 503), is tried again, with jitter and Retry-After.
        Raises Unreachable, LoginFailed for 401, and LostAnswer for a write that may have been carried out.
        """
        asked = _Asked(method, self._path(path, query), body, timeout or self.timeout)
        return self._sent(asked, "read" if method in READS else "write")

    def ask(
        self,
        method: str,
        *path: str,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
        timeout: float | None = None,
    ) -> Answer:
        """The same for a question that changes nothing whatever its method: tried again like a read."""
        asked = _Asked(method, self._path(path, query), body, timeout or self.timeout)
        return self._sent(asked, "question")

    def follow(self, url: str) -> Answer:
        """A read of an address that the server itself named. Raises ServerRefused for one that leads elsewhere."""
        base = self.url.rstrip("/")
        if not url.startswith((f"{base}/", f"{base}?")):
            raise ServerRefused(f"{self.what} ({self.url}): it names an address elsewhere: {url}")
        there = urlsplit(url)
        target = f"{there.path or '/'}{'?' if there.query else ''}{there.query}"
        return self._sent(_Asked("GET", target, None, self.timeout), "read")

    def _sent(self, asked: _Asked, what: str) -> Answer:
        from urllib3.exceptions import HTTPError

        signed = self.sign() if self.sign else {}
        headers = {"Accept": "application/json", **self.headers, **signed}
        content = asked.body
        if content is not None and not isinstance(content, bytes):
            content = json.dumps(content).encode()
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            found = self._pool.urlopen(
                asked.method,
                asked.target,
                body=content,
                headers=headers,
                retries=self._patience[what],
                redirect=False,
                timeout=asked.timeout,
            )
        except HTTPError as error:
            raise self._failure(error, reading=what != "write") from error
        return self._answer(found.status, found.data, found.headers)

    def _path(self, path: Sequence[str], query: Sequence[tuple[str, str]]) -> str:
        """What is asked of the server: without a path the address itself, as it was given."""
        given = urlsplit(self.url)
        steps = "".join(f"/{quote(step, safe=self.plain)}" for step in path)
        base = f"{given.path.rstrip('/')}{steps}" if path else given.path or "/"
        asked = "&".join(filter(None, ("" if path else given.query, urlencode(query))))
        return f"{base}?{asked}" if asked else base

    @cached_property
    def _pool(self) -> urllib3.HTTPConnectionPool:
        """Connections to this one server: finding out anew where each request goes costs a fifth of it."""
        import urllib3

        more = {"ssl_context": self.tls} if self.tls is not None else {}
        return urllib3.connection_from_url(self.url, maxsize=THREADS, block=True, **more)

    @cached_property
    def _patience(self) -> Mapping[str, urllib3.Retry]:
        """How often what is tried again; they are copied for every try, never changed."""
        status = ATTEMPTS if self.patient else 0
        return {what: _retries(what, status) for what in AGAIN}

    def _failure(self, error: Exception, *, reading: bool) -> Failed:
        from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, SSLError

        cause = error.reason if isinstance(error, MaxRetryError) and error.reason else error
        if isinstance(cause, ProtocolError) and isinstance(cause.args[-1], Exception):
            cause = cause.args[-1]  # the rest of its words is `('Connection aborted.', ...)`
        words = redact(NOISE.sub("", " ".join(str(cause).split())))
        if isinstance(cause, SSLError):
            return LoginFailed(f"{self.what} ({self.url}): TLS: {words}")
        if reading or isinstance(cause, NewConnectionError):
            return Unreachable(f"{self.what} ({self.url}): {words}")
        return LostAnswer(f"{self.what} ({self.url}): no answer: {words}")

    def _answer(self, status: int, data: bytes, headers: Mapping[str, str]) -> Answer:
        text = data.decode("utf-8", "replace")
        try:
            body = json.loads(text) if text.strip() else None
        except ValueError:
            body = None
        found = Answer(status, body, text, {name.lower(): v for name, v in headers.items()})
        if status == 401:
            raise LoginFailed(f"{self.what} ({self.url}): {found.words}")
        return found

    def close(self) -> None:
        if "_pool" in self.__dict__:
            self._pool.close()


def told(server: Http, answer: Answer, what: str, read: Callable[[Any], T]) -> T:
    """What an answer says. Raises ServerRefused for a no, Unreachable for a server that cannot say (429, 5xx).

    Failed is what no such server says: a proxy's own page, for example.
    """
    asked = f"{server.what} ({server.url}): {what}: "
    if answer.status == 429 or answer.status >= 500:
        raise Unreachable(asked + answer.words)
    if not answer.ok:
        raise ServerRefused(asked + answer.words, hint=ADDRESS if answer.status == 404 else "")
    try:
        return read(answer.body)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        strange = f"{asked}not what such a server says: {answer.words[:200]}"
        raise Failed(strange, hint=ADDRESS) from error


def a_list(body: Any) -> list[Any]:
    """For `told`: what is none is refused."""
    if not isinstance(body, list):
        raise TypeError(type(body))
    return body


def _retries(what: str, status: int) -> urllib3.Retry:
    import urllib3

    return urllib3.Retry(
        total=ATTEMPTS,
        connect=2,  # never begun, so safe for every method
        read=0 if what == "write" else 2,  # begun: a write may have been carried out
        status=status,
        other=0,
        redirect=0,
        allowed_methods=None,
        status_forcelist=AGAIN[what],
        backoff_factor=0.2,
        backoff_jitter=0.3,
        backoff_max=LONGEST_WAIT,
        raise_on_status=False,
        raise_on_redirect=False,
    )


def connect(what: str, spec: Body, root: str, timeout: float) -> Http:
    """A server as a Cluster document describes it: `url`, `ca`, `auth` (basic, bearer, mtls), references resolved."""
    url = resolve(str(spec["url"]), root, secret=False)
    if not url.startswith(("http://", "https://")):
        # What stands behind a reference and is no address is not shown: it may be a secret.
        shown = str(spec["url"]) if is_reference(spec["url"]) else redact(url)[:100]
        raise BadUsage(f"{what}: `{shown}` is no address: http:// or https:// is missing")
    auth = cast("Body", spec.get("auth") or {})
    return Http(what, url, timeout, _headers(auth, root), _tls(url, spec, auth, root))


def registry(target: Target) -> Http:
    """The schema registry of a cluster. Raises Failed where its Cluster document has none."""
    spec = cast("Body", target.spec.get("registry") or {})
    if not spec:
        raise Failed(
            f"cluster {target.name}: its Cluster document has no `registry`",
            hint="A document asks for a Schema there, or the ledger says that the estate owns some.",
        )
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
        raise Failed(
            f"cluster {target.name}: its Cluster document has no `connect`",
            hint="A document asks for a Connector or a Mirror there, or the ledger says that the estate owns some.",
        )
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
        remember(given["authorization"].removeprefix("Basic "))
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
