"""Who a principal is: documents name service accounts, Confluent Cloud knows ids, and its ACLs at times only integers.

`User:orders-service` is the service account of that display name. What looks like an id (`sa-`, `u-`, `pool-`,
`group-`), a number, or `*` is itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field

from reconciler.clients.confluent_cloud import Account, Cloud

USER = "User:"
ID = re.compile(r"(sa|u|pool|group)-[A-Za-z0-9]+")
INTEGER = re.compile(r"User:[0-9]+")


def by_name(principal: str) -> str:
    """The display name that a principal of a document stands for; empty for who is named otherwise."""
    name = principal.removeprefix(USER)
    if not principal.startswith(USER) or name == "*" or name.isdigit() or ID.fullmatch(name):
        return ""
    return name


@dataclass(frozen=True, slots=True)
class People:
    """The service accounts that can be looked up; none without a Cloud API key."""

    accounts: Mapping[str, Account] = field(default_factory=dict)

    @classmethod
    def of(cls, cloud: Cloud | None, principals: Iterable[str] = ()) -> People:
        """Everybody now; asked once more when one of `principals` is nobody that is remembered."""
        if cloud is None:
            return cls()
        found = cls(cloud.accounts())
        known = {account.name for account in found.accounts.values()}
        wanted = {by_name(principal) for principal in principals} - {""}
        return found if wanted <= known else cls(cloud.accounts(again=True))

    def id_of(self, principal: str) -> str:
        """The principal by its id; empty for a name that no service account has."""
        name = by_name(principal)
        if not name:
            return principal
        return next((f"{USER}{a.id}" for a in self.accounts.values() if a.name == name), "")

    def names_of(self, principal: str) -> list[str]:
        """What documents may call the principal of an id: the name of its account first."""
        account = self.accounts.get(principal.removeprefix(USER))
        named = f"{USER}{account.name}" if account and principal.startswith(USER) else ""
        return [named, principal] if named and by_name(named) else [principal]


def called(names: list[str], wanted: Set[str]) -> str:
    """What is called by one of several names where only one can be: one that is wanted, else the first."""
    return next((name for name in names if name in wanted), names[0])


def integers(
    live: Iterable[str], ids: Iterable[str], ask: Callable[[str], Iterable[str]]
) -> dict[str, str]:
    """What integer principals stand for. `ask` gives the principals of the bindings that a filter by one id finds.

    The filter takes `User:sa-...` and answers with the same integer as the listing does (terraform-provider-confluent,
    issue 242), so that asking by id tells whose integer it is.
    """
    strange = {principal for principal in live if INTEGER.fullmatch(principal)}
    found: dict[str, str] = {}
    for id_ in sorted(set(ids)) if strange else ():
        found |= {told: id_ for told in ask(id_) if told in strange}
        if strange <= found.keys():
            break
    return found
