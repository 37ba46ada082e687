"""Whether who a document names is, or will be, a service account; who is nobody is refused while planning."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import Action, Change, Code, Document, Key, Place, Resource, Risk, World
from reconciler.core.near import did_you_mean
from reconciler.platforms.confluent.principals import by_name

ACCOUNT = "account"
DECLARED = "declared"
PrincipalOf = Callable[[str], str]


def marked(principal: str, document: Document, place: Place) -> Document:
    """The document, with a note where the spec declares the account that it names."""
    if ("User", by_name(principal)) not in place.documents:
        return document
    return replace(document, spec={**document.spec, ACCOUNT: DECLARED})


def noted(document: Document, resources: Iterable[Resource]) -> Iterator[Resource]:
    """What a document means, with its note among the facts, where nothing compares it."""
    facts = {ACCOUNT: DECLARED} if document.spec.get(ACCOUNT) else {}
    yield from (replace(resource, facts=facts) for resource in resources)


def accounts_near(principal: str, cluster: str) -> Iterator[tuple[str, str]]:
    """The accounts have to be looked at for who is named by name."""
    if by_name(principal):
        yield cluster, "user"


@dataclass(frozen=True, slots=True)
class KnownRule:
    """Whoever something is made for has to be there, or has to be made."""

    principal_of: PrincipalOf

    def __call__(self, changes: Sequence[Change], world: World) -> Iterator[tuple[Key, Risk]]:
        for change in changes:
            name = by_name(self.principal_of(change.key.name))
            accounts = world.nearby.get((change.key.cluster, "user"))
            if change.action is not Action.CREATE or not name or accounts is None:
                continue
            if name in accounts or Key(change.key.cluster, "user", name) in world.spec:
                continue
            wanted = world.planned.get(change.key.name)
            if wanted is not None and wanted.facts.get(ACCOUNT) == DECLARED:
                told = f"`{name}` is made by a document for another cluster of the organization"
                yield change.key, Risk("KS190", f"{told}: it has to be there first")
            else:
                near = did_you_mean(name, list(accounts))
                told = (
                    f"no service account is called `{name}`{near}, and no User document makes one"
                )
                yield change.key, Risk("KS924", told)


CODES = (
    Code(
        "KS190",
        "Made by another cluster's document",
        "No service account has this name now, and the document that makes it is for another cluster of the"
        " organization. Clusters are written independently of each other: where this one comes first the change fails,"
        " and running the same command again continues.",
    ),
    Code(
        "KS924",
        "There is no such service account",
        "The document names a service account by its display name, and there is none of that name, neither in the"
        " organization nor in the spec. Correct the name, write a User document for it, or name an id (`User:sa-...`,"
        " `User:u-...`, `User:pool-...`).",
    ),
)
