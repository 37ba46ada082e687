"""Documents that an import made, cluster by cluster, in; the same as one tidy spec out. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import cast

from reconciler.core.model import Body, Json, Key, Path
from reconciler.core.plan import canonical, plain
from reconciler.core.tidy import file_of, profiled

API = "kstate/v1"
PROFILED = "Topic"
_VARIABLE = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A document on its way into a spec. `kind` is the name in keys, `document` the one in YAML.

    `texts` are members of the spec that name a file: here its text, in the spec the suffix that its name has.
    `secrets` are the members in which references may stand, `keys` the resources that it means.
    `known` are variables that somebody chose before: they keep their name.
    """

    kind: str
    document: str
    name: str
    clusters: tuple[str, ...]
    spec: Body
    texts: Mapping[str, str] = field(default_factory=dict)
    secrets: Set[str] = frozenset()
    keys: frozenset[Key] = frozenset()
    known: Set[str] = frozenset()

    @property
    def title(self) -> str:
        return f"{self.document} {self.name} ({', '.join(self.clusters)})"


@dataclass(frozen=True, slots=True)
class Files:
    """A spec by path below its folder: documents with the draft each was made of (None for what is nobody's), texts."""

    documents: Mapping[str, Sequence[tuple[Body, Draft | None]]]
    texts: Mapping[str, str]


def merged(drafts: Iterable[Draft]) -> list[Draft]:
    """What is the same on several clusters becomes one document for all of them.

    Not where it refers to a secret: nobody can see that it is the same one everywhere.
    """
    found: dict[object, Draft] = {}
    for draft in drafts:
        alone = draft.clusters if any(references(draft)) else ()
        same = canonical(plain([draft.spec, draft.texts]))
        at = (draft.document, draft.name, same, alone)
        before = found.get(at)
        clusters = {*draft.clusters, *(before.clusters if before else ())}
        keys = draft.keys | (before.keys if before else frozenset())
        found[at] = replace(draft, clusters=tuple(sorted(clusters)), keys=keys)
    return sorted(found.values(), key=lambda d: (d.kind, d.name, d.clusters))


def renamed(
    drafts: Iterable[Draft],
    free: Callable[[Draft], bool],
    taken: Set[tuple[str, str, str]] = frozenset(),
) -> list[Draft]:
    """With every name once on a cluster, as far as a name is `free` to be another. `taken`: document, name, cluster."""
    used = set(taken)
    found = []
    for draft in drafts:
        chosen = next(d for d in _numbered(draft) if not _places(d) & used or not free(draft))
        used |= _places(chosen)
        found.append(chosen)
    return found


def _numbered(draft: Draft) -> Iterator[Draft]:
    yield draft
    yield from (replace(draft, name=f"{draft.name}-{number}") for number in itertools.count(2))


def _places(draft: Draft) -> set[tuple[str, str, str]]:
    return {(draft.document, draft.name, cluster) for cluster in draft.clusters}


# --- secrets


def references(draft: Draft) -> Iterator[tuple[Path, str]]:
    """Every environment variable that a draft was given by the import, with its path in the spec."""
    found = _references(draft.spec, (), draft.secrets)
    yield from ((path, variable) for path, variable in found if variable not in draft.known)


def _references(value: Json, path: Path, secrets: Set[str]) -> Iterator[tuple[Path, str]]:
    if variable := _variable(value, path, secrets):
        yield path, variable
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _references(inner, (*path, name), secrets)


def _variable(value: Json, path: Path, secrets: Set[str]) -> str:
    """`{env: NAME}` anywhere; the text `env:NAME` only where a whole member is a secret: elsewhere it is a name."""
    if isinstance(value, Mapping):
        inner = value.get("env")
        return inner if len(value) == 1 and secrets and isinstance(inner, str) else ""
    found = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found and len(path) == 1 and path[0] in secrets else ""


