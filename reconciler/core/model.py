"""The nouns of kstate, and the contracts that kinds, drivers and platforms fulfil.

Everything here is data: frozen, comparable, made of plain JSON values, so that a plan can be written down and read
back without loss. Desired, live and last-applied state are one type (`State`); nothing below can tell them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, TypeAlias

from reconciler.core import silent

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
Body: TypeAlias = Mapping[str, Json]
Path: TypeAlias = tuple[str, ...]

NOTHING: Mapping[str, Json] = MappingProxyType({})


def nothing() -> Body:
    """The one empty body, shared: most resources have no facts and most changes no preconditions."""
    return NOTHING


class Key(NamedTuple):
    """What names a thing everywhere: `prod-eu/topic/orders.placed.v1`. Ordered, hashable, printable."""

    cluster: str
    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.cluster}/{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The reverse of `str(key)`; only the name may hold further slashes. Raises ValueError."""
        cluster, kind, name = text.split("/", 2)
        return cls(cluster, kind, name)


@dataclass(frozen=True, slots=True)
class Resource:
    """A name and its settings. A setting that is absent is not compared; one that is None must not be set.

    `facts` are what was seen beside the settings (a topic's id, say): never compared, usable as preconditions.
    `unproven` says in sentences what of a live resource was taken to be as wanted, because nobody could tell.
    """

    name: str
    settings: Body
    facts: Body = field(default_factory=nothing, compare=False)
    unproven: tuple[str, ...] = field(default=(), compare=False)


State: TypeAlias = Mapping[Key, Resource]


class Edit(NamedTuple):
    """One setting that differs. `path` is a tuple, so that `retention.ms` keeps its dot. None means: not set."""

    path: Path
    before: Json
    after: Json


class Level(StrEnum):
    """How bad: a notice never blocks, danger and limit block until approved, impossible always blocks."""

    NOTICE = "notice"
    DANGER = "danger"
    LIMIT = "limit"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True)
class Risk:
    """Something a reviewer has to know about a change. `evidence` holds figures, which never enter the digest.

    `doubted`: the server that says so may only know more than the one that was read. It is looked at again before it
    is believed, and the mark is never written down.
    """

    code: str
    message: str
    evidence: Body = field(default_factory=nothing)
    doubted: bool = field(default=False, compare=False)

    @property
    def level(self) -> Level:
        """Derived from the code's group: KS1xx notice, KS2xx danger, KS3xx limit, KS9xx impossible."""
        return _LEVELS[self.code[2]]

    @property
    def blocking(self) -> bool:
        return self.level is not Level.NOTICE


_LEVELS = {"1": Level.NOTICE, "2": Level.DANGER, "3": Level.LIMIT, "9": Level.IMPOSSIBLE}


