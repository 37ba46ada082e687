"""The whole story, once, from a cluster that nobody manages to drift that closes its own issue.

Everything goes the way it goes for people: commands as they type them, Git with real commits, the workflows that
`kstate init` wrote, the steps and the script of the Action, GitHub's API over HTTP. Each chapter needs what
the one before it left behind, and says what it found with clients that are not kstate's.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from demo.wild import PASSWORD, fill
from tests.fakes.github import BOT, FakeGitHub, serve, user
from tests.fakes.runner import Job
from tests.live.conftest import Live
from tests.live.spec import Spec
from tests.live.test_pull_request import TOKEN, ours, runner, well
from tests.live.test_topics import live_config, set_by_hand

ANN, BOB = "ann", "bob"
KEPT, DROPPED, TOUCHED = "orders.audit", "legacy-import", "orders.returned"


@dataclass
class Story:
    """Who and what takes part: the clusters, the repository that grows, GitHub, and the secret that its jobs get."""

    live: Live
    repository: Path
    spec: Spec
    fake: FakeGitHub
    temp: Path
    secret: str

    # --- a person at a shell

    def kstate(self, verb: str, *arguments: str) -> str:
        """Both streams of a command that has to go well."""
        said = self.spec.run(verb, str(self.repository), *arguments)
        assert said.code == 0, said.out + said.err
        return said.out + said.err

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=Ann", "-c", "user.email=ann@acme.example", "-c", "commit.gpgsign=0")
        done = subprocess.run(
            ["git", *who, *arguments],
            cwd=self.repository,
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, message: str) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "HEAD")

    def replace(self, file: str, before: str, after: str) -> None:
        path = self.repository / file
        text = path.read_text()
        assert text.count(before) == 1, f"{file} says {before!r} {text.count(before)} times"
        path.write_text(text.replace(before, after))

    # --- the repository on GitHub

    def open(self, number: int, message: str) -> None:
        """What ann has changed becomes pull request `number`."""
        base = self.git("rev-parse", "main")
        self.git("switch", "--quiet", "--create", f"change-{number}")
        pull = self.fake.pull(number, ANN, self.commit(message), base)
        pull["head"]["repo"] = {"full_name": self.fake.repository}

    def push(self, number: int, message: str) -> None:
        """One more commit on it."""
        head = self.commit(message)
        self.fake.pulls[number]["head"]["sha"] = head
        self.fake.commits[number].append({"sha": head, "author": user(ANN)})

    def merge(self, number: int) -> None:
        self.git("switch", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"merge {number}", f"change-{number}")
        self.fake.merge(number, self.git("rev-parse", "HEAD"))

    def workflow(self, name: str, pull: int = 0) -> Mapping[str, Job]:
        """The workflow that `init` wrote under this name, on a checkout of the pull request, or of what is merged."""
        self.git("switch", "--quiet", f"change-{pull}" if pull else "main")
        event = {"pull_request": self.fake.pulls[pull]} if pull else {}
        head, secrets = self.git("rev-parse", "HEAD"), {"KSTATE_ENV": self.secret}
        job = runner(self.fake, self.repository, self.temp, event, head, secrets)
        return job.own(self.repository / ".github" / "workflows" / f"{name}.yml")

    @property
    def issue(self) -> dict[str, Any]:
        """There is one."""
        [found] = self.fake.issues.values()
        return found

    def comment(self, number: int) -> str:
        """The one comment that is kstate's."""
        bodies = [c["body"] for c in self.fake.comments.values() if c["issue"] == number]
        [found] = [body for body in bodies if body in ours(self.fake)]
        return str(found)


