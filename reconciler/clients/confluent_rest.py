"""Confluent's REST v3 of one cluster: topics and their configurations, ACLs, cluster links and mirror topics.

Base path `/kafka/v3/clusters/{lkc}`; Basic login with a cluster API key. Refusals are `{error_code, message}` (40002 is
also "exists already", at HTTP 400), 429 is a page in HTML. Document: kafkarest/v3 in confluentinc/ccloud-sdk-go-v2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from reconciler.clients.acls import Binding
from reconciler.clients.confluent_cloud import entries, fine
from reconciler.clients.http import Answer, Http

T = TypeVar("T")
R = TypeVar("R")
# The API is throttled by requests a second; more threads would only meet more 429s.
THREADS = 4
# One call tells the configurations of all topics, and is worth it from a few on.
FEW = 10
TOPIC_SOURCE = "DYNAMIC_TOPIC_CONFIG"
EXISTS = 40002


@dataclass(frozen=True, slots=True)
class Entry:
    """A setting of a topic as it works, whether it was set on the topic itself, and what lies beneath."""

    value: str
    own: bool
    beneath: str


@dataclass
class Rest:
    """One cluster."""

    http: Http
    cluster: str

    def send(
        self, method: str, *path: str, query: Sequence[tuple[str, str]] = (), body: Any = None
    ) -> Answer:
        steps = ("kafka", "v3", "clusters", self.cluster, *path)
        return self.http.send(method, *steps, query=query, body=body)

    def listed(self, *path: str, query: Sequence[tuple[str, str]] = ()) -> list[Mapping[str, Any]]:
        what = "GET /" + "/".join(path)
        return entries(self.http, fine(self.http, self.send("GET", *path, query=query), what), what)

    def cluster_id(self) -> str:
        answer = self.send("GET")
        return str(fine(self.http, answer, f"GET /clusters/{self.cluster}").get("cluster_id"))

    def close(self) -> None:
        self.http.close()

    # --- topics

    def topics(self) -> dict[str, tuple[int, int]]:
        """Partitions and replicas of every topic that this key may see."""
        return {str(one["topic_name"]): _shape(one) for one in self.listed("topics")}

    def topic(self, name: str) -> tuple[int, int] | None:
        """The same of one topic, None where there is none. Raises ServerRefused for what may not be seen."""
        answer = self.send("GET", "topics", name)
        if answer.status == 404:
            return None
        return _shape(fine(self.http, answer, f"GET /topics/{name}"))

    def configs(self, names: Iterable[str]) -> dict[str, dict[str, Entry]]:
        """Every setting of these topics; a topic that is not there is left out."""
        wanted = sorted(names)
        if len(wanted) > FEW:
            found = self.listed("topics", "-", "configs")
        else:
            found = [one for own in side_by_side(wanted, self._configs_of) for one in own]
        settings: dict[str, dict[str, Entry]] = {name: {} for name in wanted} if found else {}
        for one in found:
            if one["topic_name"] in settings:
                settings[one["topic_name"]][str(one["name"])] = _entry(one)
        return {name: own for name, own in settings.items() if own}

    def _configs_of(self, name: str) -> list[Mapping[str, Any]]:
        answer = self.send("GET", "topics", name, "configs")
        what = f"GET /topics/{name}/configs"
        return (
            [] if answer.status == 404 else entries(self.http, fine(self.http, answer, what), what)
        )

    def create_topic(self, name: str, spec: Mapping[str, Any], *, validate: bool) -> Answer:
        """`spec` has what is wanted of `partitions_count`, `replication_factor` and `configs`."""
        body = {"topic_name": name, **spec} | ({"validate_only": True} if validate else {})
        return self.send("POST", "topics", body=body)

    def grow_topic(self, name: str, partitions: int) -> Answer:
        return self.send("PATCH", "topics", name, body={"partitions_count": partitions})

    def alter_topic(self, name: str, values: Mapping[str, str | None], *, validate: bool) -> Answer:
        body = alterations(values) | ({"validate_only": True} if validate else {})
        return self.send("POST", "topics", name, "configs:alter", body=body)

    def delete_topic(self, name: str) -> Answer:
        return self.send("DELETE", "topics", name)

    # --- ACLs

    def acls(self, principal: str = "") -> list[Binding]:
        """Every binding, or those of one principal."""
        query = (("principal", principal),) if principal else ()
        return [_binding(one) for one in self.listed("acls", query=query)]

    def create_acl(self, binding: Binding) -> Answer:
        return self.send("POST", "acls", body=_parts(binding))

    def delete_acl(self, binding: Binding) -> Answer:
        """The filter names all seven parts, so nothing else can match."""
        return self.send("DELETE", "acls", query=tuple(_parts(binding).items()))

    # --- cluster links and mirror topics

    def links(self) -> dict[str, Mapping[str, Any]]:
        return {str(one["link_name"]): one for one in self.listed("links")}

    def link_configs(self, link: str) -> dict[str, str]:
        """What is not secret of a link's settings; secrets are never told."""
        found = self.listed("links", link, "configs")
        return {
            str(one["name"]): str(one.get("value") or "")
            for one in found
            if not one.get("is_sensitive")
        }

    def create_link(self, link: str, body: Mapping[str, Any], *, validate: bool) -> Answer:
        query = (("link_name", link), *((("validate_only", "true"),) if validate else ()))
        return self.send("POST", "links", query=query, body=body)

    def alter_link(self, link: str, values: Mapping[str, str | None], *, validate: bool) -> Answer:
        body = alterations(values) | ({"validate_only": True} if validate else {})
        return self.send("PUT", "links", link, "configs:alter", body=body)

    def delete_link(self, link: str, *, validate: bool) -> Answer:
        return self.send(
            "DELETE", "links", link, query=(("validate_only", "true"),) if validate else ()
        )

    def mirrors(self, link: str) -> list[Mapping[str, Any]]:
        return self.listed("links", link, "mirrors")

    def create_mirror(self, link: str, source: str, mirror: str) -> Answer:
        body = {"source_topic_name": source} | (
            {"mirror_topic_name": mirror} if mirror != source else {}
        )
        return self.send("POST", "links", link, "mirrors", body=body)

    def steer_mirrors(self, link: str, verb: str, topics: Sequence[str]) -> Answer:
        """`verb` is `pause` or `resume`. The answer has an entry for each topic, with what went wrong with it."""
        return self.send(
            "POST", "links", link, f"mirrors:{verb}", body={"mirror_topic_names": list(topics)}
        )