class Action(StrEnum):
    """What a change does; derived from which side is absent, never stored."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Owner(StrEnum):
    """Whose a live resource is: not there yet, recorded as ours, nobody's, or another estate's."""

    NEW = "new"
    OURS = "ours"
    UNOWNED = "unowned"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Change:
    """One resource that is to become different.

    | before | after | action |
    |--------|-------|--------|
    | None   | body  | create |
    | body   | body  | update, and `edits` says what differs |
    | body   | None  | delete |

    `before` holds only the settings that the change is about, as they were read. `expects` are facts that must
    still hold at apply (a topic's id). `sources` are `file:line` places. `steps` are the writes in order, in words,
    where one write is not enough. `note` is what is known of its past; like places, it never enters the digest.
    """

    key: Key
    before: Body | None
    after: Body | None
    edits: tuple[Edit, ...] = ()
    steps: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    expects: Body = field(default_factory=nothing)
    sources: tuple[str, ...] = ()
    owner: Owner = Owner.NEW
    note: str = ""

    @property
    def action(self) -> Action:
        if self.before is None:
            return Action.CREATE
        return Action.DELETE if self.after is None else Action.UPDATE


class Status(StrEnum):
    """How a change ended. `unknown`: it was sent and no answer came; only reading back can tell."""

    DONE = "done"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a change, with the server's own words. There is one for every change, always.

    `partly`: it failed, and something of it is there: read so, or a driver says that it was taken and went wrong then.
    """

    key: Key
    status: Status
    words: str = ""
    partly: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Document:
    """One checked YAML document. `file` is relative to the spec folder, `line` counts from 1.

    `spec` has its profile merged in, its variables filled and its secrets still as references.
    `locate(path)` gives (line, column) of a value, for example `("spec", "config", "retention.ms")`.
    """

    kind: str
    name: str
    metadata: Body
    spec: Body
    file: str
    line: int
    locate: Callable[[Path], tuple[int, int]] = field(compare=False, repr=False)

    @property
    def source(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a driver has to read.

    `names` are those whose settings are wanted, `fields` the configuration names in play, None for every one. With
    `others`, every other name that is there is returned too, bare. With `facts`, what preconditions need (a topic's id)
    is read as well. `wanted` is what those names are to be, None for a setting that is to be no more: for a kind whose
    server tells secrets (a reference is returned where it fits, never the secret), or tells some settings only when
    asked. `again`: whoever asks will ask until all is there, so nobody has to make sure that something is missing.
    """

    names: frozenset[str] | None = None
    fields: frozenset[str] | None = None
    others: bool = False
    facts: bool = False
    wanted: Mapping[str, Body] = field(default_factory=dict)
    again: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster to talk to: its name and its connection, references unresolved; `peers` are those of other clusters.

    `root` is the folder that relative `file:` references start from. `timeout` is in seconds, for one request.
    `waiting` hears for how many seconds a server's quota makes us wait.
    """

    name: str
    spec: Body
    root: str = "."
    timeout: float = 10.0
    peers: Mapping[str, Body] = field(default_factory=dict)
    waiting: Callable[[float], None] | None = None


class Session(Protocol):
    """One cluster while kstate is logged in: its name, its id, and its clients, opened when first asked for."""

    @property
    def cluster(self) -> str: ...
    @property
    def cluster_id(self) -> str: ...
    @property
    def facts(self) -> Body:
        """What is true of the whole cluster, for the rules: `brokers` (how many)."""

    @property
    def operations(self) -> frozenset[str] | None:
        """What this login may do on the cluster itself (`Create`, `Describe`), None where it may not even ask."""

    def secret(self, reference: str) -> str:
        """What a reference of this cluster's spec stands for; masked from here on. Raises errors.BadUsage."""

    def plain(self, reference: str) -> str:
        """The same for what is no secret, an address for example."""

    def client(self, wire: str) -> object:
        """The client of a wire (`kafka-admin`, `acl`, ...). Raises errors.Failed when it cannot be had."""

    def peer(self, name: str) -> Session:
        """Another cluster, to look at only; open as long as this one. Raises errors.Failed when it cannot be had."""

    def reached(self) -> Mapping[int, int]:
        """How far each broker is with what the controller tells them all, by broker; empty where that is unknown."""

    def close(self) -> None: ...


class Driver(Protocol):
    """The whole I/O contract of a kind on a wire. `write` takes a batch; one call can carry thousands.

    `read` returns what is live inside the scope; what it cannot see for lack of rights is errors.ServerRefused, never
    a shorter answer. `write` returns one outcome for every change, whatever happens. `vet` asks the server, without
    doing anything, what it would refuse, and gathers the evidence behind deletions: risks by key. One that does not let
    us ask is a KS1xx notice, never a failure. One that contradicts what was read makes a doubted risk.
    """

    @property
    def wire(self) -> str: ...
    @property
    def batch(self) -> int:
        """How many changes one call of `write` may carry."""

    def read(self, session: Session, scope: Scope) -> Iterable[Resource]: ...
    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]: ...
    def write(self, session: Session, changes: Sequence[Change]) -> Iterable[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Code:
    """What a risk code means. `undo`: whether it can be undone. `destroys`: data goes, protected things are safe."""

    code: str
    title: str
    text: str
    undo: str = ""
    destroys: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What a rule may look at beside the change itself: one cluster, one kind.

    `live` is everything there now, bare where nobody declared it; `planned` is what the spec wants to be there, and
    `spec` the same of all kinds. `nearby` is what the kind's `nearby` asked for, by cluster and kind, as far as
    it could be read; `to_come` is what the spec wants in those places.
    """

    platform: Platform
    facts: Body
    live: Mapping[str, Resource]
    planned: Mapping[str, Resource]
    spec: State = field(default_factory=dict)
    nearby: Mapping[tuple[str, str], Mapping[str, Resource]] = field(default_factory=dict)
    to_come: Mapping[tuple[str, str], Mapping[str, Resource]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document is to be: the Cluster document it is for, and all documents by kind and name."""

    cluster: Document
    documents: Mapping[tuple[str, str], Document]


class Right(NamedTuple):
    """An operation that a login needs for a kind, and what for. `verb`: to plan, or only to apply.

    `on` is the cluster, each resource of the kind by its name (`own`), or all consumer groups (`groups`).
    """

    operation: str
    purpose: str
    verb: str = "apply"
    on: str = "cluster"


class Condition(NamedTuple):
    """How a live resource is doing, in words that need no figures to be understood; `well` or not."""

    name: str
    well: bool
    words: str


@dataclass(frozen=True, slots=True)
class Around:
    """Where live resources were read. `addresses`: the brokers of each cluster of the spec, as far as known."""

    cluster: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)


NOWHERE = Around()
# The reverse of `Kind.resources`: live resources in, bodies of documents (`name`, `spec`) that mean them out.
Documents: TypeAlias = "Callable[[Sequence[Resource], Around], Iterable[Mapping[str, Json]]]"
Rule: TypeAlias = Callable[[Sequence[Change], World], Iterable[tuple[Key, Risk]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of resource; the last line of its file. A new kind is one such file and one JSON Schema.

    `name` stands in keys (`topic`), `document` in YAML (`Topic`). `resources`: what a document means on a platform,
    purely. `check` finds what is wrong with one document, `among` what is wrong between documents of the kind and
    Cluster documents. `after` names kinds whose creations come first and whose deletions come last; `tier` orders
    changes of one action, smallest first; `needs` are names of the same kind that settings stand upon. `steps` are the
    writes of a change in words. `whole`: a write replaces everything, so everything is compared. `complete`: an update
    carries all that is wanted. `facts`: its resources carry preconditions. `free_name`: a document's name is for people
    only. `owns` is the list of prefixes in a Cluster's `owns` that speaks of this kind, `owned_as` the part of a name
    that they are compared with. `rights` are what a login needs. `unseen`: settings that no server tells. `secrets` are
    settings that hold references, resolved before anything is written. `documents` is the reverse of `resources`, for
    an import; a body may have `texts` beside its `spec`: what a member of it names as a file, with its suffix; `unsaid`
    is why there is none for a live resource. `recalled` is a resource of a snapshot as a read of this scope would have
    it; `foreseen` what can be said of changes from those alone. `placed` fills in what a document takes from Cluster
    documents; `nearby` is where else its rules look. `covers`: live keys that a resource keeps on its own. `watches`
    are rules over changes of other kinds. `health` is how live ones do, for drift, `by_itself` whether a value is one
    nobody sets: a failure. `verify` tries whether secrets that no server tells are those in use. `elsewhere`: why other
    platforms lack it.
    """

    name: str
    document: str
    resources: Callable[[Document, Platform], Iterable[Resource]]
    drivers: tuple[Driver, ...]
    check: Callable[[Document], Iterable[tuple[Path, str]]] = silent.of_one
    among: Callable[
        [Sequence[Document], Sequence[Document]], Iterable[tuple[Document, Path, str]]
    ] = silent.of_two
    after: tuple[str, ...] = ()
    tier: Callable[[Change], int] = silent.one_tier
    needs: Callable[[Body], Iterable[str]] = silent.of_one
    steps: Callable[[Change], Sequence[str]] = silent.of_one
    whole: bool = False
    complete: bool = False
    facts: bool = False
    unseen: frozenset[str] = frozenset()
    secrets: frozenset[str] = frozenset()
    documents: Documents = silent.of_two
    unsaid: Callable[[Resource], str] = silent.no_words
    recalled: Callable[[Resource, Scope], Resource] = silent.recorded
    foreseen: Callable[[Sequence[Change], Mapping[str, Resource]], Iterable[tuple[Key, Risk]]] = (
        silent.of_two
    )
    placed: Callable[[Document, Place], Document] = silent.anywhere
    nearby: Callable[[Resource, str], Iterable[tuple[str, str]]] = silent.of_two
    covers: Callable[[Resource, Iterable[Key]], Iterable[Key]] = silent.of_two
    health: Callable[[Session, Sequence[Resource]], Iterable[Condition]] = silent.of_two
    by_itself: Callable[[Path, Json], bool] = silent.never
    verify: Callable[[Session, Sequence[Resource]], Iterable[Condition]] = silent.of_two
    free_name: bool = False
    elsewhere: str = ""
    owns: str = ""
    owned_as: Callable[[str], str] = silent.same
    rights: tuple[Right, ...] = ()
    rules: tuple[Rule, ...] = ()
    watches: Mapping[str, Rule] = field(default_factory=dict)
    codes: tuple[Code, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """Where a cluster runs; the last line of its file.

    `login` opens a session or raises errors.Failed within the target's timeout. `wires` are those the platform has;
    a kind is offered where one of its drivers' wires is; of those in `addressed` only where the Cluster document has a
    member of that name, which says where to find it. `kinds` are the platform's own versions of kinds, by name, whole:
    what a document means there, its drivers and its rules. `lacks` are kinds that cannot be had (and `ledger`, where no
    ledger can be), each with the reason and what to use instead. `dropped` are settings that the platform accepts and
    ignores: a notice, and not compared. `check` finds what is wrong with a Cluster document. `fitted` is the platform
    as the cluster of a Cluster document's `spec` has it; `tiers` are the forms that takes, each with a `spec` that
    leads to it. `implied` is that `spec` with what follows from the rest of it, an address say. `real` are the kinds
    that were proven on a real server, all others on an emulation. `codes` are those of the platform itself. `keyed`:
    what is logged in with is a key, and stands for an account that ACLs know by another name.
    """

    name: str
    title: str
    login: Callable[[Target], Session]
    wires: frozenset[str]
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    lacks: Mapping[str, str] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    addressed: frozenset[str] = frozenset({"registry", "connect"})
    check: Callable[[Document], Iterable[tuple[Path, str]]] = silent.of_one
    fitted: Callable[[Body], Platform] | None = None
    tiers: Mapping[str, Body] = field(default_factory=dict)
    implied: Callable[[Body], Body] = silent.unchanged
    real: frozenset[str] = frozenset()
    codes: tuple[Code, ...] = ()
    keyed: bool = False
