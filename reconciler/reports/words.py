"""Plan data in, words for people out: what every form of a report shares."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import unquote

from reconciler.core.diff import flat
from reconciler.core.drift import Drift, Field, Finding, What
from reconciler.core.model import Action, Body, Change, Edit, Json, Key, Level, Path, Risk
from reconciler.core.plan import Bookkeeping, Plan
from reconciler.core.risk import badness
from reconciler.core.units import say_duration, say_size
from reconciler.core.validation import Validation

DOCS = "https://github.com/kstate/kstate/blob/main/docs"
DRIFTED = {
    What.CHANGED: "changed by hand",
    What.GONE: "gone",
    What.DIFFERS: "differs from the spec",
    What.UNHEALTHY: "not well",
    What.PENDING: "changed in Git, not applied yet",
}
SYMBOLS = {Action.CREATE: "+", Action.UPDATE: "~", Action.DELETE: "-"}
BLOCKED = "!"
DEFAULT = "(default)"
NONE = "(none)"
# Shown as nothing, or as a blank, though they are neither control characters nor blanks to Unicode.
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# What a CI takes for an order in a log: `::error::` where a line begins, `##[group]` anywhere.
_ORDER = re.compile(r"^\s*:(?=:[A-Za-z])|#(?=#\w*\[)")


def visible(text: str) -> str:
    """The text with everything spelt out that a terminal or a CI would obey, or that nobody would see."""
    if not (text.isascii() and text.isprintable()):
        text = "".join(_spelt(char) if _hidden(char) else char for char in text)
    if "::" in text or "##" in text:
        text = _ORDER.sub(lambda found: found[0][:-1] + _spelt(found[0][-1]), text)
    return text


def _hidden(char: str) -> bool:
    selector = "\ufe00" <= char <= "\ufe0f" or "\U000e0000" <= char <= "\U000e0fff"
    return char != " " and (selector or char in _UNSEEN or unicodedata.category(char) in _HIDDEN)


def _spelt(char: str) -> str:
    return f"\\u{ord(char):04x}" if ord(char) < 0x10000 else f"\\U{ord(char):08x}"


def value(name: str, found: Json) -> str:
    """A setting with its unit: `604800000 (7d)`. None is the broker's default; a list is told item by item."""
    if found is None:
        return DEFAULT
    listed = isinstance(found, (list, tuple))
    text = visible(", ".join(map(str, found)) if listed else str(found))  # type: ignore[arg-type]
    spoken = _spoken(name, found)
    return f"{text} ({spoken})" if spoken and spoken != text else text


def _spoken(name: str, found: Json) -> str:
    if not str(found).lstrip("-").isdigit():
        return ""
    if name.endswith(".ms"):
        return say_duration(int(str(found))) or ""
    return (say_size(int(str(found))) or "") if name.endswith("bytes") else ""


def binding(key: Key) -> tuple[str, ...] | None:
    """Principal, resource, name, pattern, operation, permission and host of an ACL's name; None for any other name."""
    if key.kind != "acl" or key.name.count("|") != 6:
        return None
    return tuple(visible(unquote(part)) for part in key.name.split("|"))


# What a binding of a role is made of, where a platform has roles.
ROLE_BINDING = ("principal", "role", "resource", "name", "pattern")


def title(key: Key) -> str:
    """A key's name as people say it; a binding, of an operation or of a role, as a sentence."""
    roles = [visible(unquote(part)) for part in key.name.split("|")]
    if key.kind == "acl" and len(roles) == len(ROLE_BINDING):
        principal, role, resource, name, pattern = roles
        return f"{principal} is {role} of {resource} {name}{'*' * (pattern == 'prefixed')}"
    parts = binding(key)
    if parts is None:
        return visible(key.name)
    principal, resource, name, pattern, operation, permission, host = parts
    what = f"{resource} {name}*" if pattern == "prefixed" else f"{resource} {name}"
    where = "" if host == "*" else f" from {host}"
    verb = "may" if permission == "allow" else "must not"
    return f"{principal} {verb} {operation} {what}{where}"


def settings(change: Change) -> Iterator[tuple[str, str]]:
    """(name, what happens to it) of a change, in the order of the names."""
    if change.action is Action.UPDATE:
        for edit in ordered(change.edits):
            before, after = both(change.key, edit)
            yield label(edit.path), f"{before} -> {after}"
        return
    yield from told(change.after if change.action is Action.CREATE else change.before)


