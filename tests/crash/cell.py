"""One fault at one request in; out what became of the apply, and every promise that was broken on the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from confluent_kafka.admin import AdminClient

from reconciler.core.model import Action
from reconciler.engine import custody, planning
from reconciler.engine.clusters import Options
from reconciler.sandbox import ready
from reconciler.sandbox.shape import Cluster
from reconciler.spec import folder as specs
from tests.crash.faults import TIMEOUT, Fault, Harm
from tests.crash.story import APPROVED, Live, Story
from tests.live.proxy import Meddler, Proxy, between

ROOT = Path(__file__).parents[2]
KSTATE = (sys.executable, "-c", "from reconciler.cli.main import main; main()")
WAYFINDING = frozenset({"ApiVersions", "Metadata", "FindCoordinator"})
# A broker needs 4 s to come back; an apply that waits as long as usual may outlive that.
PATIENT = 10.0
AGAIN = 5.0
# An apply that did not end by itself says nothing; one that wrote nothing may say so in these ways.
NOTHING = frozenset({1, 3, 4, 5})


@dataclass
class Verdict:
    """`hit` is the name of the request that was harmed, empty when the apply ended before it. `broken` is in words.

    `requests` is how many the apply made that count.
    """

    fault: str
    at: int
    hit: str = ""
    requests: int = 0
    code: int = 0
    said: str = ""
    broken: list[str] = field(default_factory=list)

    @property
    def ended(self) -> str:
        """How the harmed apply ended, in one word."""
        if self.code < 0:
            return "killed"
        return {0: "whole", 6: "in part"}.get(self.code, "nothing")


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def outcomes(self) -> Mapping[str, str]:
        """Status by key without the cluster; empty when no result was printed."""
        start = self.out.find("{")
        found = json.loads(self.out[start:]) if start >= 0 else {"changes": []}
        return {
            change["key"].removeprefix("live/"): change["status"] for change in found["changes"]
        }


def counts(api: str) -> bool:
    """Every request but those with which clients find their way to a broker, before and between the others."""
    return api not in WAYFINDING


@dataclass
class _Cell:
    cluster: Cluster
    admin: AdminClient
    story: Story
    folder: Path
    verdict: Verdict
    process: subprocess.Popen[str] | None = None

    def must(self, holds: bool, words: str) -> None:
        if not holds:
            self.verdict.broken.append(words)

    # --- what a fault may do

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)

    def restart(self) -> None:
        self.cluster.nodes[0].kill()
        self.cluster.nodes[0].start()

    # --- the story

    def apply(self, *arguments: str) -> Said:
        approved = [word for code in APPROVED for word in ("--approve", code)]
        words = ["apply", str(self.folder / "spec"), "--yes", "--format", "json", *approved]
        self.process = subprocess.Popen(
            [*KSTATE, *words, *arguments],
            cwd=ROOT,
            env={**os.environ, "KSTATE_DEBUG": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            out, err = self.process.communicate(timeout=240)
        except subprocess.TimeoutExpired:
            self.process.kill()
            out, err = self.process.communicate()
            err += "\nstill running after 240 s"
        return Said(self.process.returncode, out, err)

    def look_at(self, said: Said, live: Live) -> None:
        """Whatever a run says of itself is true."""
        self.must("Traceback" not in said.err and "defect" not in said.err, f"stderr: {said.err}")
        self.must("still running" not in said.err, "it did not end")
        if said.code == 0:
            self.must(live == self.story.wanted, f"exit 0, but {self.differences(live)}")
        elif said.code in NOTHING:
            self.must(live == self.story.before, f"exit {said.code}, but {self.changed(live)}")
        else:
            self.must(said.code == 6, f"exit {said.code}")
        for key, status in said.outcomes.items():
            done = live.get(key) == self.story.wanted.get(key)
            untouched = live.get(key) == self.story.before.get(key)
            self.must(done or status != "done", f"{key} is said to be done: {live.get(key)}")
            self.must(not done or status != "failed", f"{key} is said to have failed")
            self.must(untouched or status != "skipped", f"{key} is said to be skipped")

    def differences(self, live: Live) -> str:
        keys = sorted(live.keys() | self.story.wanted.keys())
        return "; ".join(
            f"{k} is {live.get(k)}, wanted {self.story.wanted.get(k)}"
            for k in keys
            if live.get(k) != self.story.wanted.get(k)
        )

    def changed(self, live: Live) -> str:
        keys = sorted(live.keys() | self.story.before.keys())
        return "; ".join(
            f"{k} is {live.get(k)}" for k in keys if live.get(k) != self.story.before.get(k)
        )

    def look_after(self, identities: Live) -> None:
        """Nothing is left to do, nobody else's is touched, all of it is owned, and the journal is whole."""
        live = self.story.await_(self.admin, self.story.wanted)
        self.must(live == self.story.wanted, f"afterwards {self.differences(live)}")
        same = self.story.identities(self.admin) == identities
        self.must(same, "the bystanding topic is another one")
        again = _plan(self.folder / "spec")
        self.must(not again, f"a plan still has {sorted(again)}")
        owned = {key for key, action in _plan(self.folder / "empty").items() if action == "delete"}
        self.must(owned == self.story.ours, f"owned is {sorted(owned)}")
        for problem in _history(self.folder / "spec"):
            self.must(False, f"history: {problem}")


