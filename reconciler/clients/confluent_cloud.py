"""Confluent Cloud's control plane: service accounts, role bindings and client quotas of one organization.

Basic login with a Cloud API key. Lists come in pages; where the next one begins is told by `metadata.next`, a URL of
which only its `page_token` is taken, so that the key never goes anywhere else. Documents: docs.confluent.io/cloud/
current/api (iam/v2, mds/v2 as /iam/v2/role-bindings, kafka-quotas/v1, cmk/v2); OpenAPI: confluentinc/ccloud-sdk-go-v2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from reconciler.clients.http import Answer, Http
from reconciler.errors import ServerRefused

# The most that a page may hold ("maximum: 100").
PAGE = 100
MOST_PAGES = 1_000
ACCOUNTS = ("iam", "v2", "service-accounts")
KEYS = ("iam", "v2", "api-keys")
ROLES = ("iam", "v2", "role-bindings")
QUOTAS = ("kafka-quotas", "v1", "client-quotas")
CLUSTERS = ("cmk", "v2", "clusters")
EVERYBODY = "<default>"
Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Account:
    """A service account: `id` is `sa-...`, `name` its display name, unique in the organization and never changed."""

    id: str
    name: str
    description: str


@dataclass(frozen=True, slots=True)
class RoleBinding:
    """A role of a principal (`User:sa-...`) on what a CRN pattern matches; made and deleted, never changed."""

    id: str
    principal: str
    role: str
    crn: str


@dataclass(frozen=True, slots=True)
class ClientQuota:
    """Bytes a second, as the texts that the API keeps; `principals` are ids of accounts, or `<default>`."""

    id: str
    ingress: str
    egress: str
    principals: tuple[str, ...]


@dataclass
class Cloud:
    """The control plane, as one cluster sees it."""

    http: Http
    environment: str
    cluster: str
    organization: str
    _known: dict[str, Account] = field(default_factory=dict)

    def close(self) -> None:
        self.http.close()

    # --- service accounts

    def accounts(self, *, again: bool = False) -> Mapping[str, Account]:
        """Every service account by id; remembered until one is written, or until asked for `again`."""
        if again or not self._known:
            listed = (_account(one) for one in listing(self.http, ACCOUNTS))
            self._known = {account.id: account for account in listed}
        return self._known

    def create_account(self, name: str, description: str) -> Answer:
        body = {"display_name": name} | ({"description": description} if description else {})
        return self._written(self.http.send("POST", *ACCOUNTS, body=body))

    def describe_account(self, account: str, description: str) -> Answer:
        """Set the description, the one thing of an account that can be changed."""
        body = {"description": description}
        return self._written(self.http.send("PATCH", *ACCOUNTS, account, body=body))

    def delete_account(self, account: str) -> Answer:
        """Its API keys and role bindings go with it; its ACLs stay (predefined-rbac-roles)."""
        return self._written(self.http.send("DELETE", *ACCOUNTS, account))

    def _written(self, answer: Answer) -> Answer:
        self._known = {}
        return answer

    def keys_of(self, account: str) -> int:
        """How many API keys an account has."""
        return len(listing(self.http, KEYS, (("spec.owner", account),)))

    def owner_of(self, key: str) -> str:
        """The account or user that an API key belongs to; empty where that cannot be seen."""
        answer = self.http.send("GET", *KEYS, key)
        spec = answer.body.get("spec") if answer.ok and isinstance(answer.body, Mapping) else None
        owner = spec.get("owner") if isinstance(spec, Mapping) else None
        return str(owner.get("id") or "") if isinstance(owner, Mapping) else ""

    # --- role bindings

    @property
    def scope(self) -> str:
        """The CRN of the cluster."""
        place = f"environment={self.environment}/cloud-cluster={self.cluster}"
        return f"crn://confluent.cloud/organization={self.organization}/{place}"

    def role_bindings(self) -> list[RoleBinding]:
        """Those on the cluster and on what is in it. The API matches in part: `lkc-1` also finds `lkc-12`."""
        found = listing(self.http, ROLES, (("crn_pattern", self.scope),))
        bindings = (RoleBinding(*(str(one[n]) for n in _BINDING)) for one in found)
        return [b for b in bindings if b.crn == self.scope or b.crn.startswith(f"{self.scope}/")]

    def bind(self, principal: str, role: str, crn: str) -> Answer:
        body = {"principal": principal, "role_name": role, "crn_pattern": crn}
        return self.http.send("POST", *ROLES, body=body)

    def unbind(self, binding: str) -> Answer:
        return self.http.send("DELETE", *ROLES, binding)

    # --- client quotas

    def quotas(self) -> list[ClientQuota]:
        asked = (("spec.cluster", self.cluster), ("environment", self.environment))
        return [_quota(one) for one in listing(self.http, QUOTAS, asked)]

    def create_quota(
        self, name: str, rates: Mapping[str, str], principals: Iterable[str]
    ) -> Answer:
        spec = {
            "display_name": name,
            "cluster": {"id": self.cluster},
            "environment": {"id": self.environment},
            **_spec(rates, principals),
        }
        return self.http.send("POST", *QUOTAS, body={"spec": spec})

    def change_quota(
        self, quota: str, rates: Mapping[str, str] | None, principals: Iterable[str] | None
    ) -> Answer:
        """Only what is given is sent, and only that is changed."""
        return self.http.send("PATCH", *QUOTAS, quota, body={"spec": _spec(rates, principals)})

    def delete_quota(self, quota: str) -> Answer:
        return self.http.send("DELETE", *QUOTAS, quota)

    # --- the cluster

    def cluster_type(self) -> str:
        """`basic`, `standard`, ...; empty where this key may not look. Raises ServerRefused for no such cluster."""
        query = (("environment", self.environment),)
        answer = self.http.send("GET", *CLUSTERS, self.cluster, query=query)
        if answer.status == 403:
            return ""
        spec = fine(self.http, answer, f"cluster {self.cluster}").get("spec") or {}
        return str((spec.get("config") or {}).get("kind") or "").lower()


_BINDING = ("id", "principal", "role_name", "crn_pattern")


def _account(one: Mapping[str, Any]) -> Account:
    return Account(str(one["id"]), str(one["display_name"]), str(one.get("description") or ""))


def _quota(one: Mapping[str, Any]) -> ClientQuota:
    spec = one["spec"]
    rates = spec.get("throughput") or {}
    principals = tuple(str(p["id"]) for p in spec.get("principals") or ())
    ingress, egress = (str(rates.get(f"{way}_byte_rate") or "") for way in ("ingress", "egress"))
    return ClientQuota(str(one["id"]), ingress, egress, principals)


def _spec(rates: Mapping[str, str] | None, principals: Iterable[str] | None) -> dict[str, Any]:
    found: dict[str, Any] = {} if rates is None else {"throughput": dict(rates)}
    if principals is not None:
        found["principals"] = [{"id": principal} for principal in principals]
    return found


def listing(http: Http, path: Sequence[str], query: Query = ()) -> list[Mapping[str, Any]]:
    """Every page of a list. Raises ServerRefused for a page that is refused, or is none."""
    found: list[Mapping[str, Any]] = []
    what, token = "GET /" + "/".join(path), ""
    for _ in range(MOST_PAGES):
        asked = [*query, ("page_size", str(PAGE)), *([("page_token", token)] if token else [])]
        page = fine(http, http.send("GET", *path, query=asked), what)
        found += entries(http, page, what)
        token = _next(page)
        if not token:
            return found
    raise ServerRefused(f"{http.what} ({http.url}): {what}: more than {MOST_PAGES} pages")


def entries(http: Http, page: Mapping[str, Any], what: str) -> list[Mapping[str, Any]]:
    """The `data` of a page."""
    data = page.get("data")
    if not isinstance(data, list):
        raise ServerRefused(f"{http.what} ({http.url}): {what}: the answer is no list")
    return data


def _next(page: Mapping[str, Any]) -> str:
    at = (page.get("metadata") or {}).get("next") or ""
    return (parse_qs(urlsplit(str(at)).query).get("page_token") or [""])[0]


def fine(http: Http, answer: Answer, what: str) -> Mapping[str, Any]:
    """The body of an answer that says yes. Raises ServerRefused with the server's words for any other."""
    if not answer.ok or not isinstance(answer.body, Mapping):
        raise ServerRefused(f"{http.what} ({http.url}): {what}: {answer.words}")
    return answer.body
