"""What is live written into a person's YAML, for every kind that has settings; no cluster is needed to prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.diff import flat, nest
from reconciler.core.drift import Drift, Finding, What, compare
from reconciler.core.model import Key, Resource
from reconciler.engine.accepting import Acceptance, accept, save
from reconciler.engine.drifting import Found
from reconciler.engine.intent import check, desired_of
from reconciler.errors import BadUsage
from reconciler.kinds.registry import load as kinds
from reconciler.spec.folder import Spec, load

CLUSTER = """\
apiVersion: kstate/v1
kind: Cluster
metadata: {{name: {name}}}
spec:
  platform: apache
  bootstrap: ["localhost:9092"]
  registry: {{url: "http://localhost:8081"}}
  connect: [{{name: main, url: "http://localhost:8083"}}]
"""
HEAD = "apiVersion: kstate/v1\nkind: {kind}\nmetadata: {{name: {name}}}\n"


def spec_of(
    folder: Path, *documents: str, clusters: tuple[str, ...] = ("eu",), **files: str
) -> Spec:
    folder.mkdir(exist_ok=True)
    text = "---\n".join(CLUSTER.format(name=name) for name in clusters)
    (folder / "clusters.yaml").write_text(text)
    (folder / "x.yaml").write_text("---\n".join(documents))
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    values = folder / "values.yml" if "values_yml" in files else None
    found = load(folder, values=values)
    check(found)
    return found


def document(kind: str, name: str, spec: str) -> str:
    return HEAD.format(kind=kind, name=name) + spec


def found(
    spec: Spec, hand: Mapping[str, Mapping[tuple[str, ...], Any]], *, gone: str = ""
) -> Found:
    """The drift that a hand made: live is as wanted, but for these values, by the resource's key."""
    want = {k: r for c in spec.clusters for k, r in desired_of(spec, c)[2].state.items()}
    sources = {k: s for c in spec.clusters for k, s in desired_of(spec, c)[2].sources.items()}
    live = {}
    for key, resource in want.items():
        leaves = dict(flat(resource.settings))
        leaves = (
            {("replication",): 1, ("partitions",): 1, **leaves} if key.kind == "topic" else leaves
        )
        leaves |= hand.get(str(key), {})
        settings = nest((p, v) for p, v in leaves.items() if v is not None)
        if str(key) != gone:
            live[key] = Resource(resource.name, settings)
    findings = [
        replace(finding, sources=tuple(sources[finding.key]))
        for finding in compare(want, live, want, lambda key: kinds()[key.kind].whole)
    ]
    report = Drift((), tuple(findings), "2026-11-23T10:00:00Z", "0.1.0")
    return Found(report, {}, want, live)


def take(folder: Path, spec: Spec, drift: Found, values: Path | None = None) -> Acceptance:
    made = accept(spec, drift, folder, values)
    save(made)
    return made


CHANGED = {
    "a quota": (
        document(
            "Quota",
            "app",
            "spec: {entity: {user: app}, limits: {producer_byte_rate: 10MiB}}  # half\n",
        ),
        {"eu/quota/user=app": {("limits", "producer_byte_rate"): "5242880"}},
        "producer_byte_rate: 5242880}}  # half",
    ),
    "iterations of a user": (
        document(
            "User",
            "app",
            "spec:\n  mechanism: SCRAM-SHA-512\n  iterations: 8192 # slow\n  password: env:PW\n",
        ),
        {"eu/user/app": {("credentials", "SCRAM-SHA-512"): 4096}},
        "iterations: 4096 # slow",
    ),
    "a connector": (
        document(
            "Connector",
            "sink",
            "spec:\n  connect: main\n  config:\n    connector.class: x.Y  # ours\n    tasks.max: 2\n    topics: a\n",
        ),
        {"eu/connector/main/sink": {("config", "tasks.max"): "3", ("config", "extra"): "on"}},
        "tasks.max: 3\n    topics: a\n    extra: on\n",
    ),
    "what a hand took away from a connector": (
        document(
            "Connector",
            "sink",
            "spec:\n  connect: main\n  config:\n    connector.class: x.Y\n    extra: 1  # why\n    topics: a\n",
        ),
        {"eu/connector/main/sink": {("config", "extra"): None}},
        "connector.class: x.Y\n    topics: a\n",
    ),
    "a compatibility": (
        document(
            "Schema", "a-value", "spec: {type: avro, schema: '\"string\"', compatibility: FULL}\n"
        ),
        {"eu/schema/a-value": {("compatibility",): "NONE"}},
        "compatibility: NONE}",
    ),
    "a list": (
        document(
            "Topic", "t", "spec: {partitions: 1, config: {cleanup.policy: [compact, delete]}}\n"
        ),
        {"eu/topic/t": {("config", "cleanup.policy"): "compact"}},
        "cleanup.policy: compact}}",
    ),
    "more partitions": (
        document("Topic", "t", "spec: {partitions: 1}\n"),
        {"eu/topic/t": {("partitions",): 6}},
        "partitions: 6}",
    ),
    "a text that YAML would take for something else": (
        document(
            "Connector",
            "sink",
            "spec: {connect: main, config: {connector.class: x.Y, topics: a}}\n",
        ),
        {"eu/connector/main/sink": {("config", "topics"): "no: # x"}},
        'topics: "no: # x"}}',
    ),
}


