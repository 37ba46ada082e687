"""The workflows as a repository calls them, on a real Kafka and GitHub's API: plan, approval, merge, apply, drift."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.github import BOT, FakeGitHub, serve
from tests.fakes.runner import Job, Runner
from tests.live.conftest import Live
from tests.live.spec import Spec
from tests.live.test_topics import live_config, make, set_by_hand

TOKEN = "t0k3n-of-the-bot"
HEAD, MERGED, BASE = "a" * 40, "c" * 40, "b" * 40
TOPICS = """\
apiVersion: kstate/v1
kind: Topic
metadata: {name: NAMEa}
spec: {partitions: 1, config: {retention.ms: 7d}}  # a week
---
apiVersion: kstate/v1
kind: Topic
metadata: {name: NAMEb}
spec: {partitions: 1}
"""


@pytest.fixture
def fake() -> Iterator[FakeGitHub]:
    with serve(FakeGitHub(tokens={TOKEN: (BOT, {"issues", "pull-requests"})})) as made:
        made.users = {"ann": "write", "bob": "maintain"}
        yield made
        made.check()


@pytest.fixture
def estate(spec: Spec, name: str) -> Spec:
    """Applied once: two topics."""
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    write(spec, TOPICS.replace("NAME", name))
    assert spec.apply().code == 0
    return spec


def write(spec: Spec, text: str) -> None:
    (spec.folder / "topics.yaml").write_text(text)


def text(spec: Spec) -> str:
    return (spec.folder / "topics.yaml").read_text()


def runner(
    fake: FakeGitHub,
    folder: Path,
    temp: Path,
    event: Mapping[str, Any],
    commit: str,
    secrets: Mapping[str, str] | None = None,
    *,
    token: str = TOKEN,
) -> Runner:
    file = temp / "event.json"
    file.write_text(json.dumps(event))
    environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_API_URL": fake.url,
        "GITHUB_GRAPHQL_URL": f"{fake.url}/graphql",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_REPOSITORY": fake.repository,
        "GITHUB_RUN_ID": "77",
        "GITHUB_SHA": commit,
        "GITHUB_REF_NAME": "main",
        "GITHUB_ACTOR": "ann",
        "GITHUB_EVENT_PATH": str(file),
        "GITHUB_WORKSPACE": str(folder),
        "KSTATE_PAUSE": "0",
    }
    return Runner(temp, folder, environment, event, token, secrets or {})


def opened(fake: FakeGitHub, *, repository: str = "acme/kafka") -> dict[str, Any]:
    """The event of a pull request by ann."""
    pull = fake.pull(1, "ann", HEAD, BASE)
    pull["head"]["repo"] = {"full_name": repository}
    return {"pull_request": pull}


def ours(fake: FakeGitHub) -> list[str]:
    return [c["body"] for c in fake.comments.values() if c["user"]["login"] == BOT]


def well(jobs: Mapping[str, Job]) -> Mapping[str, Job]:
    assert {name: job.failed for name, job in jobs.items() if job.failed} == {}, [
        job.log for job in jobs.values()
    ]
    return jobs


def test_from_a_pull_request_to_the_cluster_and_back(
    kafka: Live, estate: Spec, name: str, fake: FakeGitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temp = tmp_path_factory.mktemp("runner")
    before, _, _ = text(estate).partition("---")
    write(estate, before.replace(": 7d", ": 8d"))

    # The plan, as a comment, annotations, a summary and outputs.
    event = opened(fake)
    at_pull = runner(fake, estate.folder, temp, event, HEAD)
    planned = well(at_pull.workflow("kstate-plan", {}))
    assert planned["fork"].skipped
    digest = planned["plan"].outputs["digest"]
    [comment] = ours(fake)
    assert comment.startswith("<!-- kstate:spec -->\n")
    assert f"Digest `{digest}`" in comment
    assert "/actions/runs/77" in comment
    assert f"::warning title=KS231 danger::live: delete topic {name}b" in planned["plan"].log
    assert "1 update, 1 delete, 1 blocked" in planned["plan"].summary
    assert TOKEN not in planned["plan"].log + comment
    well(at_pull.workflow("kstate-plan", {}))
    assert ours(fake) == [comment], "the same plan changes nothing"

    # Merged without its approvals: refused, and nothing is written.
    fake.merge(1, MERGED)
    at_merge = runner(fake, estate.folder, temp, {}, MERGED)
    refused = at_merge.workflow("kstate-apply", {"environment": "prod"})
    assert refused["apply"].failed == "kstate apply: 3"
    assert "KS231" in refused["apply"].log
    assert f"{name}b" in kafka.admin.list_topics(timeout=5).topics

    # The lines of the comment, copied by somebody else, let it go on; and what is said is what was asked for.
    orders = re.findall(r"^/kstate approve .*$", comment, re.MULTILINE)
    assert all(digest in order for order in orders)
    fake.comment(1, "ann", "\n".join(orders))
    fake.comment(1, "bob", "\n".join(orders))
    done = well(at_merge.workflow("kstate-apply", {"environment": "prod"}))
    assert "the approval by ann does not count" in done["check"].log
    assert live_config(kafka, f"{name}a")["retention.ms"] == "691200000"
    assert f"{name}b" not in kafka.admin.list_topics(timeout=5).topics
    [after] = ours(fake)
    assert "2 of 2 changes read back as planned" in after
    assert "bob" not in after
    again = well(at_merge.workflow("kstate-apply", {"environment": "prod"}))
    assert (again["apply"].skipped, "nothing to apply" in again["check"].log) == (True, True)


def test_what_was_not_approved_is_not_applied(
    kafka: Live, estate: Spec, name: str, fake: FakeGitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temp = tmp_path_factory.mktemp("runner")
    write(estate, text(estate).replace(": 7d", ": 8d"))
    at_pull = runner(fake, estate.folder, temp, opened(fake), HEAD)
    well(at_pull.workflow("kstate-plan", {}))
    fake.merge(1, MERGED)
    # Somebody else's change was merged in between.
    write(estate, text(estate).replace(": 8d", ": 9d"))
    at_merge = runner(fake, estate.folder, temp, {}, MERGED)
    jobs = at_merge.workflow("kstate-apply", {"environment": "prod"})
    assert jobs["check"].failed == "Compare: 4"
    assert jobs["apply"].skipped
    # By hand, with the digest of what is there now, it goes.
    digest = at_merge.action({"run": "plan", "spec": ".", "notify": "false"}).outputs["digest"]
    by_hand = {"environment": "prod", "digest": digest}
    well(at_merge.workflow("kstate-apply", by_hand))
    assert live_config(kafka, f"{name}a")["retention.ms"] == "777600000"
    for wrong in ("", "sha256:1", "$(touch x)"):
        job = at_merge.action({"run": "apply", "digest": wrong})
        assert job.failed == "kstate apply: 64"
    assert not (estate.folder / "x").exists()


def test_a_spec_that_is_wrong_is_told_at_its_lines_and_leaves_no_digest(
    estate: Spec, fake: FakeGitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temp = tmp_path_factory.mktemp("runner")
    event = opened(fake)
    write(estate, text(estate).replace(": 7d", ": 8d"))
    at_pull = runner(fake, estate.folder, temp, event, HEAD)
    well(at_pull.workflow("kstate-plan", {}))
    write(estate, text(estate).replace("partitions: 1,", "partitons: 1,"))
    event["pull_request"]["head"]["sha"] = "d" * 40
    jobs = runner(fake, estate.folder, temp, event, "d" * 40).workflow("kstate-plan", {})
    assert jobs["plan"].failed == "kstate plan: 64"
    assert "::error file=topics.yaml,line=4,col=8,title=the spec is wrong::" in jobs["plan"].log
    assert "did you mean" in jobs["plan"].summary
    [comment] = ours(fake)
    assert "no plan" in comment
    assert "sha256:" not in comment
    # A fork: the same is told, without a login, a token or a comment. No drift has recorded anything yet.
    fake.comments.clear()
    forked = opened(fake, repository="mallory/kafka")
    requests = len(fake.log)
    jobs = runner(fake, estate.folder, temp, forked, HEAD).workflow("kstate-plan", {})
    assert (jobs["plan"].skipped, jobs["fork"].failed) == (True, "kstate validate: 64")
    assert "::error file=topics.yaml,line=4" in jobs["fork"].log
    assert (len(fake.log), ours(fake)) == (requests, [])


def test_a_fork_is_planned_against_what_the_trusted_side_recorded(
    kafka: Live,
    estate: Spec,
    name: str,
    fake: FakeGitHub,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what a fork gets: no secret, so no address of any cluster, and a token that only reads."""
    temp = tmp_path_factory.mktemp("runner")
    reads = "t0k3n-that-reads"
    fake.tokens[reads] = (BOT, set())
    monkeypatch.setenv("HERE_BOOTSTRAP", kafka.bootstrap)
    estate.cluster("env:HERE_BOOTSTRAP")
    secret = {"env": f"HERE_BOOTSTRAP={kafka.bootstrap}\n"}
    trusted = runner(fake, estate.folder, temp, {}, MERGED, secret)
    well(trusted.workflow("kstate-drift", {}))
    assert trusted.kept.caches == {}, "nobody asked for it"
    well(trusted.workflow("kstate-drift", {"snapshot": True}))
    [recorded] = trusted.kept.caches.values()
    assert kafka.bootstrap.encode() not in recorded

    write(estate, text(estate).replace(": 7d", ": 8d").partition("---")[0])
    live = json.loads(estate.plan_json().out)
    (temp / "kstate-snapshot.json").unlink()
    event = opened(fake, repository="mallory/kafka")
    forked = runner(fake, estate.folder, temp, event, HEAD, token=reads)
    forked.kept = trusted.kept
    requests = len(fake.log)
    planned = well(forked.workflow("kstate-plan", {"environment": "plan", "sarif": True}))
    assert planned["plan"].skipped
    job = planned["fork"]
    assert "retention.ms: 604800000 (7d) -> 691200000 (8d)" in job.summary
    assert f"::warning title=KS231 danger::live: delete topic {name}b" in job.log
    assert live["summary"]["update"] == live["summary"]["delete"] == 1
    assert "1 update, 1 delete, 1 blocked" in job.summary
    assert "KS132" in job.summary, "it says that it comes from a snapshot"
    assert (len(fake.log), ours(fake)) == (requests, [])
    assert reads not in job.log + job.summary
    assert well(forked.workflow("kstate-sarif", {}))["sarif"].skipped
    # Merged, it is not applied by itself: nobody with a login has planned it before the eyes of a reviewer.
    fake.merge(1, MERGED)
    merged = trusted.workflow("kstate-apply", {"environment": "prod"})
    assert (merged["check"].failed, merged["apply"].skipped) == ("kstate approved: 3", True)
    assert live["digest"] in merged["check"].summary
    # Another scope has another record, also where its name begins alike.
    other = well(forked.workflow("kstate-plan", {"scope": "spe"}))["fork"]
    assert "retention.ms" not in other.summary