def ordered(edits: Iterable[Edit]) -> list[Edit]:
    return sorted(edits, key=lambda edit: (len(edit.path), edit.path))


def both(key: Key, edit: Edit) -> tuple[str, str]:
    """A setting before and after, with its unit; where it is not set, what that means for this kind."""
    none = missing(key)
    before, after = (
        none if side is None else value(edit.path[-1], side) for side in (edit.before, edit.after)
    )
    return before, after


def told(body: Body | None) -> Iterator[tuple[str, str]]:
    """(name, value) of everything that a resource has, in the order of the names."""
    for path, found in _once(dict(flat(body or {}))):
        yield label(path), value(path[-1], found)


def missing(key: Key) -> str:
    """What there is where a setting is not: a topic's goes back to the broker's."""
    return DEFAULT if key.kind == "topic" else NONE


def label(path: Path) -> str:
    """A setting's name; where several parts may have one of that name, with the part before it."""
    return visible(" ".join(path[1:]) if len(path) > 2 else path[-1])


def _once(leaves: Mapping[Path, Json]) -> list[tuple[Path, Json]]:
    """In the order of the names; what all parts of a resource have alike is told once, for all of them."""
    groups = {path[:2] for path in leaves if len(path) > 2}
    alike: dict[tuple[Path, str], int] = {}
    for path, found in leaves.items():
        if len(path) > 2:
            at = ((path[0], *path[2:]), repr(found))
            alike[at] = alike.get(at, 0) + 1
    told: dict[Path, Json] = {}
    for path, found in leaves.items():
        shared = (path[0], *path[2:])
        everywhere = len(groups) > 1 and alike.get((shared, repr(found))) == len(groups)
        told[(shared[0], shared[-1]) if len(path) > 2 and everywhere else path] = found
    return sorted(told.items(), key=lambda leaf: (len(leaf[0]), leaf[0]))


def risks(change: Change) -> Iterator[tuple[Risk, str]]:
    """Each risk with what can be done about it."""
    for risk in change.risks:
        yield risk, way_out(risk, change.key)


def way_out(risk: Risk, key: Key | None) -> str:
    """The exact flag that approves a risk, or that nothing does."""
    match risk.level:
        case Level.NOTICE:
            return ""
        case Level.IMPOSSIBLE:
            return f"cannot be approved; kstate explain {risk.code}"
        case _:
            return f"--approve {shell(f'{risk.code}:{key}' if key else risk.code)}"


def shell(text: str) -> str:
    """Quoted for a shell where it has to be."""
    plain = text and all(char.isalnum() or char in "._-:/=+@," for char in text)
    return text if plain else "'" + visible(text).replace("'", "'\\''") + "'"


def blocking(change: Change) -> list[str]:
    """Each code that stands in the way once, with its level: `KS203 danger`."""
    told = (f"{risk.code} {risk.level}" for risk in change.risks if risk.blocking)
    return list(dict.fromkeys(told))


def symbol(change: Change) -> str:
    return BLOCKED if any(risk.blocking for risk in change.risks) else SYMBOLS[change.action]


def by_cluster(plan: Plan) -> Mapping[str, list[Change]]:
    """The changes of each cluster, the most dangerous first, then by kind and name."""
    grouped: dict[str, list[Change]] = {cluster.name: [] for cluster in plan.clusters}
    for change in plan.changes:
        grouped[change.key.cluster].append(change)
    return {name: sorted(own, key=_rank) for name, own in grouped.items()}


def _rank(change: Change) -> tuple[int, bool, Key]:
    worst = min((badness(risk)[0] for risk in change.risks if risk.blocking), default=9)
    return worst, change.action is not Action.DELETE, change.key


def summary(plan: Plan) -> str:
    """The counts in one line; the same numbers as in the JSON."""
    counts = plan.summary
    words = ["create", "update", "delete", "blocked", "unchanged", "unmanaged", "out_of_scope"]
    return ", ".join(f"{counts[word]:,} {word.replace('_', ' ')}" for word in words)


