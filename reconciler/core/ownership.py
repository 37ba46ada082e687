"""What an estate owns, in; whose each change is, what nobody wants any more, which limits that breaks, out. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import cast

from reconciler.core.book import Book, Last, Owned
from reconciler.core.diff import drop_unset, flat, nest
from reconciler.core.drift import ByItself
from reconciler.core.model import (
    NOTHING,
    Action,
    Body,
    Change,
    Code,
    Edit,
    Json,
    Key,
    Owner,
    Path,
    Resource,
    Risk,
    State,
)
from reconciler.core.risk import with_risks
from reconciler.core.silent import by_somebody

# Below this many owned resources a percentage says nothing.
POPULATION = 10
LIMITS: Mapping[str, int] = {"delete": 20, "delete_percent": 30, "change_percent": 50}

CODES = (
    Code(
        "KS131",
        "The ledger cannot be believed",
        "The record of what the estate owns is missing, damaged, unreadable to this login or written by another"
        " version of kstate. Everything is still planned and applied, but nothing is deleted because it is in no"
        " document any more. `kstate adopt` writes the record anew from what is declared and live.",
    ),
    Code(
        "KS121",
        "Takes over",
        "The resource is live and no estate owns it, and the document asks for something else than what is there."
        " Applying changes it, and from then on it is this estate's. `kstate adopt` takes over without a change.",
    ),
    Code(
        "KS231",
        "Prunes what kstate made",
        "The ledger says that this estate made the resource, and no document asks for it any more.",
        "See the code beside it for what would be lost.",
    ),
    Code(
        "KS232",
        "Prunes what kstate only adopted",
        "The ledger says that this estate took the resource over from somebody else, who may still rely on it; no"
        " document asks for it any more. `kstate release` lets go of it instead.",
        "See the code beside it for what would be lost.",
    ),
    Code(
        "KS301",
        "Many deletions",
        "One plan deletes more of a cluster's resources than `limits.delete` in its Cluster document allows. A folder"
        " that was checked out by half looks like this.",
    ),
    Code(
        "KS302",
        "A large part is deleted",
        "One plan deletes more of what the estate owns on a cluster than `limits.delete_percent` allows.",
    ),
    Code(
        "KS303",
        "A large part is changed",
        "One plan changes or deletes more of what the estate owns on a cluster than `limits.change_percent` allows.",
    ),
    Code(
        "KS941",
        "Another estate owns this",
        "The ledger says that the resource belongs to another estate; both are named. Take the document out of one of"
        " the two, and let the other one `kstate release` it first if it is to move.",
    ),
)


@dataclass(frozen=True)
class Keeping:
    """What one cluster's ledger means for a plan. `trouble` says why its word is not enough to delete anything.

    `there` says whether a ledger exists at all. It does not change while one looks at it: a book of 90,000 is gone
    through once.
    """

    estate: str = ""
    book: Book = field(default_factory=Book)
    trouble: str = ""
    there: bool = True

    @cached_property
    def _records(self) -> Mapping[tuple[str, str], Owned]:
        """What is ours, by kind and name; nothing without an estate."""
        return self.book.owned_by(self.estate) if self.estate else {}

    @property
    def called(self) -> str:
        """The name by which the estate spoke of the cluster last; empty where that is not recorded."""
        return self.book.called.get(self.estate, "")

    def last(self, cluster: str) -> State:
        """The settings last applied, as a state the diff can take."""
        return Last(cluster, self._records)

    @cached_property
    def applied(self) -> Mapping[str, Mapping[str, Body]]:
        """The same by kind and name."""
        found: dict[str, dict[str, Body]] = {}
        for (kind, name), owned in self._records.items():
            found.setdefault(kind, {})[name] = owned.settings
        return found

    def prunes(self, cluster: str, wanted: Container[object]) -> set[Key]:
        """What is ours and in no document; nothing at all when the record cannot be believed."""
        if self.trouble:
            return set()
        # A key equals the plain tuple of its parts: of 90,000 a key is made only of what is left.
        ours = ((cluster, *at) for at in self._records)
        return {Key(*at) for at in ours if at not in wanted}

    def told_otherwise(self, wanted: State, odd: Set[Key]) -> Iterator[Key]:
        """What is ours and wanted with other settings than those recorded, and what of it is `odd` anyway."""
        records = self._records
        for key, want in wanted.items():
            record = records.get(key[1:])
            if record is not None and (record.settings != want.settings or key in odd):
                yield key

    def protected(self, cluster: str) -> set[Key]:
        """What was protected when it was last applied, documents or none."""
        return {Key(cluster, *at) for at, own in self._records.items() if own.protect}

    def began(self, key: Key) -> bool:
        """Whether an apply of ours was about to make or change it, and never said what became of that."""
        intent = self.book.intents.get(self.estate)
        return intent is not None and f"{key.kind}/{key.name}" in intent.wanted


def marked(
    changes: Iterable[Change],
    keeping: Keeping,
    pruned: Set[Key],
    by_itself: ByItself = by_somebody,
) -> Iterator[Change]:
    """Each change with whose it is, what that risks, and what is known of its past."""
    for change in changes:
        owned = keeping.book.own.get((change.key.kind, change.key.name))
        owner = _owner(change, owned, keeping.estate)
        note = _past(change, owned, by_itself) if owner is Owner.OURS and owned else ""
        told = replace(change, owner=owner, note=note)
        yield with_risks(told, _risks(told, owned, keeping, pruned))


def _owner(change: Change, owned: Owned | None, estate: str) -> Owner:
    if owned is None:
        return Owner.NEW if change.action is Action.CREATE else Owner.UNOWNED
    return Owner.OURS if owned.estate == estate else Owner.FOREIGN


def _risks(
    change: Change, owned: Owned | None, keeping: Keeping, pruned: Set[Key]
) -> Iterator[Risk]:
    if change.owner is Owner.FOREIGN and owned is not None:
        mine = keeping.estate or "a spec without an Estate"
        yield Risk("KS941", f"estate {owned.estate} owns it; this is {mine}")
    elif change.key in pruned and owned is not None:
        code = "KS231" if owned.origin == "made" else "KS232"
        yield Risk(code, f"in no document any more; {owned.origin} by {when(owned)}")
    elif change.owner is Owner.UNOWNED and change.action is Action.UPDATE and keeping.estate:
        yield Risk("KS121", "live and nobody's: changing it takes it over")


def when(owned: Owned) -> str:
    """By which apply, of which commit, and when."""
    commit = f", commit {owned.commit[:8]}" if owned.commit else ""
    return f"apply {owned.apply[:8]}{commit}, {owned.at}"


def _past(change: Change, owned: Owned, by_itself: ByItself) -> str:
    """Told apart: changed in Git since the last apply, changed by hand behind it, or nobody's doing."""
    if change.action is Action.CREATE:
        return f"it was there after {when(owned)}, and is gone"
    applied = dict(flat(owned.settings))
    moved = [edit for edit in change.edits if _by_hand(edit, applied)]
    if not moved:
        return f"changed in Git since {when(owned)}" if change.edits else ""
    ill = [edit for edit in moved if by_itself(change.key, edit.path, edit.before)]
    by_hand = [edit for edit in moved if edit not in ill]
    told = [f"changed by hand since {when(owned)}: {_names(by_hand)}"] if by_hand else []
    told += [f"came about by itself since {when(owned)}: {_names(ill)}"] if ill else []
    return "; ".join(told)


