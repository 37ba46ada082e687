"""A spec in, what it means for each chosen cluster out, before anything is opened; or every problem at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import cast

from reconciler.core import labels
from reconciler.core.desired import NAME, Desired, desired
from reconciler.core.diff import flat, nest
from reconciler.core.model import Body, Document, Json, Key, Kind, Path, Place, Platform
from reconciler.core.near import did_you_mean
from reconciler.core.plan import Stage
from reconciler.engine.clusters import Options
from reconciler.engine.keeping import TOPIC
from reconciler.errors import BadUsage, Problem, SpecInvalid
from reconciler.kinds import registry as kinds_registry
from reconciler.platforms import registry as platforms_registry
from reconciler.secrets.references import MASK, is_reference, resolve
from reconciler.spec.folder import Spec
from reconciler.spec.literals import literal_secrets

DEFAULT_LEDGER = frozenset({TOPIC, f"{TOPIC}_journal"})
LEDGER = ("spec", "ledger", "cluster")
PLATFORM = ("spec", "platform")
Wanted = tuple[Document, Platform, Desired]


def check(spec: Spec) -> None:
    """What kinds and platforms themselves have to say about their documents. Raises SpecInvalid with all of it."""
    problems = list(_strange_platforms(spec))
    told = _unknown_kinds(spec)
    if not problems:
        sites = {document.name: _Site.of(document) for document in spec.clusters}
        told = chain(
            told,
            _homeless(spec, sites),
            _misplaced(spec, sites),
            _reserved(spec),
            _by_themselves(spec, sites),
            _among(spec, sites),
        )
    problems += [Problem(d.file, *d.locate(path), message) for d, path, message in told]
    if problems:
        raise SpecInvalid(list(dict.fromkeys(problems)))


def all_of_it(invalid: SpecInvalid) -> SpecInvalid:
    """The same with what kinds and platforms have to say about the documents that nothing else is wrong with."""
    if isinstance(invalid.rest, Spec):
        try:
            check(invalid.rest)
        except SpecInvalid as further:
            return SpecInvalid(list({*invalid.problems, *further.problems}))
    return invalid


def _strange_platforms(spec: Spec) -> Iterator[Problem]:
    """Clusters of a platform that nobody knows, and what is wrong with those of one that is known."""
    known = platforms_registry.names()
    for document in spec.clusters:
        name = str(document.spec["platform"])
        if name not in known:
            near = did_you_mean(name, known) or f"; there is {', '.join(known)}"
            words = f"platform `{name}` is not known{near}"
            yield Problem(document.file, *document.locate(PLATFORM), words)
            continue
        for path, message in platforms_registry.load(name).check(document):
            yield Problem(document.file, *document.locate(path), message)


@dataclass(frozen=True, slots=True)
class _Site:
    """A cluster with its platform, and every kind as it is there, by the name of its documents."""

    document: Document
    platform: Platform
    kinds: Mapping[str, Kind]
    _lacking: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Document) -> _Site:
        platform = platforms_registry.of(document.spec)
        found = kinds_registry.on(platform).values()
        return cls(document, platform, {kind.document: kind for kind in found})

    def why_not(self, kind: str) -> str:
        """Asked for every document, and the same for all of a kind."""
        if kind not in self._lacking:
            found = kinds_registry.why_not(self.kinds[kind], self.platform, self.document.spec)
            self._lacking[kind] = found
        return self._lacking[kind]


Told = tuple[Document, Path, str]


def _unknown_kinds(spec: Spec) -> Iterator[Told]:
    """Ignore rules for kinds that there are not."""
    known = kinds_registry.load()
    for document in spec.ignores:
        for index, glob in enumerate(cast("Sequence[str]", document.spec["resources"])):
            kind = glob.partition("/")[0]
            if kind not in known:
                words = f"no kind is called `{kind}`{did_you_mean(kind, known)}"
                yield document, ("spec", "resources", str(index)), words


def _homeless(spec: Spec, sites: Mapping[str, _Site]) -> Iterator[Told]:
    """Clusters whose ledger is to be where none can be."""
    if spec.estate is None:
        return
    other = cast("Body", spec.estate.spec.get("ledger") or {}).get("cluster")
    homes = [str(other)] if other else sorted(sites)
    for name in (name for name in homes if name in sites):
        platform = sites[name].platform
        if "ledger" not in platform.wires:
            reason = platform.lacks.get("ledger", "it has no topics that kstate could keep it in")
            words = f"{name}: {platform.title} cannot hold the ledger: {reason}"
            way = "name a cluster that can: `ledger: {cluster: NAME}`"
            yield spec.estate, LEDGER if other else ("kind",), f"{words}; {way}"


def _misplaced(spec: Spec, sites: Mapping[str, _Site]) -> Iterator[Told]:
    """Documents that none of their clusters can hold."""
    known = {kind.document for kind in kinds_registry.load().values()}
    held = {kind for kind in known if any(not site.why_not(kind) for site in sites.values())}
    for document in spec.documents:
        anywhere = document.metadata.get("clusters") is None
        if document.kind not in known or (anywhere and document.kind in held):
            continue
        reasons = [
            (site.document.name, site.why_not(document.kind)) for site in _sites(document, sites)
        ]
        if reasons and all(reason for _, reason in reasons):
            words = "; ".join(dict.fromkeys(f"{name}: {reason}" for name, reason in reasons))
            yield document, ("kind",), f"no cluster can hold this {document.kind}: {words}"


def _reserved(spec: Spec) -> Iterator[Told]:
    """Documents that would manage what kstate keeps its ledger in; that of an estate that names none included."""
    own = {key.name for key in bookkeeping(spec, "")} | DEFAULT_LEDGER
    for document in spec.documents:
        if document.kind == "Topic" and document.name in own:
            words = f"`{document.name}` is where kstate keeps its ledger; no document manages it"
            yield document, ("metadata", "name"), words


def _sites(document: Document, sites: Mapping[str, _Site]) -> list[_Site]:
    """The clusters a document is for."""
    named = cast("list[str] | None", document.metadata.get("clusters"))
    return [site for name, site in sites.items() if named is None or name in named]


def _by_themselves(spec: Spec, sites: Mapping[str, _Site]) -> Iterator[Told]:
    """What is wrong with one document, in the eyes of every version of its kind that it is for."""
    portable = {kind.document: kind for kind in kinds_registry.load().values()}
    everywhere = {
        name: _once([site.kinds[name] for site in sites.values()] or [kind])
        for name, kind in portable.items()
    }
    for document in spec.documents:
        if document.kind not in portable:
            continue
        kinds = everywhere[document.kind]
        if len(kinds) > 1 and document.metadata.get("clusters") is not None:
            here = [site.kinds[document.kind] for site in _sites(document, sites)]
            kinds = _once(here or [portable[document.kind]])
        for kind in kinds:
            yield from ((document, path, message) for path, message in kind.check(document))


def _among(spec: Spec, sites: Mapping[str, _Site]) -> Iterator[Told]:
    """What is wrong between the documents of a kind, or between them and the clusters they are for."""
    for kind in kinds_registry.load().values():
        own = [document for document in spec.documents if document.kind == kind.document]
        versions = _once([site.kinds[kind.document] for site in sites.values()]) if own else []
        for version in versions:
            its = {n for n, site in sites.items() if site.kinds[kind.document] is version}
            here = [narrowed for d in own if (narrowed := _only_for(d, its, len(sites)))]
            yield from version.among(here, _completed(spec)) if here else ()


def _completed(spec: Spec) -> list[Document]:
    """The Cluster documents as kinds look at them: with addresses that a platform knows by itself."""
    return [platforms_registry.completed(document) for document in spec.clusters]


def _only_for(document: Document, clusters: Set[str], everywhere: int) -> Document | None:
    """A document as some of its clusters see it; None where it is for none of them."""
    named = cast("list[str] | None", document.metadata.get("clusters"))
    if named is None and len(clusters) == everywhere:
        return document
    left = [name for name in (named or sorted(clusters)) if name in clusters]
    return replace(document, metadata={**document.metadata, "clusters": left}) if left else None


def _once(kinds: Sequence[Kind]) -> list[Kind]:
    """Each version of a kind once; they are compared as the objects they are."""
    return list({id(kind): kind for kind in kinds}.values())


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


def check_apart(
    spec: Spec, ids: Mapping[str, str], called: Mapping[str, str] | None = None
) -> None:
    """Raises SpecInvalid for Cluster documents that turned out to be one cluster.

    `ids` are those of the clusters that were looked at, by name; `called` what their ledgers call them.
    """
    told = [*doubles(spec, ids), *_called_otherwise(spec, ids, called or {})]
    problems = [Problem(d.file, *d.locate(NAME), words) for d, words in told]
    if problems:
        raise SpecInvalid(problems)


def _called_otherwise(
    spec: Spec, ids: Mapping[str, str], called: Mapping[str, str]
) -> Iterator[tuple[Document, str]]:
    """Clusters that the estate knows by the name of another document, one that nobody looked at this time.

    A name that no document has any more was given up: that is how a cluster is renamed.
    """
    documents = {document.name: document for document in spec.clusters}
    for name, before in called.items():
        if before != name and before in documents and before not in ids:
            yield (
                documents[name],
                f"cluster {name} is, by its ledger, cluster {before} of the same estate"
                f" ({documents[before].source}), id {ids[name]}: each would delete what only the"
                " other has; keep one of the two documents, or, if they have changed places,"
                f" name both (`-c {before} -c {name}`)",
            )


def doubles(spec: Spec, ids: Mapping[str, str]) -> Iterator[tuple[Document, str]]:
    """Cluster documents of a cluster that another one speaks of already, and what is wrong with that.

    An estate keeps one record for a cluster: what one of the documents asks for, the other would delete. Without an
    estate nothing is deleted on its own, and one cluster may well have several addresses.
    """
    first: dict[str, Document] = {}
    for document in spec.clusters if spec.estate else ():
        if document.name not in ids:
            continue
        other = first.setdefault(ids[document.name], document)
        if other is not document:
            place = f"{other.file}:{other.locate(NAME)[0]}"
            yield (
                document,
                f"clusters {other.name} ({place}) and {document.name} are one and the same, with id"
                f" {ids[document.name]}: each would delete what only the other has;"
                " keep one of the two documents",
            )


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
    platform = platforms_registry.of(document.spec)
    kinds = kinds_registry.on(platform)
    offered = {
        name: kinds_registry.offered(kind, platform, document.spec) for name, kind in kinds.items()
    }
    want = desired(
        document.name,
        list(_placed(spec, document, kinds)),
        kinds,
        platform,
        lambda kind: offered[kind.name],
    )
    return document, platform, want


def _placed(spec: Spec, cluster: Document, known: Mapping[str, Kind]) -> Iterator[Document]:
    """Every document with what it takes from Cluster documents filled in."""
    kinds = {kind.document: kind for kind in known.values()}
    every = (*_completed(spec), *spec.documents)
    place = Place(
        platforms_registry.completed(cluster),
        {(document.kind, document.name): document for document in every},
    )
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
