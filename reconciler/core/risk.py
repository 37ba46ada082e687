"""What could hurt: rules give changes their risks, and the gate says which of them nobody has approved."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import Action, Change, Code, Key, Kind, Level, Risk, Rule, World

CODES = (
    Code(
        "KS901",
        "The platform does not offer this",
        "The cluster's platform has no way to hold a resource of this kind. Narrow the document with"
        " `metadata.clusters`, or describe the same intent with a kind the platform has.",
    ),
    Code(
        "KS902",
        "Protected",
        "The document says `metadata.protect: true`, or said so when it was last applied, so kstate neither deletes the"
        " resource nor does what destroys its data. Remove the protection in a change of its own first; that change"
        " shows what it opens the door to.",
    ),
    Code(
        "KS903",
        "Refused by the server while planning",
        "kstate asked the server what it would say to this change, without doing it, and the server refused."
        " Its own words stand beside the code. Correct the document, or ask who runs the cluster: it may be a"
        " policy of theirs.",
    ),
    Code(
        "KS101",
        "Not vetted",
        "The identity that made this plan may not ask the server what it would refuse, or the server does not"
        " know how to answer. The change itself is shown in full; only the server's opinion is missing.",
    ),
    Code(
        "KS233",
        "Deletes what nobody looked at",
        "The plan was made from a snapshot, and nothing in there says what would be lost. A plan of the live clusters"
        " looks, and says it by its own codes.",
        "Look at a plan of the live clusters first.",
    ),
    Code(
        "KS132",
        "Planned from a snapshot",
        "The plan compares the spec with what `kstate snapshot` recorded, not with what is live now. No server was"
        " asked what it would refuse, no secret was followed, and what a change would cost is taken to be the worst. It"
        " is for looking at: `apply` refuses it and wants a plan of the live clusters, which may find more than this.",
    ),
)


def assess(
    changes: Iterable[Change], kinds: Mapping[str, Kind], worlds: Mapping[str, World]
) -> list[Change]:
    """Each change with the risks that its kind's rules find. Pure: live evidence comes from `Driver.vet`."""
    by_kind: dict[str, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.key.kind, []).append(change)
    found: dict[Key, list[Risk]] = {}
    for name, own in by_kind.items():
        for rule in kinds[name].rules:
            for key, risk in rule(own, worlds[name]):
                found.setdefault(key, []).append(risk)
    for name, other, rule in watching(kinds, by_kind):
        for key, risk in rule(by_kind[other], worlds[name]) if name in worlds else ():
            found.setdefault(key, []).append(risk)
    return add_risks((change for own in by_kind.values() for change in own), found)


def watching(
    kinds: Mapping[str, Kind], changed: Collection[str]
) -> Iterator[tuple[str, str, Rule]]:
    """(kind, kind that changes, rule) of all that watch what changes."""
    for name, kind in kinds.items():
        yield from ((name, other, rule) for other, rule in kind.watches.items() if other in changed)


def each(rule: Callable[[Change, World], Iterable[Risk]]) -> Rule:
    """A rule that looks at one change at a time, as a rule over all of them."""

    def over_all(changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
        for change in changes:
            for risk in rule(change, world):
                yield change.key, risk

    return over_all


def add_risks(changes: Iterable[Change], found: Mapping[Key, Iterable[Risk]]) -> list[Change]:
    """The changes with the risks that were found for their keys."""
    return [with_risks(c, found[c.key]) if c.key in found else c for c in changes]


def with_risks(change: Change, risks: Iterable[Risk]) -> Change:
    """The change with further risks, worst first, each once."""
    merged = {(risk.code, risk.message): risk for risk in (*change.risks, *risks)}
    if len(merged) == len(change.risks):
        return change
    return replace(change, risks=tuple(sorted(merged.values(), key=badness)))


def doubted(changes: Iterable[Change]) -> tuple[Key, ...]:
    """Those of which a server says that they are not as they were read."""
    return tuple(c.key for c in changes if any(risk.doubted for risk in c.risks))


def badness(risk: Risk) -> tuple[int, str, str]:
    """Sort key, worst first."""
    worst = (Level.IMPOSSIBLE, Level.LIMIT, Level.DANGER, Level.NOTICE)
    return worst.index(risk.level), risk.code, risk.message


def protect(
    changes: Iterable[Change], protected: frozenset[Key], destroying: frozenset[str] = frozenset()
) -> list[Change]:
    """Deletions of what is protected become impossible, and so does whatever carries a `destroying` code."""
    words = "protected: `metadata.protect` is true"
    return [
        with_risks(change, [Risk("KS902", words)])
        if change.key in protected and _destroys(change, destroying)
        else change
        for change in changes
    ]


def _destroys(change: Change, destroying: frozenset[str]) -> bool:
    return change.action is Action.DELETE or any(r.code in destroying for r in change.risks)


def destroying(kinds: Iterable[Kind]) -> frozenset[str]:
    """The codes that say that data goes."""
    return frozenset(code.code for kind in kinds for code in kind.codes if code.destroys)


@dataclass(frozen=True, slots=True)
class Approval:
    """`CODE` or `CODE:KEY` from the command line. Without a key it approves the code everywhere in the plan."""

    code: str
    key: str = ""

    @classmethod
    def parse(cls, text: str) -> Approval:
        code, _, key = text.partition(":")
        return cls(code, key)

    def covers(self, key: Key | None, risk: Risk) -> bool:
        """Whether this approves that risk. What cannot be done is never approved."""
        if risk.level is Level.IMPOSSIBLE or self.code != risk.code:
            return False
        return self.key in ("", str(key) if key else "")

    def __str__(self) -> str:
        return f"{self.code}:{self.key}" if self.key else self.code


@dataclass(frozen=True, slots=True)
class Gated:
    """A risk that stands in the way; `key` is None for a risk of the plan as a whole."""

    key: Key | None
    risk: Risk


@dataclass(frozen=True, slots=True)
class Gate:
    """What stands in the way of an apply, and which approvals were given for nothing."""

    blocked: tuple[Gated, ...]
    unused: tuple[Approval, ...]

    @property
    def impossible(self) -> tuple[Gated, ...]:
        return tuple(gated for gated in self.blocked if gated.risk.level is Level.IMPOSSIBLE)


def gate(changes: Iterable[Change], risks: Iterable[Risk], approvals: Sequence[Approval]) -> Gate:
    """Every blocking risk that no approval covers, in the plan's order."""
    blocking = [Gated(c.key, risk) for c in changes for risk in c.risks if risk.blocking]
    blocking += [Gated(None, risk) for risk in risks if risk.blocking]
    used = {
        approval
        for approval in approvals
        if any(approval.covers(gated.key, gated.risk) for gated in blocking)
    }
    blocked = tuple(g for g in blocking if not any(a.covers(g.key, g.risk) for a in used))
    return Gate(blocked, tuple(approval for approval in approvals if approval not in used))