@pytest.mark.parametrize("story", CHANGED)
def test_it_stands_in_the_document(tmp_path: Path, story: str) -> None:
    text, hand, wanted = CHANGED[story]
    spec = spec_of(tmp_path, text)
    drift = found(spec, hand)
    [finding] = drift.drift.drifted
    assert finding.what is What.CHANGED
    made = take(tmp_path, spec, drift)
    assert (made.refused, wanted in (tmp_path / "x.yaml").read_text()) == ([], True), (
        tmp_path / "x.yaml"
    ).read_text()
    assert list(found(load(tmp_path), {}).want) == list(drift.want)


PROFILE = document("Profile", "p", "spec: {config: {retention.ms: 7d}}\n")
TOPIC = {"eu/topic/t": {("config", "retention.ms"): "86400000"}}
REFUSED = {
    "a variable": (
        [document("Topic", "t", "spec: {config: {retention.ms: '${week}'}}\n")],
        {"values_yml": "week: 7d\n"},
        TOPIC,
        "a values file",
    ),
    "an anchor": (
        [
            document(
                "Topic", "t", "spec: {config: {retention.ms: &w 7d, delete.retention.ms: *w}}\n"
            )
        ],
        {},
        TOPIC,
        "its anchor `&w`",
    ),
    "a schema in a file of its own": (
        [document("Schema", "a-value", "spec: {type: avro, file: a.avsc}\n")],
        {"a_avsc": '"string"'},
        {"eu/schema/a-value": {("schema",): '"int"'}},
        "stands in a.avsc",
    ),
}


@pytest.mark.parametrize("story", REFUSED)
def test_or_a_reason_why_not_and_no_byte_is_touched(tmp_path: Path, story: str) -> None:
    documents, files, hand, why = REFUSED[story]
    spec = spec_of(tmp_path, *documents, **files)
    before = (tmp_path / "x.yaml").read_bytes()
    values = tmp_path / "values.yml" if "values_yml" in files else None
    made = take(tmp_path, spec, found(spec, hand), values)
    assert [why in refused.why for refused in made.refused] == [True]
    assert (made.files, (tmp_path / "x.yaml").read_bytes()) == ({}, before)


def test_a_secret_is_never_written(tmp_path: Path) -> None:
    text = document(
        "Connector",
        "sink",
        "spec: {connect: main, config: {connector.class: x.Y, topics: a, db.password: {env: PW}}}\n",
    )
    spec = spec_of(tmp_path, text)
    key = "eu/connector/main/sink"
    [path] = [
        p for p, _ in flat(found(spec, {}).want[Key.parse(key)].settings) if "password" in p[-1]
    ]
    made = take(tmp_path, spec, found(spec, {key: {path: "hunter2-in-the-clear"}}))
    assert made.written == []
    assert "hunter2" not in (tmp_path / "x.yaml").read_text()
    assert "is a secret" in made.refused[0].why


def test_what_a_profile_says_is_overridden_in_the_document(tmp_path: Path) -> None:
    topic = document("Topic", "t", "spec:\n  profile: p  # shared\n")
    spec = spec_of(tmp_path, PROFILE, topic)
    take(tmp_path, spec, found(spec, TOPIC))
    text = (tmp_path / "x.yaml").read_text()
    assert PROFILE in text, "the profile is for others too"
    assert text.endswith("  profile: p  # shared\n  config: {retention.ms: 1d}\n")