def run(cluster: Cluster, admin: AdminClient, fault: Fault, at: int) -> Verdict:
    """A fresh estate, an apply that is harmed at its request number `at`, one more apply, and a look at everything."""
    story = Story(f"{fault.name}-{at}-{uuid4().hex[:6]}.")
    verdict = Verdict(fault.name, at)
    with TemporaryDirectory(prefix="kstate-crash-") as folder:
        cell = _Cell(cluster, admin, story, Path(folder), verdict)
        harm = Harm(at, cell.kill, cell.restart)
        with _before(cell, fault.meddle(harm)) as proxy:
            story.write(cell.folder, proxy.bootstrap)
            _play(cell, fault, harm, proxy)
    story.clear(admin)
    return verdict


def _before(cell: _Cell, meddler: Meddler) -> AbstractContextManager[Proxy]:
    numbered = Meddler(meddler.forth, meddler.back, counts)
    return between(cell.cluster.nodes[0].ports["PLAIN"], numbered)


def _play(cell: _Cell, fault: Fault, harm: Harm, proxy: Proxy) -> None:
    story, verdict = cell.story, cell.verdict
    story.set_up(cell.admin)
    identities = story.identities(cell.admin)
    said = cell.apply("--timeout", f"{PATIENT if fault.restarts else TIMEOUT:g}s")
    harm.armed = False
    verdict.requests = sum(seen for api, seen in proxy.seen.items() if counts(api))
    verdict.hit, verdict.code, verdict.said = "".join(harm.done), said.code, said.out + said.err
    if fault.restarts:
        ready.brokers(cell.cluster)
    if fault.kills and harm.done:
        cell.must(said.code == -signal.SIGKILL, f"not killed, exit {said.code}")
    else:
        cell.look_at(said, _settled(cell, said))
    cell.must(bool(harm.done) or said.code == 0, f"unharmed, exit {said.code}")
    again = cell.apply("--wait", "60s", "--timeout", f"{AGAIN:g}s")
    cell.must(again.code == 0, f"the next apply: exit {again.code}: {again.out}{again.err}")
    cell.look_after(identities)


def _settled(cell: _Cell, said: Said) -> Live:
    """What is live, given the moment that a broker may need until everybody can read it."""
    expected = {0: cell.story.wanted, 6: {}}.get(said.code, cell.story.before)
    return cell.story.await_(cell.admin, expected) if expected else cell.story.live(cell.admin)


def _options(folder: Path) -> Options:
    return Options(now=datetime.now(UTC), root=str(folder), who="the crash matrix")


def _plan(folder: Path) -> dict[str, str]:
    """What `kstate plan` finds to do, by key without the cluster. Raises what it failed with."""
    made = planning.plan(specs.load(folder), _options(folder))
    for error in made.failures.values():
        raise error
    actions: dict[str, Action] = {f"{c.key.kind}/{c.key.name}": c.action for c in made.plan.changes}
    return {key: str(action) for key, action in actions.items()}


def _history(folder: Path) -> list[str]:
    """What `kstate history --verify` complains about."""
    found, failures = custody.history(specs.load(folder), _options(folder))
    problems = [problem for one in found.values() for problem in one.problems]
    return [*problems, *(error.message for error in failures.values())]