def test_what_a_plan_found_is_shown_under_code_scanning(
    kafka: Live, estate: Spec, name: str, fake: FakeGitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temp = tmp_path_factory.mktemp("runner")
    at_pull = runner(fake, estate.folder, temp, opened(fake), HEAD)

    def results() -> list[tuple[str, str]]:
        at_pull.kept.scanned.clear()
        at_pull.kept.artifacts.clear()
        at_pull.workflow("kstate-plan", {"sarif": True})
        well(at_pull.workflow("kstate-sarif", {}))
        (estate.folder / "found" / "kstate.sarif").unlink(missing_ok=True)
        [run] = at_pull.kept.scanned["kstate-spec"]["runs"]
        places = [r["locations"][0]["physicalLocation"] for r in run["results"]]
        return [
            (r["ruleId"], p["artifactLocation"]["uri"])
            for r, p in zip(run["results"], places, strict=True)
        ]

    write(estate, text(estate).partition("---")[0].replace("partitions: 1", "partitions: 2"))
    found = results()
    assert {code for code, _ in found} >= {"KS111", "KS231"}
    assert ("KS111", "topics.yaml") in found
    good = text(estate)
    write(estate, good.replace("partitions: 2,", "partitons: 2,"))
    assert {place for _, place in results()} == {"topics.yaml"}, (
        "a spec that is wrong has its lines"
    )
    # Nobody asked for it, or there is nothing to look at: nothing is uploaded, and nothing there before is closed.
    write(estate, good)
    at_pull.kept.artifacts.clear()
    well(at_pull.workflow("kstate-plan", {}))
    estate.cluster(kafka.bootstrap, id="of-another-cluster-22")
    assert at_pull.workflow("kstate-plan", {"sarif": True})["plan"].failed == "kstate plan: 4"
    assert at_pull.kept.artifacts == {}
    (estate.folder / "found").rmdir()
    at_pull.kept.scanned.clear()
    assert "left no results" in well(at_pull.workflow("kstate-sarif", {}))["sarif"].log
    assert at_pull.kept.scanned == {}


def test_drift_opens_one_issue_and_keeping_it_closes_it(
    kafka: Live, estate: Spec, name: str, fake: FakeGitHub, tmp_path_factory: pytest.TempPathFactory
) -> None:
    temp = tmp_path_factory.mktemp("runner")
    scheduled = runner(fake, estate.folder, temp, {}, MERGED)
    assert well(scheduled.workflow("kstate-drift", {}))["drift"].outputs["drifted"] == "0"
    assert fake.issues == {}
    set_by_hand(kafka, f"{name}a", "retention.ms", "86400000")
    make(kafka, f"{name}stray")
    found = well(scheduled.workflow("kstate-drift", {}))["drift"]
    assert found.outputs["drifted"] == "1"
    assert "::warning file=topics.yaml,line=3,title=drift%3A changed by hand::" in found.log
    [issue] = fake.issues.values()
    assert (issue["state"], issue["title"]) == (
        "open",
        "kstate: drift in spec: 1 resource is not as applied",
    )
    assert "retention.ms: is 86400000 (1d), wanted 604800000 (7d)" in issue["body"]
    body = issue["body"]
    well(scheduled.workflow("kstate-drift", {}))
    assert issue["body"] == body, "the same drift changes nothing"
    # Narrowed, and nobody said which issue it is about: told, and the whole estate's issue is left alone.
    narrowed = well(scheduled.workflow("kstate-drift", {"clusters": "live"}))["drift"]
    assert "::warning title=kstate notify::nobody could be told" in narrowed.log
    assert "say with --scope which one it is" in narrowed.log
    assert estate.run("drift", str(estate.folder), "--to-spec").code == 0
    assert "retention.ms: 1d}}  # a week" in text(estate)
    well(scheduled.workflow("kstate-drift", {}))
    [issue] = fake.issues.values()
    assert (issue["state"], "No drift any more" in issue["body"]) == ("closed", True)
