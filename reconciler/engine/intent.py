"""A spec in, what it means for each chosen cluster out, before anything is opened; or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.core import labels
from reconciler.core.desired import Desired, desired
from reconciler.core.diff import flat, nest
from reconciler.core.model import Body, Document, Json, Key, Path, Place, Platform
from reconciler.core.plan import Stage
from reconciler.engine.clusters import Options
from reconciler.engine.keeping import TOPIC
from reconciler.errors import BadUsage, Problem, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import MASK, is_reference, resolve
from reconciler.spec.folder import Spec
from reconciler.spec.literals import literal_secrets

LEDGER = ("spec", "ledger", "cluster")
PLATFORM = ("spec", "platform")
Wanted = tuple[Document, Platform, Desired]


def check(spec: Spec) -> None:
    """What kinds and platforms themselves have to say about their documents. Raises SpecInvalid with all of it."""
    kinds = {kind.document: kind for kind in kinds_registry.load().values()}
    problems = [
        Problem(document.file, *document.locate(path), message)
        for document in spec.documents
        if document.kind in kinds
        for path, message in kinds[document.kind].check(document)
    ]
    problems += _quarrels(spec)
    known = platforms_registry.names()
    for document in spec.clusters:
        if (found := document.spec["platform"]) not in known:
            words = f"platform `{found}` is not known; there is {', '.join(known)}"
            problems.append(Problem(document.file, *document.locate(PLATFORM), words))
    if problems:
        raise SpecInvalid(problems)


def _quarrels(spec: Spec) -> Iterator[Problem]:
    """What is wrong between the documents of a kind, or between them and the clusters they are for."""
    for kind in kinds_registry.load().values():
        own = [document for document in spec.documents if document.kind == kind.document]
        for document, path, message in kind.among(own, spec.clusters) if own else ():
            yield Problem(document.file, *document.locate(path), message)


def check_references(spec: Spec, options: Options) -> None:
    """What the chosen clusters' connections refer to must be there. Raises SpecInvalid with every one that is not."""
    problems = []
    for document in chosen(spec, options):
        for path, value in _references(document.spec, ("spec",)):
            try:
                resolve(value, options.root, secret=False)
            except BadUsage as error:
                words = f"{'.'.join(path)}: {error.message}. {error.hint}".rstrip(". ")
                problems.append(Problem(document.file, *document.locate(path), words))
    if problems:
        raise SpecInvalid(problems)


def _references(value: Json, path: Path) -> Iterator[tuple[Path, str]]:
    """Every reference below, with its path. What is named `.location` is a file that librdkafka opens itself."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _references(inner, (*path, name))
    elif isinstance(value, (list, tuple)):
        for at, inner in enumerate(value):
            yield from _references(inner, (*path, str(at)))
    elif isinstance(value, str) and is_reference(value) and not path[-1].endswith(".location"):
        yield path, value


def chosen(spec: Spec, options: Options) -> list[Document]:
    """The clusters this run is about. Raises BadUsage for one the spec does not have, and for labels that none has."""
    known = {document.name: document for document in spec.clusters}
    unknown = [name for name in options.clusters if name not in known]
    if unknown:
        raise BadUsage(
            f"no cluster {', '.join(unknown)} in the spec; it has {', '.join(sorted(known))}"
        )
    named = labelled([known[n] for n in sorted(set(options.clusters) or known)], options.labels)
    if not options.waves:
        return named
    inside = {name for stage in stages(spec, options) for name in stage.clusters}
    return [document for document in named if document.name in inside]


def stages(spec: Spec, options: Options) -> tuple[Stage, ...]:
    """The chosen clusters in the order of the waves; one that several fit belongs to the first of them."""
    left = chosen(spec, replace(options, waves=()))
    found = []
    for selector in options.waves:
        every = labelled(chosen(spec, replace(options, waves=())), [selector])
        own = [document for document in every if document in left]
        if not own:
            raise BadUsage(f"--wave {selector}: its clusters belong to a wave before it")
        found.append(Stage(selector, tuple(document.name for document in own)))
        left = [document for document in left if document not in own]
    return tuple(found)


def outside(spec: Spec, options: Options) -> list[str]:
    """Chosen clusters that no wave names: they are left as they are, and that is said."""
    if not options.waves:
        return []
    inside = {document.name for document in chosen(spec, options)}
    every = chosen(spec, replace(options, waves=()))
    return [document.name for document in every if document.name not in inside]


def labelled(documents: Sequence[Document], selectors: Sequence[str]) -> list[Document]:
    """Those that fit every selector. Raises BadUsage where none does: a run about nothing would look like success."""
    found = [d for d in documents if all(labels.fits(s, labels.labels(d)) for s in selectors)]
    if documents and not found:
        there = ", ".join(labels.known(documents)) or "none"
        asked = " and ".join(selectors)
        raise BadUsage(f"no cluster is labelled {asked}; the labels there are: {there}")
    return found


def desired_of(spec: Spec, document: Document) -> Wanted:
    platform = platforms_registry.load(str(document.spec["platform"]))
    kinds = kinds_registry.load()
    want = desired(
        document.name,
        list(_placed(spec, document)),
        kinds,
        platform,
        lambda kind: kinds_registry.offered(kind, platform, document.spec),
    )
    return document, platform, want


def _placed(spec: Spec, cluster: Document) -> Iterator[Document]:
    """Every document with what it takes from Cluster documents filled in."""
    kinds = {kind.document: kind for kind in kinds_registry.load().values()}
    every = (*spec.clusters, *spec.documents)
    place = Place(cluster, {(document.kind, document.name): document for document in every})
    for document in spec.documents:
        kind = kinds.get(document.kind)
        yield kind.placed(document, place) if kind else document


def ledger_of(spec: Spec) -> Body:
    """Where ownership is recorded: a topic, on the cluster itself unless `cluster` names another one."""
    if spec.estate is None:
        return {}
    given = cast("Body", spec.estate.spec.get("ledger") or {})
    other = given.get("cluster")
    documents = {document.name: document for document in spec.clusters}
    found: dict[str, Json] = {"topic": given.get("topic") or TOPIC}
    if other:
        if other not in documents:
            problem = Problem(
                spec.estate.file, *spec.estate.locate(LEDGER), f"no cluster `{other}` in the spec"
            )
            raise SpecInvalid([problem])
        found |= {"cluster": other, "spec": masked(documents[str(other)])}
    return found


def connections(spec: Spec) -> dict[str, Body]:
    """Every cluster's connection as the spec has it."""
    return {document.name: document.spec for document in spec.clusters}


def masked(document: Document) -> Body:
    """The connection as a plan may show it: a password in clear text, allowed on loopback only, is left out."""
    secret = {path[1:] for path in literal_secrets(document)}
    return nest((path, MASK if path in secret else value) for path, value in flat(document.spec))


def bookkeeping(spec: Spec, cluster: str) -> Iterator[Key]:
    """The topics kstate keeps for itself: nobody's to manage, so never reported."""
    if topic := ledger_of(spec).get("topic"):
        yield from (Key(cluster, "topic", name) for name in (str(topic), f"{topic}_journal"))