@pytest.fixture
def story(
    sandboxes: Callable[..., Live],
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Story]:
    """Two clusters full of what other tools have made, an empty folder, and a GitHub where nothing has happened."""
    live = sandboxes(clusters=2, extras=frozenset({"connect", "registry"}))
    eu, us = live.sandbox.clusters
    fill(eu, us)
    known = {
        "EU_BOOTSTRAP": eu.bootstrap,
        "EU_REGISTRY": eu.registry_url,
        "EU_CONNECT": eu.connect_url,
        "US_BOOTSTRAP": us.bootstrap,
        "US_CONNECT": us.connect_url,
    }
    for name, value in known.items():
        monkeypatch.setenv(name, str(value))
    fake = FakeGitHub(tokens={TOKEN: (BOT, {"issues", "pull-requests"})})
    fake.users = {ANN: "write", BOB: "maintain"}
    (tmp_path / "runner").mkdir()
    repository = tmp_path / "acme-kafka"
    secret = "".join(f"{name}={value}\n" for name, value in known.items())
    with serve(fake):
        yield Story(live, repository, Spec(repository, capfd), fake, tmp_path / "runner", secret)
        fake.check()


def test_from_a_cluster_full_of_hand_made_things_to_drift_that_is_over(story: Story) -> None:
    a_repository_for_what_is_there(story)
    digest = a_pull_request(story)
    only_what_was_approved_is_applied(story, digest)
    somebody_changes_a_topic_by_hand(story)
    the_change_is_kept(story)
    the_issue_is_closed(story)


def a_repository_for_what_is_there(story: Story) -> None:
    """init, doctor, import, adopt: everything is in Git, nothing was written to it, and there is nothing to do."""
    clusters = ("--cluster=eu=env:EU_BOOTSTRAP", "--cluster=us=env:US_BOOTSTRAP")
    connects = ("--connect=eu=env:EU_CONNECT", "--connect=us=env:US_CONNECT")
    owner = "--owner=@acme/platform"
    registry = "--registry=eu=env:EU_REGISTRY"
    story.kstate("init", "--estate=shop", *clusters, registry, *connects, owner)
    story.git("init", "--quiet", "--initial-branch", "main")
    story.kstate("validate")
    story.kstate("doctor")
    assert "45 acls, 3 connectors, 1 mirror" in story.kstate(
        "import", "--out", str(story.repository)
    )
    assert "No changes: eu, us are as the spec says" in story.kstate("plan", "--detailed-exitcode")
    before = live_config(story.live, TOUCHED)
    assert "own" in story.kstate("adopt", "--yes")
    assert live_config(story.live, TOUCHED) == before
    assert "No changes" in story.kstate("plan", "--detailed-exitcode")
    assert "No drift" in story.kstate("drift")
    story.commit("the estate as it is")
    assert PASSWORD not in story.git("grep", "--recursive", "-h", "", "HEAD")


def a_pull_request(story: Story) -> str:
    """A plan for everybody to see: in one comment, at the lines of the diff, in the summary. Gives its digest."""
    story.replace("topics/orders.yaml", "retention.ms: 365d", "retention.ms: 400d")
    story.replace("topics/orders.yaml", "partitions: 3", "partitions: 2")
    (story.repository / "topics" / "legacy.yaml").unlink()
    story.open(1, "keep the audit longer, drop what was imported once")
    # One slip: partitions do not become fewer. It is told at its line, and nobody can approve it.
    refused = story.workflow("plan", pull=1)["plan"]
    assert refused.failed == "kstate plan: 3"
    assert re.search(r"^::error file=topics/orders.yaml,line=\d+,title=KS9\d\d", refused.log, re.M)
    assert "/kstate approve" not in story.comment(1)
    story.replace("topics/orders.yaml", "partitions: 2", "partitions: 3")
    story.push(1, "three partitions, as before")
    planned = well(story.workflow("plan", pull=1))
    job, comment = planned["plan"], story.comment(1)
    [digest] = re.findall(r"^Digest `(sha256:[0-9a-f]{64})`$", comment, re.MULTILINE)
    assert planned["fork"].skipped
    assert f"::warning title=KS232 danger::eu: delete topic {DROPPED}" in job.log
    assert "1 update, 1 delete, 1 blocked" in job.summary
    assert "retention.ms: 31536000000 (365d) -> 34560000000 (400d)" in comment
    assert f"digest {digest}" in job.log
    assert orders(comment) == [
        f"/kstate approve {digest} {code}:eu/topic/{DROPPED}" for code in ("KS201", "KS232")
    ]
    return digest


