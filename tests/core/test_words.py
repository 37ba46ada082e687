"""What the rules say, word for word: a reviewer reads it, and an error that names the wrong side is a wrong error."""

from __future__ import annotations

import hashlib

import pytest

from reconciler.core.book import Book, Owned, summed
from reconciler.core.model import (
    NOTHING,
    Change,
    Code,
    Edit,
    Key,
    Owner,
    Platform,
    Resource,
    Risk,
    World,
)
from reconciler.core.ownership import Keeping, limits, marked
from reconciler.core.risk import Approval, assess, destroying, each, gate, protect
from reconciler.core.settle import Moved, judge
from tests.core.strategies import kind

KEY = Key("eu", "topic", "t")
AT = ("topic", "t")
UPDATE = Change(KEY, {"a": 1}, {"a": 2}, (Edit(("a",), 1, 2),), expects={"topic_id": "x"})
CREATE = Change(KEY, None, {"a": 2})
DELETE = Change(KEY, {"a": 1}, None, expects={"topic_id": "x"})


def live(a: int, topic: str = "x") -> Resource:
    return Resource("t", {"a": a}, {"topic_id": topic})


# --- settle: which side was planned, which is now, which is wanted


def test_what_moved_names_every_side() -> None:
    assert judge(UPDATE, live(3))[1] == (Moved(UPDATE, ("a",), 1, 3, 2),)
    assert judge(UPDATE, None)[1] == (Moved(UPDATE, (), "there", "gone", "there"),)
    assert judge(CREATE, live(3))[1] == (Moved(CREATE, ("a",), None, 3, 2),)
    assert judge(DELETE, live(1, "y"))[1] == (Moved(DELETE, ("topic_id",), "x", "y", "x"),)
    both = judge(UPDATE, live(3, "y"))[1]
    assert both == (Moved(UPDATE, ("topic_id",), "x", "y", "x"), Moved(UPDATE, ("a",), 1, 3, 2))


# --- risk


def test_rules_see_the_changes_of_their_kind_only() -> None:
    def rule(change: Change, world: World) -> list[Risk]:
        return [Risk("KS202", f"{change.key.name} among {len(world.live)}")]

    other = Change(Key("eu", "acl", "b"), None, {})
    kinds = {"topic": kind("topic", rules=(each(rule),)), "acl": kind("acl")}
    platform = Platform(name="x", title="X", login=_never, wires=frozenset())
    worlds = {
        name: World(platform, NOTHING, {"t": live(1)} if name == "topic" else {}, {})
        for name in kinds
    }
    found = {c.key: [r.message for r in c.risks] for c in assess([other, UPDATE], kinds, worlds)}
    assert found == {other.key: [], KEY: ["t among 1"]}


def _never(_target: object) -> None:  # type: ignore[misc]
    raise AssertionError


def test_protection_is_said_and_holds_off_what_destroys() -> None:
    words = "protected: `metadata.protect` is true"
    costly = Change(KEY, {}, {}, risks=(Risk("KS205", "goes"),))

    def codes(change: Change, protected: set[Key], destroys: set[str]) -> list[str]:
        return [
            r.code for r in protect([change], frozenset(protected), frozenset(destroys))[0].risks
        ]

    assert protect([DELETE], frozenset({KEY}))[0].risks == (Risk("KS902", words),)
    assert codes(DELETE, set(), {"KS205"}) == []
    assert codes(costly, {KEY}, set()) == ["KS205"]
    assert codes(costly, {KEY}, {"KS205"}) == ["KS902", "KS205"]
    assert codes(costly, set(), {"KS205"}) == ["KS205"]
    assert codes(CREATE, {KEY}, {"KS205"}) == []
    codes_of = (Code("KS205", "", "", destroys=True), Code("KS111", "", ""))
    assert destroying([kind("topic", codes=codes_of)]) == {"KS205"}


def test_a_risk_of_the_whole_plan_is_approved_without_a_key() -> None:
    limit = Risk("KS301", "many")
    blocked = gate((), (limit,), ()).blocked
    assert [(g.key, g.risk) for g in blocked] == [(None, limit)]
    assert gate((), (limit,), (Approval("KS301"),)).blocked == ()
    assert Approval.parse("KS301:eu/topic/t").covers(None, limit) is False
    assert Approval("KS301", "None").covers(None, limit) is False
    assert gate((), (limit,), (Approval("KS301", "XXXX"),)).blocked != ()


# --- the ledger's rules


def test_the_sum_over_names_is_what_it_says() -> None:
    """Other versions of kstate read it: it must not change."""

    def part(text: str) -> int:
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:16], "big")

    names = [("topic", "a"), ("acl", "b|c"), ("topic", "ü")]
    total = sum(part(f"{kind}|{name}") for kind, name in names) % (1 << 128)
    assert summed(names) == (3, f"{total:032x}")
    assert summed([]) == (0, "0" * 32)


def test_a_new_estate_has_left_no_trace() -> None:
    assert Book().is_new("acme")
    assert not Book(heads={"acme": (0, "")}).is_new("acme")
    assert not Book(own={AT: Owned("acme", {})}).is_new("acme")
    assert Book(own={AT: Owned("other", {})}, heads={"other": (1, "")}).is_new("acme")
    assert not Book(damage={"x": "odd"}).is_new("acme")


def keeping(owned: Owned | None, estate: str = "acme", trouble: str = "") -> Keeping:
    return Keeping(estate, Book(own={AT: owned} if owned else {}), trouble)


OURS = Owned("acme", {"a": 1}, "made", apply="1f3c5a7b9d", commit="abcdef0123", at="2026-11-20")