def side_by_side(items: Iterable[T], act: Callable[[T], R]) -> list[R]:
    """The same for many, a few at a time."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(act, items))


def alterations(values: Mapping[str, str | None]) -> dict[str, Any]:
    """Settings to set, or with None to go back to the default."""
    data = [
        {"name": name, "operation": "DELETE"}
        if value is None
        else {"name": name, "value": value, "operation": "SET"}
        for name, value in sorted(values.items())
    ]
    return {"data": data}


def exists(answer: Answer) -> bool:
    """Whether a creation was refused because it is there: 409, or 40002 in so many words."""
    code = answer.body.get("error_code") if isinstance(answer.body, Mapping) else None
    return answer.status == 409 or (code == EXISTS and "already exists" in answer.words)


def _shape(one: Mapping[str, Any]) -> tuple[int, int]:
    return int(one["partitions_count"]), int(one["replication_factor"])


def _entry(one: Mapping[str, Any]) -> Entry:
    own = one.get("source") == TOPIC_SOURCE
    others = [s for s in one.get("synonyms") or () if s.get("source") != TOPIC_SOURCE]
    beneath = str(others[0].get("value") or "") if others else ""
    value = one.get("value")
    return Entry("" if value is None else str(value), own and value is not None, beneath)


_FIELDS = (
    "principal",
    "resource_type",
    "resource_name",
    "pattern_type",
    "operation",
    "permission",
    "host",
)


def _binding(one: Mapping[str, Any]) -> Binding:
    """An ACL in the words of the spec."""
    principal, resource, name, pattern, operation, permission, host = (str(one[f]) for f in _FIELDS)
    words = (resource.lower(), name, pattern.lower(), _camel(operation), permission.lower(), host)
    return Binding(principal, *words)


def _camel(word: str) -> str:
    return word.title().replace("_", "")


def _parts(binding: Binding) -> dict[str, str]:
    """A binding in the words of the API."""
    snake = "".join(f"_{c}" if c.isupper() and at else c for at, c in enumerate(binding.operation))
    values = (
        binding.principal,
        binding.resource.upper(),
        binding.name,
        binding.pattern.upper(),
        snake.upper(),
        binding.permission.upper(),
        binding.host,
    )
    return dict(zip(_FIELDS, values, strict=True))
