"""What `kstate notify` was given in; each channel told, in the order in which what is told last is remembered, out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reconciler.errors import BadUsage, Failed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cli.surroundings import Job
    from reconciler.core.drift import Drift
    from reconciler.core.plan import Plan
    from reconciler.core.result import Ended
    from reconciler.notify.github import GitHub
    from reconciler.notify.issue import Sticky

OrWarn = Callable[[str, Callable[[], None]], bool]
MOST_FINDINGS = 50


@dataclass(frozen=True, slots=True)
class Channels:
    """Who is to be told. `slack`, `webhook` and `webhook_secret` are references, `timeout` is in seconds."""

    comment: bool
    issue: bool
    slack: str | None
    webhook: str | None
    webhook_secret: str | None
    state: str | None
    scope: str
    me: str
    timeout: float


@dataclass(frozen=True, slots=True)
class Report:
    """One of the three, or none of them where a run came to nothing."""

    plan: Plan | None = None
    result: Ended | None = None
    drift: Drift | None = None

    @property
    def exit_code(self) -> int:
        """What the run that made it ended with."""
        from reconciler.cli.plan import exit_code

        if self.drift:
            return 1 if self.drift.failures else 2 if self.drift.drifted else 0
        if self.result:
            return self.result.exit_code
        return exit_code(self.plan, detailed=False) if self.plan else 0


def read(path: str | None) -> Report:
    """The report in a file, whichever it is. Raises BadUsage for anything else, Stale for a plan that was damaged."""
    from reconciler.cli.files import read_json
    from reconciler.cli.saved import read_plan
    from reconciler.core import drift, plan, result

    if path is None:
        return Report()
    body: Any = read_json("FILE", path)
    form = body.get("format") if isinstance(body, dict) else None
    try:
        if form == plan.FORMAT:
            return Report(plan=read_plan(path))
        if form == result.FORMAT:
            return Report(result=result.from_json(body))
        if form == drift.FORMAT:
            return Report(drift=drift.from_json(body))
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise BadUsage(f"{path}: it says {form}, and has not its form") from error
    why = "there is no such file" if body is None else "no report that kstate wrote"
    raise BadUsage(f"{path}: {why}", hint="`--out FILE` of plan, apply and drift writes one.")


def check(channels: Channels, report: Report) -> None:
    """Raises BadUsage for what does not go together."""
    from reconciler.notify.marker import check_scope

    check_scope(channels.scope)
    to_channels = bool(channels.slack or channels.webhook)
    if not (channels.comment or channels.issue or to_channels):
        raise BadUsage("nobody is to be told: give --comment, --issue, --slack or --webhook")
    if channels.comment and (channels.issue or to_channels):
        raise BadUsage("--comment is for a plan or a result; the others are for drift")
    if channels.comment and report.drift:
        raise BadUsage("drift has no pull request: --comment is for a plan or a result")
    if not channels.comment and not report.drift:
        raise BadUsage(
            "--issue, --slack and --webhook tell of drift: give a report of `kstate drift`"
        )
    narrowed = (report.plan and report.plan.partial) or (report.drift and report.drift.partial)
    if narrowed and channels.scope == "spec":
        raise BadUsage("this report was narrowed by -c or --only: say with --scope which one it is")
    if to_channels and not (channels.issue or channels.state):
        raise BadUsage(
            "only changes are told, so it must be known what was told last: give --state FILE or --issue"
        )
    if bool(channels.webhook) != bool(channels.webhook_secret):
        raise BadUsage("--webhook and --webhook-secret belong together")


# --- the comment of a pull request


def tell_plan(channels: Channels, report: Report) -> None:
    """The comment of the plan, of what became of it, or of there being none."""
    from reconciler.cli.console import tell
    from reconciler.cli.surroundings import github, job
    from reconciler.notify.comment import stick

    here = job()
    client = github(here, channels.me, channels.timeout)
    pull = _pull(here, client)
    body, always = _body(channels, report, here, pull, client)
    done = stick(client, int(pull["number"]), channels.scope, body, only_update=not always)
    tell(f"the comment of pull request {pull['number']}: {done}")


def _pull(here: Job, client: GitHub) -> Mapping[str, Any]:
    """The pull request of this run: the event's, or the one whose merge made this commit."""
    from reconciler.notify.approvals import merged

    return here.pull or merged(client, here.commit, here.branch)


def _body(
    channels: Channels, report: Report, here: Job, pull: Mapping[str, Any], client: GitHub
) -> tuple[str, bool]:
    """The comment, and whether it is worth to be begun: no changes are told only where some were told before."""
    from reconciler.notify.approvals import approvals, missing
    from reconciler.notify.marker import mark
    from reconciler.reports import sticky
    from reconciler.secrets.references import redact

    head = str(pull["head"]["sha"])
    about = sticky.About(channels.scope, head, here.run)
    if report.result:
        data = {"v": 1, "applied": report.result.digest, "head": head}
        return f"{mark(channels.scope, data)}\n{redact(sticky.applied(report.result, about))}", True
    if not report.plan:
        return f"{mark(channels.scope, {'v': 1, 'head': head})}\n{sticky.no_plan(about)}", False
    digest, wanted = report.plan.digest, sticky.wanted(report.plan)
    given, unheard = approvals(client, pull, digest) if wanted else ((), ())
    about = sticky.About(
        channels.scope,
        head,
        here.run,
        [(one.approval, one.by) for one in given],
        missing(wanted, given),
        unheard,
    )
    text = redact(sticky.plan(report.plan, about))
    data = {
        "v": 1,
        "digest": digest,
        "head": head,
        "base": str(pull["base"]["sha"]),
        "run": here.run,
    }
    worth = bool(report.plan.changes or report.plan.records)
    return f"{mark(channels.scope, data)}\n{text}", worth


