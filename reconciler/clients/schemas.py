"""A schema registry's REST API: subjects and their newest versions, levels, modes and what it thinks of a schema.

The API of Confluent Schema Registry, which Karapace, Redpanda and Apicurio (`/apis/ccompat/v7`) speak too; where they
differ, what they were seen to do stands beside the call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from reconciler.clients.http import THREADS, Answer, Http, a_list, told
from reconciler.core.model import Session
from reconciler.errors import ServerRefused

T = TypeVar("T")
R = TypeVar("R")
WIRE = "registry"
# Apicurio answers 1,000 at most without a word, whatever there is.
PAGE = 1_000
OVERLAP = 100
GLANCE = 100  # of the first page: enough to see whether it says what is needed
LOOKS = 5
LATEST = "latest"
SETTINGS = {"compatibility": ("config", "compatibilityLevel"), "mode": ("mode", "mode")}


@dataclass(frozen=True, slots=True)
class Reference:
    """A schema that another one is made of: the name it is known by inside, and where it is."""

    name: str
    subject: str
    version: int


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a subject, its text as the registry has it. `kind` is AVRO, JSON or PROTOBUF."""

    subject: str
    version: int
    id: int
    kind: str
    text: str
    references: tuple[Reference, ...] = ()

    @property
    def body(self) -> dict[str, Any]:
        """What is posted to register it, look it up or ask about it."""
        listed = [
            {"name": r.name, "subject": r.subject, "version": r.version} for r in self.references
        ]
        return {"schema": self.text, "schemaType": self.kind, "references": listed}


def registry_of(session: Session) -> Http:
    return cast("Http", session.client(WIRE))


def side_by_side(items: Sequence[T], act: Callable[[T], R]) -> list[R]:
    """The same for many, over one pool of connections."""
    if not items:
        return []
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(act, items))


def subjects(registry: Http) -> list[str]:
    """Every subject that is not deleted. Raises ServerRefused for a list that never holds still."""
    for _ in range(LOOKS):
        found = _pages(registry)
        if found is not None:
            return found
    raise ServerRefused(
        f"{registry.what} ({registry.url}): its subjects come and go while they are listed",
        hint="Try again when nobody else deletes any.",
    )


def _pages(registry: Http) -> list[str] | None:
    """Page after page, each with the end of the one before; None where they have nothing in common.

    A subject that goes in between moves all behind it forward, and Apicurio 3.3.2 puts subjects of the same millisecond
    into another order every time (seen), sorted by name only within a page. A registry that does not know pages answers
    with all of them again.
    """
    page = _page(registry, 0)
    found = dict.fromkeys(page)
    while len(page) == PAGE:
        page = _page(registry, len(found) - OVERLAP)
        if found.keys() >= set(page):
            return list(found)
        if found.keys().isdisjoint(page):
            return None
        found.update(dict.fromkeys(page))
    return list(found)


def _page(registry: Http, offset: int) -> list[str]:
    query = (("limit", str(PAGE)), ("offset", str(offset)))
    answer = registry.send("GET", "subjects", query=query)
    return told(registry, answer, "GET /subjects", _names)


def _names(body: Any) -> list[str]:
    return [str(name) for name in a_list(body)]


def newest(registry: Http) -> dict[str, Version]:
    """The newest version of each subject in a request a page, by subject; nothing where a registry cannot tell.

    `GET /schemas?latestOnly=true` is Confluent's. Apicurio 3.3.2 answers with the texts alone (measured), others know
    no such path. What is missing is to be asked for by itself: only the default context may be listed, and a page may
    have moved. A subject that comes twice shows that older versions are listed as well: nothing of that is believed.
    """
    found: dict[str, Version] = {}
    listed, size = 0, GLANCE
    while True:
        page = _newest_page(registry, listed, size)
        listed += len(page)
        found.update((version.subject, version) for version in page)
        if len(found) < listed:
            return {}
        if len(page) != size:
            return found
        size = PAGE


def _newest_page(registry: Http, offset: int, size: int) -> list[Version]:
    query = (("latestOnly", "true"), ("offset", str(offset)), ("limit", str(size)))
    answer = registry.send("GET", "schemas", query=query)
    try:
        return [_version(body) for body in a_list(answer.body)] if answer.ok else []
    except (LookupError, TypeError, ValueError):
        return []


def version(registry: Http, subject: str, number: int | str = LATEST) -> Version | None:
    """A version of a subject, None where there is none."""
    path = ("subjects", subject, "versions", str(number))
    answer = registry.send("GET", *path)
    if answer.status == 404:
        return None
    return told(registry, answer, "GET /" + "/".join(path), _version)


def _version(body: Mapping[str, Any]) -> Version:
    listed = body.get("references") or ()
    references = tuple(Reference(r["name"], r["subject"], int(r["version"])) for r in listed)
    kind = str(body.get("schemaType") or "AVRO")
    where = str(body["subject"]), int(body["version"]), int(body["id"])
    return Version(*where, kind, str(body["schema"]), references)


def in_force(registry: Http, what: str, subject: str = "") -> str:
    """The `compatibility` or `mode` that holds for a subject, its own or the registry's; or the registry's itself."""
    path, member = SETTINGS[what]
    steps = (path, subject) if subject else (path,)
    query = (("defaultToGlobal", "true"),) if subject else ()
    answer = registry.send("GET", *steps, query=query)
    if answer.status == 404 and subject:
        return in_force(registry, what)
    return told(registry, answer, "GET /" + "/".join(steps), lambda body: str(body[member]))