def told(change: Change, kept: Keeping, *pruned: Key) -> Change:
    return next(marked([change], kept, set(pruned)))


@pytest.mark.parametrize(
    ("change", "owned", "estate", "pruned", "owner", "risks"),
    [
        (CREATE, None, "acme", (), Owner.NEW, []),
        (
            UPDATE,
            None,
            "acme",
            (),
            Owner.UNOWNED,
            [("KS121", "live and nobody's: changing it takes it over")],
        ),
        (UPDATE, None, "", (), Owner.UNOWNED, []),
        (DELETE, None, "acme", (), Owner.UNOWNED, []),
        (UPDATE, OURS, "acme", (), Owner.OURS, []),
        (
            DELETE,
            OURS,
            "acme",
            (KEY,),
            Owner.OURS,
            [
                (
                    "KS231",
                    "in no document any more; made by apply 1f3c5a7b, commit abcdef01, 2026-11-20",
                )
            ],
        ),
        (
            DELETE,
            Owned("acme", {}, "adopted", apply="1f3c", at="then"),
            "acme",
            (KEY,),
            Owner.OURS,
            [("KS232", "in no document any more; adopted by apply 1f3c, then")],
        ),
        (DELETE, OURS, "acme", (), Owner.OURS, []),
        (UPDATE, OURS, "beta", (), Owner.FOREIGN, [("KS941", "estate acme owns it; this is beta")]),
        (
            UPDATE,
            OURS,
            "",
            (),
            Owner.FOREIGN,
            [("KS941", "estate acme owns it; this is a spec without an Estate")],
        ),
    ],
)
def test_whose_it_is_and_what_that_risks(
    change: Change,
    owned: Owned | None,
    estate: str,
    pruned: tuple[Key, ...],
    owner: Owner,
    risks: list[tuple[str, str]],
) -> None:
    found = told(change, keeping(owned, estate), *pruned)
    assert found.owner is owner
    assert [(risk.code, risk.message) for risk in found.risks] == risks


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (CREATE, "it was there after apply 1f3c5a7b, commit abcdef01, 2026-11-20, and is gone"),
        (UPDATE, "changed in Git since apply 1f3c5a7b, commit abcdef01, 2026-11-20"),
        (
            Change(KEY, {"a": 9}, {"a": 2}, (Edit(("a",), 9, 2), Edit(("b", "c"), 1, 2))),
            "changed by hand since apply 1f3c5a7b, commit abcdef01, 2026-11-20: a, c",
        ),
        (DELETE, ""),
    ],
)
def test_what_is_known_of_its_past(change: Change, note: str) -> None:
    assert told(change, keeping(OURS)).note == note
    assert told(change, keeping(None)).note == ""


def test_only_what_is_ours_beyond_doubt_is_pruned() -> None:
    assert keeping(OURS).prunes("eu", set()) == {KEY}
    assert keeping(OURS).prunes("eu", {KEY}) == set()
    assert keeping(OURS, trouble="damaged").prunes("eu", set()) == set()
    assert keeping(OURS, estate="").prunes("eu", set()) == set()
    assert keeping(OURS, estate="beta").prunes("eu", set()) == set()
    protected = Owned("acme", {}, protect=True)
    assert keeping(protected).protected("eu") == {KEY}
    assert keeping(OURS).protected("eu") == set()
    assert keeping(OURS).last("eu") == {KEY: Resource("t", {"a": 1})}


def many(count: int, *, gone: bool, owner: Owner = Owner.OURS) -> list[Change]:
    after = None if gone else {"a": 2}
    return [Change(Key("eu", "topic", f"t{n}"), {"a": 1}, after, owner=owner) for n in range(count)]


def said(changes: list[Change], owned: int, **given: int) -> list[tuple[str, str, object]]:
    return [(r.code, r.message, r.evidence) for r in limits("eu", changes, owned, given)]


def test_limits_say_what_they_count() -> None:
    assert said(many(2, gone=True), 0, delete=1) == [
        ("KS301", "cluster eu: more than 1 deletion (2)", {"deletions": 2})
    ]
    assert said(many(300, gone=True), 0)[0][1] == "cluster eu: more than 20 deletions (300)"
    assert said(many(4, gone=True), 10) == [
        (
            "KS302",
            "cluster eu: deletes more than 30 % of what is owned (4 of 10)",
            {"affected": 4, "owned": 10},
        )
    ]
    assert said(many(6, gone=False), 10) == [
        (
            "KS303",
            "cluster eu: changes more than 50 % of what is owned (6 of 10)",
            {"affected": 6, "owned": 10},
        )
    ]


def test_limits_begin_just_above_what_they_allow() -> None:
    assert said(many(20, gone=True), 1000) == []
    assert said(many(21, gone=True), 1000)[0][0] == "KS301"
    assert said(many(3, gone=True), 10) == []
    assert said(many(5, gone=False), 10) == []
    assert said(many(9, gone=True), 9) == []  # below ten a percentage says nothing
    assert [code for code, *_ in said(many(10, gone=True), 10)] == ["KS302", "KS303"]


def test_limits_count_neither_creations_nor_what_is_not_ours() -> None:
    made = [Change(Key("eu", "topic", f"n{n}"), None, {}, owner=Owner.OURS) for n in range(50)]
    assert said(made, 10) == []
    assert said(many(9, gone=False, owner=Owner.UNOWNED), 10) == []
    assert said(many(9, gone=True, owner=Owner.UNOWNED), 10) == []
    assert [c for c, *_ in said(many(2, gone=True, owner=Owner.UNOWNED), 10, delete=1)] == ["KS301"]