def header(plan: Plan) -> str:
    """Whose plan it is and from when."""
    about = [f"estate {visible(plan.estate)}"] if plan.estate else []
    about += [f"commit {visible(plan.commit[:12])}"] if plan.commit else []
    if plan.partial:
        only = f" ({', '.join(map(visible, plan.only))})" if plan.only else ""
        about.append(f"partial: narrowed by -c or --only{only}")
    return ", ".join(about)


def verdict(plan: Plan, flags: str = "above") -> str:
    """What keeps the plan from being applied as it stands, if anything does. `flags` is where they are shown."""
    risks = [risk for change in plan.changes for risk in change.risks] + [*plan.risks]
    levels = [risk.level for risk in risks if risk.blocking]
    if never := levels.count(Level.IMPOSSIBLE):
        return f"{many(never, 'thing')} cannot be done: correct the spec first"
    if levels:
        return f"{many(len(levels), 'risk')} to approve: apply with the --approve flags {flags}"
    return ""


def many(count: int, word: str) -> str:
    """`1 topic`, `2,000 topics`."""
    return f"{count:,} {word}{'s' * (count != 1)}"


def checked(found: Validation) -> str:
    """How much of a spec was looked at."""
    return f"{many(found.documents, 'document')} for {many(found.clusters, 'cluster')}"


def record(kept: Bookkeeping) -> str:
    """What an apply would do to a record of ownership, which is all it would do to that resource."""
    done = {
        True: "recorded as protected",
        False: "no longer protected",
        None: "gone, and forgotten",
    }
    told = (
        done[kept.protect] if kept.settings is None else "recorded as it is live, and wanted by now"
    )
    return f"{visible(kept.key.cluster)}  {thing(kept.key)}: {told}"


def off(drift: Drift) -> str:
    """How many resources are not as applied, and how many of the others are not well."""
    ill = [*drift.off.values()]
    counts = ((ill.count(False), "not as applied"), (ill.count(True), "not well"))
    return ", ".join(
        f"{many(count, 'resource')} {'is' if count == 1 else 'are'} {how}"
        for count, how in counts
        if count
    )


def waiting(drift: Drift) -> str:
    """How much the spec has changed that nobody has applied yet, behind something else; nothing if it has not."""
    count = len(drift.pending)
    return f"; {count:,} {'waits' if count == 1 else 'wait'} to be applied" if count else ""


def drifted(finding: Finding) -> str:
    """One finding in a sentence, without its resource."""
    said = [sides(finding.key, field) for field in finding.fields]
    if finding.what is What.UNHEALTHY:
        said.append(visible(finding.note))
    told = "; ".join(said)
    return f"{DRIFTED[finding.what]}: {told}" if told else DRIFTED[finding.what]


def sides(key: Key, field: Field) -> str:
    """One setting of a resource on its three sides."""
    name, none = field.path[-1], missing(key)
    found = [("is", field.live), ("wanted", field.wanted), ("applied", field.applied)]
    told = (f"{side} {none if v is None else value(name, v)}" for side, v in found)
    return f"{label(field.path)}: " + ", ".join(told)


def help_page(code: str, title: str) -> str:
    """The page of a code, at the heading that `docs/codes.md` has for it, as GitHub makes anchors of headings."""
    heading = re.sub(r"[^\w\- ]", "", f"{code} {title}".lower()).replace(" ", "-")
    return f"{DOCS}/codes.md#{heading}"


def thing(key: Key) -> str:
    """A resource as people say it: its kind and its title."""
    return f"{visible(key.kind)} {title(key)}"


def elided(text: str, room: int) -> str:
    """The text in at most so many columns, its middle left out: names differ at both ends."""
    if columns(text) <= room:
        return text
    head = _first(text, max(0, (room - 3 + 1) // 2))
    tail = _first(text[::-1], max(0, (room - 3) // 2))[::-1]
    return f"{head}...{tail}" if room > 3 else "."[:1] * max(0, room)


def columns(text: str) -> int:
    """How wide a terminal shows a text that `visible` has gone over: signs of the East take two columns."""
    if text.isascii():
        return len(text)
    return sum(_columns(char) for char in text)


def _columns(char: str) -> int:
    if unicodedata.combining(char):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def _first(text: str, room: int) -> str:
    for at, char in enumerate(text):
        room -= _columns(char)
        if room < 0:
            return text[:at]
    return text
