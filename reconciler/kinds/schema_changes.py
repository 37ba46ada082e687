"""Two schemas in; what differs between them, and what that breaks under a level, in the names of their fields, out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from reconciler.core.model import Body, Json

# Levels from loose to tight. Those of one rank are neither.
RANK = {
    "NONE": 0,
    "BACKWARD": 1,
    "FORWARD": 1,
    "BACKWARD_TRANSITIVE": 2,
    "FORWARD_TRANSITIVE": 2,
    "FULL": 3,
    "FULL_TRANSITIVE": 4,
}
# Avro 1.12, "Schema Resolution": a writer's type that a reader of the other may take.
PROMOTED = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}
HOLDS_FIELDS = frozenset({"fields", "properties"})
CONTAINERS = ("message ", "enum ", "oneof ", "service ", "extend ", "group ")


# --- what differs


def differences(before: Json, after: Json) -> list[str]:
    """What was added, taken away and changed, by field."""
    from deepdiff import DeepDiff

    tree = DeepDiff({"": before}, {"": after}, view="tree", threshold_to_diff_deeper=0)
    told = []
    for what, found in sorted(tree.items()):
        for item in found:
            path = [str(step) for step in item.path(output_format="list")][1:]
            told.append(_told(what, path, (item.t1, item.t2)))
    # Where fields come and go their order changes with them: that goes without saying.
    said = [words for words in told if ": order " not in words]
    return sorted(set(said or told))


def _told(what: str, path: Sequence[str], sides: tuple[Any, Any]) -> str:
    name, member = _named(path)
    if what.endswith("_added"):
        return f"{name}{member} added" + _as(sides[1])
    if what.endswith("_removed"):
        return f"{name}{member} removed" + _as(sides[0])
    return f"{name}{member} changed: {_short(sides[0])} -> {_short(sides[1])}"


def _named(path: Sequence[str]) -> tuple[str, str]:
    """``("`order.amount`", ": doc")`` for a path down to a member of a field."""
    names: list[str] = []
    member, steps = "", iter(path)
    for step in steps:
        if step in HOLDS_FIELDS:
            names += [field for field in [next(steps, "")] if field]
            member = "" if names else f": {step}"
        elif step == "branches":
            next(steps, "")
        elif step.startswith(CONTAINERS) or (
            names and member == "" and path[0].startswith(CONTAINERS)
        ):
            names.append(step.removeprefix("message "))
        elif not step.isdigit():
            member = f": {step}"
    return f"`{'.'.join(names)}`" if names else "the schema", member


def _as(value: Any) -> str:
    kind = value.get("type") if isinstance(value, Mapping) else value
    return f" ({_short(kind)})" if isinstance(kind, (str, list, int)) and kind != "" else ""


def _short(value: Any) -> str:
    text = " or ".join(map(str, value)) if isinstance(value, list) else str(value)
    if isinstance(value, Mapping):
        text = str(value.get("name") or value.get("type") or "another form")
    return text if len(text) <= 80 else text[:77] + "..."


# --- what that breaks (Avro)


class Break(NamedTuple):
    """Why a reader cannot read what a writer wrote. `lacks`: the writer does not have the field at all."""

    path: tuple[str, ...]
    why: str
    lacks: bool = False


def broken(before: Json, after: Json, level: str) -> list[str]:
    """What a level forbids between two versions, in sentences. Transitive levels forbid more, further back."""
    told = []
    if level.startswith(("BACKWARD", "FULL")):
        for found in _Reading(after, before).breaks():
            what = "is new and has no default" if found.lacks else found.why
            told.append(f"{_where(found)} {what}: what was written before cannot be read")
    if level.startswith(("FORWARD", "FULL")):
        for found in _Reading(before, after).breaks():
            what = "is taken away and had no default" if found.lacks else found.why
            told.append(f"{_where(found)} {what}: whoever reads with the former schema fails")
    return sorted(set(told))


def _where(found: Break) -> str:
    return f"field `{'.'.join(found.path)}`" if found.path else "the schema"


class _Reading:
    """One direction: a reader's schema against a writer's, their named types known by name."""

    def __init__(self, reader: Json, writer: Json) -> None:
        self.sides = reader, writer
        self.names = dict(_definitions(reader)), dict(_definitions(writer))
        self.seen: set[tuple[str, str]] = set()

    def breaks(self) -> Iterator[Break]:
        yield from self._match(*self.sides, ())

    def _match(self, reader: Json, writer: Json, path: tuple[str, ...]) -> Iterator[Break]:
        reader, writer = self._known(reader, 0), self._known(writer, 1)
        if _branches(writer) is not None:
            for branch in _branches(writer) or ():
                yield from self._match(reader, branch, path)
        elif (ours := _branches(reader)) is not None:
            yield from self._any(ours, writer, path)
        else:
            yield from self._same(reader, writer, path)

    def _any(self, ours: Sequence[Json], writer: Json, path: tuple[str, ...]) -> Iterator[Break]:
        """Some branch has to take it; the one of the same name tells best why none does."""
        tried = [list(self._match(one, writer, path)) for one in ours]
        if all(tried):
            alike = [
                found for one, found in zip(ours, tried, strict=True) if _same_name(one, writer)
            ]
            none = [Break(path, f"no longer takes {_short(_kind(writer))}")]
            yield from alike[0] if alike else none

    def _same(self, reader: Json, writer: Json, path: tuple[str, ...]) -> Iterator[Break]:
        ours, theirs = _kind(reader), _kind(writer)
        if ours != theirs and ours not in PROMOTED.get(theirs, ()):
            yield Break(path, f"is {_short(ours)} on one side and {_short(theirs)} on the other")
        elif not isinstance(reader, Mapping) or not isinstance(writer, Mapping):
            return
        elif ours in ("record", "error"):
            yield from self._record(reader, writer, path)
        elif ours == "enum":
            yield from _enum(reader, writer, path)
        elif ours == "fixed" and (reader["name"], reader.get("size")) != (
            writer["name"],
            writer.get("size"),
        ):
            yield Break(path, "is a fixed of another name or size")
        else:
            for member in {"items", "values"} & reader.keys() & writer.keys():
                yield from self._match(reader[member], writer[member], path)

    def _record(self, reader: Body, writer: Body, path: tuple[str, ...]) -> Iterator[Break]:
        pair = str(reader["name"]), str(writer["name"])
        if pair in self.seen:
            return
        self.seen.add(pair)
        aliases = cast("Sequence[str]", reader.get("aliases") or ())
        if pair[0].rpartition(".")[2] != pair[1].rpartition(".")[2] and pair[1] not in aliases:
            yield Break(path, f"is the record {pair[0]} on one side and {pair[1]} on the other")
        ours, theirs = _fields(reader), _fields(writer)
        for name, field in ours.items():
            also = cast("Sequence[str]", field.get("aliases") or ())
            known = next((n for n in (name, *also) if n in theirs), None)
            if known is not None:
                yield from self._match(field["type"], theirs[known]["type"], (*path, name))
            elif not any(member.startswith("default") for member in field):
                yield Break((*path, name), "", lacks=True)

    def _known(self, schema: Json, side: int) -> Json:
        return self.names[side].get(schema, schema) if isinstance(schema, str) else schema


def _same_name(one: Json, other: Json) -> bool:
    """Whether two branches are the same named type: a name stands for itself."""
    names = [str(s.get("name")) if isinstance(s, Mapping) else str(s) for s in (one, other)]
    return names[0] == names[1]


def _enum(reader: Body, writer: Body, path: tuple[str, ...]) -> Iterator[Break]:
    lost = set(cast("Sequence[str]", writer.get("symbols") or ()))
    lost -= set(cast("Sequence[str]", reader.get("symbols") or ()))
    if lost and "default" not in reader:
        yield Break(path, f"has lost the symbols {', '.join(sorted(lost))}")


def _definitions(schema: Json) -> Iterator[tuple[str, Json]]:
    """Every named type inside a schema."""
    for branch in _branches(schema) or ():
        yield from _definitions(branch)
    if isinstance(schema, Mapping) and "union" not in schema:
        if "name" in schema:
            yield str(schema["name"]), schema
        inner = [schema[m] for m in ("items", "values") if m in schema]
        for part in [*inner, *(field["type"] for field in _fields(schema).values())]:
            yield from _definitions(part)


def _branches(schema: Json) -> list[Json] | None:
    if isinstance(schema, (list, tuple)):
        return list(schema)
    if isinstance(schema, Mapping) and "union" in schema:
        made = cast("Body", schema.get("branches") or {})
        return [made.get(name, name) for name in cast("Sequence[str]", schema["union"])]
    return None


def _kind(schema: Json) -> str:
    return str(schema["type"]) if isinstance(schema, Mapping) else str(schema)


def _fields(schema: Body) -> Mapping[str, Body]:
    return cast("Mapping[str, Body]", schema.get("fields") or {})