def test_what_a_profile_says_and_nobody_set_is_unset(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, PROFILE, document("Topic", "t", "spec: {profile: p}\n"))
    take(tmp_path, spec, found(spec, {"eu/topic/t": {("config", "retention.ms"): None}}))
    assert "spec: {profile: p, config: {retention.ms: null}}" in (tmp_path / "x.yaml").read_text()


def test_a_document_for_two_clusters_is_changed_where_both_are_so(tmp_path: Path) -> None:
    topic = document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n")
    spec = spec_of(tmp_path, topic, clusters=("eu", "us"))
    other = {"us/topic/t": {("config", "retention.ms"): "86400000"}}
    made = take(tmp_path, spec, found(spec, {**TOPIC, **other}))
    assert (len(made.written), made.refused) == (2, [])
    assert "retention.ms: 1d" in (tmp_path / "x.yaml").read_text()


def test_and_not_where_only_one_is(tmp_path: Path) -> None:
    topic = document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n")
    spec = spec_of(tmp_path, topic, clusters=("eu", "us"))
    made = take(tmp_path, spec, found(spec, TOPIC))
    assert "cluster us too" in made.refused[0].why
    assert "give eu a document of its own" in made.refused[0].why


def test_what_is_gone_is_for_a_person(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, document("Topic", "t", "spec: {}\n"))
    made = take(tmp_path, spec, found(spec, {}, gone="eu/topic/t"))
    assert "take its document out" in made.refused[0].why


def test_a_result_that_asks_for_anything_else_is_never_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof is what holds, whatever the editing did."""
    spec = spec_of(tmp_path, document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n"))
    before = (tmp_path / "x.yaml").read_bytes()
    monkeypatch.setattr(
        "reconciler.engine.accepting.edit", lambda text, *_: text.replace("7d", "30d")
    )
    with pytest.raises(BadUsage, match="nothing was written"):
        take(tmp_path, spec, found(spec, TOPIC))
    assert (tmp_path / "x.yaml").read_bytes() == before


def test_what_a_spec_may_not_say_is_refused_whole(tmp_path: Path) -> None:
    text = document("Topic", "t", "spec: {config: {message.timestamp.type: CreateTime}}\n")
    spec = spec_of(tmp_path, text)
    hand = {"eu/topic/t": {("config", "message.timestamp.type"): "Nonsense"}}
    with pytest.raises(BadUsage, match=r"nothing was written: x\.yaml:4:"):
        take(tmp_path, spec, found(spec, hand))
    assert (tmp_path / "x.yaml").read_text() == text


def test_thousands_of_values_in_one_file_and_its_mark_stays(tmp_path: Path) -> None:
    count = 2_000
    names = [f"t{n:04d}" for n in range(count)]
    spec_of(
        tmp_path,
        *(document("Topic", name, "spec: {config: {retention.ms: 7d}}\n") for name in names),
    )
    file = tmp_path / "x.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    spec = load(tmp_path)
    hand = {f"eu/topic/{name}": {("config", "retention.ms"): "86400000"} for name in names}
    made = take(tmp_path, spec, found(spec, hand))
    assert len(made.written) == count
    assert file.read_bytes().startswith(b"\xef\xbb\xbfapiVersion")
    assert file.read_text("utf-8-sig").count("retention.ms: 1d") == count


def test_the_file_keeps_its_rights_and_nothing_lies_around(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n"))
    (tmp_path / "x.yaml").chmod(0o640)
    take(tmp_path, spec, found(spec, TOPIC))
    assert (tmp_path / "x.yaml").stat().st_mode & 0o777 == 0o640
    assert sorted(f.name for f in tmp_path.iterdir()) == ["clusters.yaml", "x.yaml"]


def test_findings_without_a_document_or_with_two_are_refused(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n"))
    drift = found(spec, TOPIC)
    [finding] = drift.drift.findings

    def told(sources: tuple[str, ...]) -> str:
        report = replace(drift.drift, findings=(replace(finding, sources=sources),))
        return accept(spec, replace(drift, drift=report), tmp_path, None).refused[0].why

    assert "no document asks for it" in told(())
    assert "several documents" in told(("a.yaml:1", "b.yaml:2"))


def test_a_finding_that_waits_is_not_accepted(tmp_path: Path) -> None:
    spec = spec_of(tmp_path, document("Topic", "t", "spec: {config: {retention.ms: 7d}}\n"))
    waiting = Finding(Key("eu", "topic", "t"), What.PENDING)
    drift = found(spec, {})
    report = replace(drift.drift, findings=(waiting,))
    assert accept(spec, replace(drift, drift=report), tmp_path, None).files == {}
