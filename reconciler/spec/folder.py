"""A folder of YAML in; a checked Spec out, or every problem at once with its file, line and column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from reconciler.core.model import Document, Json
from reconciler.core.near import did_you_mean
from reconciler.errors import Problem, SpecInvalid
from reconciler.spec import checks, inlined, literals, profiles, schema, shapes, values, walk, yaml
from reconciler.spec.places import locate, place
from reconciler.spec.words import Finding

MOST_CLASHES = 1_000
NOTHING_INSTEAD: Mapping[str, bytes] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole spec that has been found right.

    `root` is the folder that relative references start from. `clusters` are sorted by name, `documents` (all that
    become resources) by file and line. `files` are those read, relative to `root`. `ignores` are exceptions,
    `profiles` are names.
    """

    root: Path
    estate: Document | None
    clusters: tuple[Document, ...]
    documents: tuple[Document, ...]
    files: tuple[str, ...]
    ignores: tuple[Document, ...] = ()
    profiles: frozenset[str] = frozenset()


class _Draft(NamedTuple):
    """A document on its way, its profile still only named. `right`: nothing is wrong with it by itself."""

    form: schema.Schema
    metadata: dict[str, Json]
    spec: dict[str, Json]
    file: str
    tree: yaml.Tree
    right: bool

    @property
    def name(self) -> str:
        name = self.metadata.get("name")
        return name if isinstance(name, str) else ""


@dataclass(frozen=True, slots=True)
class _Reading:
    """What grows while a folder is read.

    `hidden` are names that documents of unknown kind have, and `broken` files were not read to their end: what seems
    to be missing may be there, so nothing is said about it until that is put right.
    """

    found: walk.Found
    forms: Mapping[tuple[str, str], schema.Schema]
    values: values.Values | None
    problems: list[Problem]
    drafts: list[_Draft] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)

    def tell(self, relative: str, index: int, findings: Iterable[Finding]) -> None:
        for finding in findings:
            at = place(self.found.files[relative], index, finding.path)
            line, column = at.key if finding.at_key else at.value
            self.problems.append(Problem(relative, line, column, finding.message))


def load(
    root: Path,
    *,
    values: Path | None = None,
    schemas: Path | None = None,
    instead: Mapping[str, bytes] = NOTHING_INSTEAD,
) -> Spec:
    """Read and check a folder, or one file. Raises SpecInvalid with every problem, BadUsage if nothing is there.

    `instead` are contents to take for those of files, by their path relative to the folder.
    """
    reading = _begin(root, values, schemas or schema.folder())
    reading = replace(reading, found=replace(reading.found, instead=instead))
    for relative in reading.found.files:
        _file(reading, relative)
    reading.broken.extend(problem.file for problem in reading.found.problems)
    judged = list(_documents(reading))
    documents = [document for document, _ in judged]
    for clash in islice(_clashes(reading, documents), MOST_CLASHES):
        line, column = clash.document.locate(clash.path)
        reading.problems.append(Problem(clash.document.file, line, column, clash.message))
    problems = [*reading.problems, *reading.found.problems]
    if not problems and not documents:
        problems = [Problem(".", 1, 1, "no `*.yaml` or `*.yml` here holds a document")]
    if problems:
        told = [_shown(problem) for problem in dict.fromkeys(problems)]
        raise SpecInvalid(told, _rest(reading, judged))
    return _spec(reading.found, documents)


def _begin(root: Path, values_file: Path | None, schemas: Path) -> _Reading:
    found = walk.find(root, leave_out=values_file)
    given, problems = values.load(values_file) if values_file else (None, [])
    return _Reading(found, schema.known(schemas), given, problems)


def _file(reading: _Reading, relative: str) -> None:
    data = walk.content(reading.found, relative)
    if data is None:
        reading.broken.append(relative)
        return
    content = shapes.read(data)
    reading.problems.extend(Problem(relative, *fault) for fault in content.faults)
    if not content.whole:
        reading.broken.append(relative)
    hints = _Hints(data)
    for tree in content.trees:
        _draft(reading, relative, tree, hints)


class _Hints:
    """What the documents of a file can hold by its bytes: thousands need not be searched for what no byte hints at."""

    def __init__(self, data: bytes) -> None:
        self.variables = b"${" in data
        # A backslash can spell anything in YAML, and so can a variable.
        self.files = self.variables or b"file:" in data or b"\\" in data