def own(registry: Http, what: str, subject: str, registrys: str) -> str | None:
    """What was set for a subject itself; None where nothing was, or just what is the registry's own, `registrys`.

    Apicurio 3.3.2 answers `NONE` for a subject without a level of its own: believed only if it is what holds.
    """
    path, member = SETTINGS[what]
    answer = registry.send("GET", path, subject)
    if answer.status == 404:
        return None
    found = told(registry, answer, f"GET /{path}/{subject}", lambda body: str(body[member]))
    return (
        found
        if found not in (registrys, None) and found == in_force(registry, what, subject)
        else None
    )


def set_level(registry: Http, subject: str, value: str | None) -> Answer:
    """Set the level of a subject, or with None go back to the registry's own."""
    if value is None:
        return registry.send("DELETE", "config", subject)
    return registry.send("PUT", "config", subject, body={"compatibility": value})


def set_mode(registry: Http, subject: str, value: str | None) -> Answer:
    """The same for the mode."""
    if value is None:
        return registry.send("DELETE", "mode", subject)
    return registry.send("PUT", "mode", subject, body={"mode": value})


def register(registry: Http, wanted: Version, *, normalize: bool) -> Answer:
    """A schema becomes the next version; one that is a version already stays the one it is."""
    query = (("normalize", "true"),) if normalize else ()
    path = ("subjects", wanted.subject, "versions")
    return registry.send("POST", *path, query=query, body=wanted.body)


def lookup(registry: Http, wanted: Version, *, normalize: bool) -> int | None:
    """The version of a subject that a schema already is, deleted ones left aside; None where it is none."""
    query = (("normalize", "true"),) if normalize else ()
    answer = registry.ask("POST", "subjects", wanted.subject, query=query, body=wanted.body)
    if answer.status in (404, 422):
        return None
    what = f"looking up {wanted.subject}"
    return told(registry, answer, what, lambda body: int(body["version"]))


def compatible(registry: Http, wanted: Version, *, with_all: bool) -> tuple[bool, list[str]]:
    """What the registry says of a schema under the level in force now, and its words if it has any.

    `with_all`: against every version, for the transitive levels. Raises ServerRefused where it does not take the
    question.
    """
    path = (
        "compatibility",
        "subjects",
        wanted.subject,
        "versions",
        *(() if with_all else (LATEST,)),
    )
    answer = registry.ask("POST", *path, query=(("verbose", "true"),), body=wanted.body)
    if with_all and answer.status in (404, 405):
        return compatible(registry, wanted, with_all=False)
    return told(registry, answer, f"compatibility of {wanted.subject}", _opinion)


def _opinion(body: Any) -> tuple[bool, list[str]]:
    # Only these two: whatever else a server may mean, it has not said that it is compatible.
    return {True: True, False: False}[body["is_compatible"]], [
        str(said) for said in body.get("messages") or ()
    ]


def referrers(registry: Http, subject: str) -> dict[str, bool]:
    """The subjects whose schemas refer to any version of this one, as far as the registry counts them.

    True for one that is there, False for one that is deleted softly: Apicurio 3.3.2 counts those too.
    """
    found: dict[str, bool] = {}
    for number in _there(registry, "subjects", subject, "versions"):
        path = ("subjects", subject, "versions", str(number), "referencedby")
        for schema_id in _there(registry, *path):
            within = context(subject)
            live = _users(registry, schema_id, within)
            every = _users(registry, schema_id, within, deleted=True)
            found |= dict.fromkeys(every - live - found.keys(), False)
            found |= dict.fromkeys(live, True)
    return {name: is_there for name, is_there in found.items() if name != subject}


def context(subject: str) -> str:
    """`:.eu:` of `:.eu:orders-value`; empty for what is in no context of its own (Confluent's schema contexts)."""
    name, colon, _ = subject.removeprefix(":.").partition(":")
    return f":.{name}:" if subject.startswith(":.") and colon else ""


def _users(registry: Http, schema_id: int, within: str, *, deleted: bool = False) -> set[str]:
    """Every context has ids of its own, so it has to be named where there is one."""
    query = (("subject", within),) if within else ()
    path = ("schemas", "ids", str(schema_id), "versions")
    entries = _there(registry, *path, query=query, deleted=deleted)
    return {str(entry["subject"]) for entry in entries}


def is_apicurio(registry: Http) -> bool:
    """Apicurio is known by the path of this API.

    Measured on 3.3.2: what is deleted softly still holds what it refers to; and the type of a new subject is guessed
    from its text, whatever `schemaType` says.
    """
    return "/apis/ccompat/" in registry.url


def count(registry: Http, subject: str, *, deleted: bool = False) -> int:
    """How many versions a subject has; `deleted`: those that are deleted softly too."""
    return len(_there(registry, "subjects", subject, "versions", deleted=deleted))


def _there(
    registry: Http,
    *path: str,
    query: Sequence[tuple[str, str]] = (),
    deleted: bool = False,
) -> list[Any]:
    """A list, empty where what it is about is not there."""
    asked = (*query, *((("deleted", "true"),) if deleted else ()))
    answer = registry.send("GET", *path, query=asked)
    if answer.status == 404:
        return []
    return told(registry, answer, "GET /" + "/".join(path), a_list)


def delete(registry: Http, subject: str, *, permanent: bool) -> Answer:
    """Softly; and then for good where that is asked."""
    answer = registry.send("DELETE", "subjects", subject)
    if permanent and (answer.ok or answer.status == 404):
        return registry.send("DELETE", "subjects", subject, query=(("permanent", "true"),))
    return answer
