"""The first hour with clusters that are full of things made by hand: the whole story, and what hangs on it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml

from demo.wild import CUSTOMER, PASSWORD, SINK, call, fill
from reconciler.cli.main import run
from reconciler.core import snapshot as snapshots
from reconciler.core.snapshot import Snapshot
from reconciler.sandbox import estate
from tests.live.conftest import Live
from tests.live.spec import Said, Spec
from tests.live.test_topics import set_by_hand

CLUSTERS = """apiVersion: kstate/v1
kind: Cluster
metadata: {name: eu, labels: {env: staging}}
spec:
  platform: apache
  bootstrap: ["env:KSTATE_SANDBOX_BOOTSTRAP"]
  registry: {url: "env:KSTATE_SANDBOX_REGISTRY_URL"}
  connect: [{name: main, url: "env:KSTATE_SANDBOX_CONNECT_URL"}]
---
apiVersion: kstate/v1
kind: Cluster
metadata: {name: us, labels: {env: prod}}
spec:
  platform: apache
  bootstrap: ["env:KSTATE_SANDBOX_2_BOOTSTRAP"]
  connect: [{name: main, url: "env:KSTATE_SANDBOX_2_CONNECT_URL"}]
---
apiVersion: kstate/v1
kind: Estate
metadata: {name: shop}
"""
INIT = (
    "--cluster=eu=env:KSTATE_SANDBOX_BOOTSTRAP",
    "--cluster=us=env:KSTATE_SANDBOX_2_BOOTSTRAP",
    "--registry=eu=env:KSTATE_SANDBOX_REGISTRY_URL",
    "--connect=eu=env:KSTATE_SANDBOX_CONNECT_URL",
    "--connect=us=env:KSTATE_SANDBOX_2_CONNECT_URL",
    "--owner=@acme/platform",
)


@pytest.fixture(scope="module")
def wild(sandboxes: Callable[..., Live]) -> Iterator[Live]:
    """Two clusters full of things that other clients made, their addresses in the environment."""
    live = sandboxes(clusters=2, extras=frozenset({"connect", "registry"}))
    fill(*live.sandbox.clusters)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in estate.environment(live.sandbox).items():
            patch.setenv(name, value)
        yield live


@pytest.fixture
def spec(wild: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Spec:
    """A folder with nothing but where the clusters are."""
    (tmp_path / "where").mkdir()
    (tmp_path / "where" / "clusters.yaml").write_text(CLUSTERS)
    return Spec(tmp_path / "where", capfd)


def documents(folder: Path) -> dict[tuple[str, str, str], Any]:
    """Every document by kind, name and cluster."""
    return {
        (body["kind"], body["metadata"]["name"], cluster): body["spec"]
        for file in folder.rglob("*.yaml")
        if not any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
        for body in yaml.safe_load_all(file.read_text())
        for cluster in body["metadata"].get("clusters", ["-"])
        if "spec" in body
    }


def taken(spec: Spec, folder: Path, name: str = "snapshot.json") -> Snapshot:
    said = spec.run("snapshot", str(folder), "--out", str(folder.parent / name))
    assert said.code == 0, said.err
    return snapshots.parse((folder.parent / name).read_bytes())


def resources(found: Snapshot) -> dict[str, Any]:
    """Everything that was live but the ledger: what it was set to, and which topic it was."""
    return {
        f"{cluster.name}/{kind}/{name}": (resource.settings, resource.facts.get("topic_id"))
        for cluster in found.clusters
        for kind, own in cluster.kinds.items()
        for name, resource in own.resources.items()
        if not name.startswith("__kstate")
    }


def test_the_first_hour(wild: Live, spec: Spec, tmp_path: Path) -> None:
    """init, doctor, import, an empty plan, adopt without a write, and a hand that drift finds."""
    repository = tmp_path / "acme-kafka"
    assert spec.run("init", str(repository), "--estate", "shop", *INIT).code == 0
    assert spec.run("validate", str(repository)).code == 0
    assert spec.run("doctor", str(repository)).code == 0
    before = resources(taken(spec, repository))
    imported = spec.run("import", str(repository), "--out", str(repository))
    assert imported.code == 0, imported.err
    assert "45 acls, 3 connectors, 1 mirror, 3 quotas, 5 schemas" in imported.err
    _looks_as_a_person_writes(repository)
    _says_what_it_left_out(imported, repository)
    empty = spec.run("plan", str(repository), "--detailed-exitcode")
    assert (empty.code, "No changes: eu, us are as the spec says" in empty.out) == (0, True)
    adopted = spec.run("adopt", str(repository), "--yes")
    assert adopted.code == 0, adopted.err
    assert resources(taken(spec, repository)) == before
    assert spec.run("plan", str(repository), "--detailed-exitcode").code == 0
    assert spec.run("drift", str(repository)).code == 0
    _a_hand_is_found(wild, spec, repository)


def _looks_as_a_person_writes(repository: Path) -> None:
    told = documents(repository)
    assert told["Topic", "orders.placed", "us"] == {"profile": "delete-6"}
    assert told["Topic", "orders.audit", "eu"] == {
        "profile": "delete-6",
        "config": {"retention.ms": "365d"},
    }
    assert told["Acl", "ops", "eu"]["grants"] == [
        {"role": "admin", "topics": [{"prefix": "orders."}], "cluster": True}
    ]
    streams = {"role": "streams", "applicationId": "shop-enricher", "topics": ["orders.placed"]}
    assert told["Acl", "shop-enricher", "eu"]["grants"] == [streams]
    assert told["Mirror", "payments-to-us", "us"] == {
        "source": "eu",
        "topics": ["payments.*"],
        "groups": ["payments-.*"],
        "naming": "prefixed",
        "replication": 1,
        "interval": "5s",
        "config": {"checkpoint": {"emit.offset-syncs.enabled": True}},
        "connect": "main",
    }
    assert told["User", "shop-orders", "us"]["password"] == "env:US_SHOP_ORDERS_PASSWORD"
    order = told["Schema", "orders.placed-value", "eu"]
    assert (order["compatibility"], order["references"][0]["version"]) == ("FULL", 1)
    assert (repository / "schemas" / "customers-value.proto").read_text() == CUSTOMER
    assert ("Topic", "eu.payments.settled", "us") not in told
    written = "".join(f.read_text() for f in repository.rglob("*") if f.is_file())
    assert PASSWORD not in written


def _says_what_it_left_out(said: Said, repository: Path) -> None:
    assert "eu/user/admin: left out, it has several credentials" in said.err
    assert "us/mirror/main/lone: left out, it carries from elsewhere to us" in said.err
    assert "us/topic/eu.payments.settled: kept by main/payments-to-us" in said.err
    wanted = "EU_MAIN_ORDERS_ARCHIVE_DATABASE_PASSWORD  Connector orders-archive (eu)"
    assert wanted in said.err
    assert PASSWORD not in said.err
    assert not (repository / "_left-out").exists()


def _a_hand_is_found(wild: Live, spec: Spec, repository: Path) -> None:
    set_by_hand(wild, "orders.shipped", "retention.ms", "1000")
    said = spec.run("drift", str(repository), "--format", "json")
    assert said.code == 2
    [finding] = said.json["findings"]
    assert (finding["key"], finding["what"]) == ("eu/topic/orders.shipped", "changed")
    assert finding["sources"][0].startswith("topics/orders.yaml:")
    set_by_hand(wild, "orders.shipped", "retention.ms", "604800000")
    assert spec.run("drift", str(repository)).code == 0


def test_a_whole_spec_in_a_new_folder_and_what_cannot_stay_as_it_is_aside(
    wild: Live, spec: Spec, tmp_path: Path
) -> None:
    """A connector that has failed cannot be asked for: its document waits beside the spec, with the reason."""
    url = f"{wild.cluster.connect_url}/connectors/broken-sink"
    call(f"{url}/config", "PUT", {**SINK, "file": "/nowhere/at/all"})
    _until_failed(url)
    try:
        said = spec.run("import", str(spec.folder), "-c", "eu", "--out", str(tmp_path / "new"))
        assert said.code == 0, said.err
        assert "Connector broken-sink (eu): left out" in said.err
    finally:
        call(url, "DELETE")
    aside = tmp_path / "new" / "_left-out" / "connectors" / "broken-sink-eu.yaml"
    assert aside.read_text().startswith("# Left out: its state is failed")
    told = documents(tmp_path / "new")
    assert ("Connector", "broken-sink", "eu") not in told
    assert ("Cluster", "us", "-") not in told
    # The ledger remembers which variable it was that somebody chose before.
    assert told["User", "shop-orders", "eu"]["password"] == "env:EU_SHOP_ORDERS_PASSWORD"
    plan = spec.run("plan", str(tmp_path / "new"), "--detailed-exitcode")
    assert plan.code == 0, plan.out


def _until_failed(url: str) -> None:
    import time

    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            if "FAILED" in json.dumps(call(f"{url}/status", "GET")):
                return
        except HTTPError:  # not seen by the workers yet
            pass
        time.sleep(0.1)
    raise AssertionError("it never failed")


def test_an_import_overwrites_nothing_and_half_of_it_is_none(
    spec: Spec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "notes").write_text("mine")
    said = spec.run("import", str(spec.folder), "--out", str(tmp_path / "there"))
    assert (said.code, "it holds notes, and an import overwrites nothing" in said.err) == (64, True)
    assert run(["import", str(spec.folder), "-c", "nope", "--out", str(tmp_path / "x")]) == 64
    monkeypatch.setenv("KSTATE_SANDBOX_2_BOOTSTRAP", "127.0.0.1:1")
    out = str(tmp_path / "x")
    said = spec.run("import", str(spec.folder), "--out", out, "--timeout", "1s")
    assert (said.code, "cluster us" in said.err) == (1, True)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["there", "where"]


def test_a_second_import_adds_only_what_is_new(wild: Live, spec: Spec, tmp_path: Path) -> None:
    only = ("--only", "topic/*", "-c", "eu")
    folder = tmp_path / "repo"
    assert spec.run("import", str(spec.folder), *only, "--out", str(folder)).code == 0
    files = {file: file.read_text() for file in folder.rglob("*.yaml")}
    from confluent_kafka.admin import NewTopic

    wild.admin.create_topics([NewTopic("orders.late", 6, 1)])["orders.late"].result()
    try:
        said = spec.run("import", str(folder), *only, "--out", str(folder))
        assert (said.code, "1 topic" in said.err) == (0, True), said.err
        new = [file.name for file in folder.rglob("*.yaml") if file not in files]
        assert new == ["orders-2.yaml"]
        assert all(file.read_text() == text for file, text in files.items())
        assert spec.run("plan", str(folder), *only, "--detailed-exitcode").code == 0
    finally:
        wild.admin.delete_topics(["orders.late"])["orders.late"].result()


# --- plans from a snapshot


@pytest.fixture(scope="module")
def adopted(wild: Live, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything imported and owned, once."""
    where = tmp_path_factory.mktemp("where")
    (where / "clusters.yaml").write_text(CLUSTERS)
    folder = tmp_path_factory.mktemp("adopted") / "repository"
    assert run(["import", str(where), "--out", str(folder)]) == 0
    assert run(["adopt", str(folder), "--yes"]) == 0
    return folder


