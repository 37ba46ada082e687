"""Confluent Cloud's control plane for one organization: what kstate asks of it, and no more.

From the vendor's documents: iam/v2 (service accounts, API keys), mds/v2 (role bindings), kafka-quotas/v1 and cmk/v2 in
https://docs.confluent.io/cloud/current/api.html. Lists come in small pages whatever is asked for; what was written can
be told to be visible only later (`late`, seconds); errors are `{errors: [{id, status, code, title, detail, source}]}`.
"""

from __future__ import annotations

import base64
import itertools
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from tests.fakes.server import Call, Reply, Route, Service

DOCS = "https://docs.confluent.io/cloud/current/api.html#tag/"
ORGANIZATION = "11111111-2222-3333-4444-555555555555"
ENVIRONMENT = "env-abc123"
GRANULAR = {"DeveloperRead", "DeveloperWrite", "DeveloperManage", "ResourceOwner"}
ROLES = GRANULAR | {"Operator", "CloudClusterAdmin", "EnvironmentAdmin", "OrganizationAdmin"}


def basic(key: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{key}:{secret}".encode()).decode()


def error(status: int, code: str, detail: str, **source: str) -> Reply:
    told = {
        "id": "ed42afdc",
        "status": str(status),
        "code": code,
        "title": code.replace("_", " ").title(),
    }
    return Reply(status, {"errors": [{**told, "detail": detail, "source": source}]})


def rate_limited(after: int = 1) -> Reply:
    """A 429 of the control plane: X-RateLimit-Reset is in seconds from now."""
    told = {
        "X-RateLimit-Limit": "10",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(after),
    }
    found = error(429, "rate_limit_exceeded", "Too many requests")
    return Reply(429, found.body, {**told, "Retry-After": str(after)})


@dataclass
class Kept:
    """Something that is there, and since when, so that it can be seen late."""

    body: dict[str, Any]
    since: float = field(default_factory=time.monotonic)


@dataclass
class Organization:
    """`keys` are Cloud API keys; `clusters` the type of each cluster; `owners` whose API key is whose."""

    keys: dict[str, str] = field(default_factory=lambda: {"CLOUDKEY": "cloud-secret"})
    clusters: dict[str, str] = field(default_factory=lambda: {"lkc-abc123": "Dedicated"})
    accounts: dict[str, Kept] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    bindings: dict[str, Kept] = field(default_factory=dict)
    quotas: dict[str, Kept] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    late: float = 0.0
    page: int = 3
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    # --- for tests: what hands do

    def account(self, name: str, description: str = "", keys: int = 0) -> str:
        """A service account that somebody made, with so many API keys."""
        number = next(self._numbers)
        id_ = f"sa-{number:06d}"
        self.accounts[id_] = Kept({"id": id_, "display_name": name, "description": description})
        for at in range(keys):
            self.owners[f"KEY{number}{at}"] = id_
        return id_

    def bind(self, principal: str, role: str, crn: str) -> str:
        id_ = f"rb-{next(self._numbers)}"
        body = {"id": id_, "principal": principal, "role_name": role, "crn_pattern": crn}
        self.bindings[id_] = Kept(body)
        return id_

    def quota(self, cluster: str, ingress: str, egress: str, *principals: str) -> str:
        id_ = f"cq-{next(self._numbers)}"
        rates = {"ingress_byte_rate": ingress, "egress_byte_rate": egress}
        spec = {
            "display_name": id_,
            "throughput": rates,
            "principals": [{"id": p} for p in principals],
        }
        spec |= {"cluster": {"id": cluster}, "environment": {"id": ENVIRONMENT}}
        self.quotas[id_] = Kept({"id": id_, "spec": spec})
        return id_

    def roles(self) -> set[tuple[str, str, str]]:
        """What is bound: principal, role, and the end of the CRN."""
        return {
            (b["principal"], b["role_name"], b["crn_pattern"].rpartition("cloud-cluster=")[2])
            for b in (kept.body for kept in self.bindings.values())
        }

    # --- the API

    def service(self) -> Service:
        return Service(
            "Confluent Cloud",
            (
                *self._account_routes(),
                *self._role_routes(),
                *self._quota_routes(),
                *self._other_routes(),
            ),
            login=self._login,
            unknown=lambda _call, why: error(404, "not_found", why),
            version=lambda call: "/".join(call.url.split("/")[1:3]),
        )

    def _account_routes(self) -> tuple[Route, ...]:
        at, doc = "/iam/v2/service-accounts", f"{DOCS}Service-Accounts-(iamv2)"
        pages = frozenset({"page_size", "page_token", "display_name"})
        return (
            Route("GET", at, self._list_accounts, query=pages, document=doc),
            Route(
                "POST",
                at,
                self._make_account,
                fields=frozenset({"display_name", "description"}),
                document=doc,
            ),
            Route(
                "PATCH",
                f"{at}/{{id}}",
                self._describe,
                fields=frozenset({"description"}),
                document=doc,
            ),
            Route("DELETE", f"{at}/{{id}}", self._delete_account, document=doc),
        )

    def _role_routes(self) -> tuple[Route, ...]:
        at, doc = "/iam/v2/role-bindings", f"{DOCS}Role-Bindings-(iamv2)"
        query = frozenset({"crn_pattern", "principal", "role_name", "page_size", "page_token"})
        fields = frozenset({"principal", "role_name", "crn_pattern"})
        return (
            Route("GET", at, self._list_bindings, query=query, document=doc),
            Route("POST", at, self._make_binding, fields=fields, document=doc),
            Route("DELETE", f"{at}/{{id}}", lambda c: self._delete(self.bindings, c), document=doc),
        )

    def _quota_routes(self) -> tuple[Route, ...]:
        at, doc = "/kafka-quotas/v1/client-quotas", f"{DOCS}Client-Quotas-(kafka-quotasv1)"
        query = frozenset({"spec.cluster", "environment", "page_size", "page_token"})
        spec = frozenset({"spec"})
        return (
            Route("GET", at, self._list_quotas, query=query, document=doc),
            Route("POST", at, self._make_quota, fields=spec, document=doc),
            Route("PATCH", f"{at}/{{id}}", self._change_quota, fields=spec, document=doc),
            Route("DELETE", f"{at}/{{id}}", lambda c: self._delete(self.quotas, c), document=doc),
        )

    def _other_routes(self) -> tuple[Route, ...]:
        keys, clusters = f"{DOCS}API-Keys-(iamv2)", f"{DOCS}Clusters-(cmkv2)"
        query = frozenset({"spec.owner", "page_size", "page_token"})
        one = frozenset({"environment"})
        return (
            Route("GET", "/iam/v2/api-keys", self._list_keys, query=query, document=keys),
            Route("GET", "/iam/v2/api-keys/{id}", self._key, document=keys),
            Route("GET", "/cmk/v2/clusters/{id}", self._cluster, query=one, document=clusters),
        )

    def _login(self, call: Call) -> Reply | None:
        known = {basic(key, secret) for key, secret in self.keys.items()}
        if call.header("Authorization") not in known:
            return error(
                401, "user_unauthenticated", "Valid authentication credentials must be provided"
            )
        what = f"{call.method} {call.url.partition('?')[0]}"
        if any(what.startswith(forbidden) for forbidden in self.forbidden):
            return error(403, "user_unauthorized", f"The API key may not {what}")
        return None

    def _page(self, call: Call, found: list[dict[str, Any]]) -> Reply:
        """At most `page` entries, with a link to the next ones; a size above 100 is refused."""
        if int(call.query.get("page_size", "10")) > 100:
            return error(
                400, "invalid_page_size", "page_size must be at most 100", parameter="page_size"
            )
        start = int(call.query.get("page_token") or 0)
        path = call.url.partition("?")[0]
        metadata: dict[str, Any] = {"first": path, "total_size": len(found)}
        if start + self.page < len(found):
            query = {**call.query, "page_token": str(start + self.page)}
            metadata["next"] = f"https://api.confluent.cloud{path}?{urlencode(query)}"
        return Reply(
            200,
            {"api_version": "v2", "metadata": metadata, "data": found[start : start + self.page]},
        )

    def _seen(self, kept: Mapping[str, Kept]) -> list[dict[str, Any]]:
        now = time.monotonic()
        return [one.body for one in kept.values() if now - one.since >= self.late]

    def _delete(self, kept: dict[str, Kept], call: Call) -> Reply:
        if kept.pop(call.path["id"], None) is None:
            return error(404, "not_found", f"{call.path['id']} is not there")
        return Reply(204)

    def _list_accounts(self, call: Call) -> Reply:
        return self._page(call, self._seen(self.accounts))

    def _make_account(self, call: Call) -> Reply:
        name = call.json.get("display_name")
        if not name or len(name) > 64:
            return error(400, "invalid_display_name", "display_name must have 1 to 64 characters")
        if any(kept.body["display_name"] == name for kept in self.accounts.values()):
            return error(409, "resource_already_exists", f"Service account '{name}' already exists")
        id_ = self.account(name, call.json.get("description", ""))
        return Reply(201, self.accounts[id_].body)

    def _describe(self, call: Call) -> Reply:
        found = self.accounts.get(call.path["id"])
        if found is None:
            return error(404, "not_found", f"{call.path['id']} is not there")
        found.body["description"] = call.json["description"]
        return Reply(200, found.body)

    def _delete_account(self, call: Call) -> Reply:
        """With its API keys and role bindings; its ACLs stay."""
        id_ = call.path["id"]
        self.owners = {key: owner for key, owner in self.owners.items() if owner != id_}
        self.bindings = {
            k: b for k, b in self.bindings.items() if b.body["principal"] != f"User:{id_}"
        }
        return self._delete(self.accounts, call)

    def _list_bindings(self, call: Call) -> Reply:
        """The pattern matches in part, wherever it stands."""
        pattern = call.query.get("crn_pattern")
        if not pattern:
            return error(400, "invalid_filter", "crn_pattern is required", parameter="crn_pattern")
        return self._page(
            call, [b for b in self._seen(self.bindings) if pattern in b["crn_pattern"]]
        )

    def _make_binding(self, call: Call) -> Reply:
        body = call.json
        crn, role, principal = (
            body.get("crn_pattern", ""),
            body.get("role_name"),
            body.get("principal", ""),
        )
        scope = f"crn://confluent.cloud/organization={ORGANIZATION}/environment={ENVIRONMENT}/cloud-cluster="
        cluster, _, inside = crn.removeprefix(scope).partition("/")
        if role not in ROLES or not crn.startswith(scope) or cluster not in self.clusters:
            return error(400, "invalid_role_binding", f"no such role or place: {role} on {crn}")
        granular = inside.startswith(f"kafka={cluster}/")
        if granular != (role in GRANULAR) or (inside and not granular):
            return error(400, "invalid_role_binding", f"{role} cannot be bound on {crn}")
        if granular and self.clusters[cluster] == "Basic":
            return error(400, "invalid_role_binding", "Basic clusters have no granular roles")
        if principal.removeprefix("User:") not in self.accounts:
            return error(404, "not_found", f"principal {principal} is not there")
        if any(
            (b.body["principal"], b.body["role_name"], b.body["crn_pattern"])
            == (principal, role, crn)
            for b in self.bindings.values()
        ):
            return error(409, "resource_already_exists", "the role binding already exists")
        return Reply(201, self.bindings[self.bind(principal, role, crn)].body)

    def _list_quotas(self, call: Call) -> Reply:
        if call.query.keys() < {"spec.cluster", "environment"}:
            return error(400, "invalid_filter", "spec.cluster and environment are required")
        own = [
            q
            for q in self._seen(self.quotas)
            if q["spec"]["cluster"]["id"] == call.query["spec.cluster"]
        ]
        return self._page(call, own)

    def _quota_told(self, spec: Mapping[str, Any], mine: str) -> Reply | None:
        """What is wrong with a quota's principals and rates."""
        rates = spec.get("throughput")
        if rates is not None and set(rates) != {"ingress_byte_rate", "egress_byte_rate"}:
            return error(400, "invalid_throughput", "both rates are required")
        if rates is not None and not all(
            isinstance(r, str) and r.isdigit() for r in rates.values()
        ):
            return error(400, "invalid_throughput", "rates are texts of digits")
        for principal in (p["id"] for p in spec.get("principals") or ()):
            if principal != "<default>" and principal not in self.accounts:
                return error(400, "invalid_principal", f"{principal} is not there")
            if any(
                i != mine and {"id": principal} in q.body["spec"]["principals"]
                for i, q in self.quotas.items()
            ):
                return error(409, "resource_already_exists", f"{principal} has a client quota")
        return None

    def _make_quota(self, call: Call) -> Reply:
        spec = call.json["spec"]
        if set(spec) - {"description"} != {
            "display_name",
            "cluster",
            "environment",
            "throughput",
            "principals",
        }:
            return error(400, "invalid_client_quota", f"fields: {sorted(spec)}")
        if self.clusters.get(spec["cluster"]["id"]) != "Dedicated":
            return error(400, "invalid_client_quota", "client quotas are for Dedicated clusters")
        if told := self._quota_told(spec, ""):
            return told
        id_ = f"cq-{next(self._numbers)}"
        self.quotas[id_] = Kept({"id": id_, "spec": spec})
        return Reply(202, self.quotas[id_].body)

    def _change_quota(self, call: Call) -> Reply:
        found, spec = self.quotas.get(call.path["id"]), call.json["spec"]
        if found is None:
            return error(404, "not_found", f"{call.path['id']} is not there")
        if set(spec) - {"throughput", "principals", "display_name", "description"}:
            return error(400, "invalid_client_quota", f"fields: {sorted(spec)}")
        if told := self._quota_told(spec, call.path["id"]):
            return told
        found.body["spec"] |= spec
        return Reply(200, found.body)

    def _list_keys(self, call: Call) -> Reply:
        owner = call.query.get("spec.owner")
        found = [
            {"id": k, "spec": {"owner": {"id": o}}} for k, o in self.owners.items() if o == owner
        ]
        return self._page(call, found)

    def _key(self, call: Call) -> Reply:
        owner = self.owners.get(call.path["id"])
        if owner is None:
            return error(404, "not_found", f"{call.path['id']} is not there")
        return Reply(200, {"id": call.path["id"], "spec": {"owner": {"id": owner}}})

    def _cluster(self, call: Call) -> Reply:
        kind = self.clusters.get(call.path["id"])
        if kind is None or call.query.get("environment") != ENVIRONMENT:
            return error(404, "not_found", f"{call.path['id']} is not there")
        return Reply(200, {"id": call.path["id"], "spec": {"config": {"kind": kind}}})