# --- drift


def tell_drift(channels: Channels, report: Report, or_warn: OrWarn) -> None:
    """Chat and webhook of a change of state; then the issue and the file that remember what was told."""
    assert report.drift is not None
    drift, found = report.drift, _Found()
    there = not channels.issue or or_warn("the issue", lambda: found.look(channels))
    if not there and not channels.state:
        return
    told = _told(channels, found.sticky)
    for name, send in _senders(channels, drift, told, found.url()):
        if _is_news(drift, told.get(name, "")) and or_warn(name, send):
            told[name] = drift.fingerprint
    if channels.issue and there:
        or_warn("the issue", lambda: found.keep(channels, drift, told))
    if channels.state:
        _remember(channels, told)


def _is_news(drift: Drift, former: str) -> bool:
    """A look that did not see every cluster says nothing about what is gone, and nothing new about what was told."""
    if drift.failures and (former or not drift.fingerprint):
        return False
    return drift.fingerprint != former


def _told(channels: Channels, sticky: Sticky | None) -> dict[str, str]:
    from pathlib import Path

    from reconciler.notify.memory import load

    if channels.state:
        return load(Path(channels.state), channels.scope)
    return dict(sticky.told) if sticky else {}


def _remember(channels: Channels, told: Mapping[str, str]) -> None:
    from pathlib import Path

    from reconciler.cli.files import write
    from reconciler.notify.memory import render

    file = Path(str(channels.state))
    write(str(file), render(file, channels.scope, told), mode=0o600)


class _Found:
    """The issue as GitHub has it, and the client that found it."""

    def __init__(self) -> None:
        self.sticky: Sticky | None = None
        self.client: GitHub | None = None
        self.here: Job | None = None

    def look(self, channels: Channels) -> None:
        from reconciler.cli.surroundings import github, job
        from reconciler.notify.issue import find

        self.here = job()
        self.client = github(self.here, channels.me, channels.timeout)
        self.sticky = find(self.client, channels.scope)

    def url(self) -> str:
        from reconciler.cli.surroundings import job

        run = (self.here or job()).run
        return self.sticky.url if self.sticky and self.sticky.url else run

    def keep(self, channels: Channels, drift: Drift, told: Mapping[str, str]) -> None:
        from reconciler.cli.console import tell
        from reconciler.notify.issue import KIND, Wish, keep
        from reconciler.notify.marker import mark
        from reconciler.reports import sticky
        from reconciler.secrets.references import redact

        assert self.client is not None
        assert self.here is not None
        about = sticky.About(channels.scope, drift.commit, self.here.run)
        data = {"v": 1, "fingerprint": drift.fingerprint, "told": dict(told)}
        text = redact(sticky.issue(drift, about))
        body = f"{mark(channels.scope, data, KIND)}\n{text}"
        title = redact(sticky.issue_title(drift, channels.scope))[:250]
        wish = Wish(title, body, drift.fingerprint, told, whole=not drift.failures)
        done, url = keep(self.client, channels.scope, self.sticky, wish)
        tell(f"the issue of {channels.scope}: {done or 'as it was'} {url}".rstrip())


def _senders(
    channels: Channels, drift: Drift, told: Mapping[str, str], url: str
) -> list[tuple[str, Callable[[], None]]]:
    """Each channel's name, and how it is told."""
    found: list[tuple[str, Callable[[], None]]] = []
    if channels.slack:
        found.append(("slack", lambda: _slack(channels, drift, told.get("slack", ""), url)))
    if channels.webhook:
        found.append(("webhook", lambda: _webhook(channels, drift, told.get("webhook", ""), url)))
    return found


def _slack(channels: Channels, drift: Drift, former: str, url: str) -> None:
    from reconciler.notify.slack import escape, send
    from reconciler.reports.sticky import message
    from reconciler.secrets.references import redact, resolve

    address = _reference(str(channels.slack), "--slack", resolve)
    text = redact(message(drift, channels.scope, url, former))
    send(address, escape(text), timeout=channels.timeout)


def _webhook(channels: Channels, drift: Drift, former: str, url: str) -> None:
    from reconciler.cli.console import masked
    from reconciler.core.drift import to_json
    from reconciler.notify.webhook import send
    from reconciler.secrets.references import resolve

    address = resolve(str(channels.webhook), ".", secret=False)
    secret = _reference(str(channels.webhook_secret), "--webhook-secret", resolve)
    body = to_json(drift)
    kept = {name: body[name] for name in ("created", "kstate", "spec", "summary", "partial")}
    event = {
        "format": "kstate.drift-event/v1",
        "event": "cleared" if not drift.fingerprint else "changed" if former else "found",
        "scope": channels.scope,
        "fingerprint": drift.fingerprint,
        "former": former,
        "url": url,
        **kept,
        "findings": [f for f in body["findings"] if f["what"] != "pending"][:MOST_FINDINGS],
    }
    send(address, masked(event), secret, timeout=channels.timeout)  # type: ignore[arg-type]


def _reference(value: str, option: str, resolve: Callable[[str, str], str]) -> str:
    """A secret by reference. Raises BadUsage for one in clear text: it would stand in a list of processes."""
    from reconciler.secrets.references import is_reference

    if not is_reference(value):
        raise BadUsage(
            f"{option} takes a reference such as env:NAME or file:PATH, not the secret itself"
        )
    found = resolve(value, ".")
    if not found:
        raise Failed(f"{option} {value} is empty")
    return found
