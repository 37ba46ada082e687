"""The Connect clusters of a session in; what is shared by all that lives on them out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, cast

from reconciler.clients import connect
from reconciler.clients.http import Answer, Http, Workers
from reconciler.core.model import Body, Change, Document, Key, Path, Session, Status
from reconciler.core.near import did_you_mean
from reconciler.errors import Failed
from reconciler.secrets.references import redact

T = TypeVar("T")
WIRE = "connect"
# Every change is a rebalance of its own; side by side the workers take them together.
THREADS = 8
Plugins = Mapping[str, frozenset[str]]


def parts(name: str) -> tuple[str, str]:
    """The Connect cluster and the connector of a key's name."""
    worker, _, connector = name.partition("/")
    return worker, connector


def workers(session: Session) -> Mapping[str, Http]:
    return cast("Workers", session.client(WIRE)).by_name


def worker_of(session: Session, key: Key) -> Http:
    """Raises Failed where the Cluster document has no Connect of that name any more."""
    all_known(session, [key.name])
    return workers(session)[parts(key.name)[0]]


def all_known(session: Session, names: Iterable[str]) -> None:
    known = workers(session)
    lost = sorted(name for name in names if parts(name)[0] not in known)
    if lost:
        raise Failed(
            f"cluster {session.cluster}: its Cluster document has no Connect"
            f" `{parts(lost[0])[0]}`, where {lost[0]} is recorded to be",
            hint="Put it back; or let go of what was there with `kstate release`.",
        )


def declared(worker: Http, found: Iterable[connect.Connector]) -> Plugins:
    """What each plugin in use calls a password."""
    classes = sorted({one.config.get("connector.class", "") for one in found} - {""})
    with ThreadPoolExecutor(THREADS) as pool:
        return dict(
            zip(classes, pool.map(lambda c: connect.passwords(worker, c), classes), strict=True)
        )


def side_by_side(changes: Sequence[Change], act: Callable[[Change], T]) -> Iterator[tuple[Key, T]]:
    with ThreadPoolExecutor(THREADS) as pool:
        yield from zip((c.key for c in changes), pool.map(act, changes), strict=True)


def steered(worker: Http, name: str, before: str, state: str) -> Iterator[Answer]:
    """Towards a state; what has failed is started again."""
    if state == "running" and before in ("failed", "starting"):
        yield connect.restart(worker, name)
    else:
        yield connect.steer(worker, name, state)


def refusal(answer: Answer) -> Status:
    """What an answer that is no yes means: where it is there already, reading back decides."""
    return Status.UNKNOWN if connect.there_already(answer) else Status.FAILED


def failures(worker: Http, names: Sequence[str]) -> list[str]:
    """Which parts of these connectors have failed, each with the first line of its trace."""
    found = connect.read(worker)
    return [redact(part.words) for name in names if name in found for part in found[name].failed]


def unknown_worker(
    documents: Sequence[Document], clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """Documents for a Connect cluster that their cluster does not have."""
    for document in documents:
        if "connect" not in document.spec:
            continue  # told by who needs it
        named = document.metadata.get("clusters")
        asked = str(document.spec.get("connect"))
        for cluster in clusters:
            known = [str(w["name"]) for w in cast("list[Body]", cluster.spec.get("connect") or [])]
            meant = named is None or cluster.name in cast("list[str]", named)
            if meant and known and asked not in known:
                has = f"cluster {cluster.name} has {', '.join(known)}"
                told = f"there is no Connect `{asked[:80]}`: {has}{did_you_mean(asked, known)}"
                yield document, ("spec", "connect"), told
