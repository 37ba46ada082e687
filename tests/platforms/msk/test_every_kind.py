"""Every kind on MSK in one estate: made, nothing left to do, changed, nothing left to do, and away again.

`live` is a Standard cluster, with the login of a SCRAM user; `far` one whose brokers are out of reach, with its ledger
on the former; `origin` is what is mirrored from. Brokers, registry and workers are real, AWS is an emulation.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.estate import files
from tests.clusters import Live
from tests.fakes.aws import ACCOUNT, Cloud
from tests.fakes.msk import UUID, Msk
from tests.live.spec import Spec

ROLE = f"arn:aws:iam::{ACCOUNT}:role/orders"
SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
Documents = list[dict[str, Any]]


@pytest.fixture(scope="module")
def whole(sandboxes: Callable[..., Live]) -> Live:
    """A cluster of its own: the names here are not those of one test."""
    return sandboxes(extras=frozenset({"connect", "registry"}))


@pytest.fixture
def estate(
    whole: Live,
    kafka: Live,
    aws: Cloud,
    cluster: Msk,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Spec:
    """The Estate and its clusters. One MSK cluster is behind both: by Kafka, and by the API."""
    with closing(aws.by_hand("kms")) as keys:
        key = keys.create_key()["KeyMetadata"]["Arn"]
    with closing(aws.by_hand("secretsmanager")) as hand:
        hand.create_secret(Name="kstate", SecretString=json.dumps({"password": whole.password}))
    monkeypatch.setenv("APP_PW", "every-canary-77ac")
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.username": whole.user,
        "sasl.password": "aws-sm:kstate#password",
    }
    more = {
        "registry": {"url": whole.cluster.registry_url},
        "connect": [{"name": "main", "url": whole.cluster.connect_url}],
    }
    own = {"arn": cluster.arn, "policies": "iam", "users": {"kmsKey": key}}
    assert UUID in cluster.arn
    live = {"msk": {**own, "auth": "scram"}, "kafka": login, "bootstrap": [whole.scram_bootstrap]}
    made = Spec(tmp_path, capfd)
    made.write(
        {"kind": "Estate", "metadata": {"name": "acme"}, "spec": {"ledger": {"cluster": "live"}}},
        _cluster("live", platform="msk", **live, **more),
        _cluster("far", platform="msk", msk={**own, "via": "api"}, **more),
        _cluster("origin", platform="apache", bootstrap=[kafka.bootstrap]),
        file="clusters.yaml",
    )
    return made


def _cluster(name: str, **spec: Any) -> dict[str, Any]:
    return {"kind": "Cluster", "metadata": {"name": name}, "spec": spec}


def everything(whole: Live, folder: Path, *, later: bool, ensure: str = "present") -> Documents:
    """A document of each kind for each cluster that offers it, as they are first or later."""

    def document(kind: str, name: str, where: str, **spec: Any) -> dict[str, Any]:
        metadata = {"name": name, "clusters": [where], "ensure": ensure}
        return {"kind": kind, "metadata": metadata, "spec": spec}

    keep = "2d" if later else "1d"
    role = "consumer" if later else "producer"
    sink = {
        "connector.class": SINK,
        "topics": "orders",
        "file": str(folder / "out"),
        "tasks.max": 1 + later,
    }
    avro = {
        "type": "record",
        "name": "o",
        "fields": [{"name": "a", "type": "int", "default": 0}][: 1 + later],
    }
    avro["fields"] += [{"name": "b", "type": "int", "default": 0}] if later else []
    grants = [{"role": role, "topics": ["orders"]}]
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule"
    jaas = f'{scram} required username="{whole.user}" password="{whole.password}";'
    workers = files(whole.sandbox.options.name) / "msk.properties"
    workers.write_text(f"jaas={jaas}\n")
    login = {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f"${{file:{workers}:jaas}}",
    }
    found = [
        document("Topic", "orders", "live", partitions=1 + later, config={"retention.ms": keep}),
        document("Acl", "app", "live", principal="User:app", grants=grants),
        document(
            "Quota",
            "app",
            "live",
            entity={"user": "app"},
            limits={"producer_byte_rate": "2MiB" if later else "1MiB"},
        ),
        document(
            "Mirror",
            "flow",
            "live",
            source="origin",
            topics=[r"shop\..*"],
            naming="prefixed",
            connect="main",
            replication=1,
            interval="1s",
            tasks=1 + later,
            security={"target": login},
        ),
        document(
            "Topic",
            "far",
            "far",
            partitions=3 + later,
            replication=3,
            config={"retention.ms": keep},
        ),
    ]
    for where in ("live", "far"):
        found += [
            document("Acl", f"{where}-orders", where, access="iam", principal=ROLE, grants=grants),
            document("Connector", f"{where}-sink", where, connect="main", config=sink),
            document("Schema", f"{where}-value", where, type="avro", schema=json.dumps(avro)),
        ]
    rotation = {"rotation": "2026-12"} if later else {}
    found.append(document("User", "app", "far", password="env:APP_PW", **rotation))
    return found


def test_every_kind_comes_changes_and_goes(
    estate: Spec, whole: Live, cluster: Msk, aws: Cloud
) -> None:
    keys = _applied(estate, everything(whole, estate.folder, later=False))
    assert {key.split("/")[1] for key in keys} == {
        "acl",
        "connector",
        "mirror",
        "quota",
        "schema",
        "topic",
        "user",
    }
    assert len(cluster.associated) == 1
    drift = estate.run("drift", str(estate.folder))
    assert drift.code == 0, drift.out + drift.err
    _seen_otherwise(estate)
    _forgotten(estate, everything(whole, estate.folder, later=False))
    changed = _applied(estate, everything(whole, estate.folder, later=True))
    assert {key.split("/")[1] for key in changed} == {key.split("/")[1] for key in keys}
    _applied(estate, everything(whole, estate.folder, later=True, ensure="absent"))
    assert cluster.associated == set()
    assert cluster.names() == []
    assert not list((estate.folder / "iam").rglob("*.json"))
    told = "".join(call.data.decode() for call in aws.doors["kafka"].calls)
    assert "every-canary" not in told


def _seen_otherwise(estate: Spec) -> None:
    """By doctor, by an import and by a snapshot, from which all is as it was applied."""
    where = str(estate.folder)
    assert estate.run("doctor", where).code == 0
    out, recorded = (estate.folder.parent / f"{estate.folder.name}-{n}" for n in ("in", "seen"))
    found = estate.run("import", where, "--out", str(out))
    assert (found.code, (out / "_left-out").exists()) == (0, False), found.err
    policies = [f"{c}/acl/{ROLE}|{c}-orders: owned, and no document" for c in ("far", "live")]
    assert all(policy in found.err for policy in policies)
    assert "(2 changes, none of what was imported)" in found.err
    assert "env:APP_PW" in (out / "users" / "app.yaml").read_text()
    assert "naming: prefixed" in (out / "mirrors" / "flow.yaml").read_text()
    again = estate.run("plan", str(out), "--detailed-exitcode")
    assert again.code == 0, again.out + again.err
    assert estate.run("snapshot", where, "--out", str(recorded)).code == 0
    offline = estate.run("plan", where, "--offline", str(recorded), "--detailed-exitcode")
    assert offline.code == 0, offline.out + offline.err


def _forgotten(estate: Spec, documents: Documents) -> None:
    """A setting that leaves a document of the API's cluster: nobody could see it unset."""
    [far] = [d for d in documents if d["kind"] == "Topic" and d["metadata"]["name"] == "far"]
    others = [one for one in documents if one is not far]
    bare = {name: value for name, value in far["spec"].items() if name != "config"}
    estate.write(*others, {**far, "spec": bare})
    told = estate.plan_json()
    assert (told.code, told.codes) == (3, {"KS101", "KS193", "KS993"})
    assert "nobody can see whether `retention.ms` is unset: declare a value" in told.out


def _applied(estate: Spec, documents: Documents) -> set[str]:
    """Which resources were touched; afterwards nothing is left to do."""
    estate.write(*documents)
    planned = estate.plan_json()
    assert planned.code == 2, planned.out + planned.err
    approved = [word for code in planned.codes for word in ("--approve", code) if code[2] in "23"]
    done = estate.apply(*approved)
    assert done.code == 0, done.out[-4000:] + done.err
    again = estate.plan()
    assert again.code == 0, again.out + again.err
    assert "every-canary" not in planned.out + done.out + again.out
    return {change["key"] for wave in planned.json["waves"] for change in wave}