def _draft(reading: _Reading, relative: str, tree: yaml.Tree, hints: _Hints) -> None:
    filled = hints.variables
    value, findings = values.fill(tree.value, reading.values) if filled else (tree.value, [])
    form = schema.choose(value, reading.forms)
    if isinstance(form, Finding):
        reading.tell(relative, tree.number, [*findings, form])
        reading.hidden.add(str(_mapping(value, "metadata").get("name")))
        return
    unfilled = {finding.path for finding in findings}
    exactly = tree.pointed or (filled and _pointed(reading.values))
    unfit = schema.check(form, value, exactly=exactly)
    findings += [finding for finding in unfit if finding.path not in unfilled]
    metadata, body = _mapping(value, "metadata"), _mapping(value, "spec")
    if form.kind == "Cluster":
        findings += literals.check(body)
    elif hints.files:
        findings += literals.check_secrets(body)
    if not findings:
        body, findings = inlined.fill(form, body, reading.found, relative)
    if findings:
        reading.tell(relative, tree.number, findings)
    reading.drafts.append(_Draft(form, metadata, body, relative, tree, not findings))


def _rest(reading: _Reading, judged: list[tuple[Document, bool]]) -> Spec | None:
    """What nothing is wrong with by itself; None where what seems to be missing may be there."""
    clusters = [right for document, right in judged if document.kind == "Cluster"]
    if reading.broken or reading.hidden or not clusters or not all(clusters):
        return None
    return _spec(reading.found, [document for document, right in judged if right])


def _documents(reading: _Reading) -> Iterator[tuple[Document, bool]]:
    """Every document with its profile under it; also what is wrong in itself, for others may refer to it."""
    drafts = reversed(reading.drafts)  # of two profiles with one name the first counts
    shared = {draft.name: draft for draft in drafts if draft.form.kind == "Profile"}
    for draft in reading.drafts:
        named = isinstance(draft.spec.get("profile"), str)
        under = _profile(reading, draft, shared) if named else None
        body = profiles.merge(under.spec if under else {}, draft.spec)
        right = draft.right and (not named or (under is not None and under.right))
        if right and named:
            right = _check_merged(reading, draft, body)
        yield _document(reading, draft, body), right


def _profile(reading: _Reading, draft: _Draft, shared: Mapping[str, _Draft]) -> _Draft | None:
    """The profile that a document names, if it is there."""
    name = str(draft.spec["profile"])
    if not (name in shared or name in reading.hidden or "${" in name or reading.broken):
        told = f"there is no Profile `{name[:80]}`{did_you_mean(name, shared)}"
        reading.tell(draft.file, draft.tree.number, [Finding(("spec", "profile"), told)])
    return shared.get(name)


def _check_merged(reading: _Reading, draft: _Draft, body: dict[str, Json]) -> bool:
    """A profile fits the form of a Profile; whether it fits what names it shows only here."""
    form = draft.form
    whole: Json = {
        "apiVersion": form.version,
        "kind": form.kind,
        "metadata": draft.metadata,
        "spec": body,
    }
    unfit = schema.check(form, whole, exactly=False)
    if unfit:
        aside = f", with Profile `{draft.spec['profile']}` merged in"
        told = [finding._replace(message=finding.message + aside) for finding in unfit]
        reading.tell(draft.file, draft.tree.number, told)
    return not unfit


def _document(reading: _Reading, draft: _Draft, body: dict[str, Json]) -> Document:
    return Document(
        kind=draft.form.kind,
        name=draft.name,
        metadata=draft.metadata,
        spec=body,
        file=draft.file,
        line=draft.tree.line,
        locate=partial(locate, reading.found.files[draft.file], draft.tree.number),
    )


def _clashes(reading: _Reading, everything: list[Document]) -> Iterator[checks.Clash]:
    """What is wrong between documents."""
    documents = [document for document in everything if document.name]
    clusters = sorted({document.name for document in documents if document.kind == "Cluster"})
    yield from checks.doubles(documents, clusters)
    yield from checks.several_estates(documents)
    yield from checks.connect_twice(documents)
    if not reading.broken:
        yield from checks.unknown_clusters(documents, {*clusters, *reading.hidden})
    if not reading.broken and not reading.hidden:
        yield from checks.no_cluster(documents)


def _spec(found: walk.Found, documents: list[Document]) -> Spec:
    estates = [document for document in documents if document.kind == "Estate"]
    clusters = [document for document in documents if document.kind == "Cluster"]
    resources = [document for document in documents if document.kind not in checks.ALONE]
    return Spec(
        root=found.root,
        estate=estates[0] if estates else None,
        clusters=tuple(sorted(clusters, key=lambda document: document.name)),
        documents=tuple(sorted(resources, key=lambda document: (document.file, document.line))),
        files=tuple(found.files),
        ignores=tuple(document for document in documents if document.kind == "Ignore"),
        profiles=frozenset(d.name for d in documents if d.kind == "Profile"),
    )


def _shown(problem: Problem) -> Problem:
    """Without what a log or a terminal would take for more than text: names are written by strangers."""
    file, message = walk.printable(problem.file), walk.printable(problem.message)
    return Problem(file, problem.line, problem.column, message)


def _mapping(value: Json, key: str) -> dict[str, Json]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _pointed(given: values.Values | None) -> bool:
    """Whether the values hold a number like `3.0`, which is not a whole number."""
    numbers = (value for value in (given or {}).values() if isinstance(value, float))
    return any(number.is_integer() for number in numbers)