@pytest.fixture
def repository(adopted: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return Path(shutil.copytree(adopted, tmp_path / "repository"))


Edit = tuple[str, str, str]
# What somebody changes in one pull request, and whether the digest can be known without asking anybody.
REQUESTS: list[tuple[bool, list[Edit]]] = [
    (
        True,
        [
            ("topics/orders.yaml", "retention.ms: 365d", "retention.ms: 500d"),
            ("acls/shop.yaml", "operation: Create", "operation: Alter"),
            ("connectors/orders.yaml", "errors.tolerance: all", "errors.tolerance: none"),
            ("mirrors/payments.yaml", "[payments.*]", "[payments.*, orders.*]"),
            ("schemas/orders.placed-value.avsc", '"type": "string"', '"type": "long"'),
            ("schemas/customers-value.proto", "name = 2;", "name = 2; string mail = 3;"),
            ("users/shop.yaml", "iterations: 4096", "iterations: 8192"),
            ("quotas/shop.yaml", "1048576", "1000"),
        ],
    ),
    (
        True,
        [
            ("topics/orders.yaml", "partitions: 3", "partitions: 5"),
            ("connectors/orders.yaml", "DATABASE_PASSWORD", "OTHER_PASSWORD"),
            ("schemas/orders.yaml", "compatibility: FULL", "compatibility: NONE"),
        ],
    ),
    (
        True,
        [
            ("topics/orders.yaml", "partitions: 3", "partitions: 2"),
            ("connectors/orders.yaml", "state: paused", "state: running"),
            ("schemas/orders.yaml", ", version: 1", ""),
        ],
    ),
    (False, [("topics/orders.yaml", "retention.ms: 365d", "retention.ms: 5d")]),
    (False, [("topics/state.yaml", "clusters: [eu, us]", "clusters: [eu, us], ensure: absent")]),
]
TOLD = ("action", "owner", "before", "after", "edits", "steps", "expects", "note", "sources")


@pytest.mark.parametrize(("alike", "edits"), REQUESTS)
def test_a_plan_from_a_snapshot_is_the_plan_of_the_live_clusters(
    spec: Spec, repository: Path, monkeypatch: pytest.MonkeyPatch, alike: bool, edits: list[Edit]
) -> None:
    """Change by change; the digest too, wherever nobody has to be asked what a change would cost."""
    found = taken(spec, repository)
    assert PASSWORD not in snapshots.render(found).decode()
    for file, before, after in edits:
        text = (repository / file).read_text()
        assert before in text, file
        (repository / file).write_text(text.replace(before, after, 1))
    live = spec.run("plan", str(repository), "--format", "json").json
    for name in _environment():
        monkeypatch.delenv(name)
    offline = ("--offline", str(repository.parent / "snapshot.json"))
    recorded = spec.run("plan", str(repository), "--format", "json", *offline).json
    assert _changes(recorded) == _changes(live)
    assert len(_changes(live)) >= len(edits) - 1
    assert (recorded["digest"] == live["digest"]) is alike
    [risk] = [r for r in recorded["risks"] if r["code"] == "KS132"]
    assert ("another digest" in risk["message"]) is not alike


def _environment() -> list[str]:
    import os

    return [
        name for name in os.environ if name.startswith("KSTATE_SANDBOX_") and "HOME" not in name
    ]


def _changes(plan: Any) -> dict[str, Any]:
    return {c["key"]: {name: c[name] for name in TOLD} for wave in plan["waves"] for c in wave}


def test_a_plan_from_a_snapshot_is_shown_and_never_applied(
    spec: Spec, repository: Path, tmp_path: Path
) -> None:
    found = taken(spec, repository)
    saved, record = str(tmp_path / "plan.json"), tmp_path / "snapshot.json"
    offline = ("--offline", str(record))
    said = spec.run("plan", str(repository), *offline, "--out", saved)
    assert (said.code, "never applied" in said.err) == (0, True)
    assert spec.run("show", saved).code == 0
    said = spec.run("apply", saved)
    assert (said.code, "made from a snapshot of" in said.err) == (4, True)
    old = snapshots.render(
        Snapshot(
            "2020-01-01T00:00:00Z",
            "2020-01-02T00:00:00Z",
            found.kstate,
            found.clusters,
            found.estate,
            failures={"us": "nobody answered"},
        )
    )
    record.write_bytes(old)
    assert "it has expired" in spec.run("plan", str(repository), *offline).out
    record.write_bytes(old.replace(b"shop", b"shup", 1))
    said = spec.run("plan", str(repository), *offline)
    assert (said.code, "changed or damaged" in said.err) == (4, True)
    assert spec.run("plan", str(repository), "--offline", str(tmp_path / "none")).code == 64


def test_a_snapshot_knows_what_it_does_not_know(
    spec: Spec, repository: Path, tmp_path: Path
) -> None:
    """A cluster that it lacks fails by itself; another address, and another ledger, are told."""
    said = spec.run("snapshot", str(repository), "-c", "eu", "--out", str(tmp_path / "eu.json"))
    assert said.code == 0, said.err
    offline = ("--offline", str(tmp_path / "eu.json"))
    said = spec.run("plan", str(repository), *offline)
    assert (said.code, "cluster us: the snapshot does not have it; it has eu" in said.err) == (
        1,
        True,
    )
    assert "No changes: eu" in said.out
    cluster = repository / "clusters" / "eu.yaml"
    cluster.write_text(cluster.read_text().replace("env:KSTATE_SANDBOX_BOOTSTRAP", "other:9092"))
    (repository / "estate.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Estate\nmetadata: {name: shop}\nspec: {ledger: {topic: __other}}\n"
    )
    said = spec.run("plan", str(repository), "-c", "eu", *offline)
    assert said.code == 0, said.err
    assert "its Cluster document is another one than when the snapshot was taken" in said.out
    assert "the snapshot has no ledger __other" in said.out


def test_a_ledger_on_another_cluster_is_in_the_snapshot_too(
    spec: Spec, repository: Path, tmp_path: Path
) -> None:
    (repository / "estate.yaml").write_text(
        "apiVersion: kstate/v1\nkind: Estate\nmetadata: {name: elsewhere}\n"
        "spec: {ledger: {topic: __kstate_elsewhere, cluster: us}}\n"
    )
    assert spec.run("adopt", str(repository), "--yes", "-c", "eu").code == 0
    taken(spec, repository)
    (repository / "quotas" / "client.yaml").unlink()
    offline = ("--offline", str(tmp_path / "snapshot.json"))
    live, recorded = (
        spec.run("plan", str(repository), "-c", "eu", "--format", "json", *more).json
        for more in ((), offline)
    )
    assert _changes(live)["eu/quota/client-id=*"]["action"] == "delete"
    assert _changes(recorded) == _changes(live)
    assert recorded["digest"] == live["digest"]


# --- waves, with a ledger


def test_a_saved_plan_in_waves_goes_on_where_it_stopped(
    wild: Live, spec: Spec, repository: Path, tmp_path: Path
) -> None:
    """What is done is never done again, and what is done everywhere is over."""
    orders = repository / "topics" / "orders.yaml"
    orders.write_text(
        orders.read_text().replace(
            "{profile: delete-6}", "{profile: delete-6, config: {retention.ms: 8d}}"
        )
    )
    saved = str(tmp_path / "plan.json")
    waves = ("--wave", "env=staging", "--wave", "env=prod")
    assert spec.run("plan", str(repository), *waves, "--out", saved).code == 0
    us = Live(wild.sandbox, _admin(wild, 1))
    set_by_hand(us, "orders.placed", "retention.ms", "1")
    said = spec.run("apply", saved)
    assert (said.code, "orders.placed: config.retention.ms was" in said.out) == (6, True), said.out
    set_by_hand(us, "orders.placed", "retention.ms", "604800000")
    again = spec.run("apply", saved, "--format", "json")
    assert again.code == 0, again.err
    words = {c["key"].partition("/")[0]: c["words"] for c in again.json["changes"]}
    assert words == {"eu": "done when this plan was applied before", "us": ""}
    said = spec.run("apply", saved)
    assert (said.code, "this plan was applied before, completely" in said.err) == (4, True)
    assert spec.run("plan", str(repository), "--detailed-exitcode").code == 0


def _admin(live: Live, cluster: int) -> Any:
    from reconciler.sandbox import ready

    return ready.client(live.sandbox.clusters[cluster].bootstrap)


def test_plans_of_many_jobs_are_the_plan_of_one_run(
    spec: Spec, repository: Path, tmp_path: Path
) -> None:
    quotas = repository / "quotas" / "shop.yaml"
    quotas.write_text(quotas.read_text().replace("1048576", "2048"))
    matrix = spec.run("fleet", "matrix", str(repository)).json
    (tmp_path / "matrix.json").write_text(json.dumps(matrix))
    parts = []
    for job in matrix["include"]:
        parts.append(str(tmp_path / f"{job['group']}.json"))
        arguments = [*job["args"].split(), "--out", parts[-1]]
        assert spec.run("plan", str(repository), *arguments).code == 0
    merge = ("fleet", "merge", "--matrix", str(tmp_path / "matrix.json"))
    said = spec.run(*merge, *parts, "--format", "json", "--out", str(tmp_path / "all.json"))
    assert said.code == 0, said.err
    whole = spec.run("plan", str(repository), "--format", "json").json
    assert said.json["digest"] == whole["digest"]
    said = spec.run(*merge, parts[0])
    assert (said.code, "no file speaks of group 2 (us)" in said.err) == (1, True)
    assert "cluster eu" in said.out
    assert spec.run(*merge, *parts, "--expect", f"sha256:{'0' * 64}").code == 4
    assert spec.run("apply", str(tmp_path / "all.json")).code == 0