def with_own_variables(drafts: Iterable[Draft], *, several: bool) -> list[Draft]:
    """No two secrets share a variable, whatever their names became; with `several` clusters it names its own."""
    listed = list(drafts)
    used: set[str] = {name for draft in listed for name in draft.known}
    found = []
    for draft in listed:
        names: dict[str, str] = {}
        for _, variable in references(draft):
            stem = f"{_upper(draft.clusters[0])}_{variable}" if several else variable
            names[variable] = next(name for name in _spelt(stem) if name not in used)
            used.add(names[variable])
        spec = _replaced(draft.spec, (), draft.secrets, names)
        found.append(replace(draft, spec=cast("Body", spec)) if names else draft)
    return found


def _spelt(stem: str) -> Iterator[str]:
    yield stem
    yield from (f"{stem}_{number}" for number in itertools.count(2))


def _upper(text: str) -> str:
    return re.sub(r"[^A-Z0-9]+", "_", text.upper()).strip("_")


def _replaced(value: Json, path: Path, secrets: Set[str], names: Mapping[str, str]) -> Json:
    if variable := _variable(value, path, secrets):
        name = names.get(variable, variable)
        return {"env": name} if isinstance(value, Mapping) else f"env:{name}"
    if isinstance(value, Mapping):
        return {n: _replaced(inner, (*path, n), secrets, names) for n, inner in value.items()}
    return value


# --- files


def laid(drafts: Sequence[Draft], taken: Callable[[str], bool], profiles: Set[str]) -> Files:
    """Every draft in the file of its kind and the first part of its name, and what topics share as profiles.

    `taken` says which paths are there already, `profiles` which profiles; neither is used again.
    """
    shared, told = _shared(drafts, profiles)
    documents: dict[str, list[tuple[Body, Draft | None]]] = {}
    if shared:
        documents[_free("profiles.yaml", taken)] = [(profile, None) for profile in shared]
    texts: dict[str, str] = {}
    used: set[str] = set()  # in small letters: to some disks `A.avsc` and `a.avsc` are one file
    for draft, spec in zip(drafts, told, strict=True):
        path = _free(file_of(draft.kind, draft.name), taken)
        members = {}
        for member, text in draft.texts.items():
            name = _text_name(
                draft, str(spec[member]), path, lambda p: taken(p) or p.lower() in used
            )
            texts[_beside(path, name)] = text
            used.add(_beside(path, name).lower())
            members[member] = name
        documents.setdefault(path, []).append((_whole(draft, {**spec, **members}), draft))
    return Files(documents, texts)


def _shared(drafts: Sequence[Draft], taken: Set[str]) -> tuple[list[Body], list[Body]]:
    """The documents of profiles, and the spec of every draft with what it has of one left out."""
    topics = [draft for draft in drafts if draft.document == PROFILED]
    profiles, told = profiled([{"name": d.name, "spec": d.spec} for d in topics], taken)
    short = {id(d): cast("Body", body["spec"]) for d, body in zip(topics, told, strict=True)}
    return [_profile(p) for p in profiles], [short.get(id(draft), draft.spec) for draft in drafts]


def _profile(body: Body) -> Body:
    return {
        "apiVersion": API,
        "kind": "Profile",
        "metadata": {"name": body["name"]},
        "spec": body["spec"],
    }


def _whole(draft: Draft, spec: Body) -> Body:
    metadata: Body = {"name": draft.name, "clusters": list(draft.clusters)}
    return {"apiVersion": API, "kind": draft.document, "metadata": metadata, "spec": spec}


def _free(path: str, taken: Callable[[str], bool]) -> str:
    stem, dot, suffix = path.rpartition(".")
    candidates = (path, *(f"{stem}-{number}{dot}{suffix}" for number in range(2, 1000)))
    return next(candidate for candidate in candidates if not taken(candidate))


def _text_name(draft: Draft, suffix: str, path: str, taken: Callable[[str], bool]) -> str:
    """A file name that says whose it is; with its clusters where another has that name."""
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", draft.name).strip("-.")[:150] or "text"
    stems = (safe, f"{safe}.{'-'.join(draft.clusters)}", *(f"{safe}-{n}" for n in range(2, 1000)))
    return next(f"{s}{suffix}" for s in stems if not taken(_beside(path, f"{s}{suffix}")))


def _beside(path: str, name: str) -> str:
    return f"{path.rpartition('/')[0]}/{name}"