def orders(comment: str) -> list[str]:
    """The lines that somebody copies to approve."""
    return re.findall(r"^/kstate approve .*$", comment, re.MULTILINE)


def only_what_was_approved_is_applied(story: Story, digest: str) -> None:
    """Nothing without the approvals; with somebody else's, exactly that plan, as another client sees it."""
    comment = story.comment(1)
    story.merge(1)
    refused = story.workflow("apply")
    assert refused["apply"].failed == "kstate apply: 3"
    assert live_config(story.live, KEPT)["retention.ms"] == "31536000000"
    story.fake.comment(1, ANN, "\n".join(orders(comment)))
    assert story.workflow("apply")["apply"].failed == "kstate apply: 3", "nobody approves their own"
    story.fake.comment(1, BOB, "\n".join(orders(comment)))
    done = well(story.workflow("apply"))
    assert done["check"].outputs["digest"] == digest
    assert live_config(story.live, KEPT)["retention.ms"] == "34560000000"
    assert DROPPED not in story.live.admin.list_topics(timeout=10).topics
    assert "2 of 2 changes read back as planned" in story.comment(1)
    assert digest[7:] in story.kstate("history").replace("sha256:", "")
    again = well(story.workflow("apply"))
    assert again["apply"].skipped
    assert "nothing to apply" in again["check"].log


def somebody_changes_a_topic_by_hand(story: Story) -> None:
    """No issue while there is nothing to tell; then one, which stays as it is as long as the drift does."""
    assert "drift: none" in well(story.workflow("drift"))["drift"].log
    assert story.fake.issues == {}
    set_by_hand(story.live, TOUCHED, "retention.ms", "86400000")
    found = well(story.workflow("drift"))["drift"]
    assert "drift: 1 resource is not as applied" in found.log
    assert re.search(
        r"^::warning file=topics/orders.yaml,line=\d+,title=drift%3A changed by hand",
        found.log,
        re.M,
    )
    issue = dict(story.issue)
    assert (issue["state"], issue["user"]["login"]) == ("open", BOT)
    assert issue["title"] == "kstate: drift in spec: 1 resource is not as applied"
    assert "retention.ms: is 86400000 (1d), wanted 604800000 (7d)" in issue["body"]
    well(story.workflow("drift"))
    assert story.issue == issue


def the_change_is_kept(story: Story) -> None:
    """What is live goes into the YAML, one line of it, through a pull request that writes to no resource."""
    said = story.kstate("drift", "--to-spec")
    assert "topics/orders.yaml:18 config.retention.ms: 7d -> 1d" in said
    [change] = re.findall(r"^\+[^+].*", story.git("diff", "--unified=0"), re.MULTILINE)
    assert change == "+spec: {profile: delete-6, config: {retention.ms: 1d}}"
    story.open(2, "returns are kept for a day")
    assert "0 create, 0 update, 0 delete" in well(story.workflow("plan", pull=2))["plan"].summary
    assert "recorded as it is live, and wanted by now" in story.comment(2)
    assert story.issue["state"] == "open"
    story.merge(2)
    assert not well(story.workflow("apply"))["apply"].skipped, "what counts as applied is recorded"
    assert well(story.workflow("apply"))["apply"].skipped
    assert live_config(story.live, TOUCHED)["retention.ms"] == "86400000"


def the_issue_is_closed(story: Story) -> None:
    """By the next look, and it is the same issue."""
    number = story.issue["number"]
    assert "drift: none" in well(story.workflow("drift"))["drift"].log
    assert (story.issue["number"], story.issue["state"]) == (number, "closed")
    assert "No drift any more" in story.issue["body"]
    secrets = (PASSWORD, TOKEN)
    told = [*(c["body"] for c in story.fake.comments.values()), story.issue["body"]]
    assert not [body for body in told if any(secret in body for secret in secrets)]
