"""A saved plan does what it says, once, on the cluster it was made for, while nothing has moved; or nothing at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.model import Change, Outcome, Status
from reconciler.core.plan import from_json, parse, seal, sha256, to_json
from reconciler.errors import Stale
from reconciler.kinds.topic import TopicDriver
from tests.live.conftest import Live
from tests.live.spec import Spec, topic
from tests.live.test_topics import live_config, make, produce, set_by_hand

Body = dict[str, Any]


@pytest.fixture
def estate(spec: Spec, name: str) -> Spec:
    """With a ledger, which remembers which plans were used."""
    ledger = {"ledger": {"topic": f"__{name[-30:]}"}}
    spec.write({"kind": "Estate", "metadata": {"name": "acme"}, "spec": ledger}, file="estate.yaml")
    return spec


@pytest.fixture
def saved(estate: Spec, name: str, tmp_path: Path) -> Path:
    """A plan of one new topic."""
    file = tmp_path / "plan.json"
    estate.write(topic(f"{name}a", partitions=1, config={"retention.ms": "7d"}))
    assert estate.plan("--out", str(file)).code == 2
    return file


def there(kafka: Live, name: str) -> bool:
    return name in kafka.admin.list_topics(timeout=5).topics


def refused(estate: Spec, file: Path, *more: str) -> str:
    """Refused with 4; what it says. Nothing is said to be applied."""
    said = estate.run("apply", str(file), *more)
    assert (said.code, "read back" in said.out) == (4, False), said.out + said.err
    assert "Traceback" not in said.err
    return said.err


def resealed(file: Path, change: Callable[[Body], object]) -> Path:
    """The plan with something changed, and sealed again by somebody who knows how."""
    body = json.loads(file.read_bytes())
    change(body)
    body.pop("seal")
    file.write_text(json.dumps(body | {"seal": sha256(body)}))
    return file


def test_it_is_applied_once(kafka: Live, estate: Spec, saved: Path, name: str) -> None:
    assert estate.run("apply", str(saved)).code == 0
    assert live_config(kafka, f"{name}a") == {"retention.ms": "604800000"}
    assert "applied before" in refused(estate, saved)
    kafka.admin.delete_topics([f"{name}a"])[f"{name}a"].result()
    assert "applied before" in refused(estate, saved)


def test_it_is_used_even_when_nothing_was_left_to_do(
    kafka: Live, estate: Spec, saved: Path, name: str
) -> None:
    make(kafka, f"{name}a")
    set_by_hand(kafka, f"{name}a", "retention.ms", "604800000")
    assert estate.run("apply", str(saved)).code == 0
    assert "applied before" in refused(estate, saved)


def test_one_of_nothing_may_be_applied_any_time(estate: Spec, saved: Path, tmp_path: Path) -> None:
    assert estate.run("apply", str(saved)).code == 0
    empty = tmp_path / "empty.json"
    assert estate.plan("--out", str(empty)).code == 0
    assert [estate.run("apply", str(empty)).code for _ in range(2)] == [0, 0]


def test_one_that_came_out_in_part_goes_on(
    kafka: Live, estate: Spec, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "two.json"
    estate.write(topic(f"{name}a"), topic(f"{name}b"))
    assert estate.plan("--out", str(file)).code == 2
    with monkeypatch.context() as patch:
        patch.setattr(TopicDriver, "write", _only(f"{name}a", TopicDriver.write))
        first = estate.run("apply", str(file))
    assert (first.code, "continues" in first.out) == (6, True)
    assert (there(kafka, f"{name}a"), there(kafka, f"{name}b")) == (True, False)
    assert estate.run("apply", str(file)).code == 0
    assert there(kafka, f"{name}b")
    assert "applied before" in refused(estate, file)


def _only(name: str, write: Callable[..., Iterable[Outcome]]) -> Callable[..., list[Outcome]]:
    """A driver that is refused everything but one."""

    def some(driver: object, session: object, changes: Sequence[Change]) -> list[Outcome]:
        mine = [change for change in changes if change.key.name == name]
        others = [change.key for change in changes if change.key.name != name]
        left = [Outcome(key, Status.FAILED, "not today") for key in others]
        return [*write(driver, session, mine), *left]

    return some


def test_it_is_consent_and_a_spec_is_none(
    kafka: Live, estate: Spec, saved: Path, name: str
) -> None:
    """Without a terminal and without --yes."""
    asked = estate.run("apply", str(estate.folder))
    assert (asked.code, "nobody is here to say yes" in asked.err) == (64, True)
    assert not there(kafka, f"{name}a")
    assert estate.run("apply", str(saved)).code == 0


def test_it_approves_no_risk(kafka: Live, estate: Spec, name: str, tmp_path: Path) -> None:
    make(kafka, f"{name}a")
    file = tmp_path / "gone.json"
    estate.write(topic(f"{name}a", metadata={"ensure": "absent"}))
    assert estate.plan("--out", str(file)).code == 2
    for approve in ((), ("--yes",), ("--approve", f"KS201:live/topic/{name}b")):
        assert estate.run("apply", str(file), *approve).code == 3
    assert there(kafka, f"{name}a")
    assert estate.run("apply", str(file), "--approve", f"KS201:live/topic/{name}a").code == 0


def test_what_is_shown_later_is_what_was_shown_then(estate: Spec, saved: Path) -> None:
    at_once = estate.plan("--out", str(saved)).out
    assert estate.run("show", str(saved)).out == at_once
    assert estate.run("show", str(saved), "--format", "json").json == json.loads(saved.read_bytes())


def test_it_needs_no_spec_beside_it(estate: Spec, saved: Path) -> None:
    for file in estate.folder.glob("*.yaml"):
        file.unlink()
    assert estate.run("apply", str(saved)).code == 0


def test_no_flipped_byte_gets_through(kafka: Live, estate: Spec, saved: Path, name: str) -> None:
    whole = saved.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        try:
            found = parse(bytes(damaged))
        except Stale:
            continue
        assert to_json(found) == json.loads(whole), f"byte {at} changed the plan"
    saved.write_bytes(whole[:-40])
    refused(estate, saved)
    assert estate.run("show", str(saved)).code == 4
    assert not there(kafka, f"{name}a")


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b["waves"][0][0]["after"]["config"].update({"retention.ms": "1"}),
        lambda b: b["waves"][0][0].update({"key": "live/topic/other"}),
        lambda b: b["clusters"][0].update({"id": "another"}),
        lambda b: b.update({"partial": True}),
        lambda b: b["clusters"][0]["spec"].update({"bootstrap": ["127.0.0.1:1"]}),
        lambda b: b["waves"].clear(),
        lambda b: b["waves"][0].append(b["waves"][0][0]),
    ],
    ids=["value", "name", "cluster", "partial", "address", "emptied", "twice"],
)
def test_a_field_changed_and_sealed_again_does_not_add_up(
    kafka: Live, estate: Spec, saved: Path, name: str, change: Callable[[Body], object]
) -> None:
    """The digest in the file no longer follows from the work in it."""
    refused(estate, resealed(saved, change))
    assert not there(kafka, f"{name}a")


def test_whoever_makes_it_all_consistent_is_stopped_by_expect(
    kafka: Live, estate: Spec, saved: Path, name: str
) -> None:
    approved = parse(saved.read_bytes()).digest
    body = json.loads(saved.read_bytes())
    body["waves"][0][0]["after"]["config"]["retention.ms"] = "86400000"
    saved.write_text(json.dumps(to_json(from_json(body))))
    assert parse(saved.read_bytes()).digest != approved
    assert "not what was approved" in refused(estate, saved, "--expect", approved)
    assert "sha256:" in refused(estate, saved, "--expect", "sha256:" + approved[7:][::-1])
    assert estate.run("apply", str(saved), "--expect", "").code == 64
    assert not there(kafka, f"{name}a")


def test_expect_lets_the_approved_work_through(estate: Spec, saved: Path) -> None:
    digest = parse(saved.read_bytes()).digest
    refused(estate, saved, "--expect", "sha256:" + "0" * 64)
    assert estate.run("apply", str(saved), "--expect", digest).code == 0


def test_expect_holds_a_spec_to_a_reviewed_plan(estate: Spec, saved: Path, name: str) -> None:
    """As a merge does it: the plan is made again, and must be the same work."""
    digest = parse(saved.read_bytes()).digest
    estate.write(topic(f"{name}a", partitions=2, config={"retention.ms": "7d"}))
    assert estate.apply("--expect", digest).code == 4
    estate.write(topic(f"{name}a", partitions=1, config={"retention.ms": "7d"}))
    assert estate.apply("--expect", digest).code == 0


def test_expired(estate: Spec, saved: Path) -> None:
    old = {"created": "2020-01-01T00:00:00Z", "expires": "2020-01-02T00:00:00Z"}
    assert "expired at 2020-01-02" in refused(estate, resealed(saved, lambda b: b.update(old)))


def test_for_another_cluster(
    estate: Spec, saved: Path, sandboxes: Callable[..., Live], older: Live, name: str
) -> None:
    """The same address may lead to another cluster; its id does not lie."""
    body = json.loads(saved.read_bytes())
    body["clusters"][0]["spec"]["bootstrap"] = [older.bootstrap]
    saved.write_text(json.dumps(to_json(from_json(body))))
    assert "the plan is for the cluster with id" in refused(estate, saved)
    assert not there(older, f"{name}a")


def test_moved(kafka: Live, estate: Spec, saved: Path, name: str) -> None:
    make(kafka, f"{name}a", partitions=3)
    assert "has moved since the plan was made" in refused(estate, saved)


def test_done_by_hand_already_is_fine(kafka: Live, estate: Spec, saved: Path, name: str) -> None:
    make(kafka, f"{name}a")
    set_by_hand(kafka, f"{name}a", "retention.ms", "604800000")
    said = estate.run("apply", str(saved))
    assert (said.code, "as planned" in said.out) == (0, True)


def test_a_topic_that_was_made_again_is_another_topic(
    kafka: Live, estate: Spec, saved: Path, name: str, tmp_path: Path
) -> None:
    assert estate.run("apply", str(saved)).code == 0
    second = tmp_path / "second.json"
    estate.write(topic(f"{name}a", partitions=2, config={"retention.ms": "7d"}))
    assert estate.plan("--out", str(second)).code == 2
    kafka.admin.delete_topics([f"{name}a"])[f"{name}a"].result()
    make(kafka, f"{name}a")
    set_by_hand(kafka, f"{name}a", "retention.ms", "604800000")
    assert "topic_id" in refused(estate, second)


def test_records_that_came_after_a_deletion_was_planned(
    kafka: Live, estate: Spec, name: str, tmp_path: Path
) -> None:
    make(kafka, f"{name}a")
    file = tmp_path / "gone.json"
    estate.write(topic(f"{name}a", metadata={"ensure": "absent"}))
    assert estate.plan("--out", str(file)).code == 2
    produce(kafka, f"{name}a", 1)
    assert "KS202" in refused(estate, file, "--approve", "KS201")
    assert there(kafka, f"{name}a")


def test_what_is_no_plain_file(estate: Spec, saved: Path, tmp_path: Path) -> None:
    link, pipe, folder = tmp_path / "link.json", tmp_path / "pipe.json", tmp_path / "folder.json"
    link.symlink_to(saved)
    os.mkfifo(pipe)
    folder.mkdir()
    assert "symbolic link" in refused(estate, link)
    assert "no ordinary file" in refused(estate, pipe)
    assert "no ordinary file" in refused(estate, folder)
    for file in (link, pipe, folder):
        assert estate.run("show", str(file)).code == 4


def test_a_file_swapped_while_it_is_applied_changes_nothing(
    kafka: Live, estate: Spec, saved: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read once: what was checked is what is done."""
    from reconciler.engine import applying

    def swapped(*arguments: Any) -> None:
        saved.write_text("{}")
        return checked(*arguments)

    checked = applying.check_fresh
    monkeypatch.setattr(applying, "check_fresh", swapped)
    assert estate.run("apply", str(saved)).code == 0
    assert there(kafka, f"{name}a")


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_plan(estate: Spec, tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(content)
    refused(estate, file)
    assert estate.run("show", str(file)).code == 4


def test_the_seal_is_what_marks_a_plan_as_used(saved: Path) -> None:
    assert seal(parse(saved.read_bytes())) == json.loads(saved.read_bytes())["seal"]
