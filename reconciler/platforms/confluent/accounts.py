"""Users of Confluent Cloud: a User document in, a service account of the organization out.

Its login is an API key, and keys are not made here: Confluent Cloud shows a key's secret once, in the answer that makes
it. kstate has nowhere to put a secret, and an answer that is lost would leave a key that nobody can ever use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from reconciler.clients.confluent_cloud import Account, Cloud
from reconciler.clients.http import Answer
from reconciler.core.model import (
    NOWHERE,
    Action,
    Around,
    Change,
    Code,
    Document,
    Json,
    Key,
    Outcome,
    Path,
    Platform,
    Resource,
    Risk,
    Scope,
    Session,
)
from reconciler.core.silent import of_two
from reconciler.errors import ServerRefused
from reconciler.kinds.user import KIND
from reconciler.platforms.confluent.login import CLOUD
from reconciler.platforms.confluent.outcomes import outcome
from reconciler.platforms.confluent.principals import ID
from reconciler.platforms.confluent.settings import MEMBER, Settings, member

# "maxLength: 64" of display_name, and 128 of description (iam/v2).
LONGEST_NAME = 64
LONGEST_DESCRIPTION = 128
KEYS = (
    "make its API key with `confluent api-key create --service-account sa-... --resource lkc-...`"
)


def resources(document: Document, _platform: Platform) -> Iterator[Resource]:
    """One service account, named by its display name. A description that is left out is not compared."""
    description = document.metadata.get("description")
    yield Resource(document.name, {"description": description} if description else {})


def documents(live: Sequence[Resource], _around: Around = NOWHERE) -> Iterator[Mapping[str, Json]]:
    """One document for each account."""
    for resource in live:
        nothing: dict[str, Json] = {}
        made: dict[str, Json] = {"name": resource.name, "spec": nothing}
        yield made


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """A service account has no password; its name may not look like an id."""
    for name in ("password", "mechanism", "iterations", "rotation"):
        if name in document.spec:
            told = f"Confluent Cloud has no SCRAM users: here a User is a service account. Leave `{name}` out, and"
            yield ("spec", name), f"{told} {KEYS}"
    where = ("metadata", "name")
    if ID.fullmatch(document.name) or document.name.isdigit() or document.name == "*":
        yield where, f"`{document.name}` looks like the id of an account; a display name is wanted"
    if len(document.name) > LONGEST_NAME:
        yield where, f"a service account's name has {LONGEST_NAME} characters at most"
    if len(str(document.metadata.get("description") or "")) > LONGEST_DESCRIPTION:
        told = f"a service account's description has {LONGEST_DESCRIPTION} characters at most"
        yield ("metadata", "description"), told


def among(
    documents: Sequence[Document], clusters: Sequence[Document]
) -> Iterator[tuple[Document, Path, str]]:
    """An account is of the organization: only one of its clusters can be the one to make it and take it away."""
    for document in documents:
        named = cast("list[str] | None", document.metadata.get("clusters"))
        own = [c for c in clusters if MEMBER in c.spec and (named is None or c.name in named)]
        shared: dict[str, list[str]] = {}
        for cluster in own:
            shared.setdefault(_organization(cluster), []).append(cluster.name)
        for names in shared.values():
            if len(names) > 1:
                where = ("metadata", "clusters") if named else ("metadata", "name")
                told = f"a service account belongs to the organization, and {', '.join(sorted(names))} are of the same"
                yield (
                    document,
                    where,
                    f"{told}: name one of them in `metadata.clusters`; the others find it by its name",
                )


def _organization(cluster: Document) -> str:
    """What tells organizations apart: their id, or the key that opens them."""
    own = member(cluster.spec)
    cloud = cast("Mapping[str, Json]", own.get("cloud") or {})
    return str(own.get("organization") or cloud.get("key") or "")


class Accounts:
    """Service accounts by iam/v2."""

    wire = CLOUD
    batch = 50

    def read(self, session: Session, scope: Scope) -> Iterator[Resource]:
        for account in cloud_of(session).accounts(again=True).values():
            if scope.names is None or account.name in scope.names:
                yield Resource(
                    account.name, {"description": account.description}, {"id": account.id}
                )
            elif scope.others:
                yield Resource(account.name, {})

    def vet(self, session: Session, changes: Sequence[Change]) -> Mapping[Key, Sequence[Risk]]:
        """There is no dry run; what goes with an account can be counted."""
        cloud = cloud_of(session)
        gone = [change for change in changes if change.after is None]
        return {change.key: [_deletion(cloud, change)] for change in gone}

    def write(self, session: Session, changes: Sequence[Change]) -> Iterator[Outcome]:
        cloud = cloud_of(session)
        known = {account.name: account for account in cloud.accounts(again=True).values()}
        for change in changes:
            account = known.get(change.key.name)
            answers = _requests(cloud, change, account)
            yield outcome(change.key, answers, gone=change.after is None)


def cloud_of(session: Session) -> Cloud:
    return cast("Cloud", session.client(CLOUD))


def _deletion(cloud: Cloud, change: Change) -> Risk:
    account = str(change.expects.get("id") or "")
    told = f"the service account {account} of the whole organization".replace("  ", " ")
    try:
        count = cloud.keys_of(account)
    except ServerRefused as refused:
        return Risk("KS290", f"{told}; its API keys cannot be seen: {refused.message}")
    keys = "no API key" if not count else f"{count} API key{'s' * (count != 1)}"
    return Risk(
        "KS290", f"{told}, and with it {keys} and all its role bindings", {"api_keys": count}
    )


def _requests(cloud: Cloud, change: Change, account: Account | None) -> Iterator[Answer]:
    description = str((change.after or {}).get("description") or "")
    if change.action is Action.CREATE:
        yield cloud.create_account(change.key.name, description)
    elif account is not None and change.action is Action.DELETE:
        yield cloud.delete_account(account.id)
    elif account is not None:
        yield cloud.describe_account(account.id, description)


CODES = (
    Code(
        "KS290",
        "Deletes a service account",
        "The account is not of this cluster but of the whole organization. Its API keys and its role bindings go with"
        " it, on every cluster, and whoever uses one of the keys is refused from that moment on. Its ACLs stay behind.",
        "A new account of the same name has another id: its keys, role bindings and ACLs have to be made anew.",
    ),
)

USER = replace(
    KIND,
    resources=resources,
    check=check,
    among=among,
    drivers=(Accounts(),),
    documents=documents,
    unseen=frozenset(),
    verify=of_two,
    secrets=frozenset(),
    facts=True,
    rules=(),
    rights=(),
    codes=(*KIND.codes, *CODES),
)


def no_users(settings: Settings) -> str:
    """Why there can be no service accounts; empty where there can."""
    if settings.cloud:
        return ""
    need = "`confluent.environment` and `confluent.cloud`, a Cloud API key"
    return f"here a User is a service account, which needs {need}"