def _names(edits: Sequence[Edit]) -> str:
    """Settings; where several parts may have one of that name, with the part before it."""
    return ", ".join(" ".join(e.path[1:] if len(e.path) > 2 else e.path[-1:]) for e in edits)


def _by_hand(edit: Edit, applied: Mapping[Path, object]) -> bool:
    return edit.before != applied.get(edit.path)


def caught_up(want: Resource, have: Resource, last: Resource) -> dict[Path, Json]:
    """What was applied otherwise and is live and wanted by now: a hand did it, and the spec has taken it.

    Until it is recorded, the value from before would pass for what kstate applied: whoever sets it again by hand would
    seem to have done nothing but wait for Git.
    """
    if last.settings == want.settings:
        return {}
    wanted, live = dict(flat(want.settings)), dict(flat(have.settings))
    return {
        path: wanted[path]
        for path, value in flat(last.settings)
        if path in wanted and live.get(path) == wanted[path] != value
    }


def limits(cluster: str, changes: Iterable[Change], owned: int, given: Body) -> Iterator[Risk]:
    """What one plan may do to a cluster. Percentages are of what is owned, and never count creations."""
    allowed = {**LIMITS, **cast("Mapping[str, int]", given)}
    all_of_it = list(changes)
    gone = [change for change in all_of_it if change.action is Action.DELETE]
    ours = [c for c in all_of_it if c.owner is Owner.OURS and c.action is not Action.CREATE]
    ours_gone = [change for change in ours if change.action is Action.DELETE]
    if len(gone) > (most := allowed["delete"]):
        plural = "s" if most != 1 else ""
        yield Risk(
            "KS301",
            f"cluster {cluster}: more than {most:,} deletion{plural} ({len(gone):,})",
            {"deletions": len(gone)},
        )
    if owned < POPULATION:
        return
    for code, part, name in (
        ("KS302", ours_gone, "delete_percent"),
        ("KS303", ours, "change_percent"),
    ):
        if len(part) * 100 > allowed[name] * owned:
            word = "deletes" if code == "KS302" else "changes"
            yield Risk(
                code,
                f"cluster {cluster}: {word} more than {allowed[name]} % of what is owned"
                f" ({len(part):,} of {owned:,})",
                {"affected": len(part), "owned": owned},
            )


def after(change: Change, owned: Owned | None, stamp: Owned) -> Owned | None:
    """The record once a change is done. `stamp` says by which apply; None means that nobody owns it any more."""
    if change.action is Action.DELETE:
        return None
    if change.action is Action.CREATE:
        return replace(stamp, settings=change.after or NOTHING, origin="made")
    # A resource that kstate did not make stays an adopted one, however often it is changed.
    before = owned.settings if owned else NOTHING
    # Where the whole is written, what is no longer wanted is not in `after` at all.
    gone = {edit.path for edit in change.edits if edit.after is None}
    kept = {path: value for path, value in flat(before) if path not in gone}
    leaves = {**kept, **dict(flat(change.after or NOTHING))}
    origin = owned.origin if owned else "adopted"
    return replace(stamp, settings=drop_unset(nest(leaves.items())), origin=origin)
