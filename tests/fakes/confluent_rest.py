"""Confluent's REST v3 of one cluster: topics, ACLs, cluster links and mirror topics, with the platform's own refusals.

From kafkarest/v3 (https://docs.confluent.io/cloud/current/api.html#tag/Topic-(v3) and its neighbours) and what
https://docs.confluent.io/cloud/current/topics/manage.html says can be edited. Refusals are `{error_code, message}`,
40002 at HTTP 400 for most of them; 429 is a page in HTML without any header that helps.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.confluent import Organization, basic
from tests.fakes.server import Call, Reply, Route, Service

DOCS = "https://docs.confluent.io/cloud/current/api.html#tag/"
DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "max.compaction.lag.ms": "9223372036854775807",
    "max.message.bytes": "2097164",
    "message.timestamp.after.max.ms": "9223372036854775807",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "2",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "104857600",
    "segment.ms": "604800000",
    "confluent.value.schema.validation": "false",
}
EDITABLE = DEFAULTS.keys() - {"compression.type"}
LINK_DEFAULTS = {
    "acl.filters": "",
    "acl.sync.enable": "false",
    "acl.sync.ms": "5000",
    "auto.create.mirror.topics.enable": "false",
    "auto.create.mirror.topics.filters": "",
    "bootstrap.servers": "",
    "cluster.link.paused": "false",
    "cluster.link.prefix": "",
    "connection.mode": "OUTBOUND",
    "consumer.group.prefix.enable": "false",
    "consumer.offset.group.filters": "",
    "consumer.offset.sync.enable": "false",
    "consumer.offset.sync.ms": "30000",
    "link.mode": "DESTINATION",
    "sasl.jaas.config": "",
    "sasl.mechanism": "PLAIN",
    "security.protocol": "SASL_SSL",
    "topic.config.sync.ms": "5000",
}
ONCE = {"link.mode", "connection.mode", "cluster.link.prefix"}
SENSITIVE = {"sasl.jaas.config"}
TOO_MANY = (
    b"<html> <head> <title>Error 429 Too Many Requests</title> </head> <body> <h2>HTTP ERROR 429 Too Many Requests</h2>"
    b" </body> </html>"
)


def refused(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"error_code": code, "message": message})


def bad(message: str) -> Reply:
    return refused(400, 40002, message)


def rate_limited() -> Reply:
    """A 429 of Jetty's filter: HTML, and no word on when to come again."""
    return Reply(429, TOO_MANY, {"Content-Type": "text/html"})


@dataclass
class Topic:
    partitions: int
    config: dict[str, str] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)
    mirror_of: str = ""


@dataclass
class Link:
    source: str
    config: dict[str, str]
    state: str = "ACTIVE"
    error: str = ""
    status: dict[str, str] = field(default_factory=dict)
    since: float = field(default_factory=time.monotonic)


@dataclass
class Cluster:
    """`sources` are the topics of clusters that links can reach; `integers`: ACLs are told by the accounts' numbers."""

    id: str = "lkc-abc123"
    key: str = "KEY"
    secret: str = "cluster-secret"
    most: int = 1000
    organization: Organization = field(default_factory=Organization)
    topics: dict[str, Topic] = field(default_factory=dict)
    acls: list[dict[str, str]] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    sources: dict[str, set[str]] = field(default_factory=dict)
    forbidden: set[str] = field(default_factory=set)
    integers: bool = False
    late: float = 0.0

    def service(self) -> Service:
        return Service(
            "Confluent REST v3",
            (*self._topic_routes(), *self._acl_routes(), *self._link_routes()),
            login=self._login,
            unknown=lambda _call, why: refused(404, 404, why),
            version=lambda _call: "v3",
        )

    @property
    def base(self) -> str:
        return "/kafka/v3/clusters/{cluster}"

    def _login(self, call: Call) -> Reply | None:
        if call.header("Authorization") != basic(self.key, self.secret):
            return refused(401, 40101, "Authentication failed")
        path = call.url.partition("?")[0]
        if not f"{path}/".startswith(f"/kafka/v3/clusters/{self.id}/"):
            return refused(404, 404, "HTTP 404 Not Found")
        if any(f"{call.method} {path}".startswith(f) for f in self.forbidden):
            return refused(403, 40301, "Topic authorization failed.")
        return None

    def _seen(self, kept: Mapping[str, Any]) -> dict[str, Any]:
        now = time.monotonic()
        return {name: one for name, one in kept.items() if now - one.since >= self.late}

    # --- topics

    def _topic_routes(self) -> tuple[Route, ...]:
        at, doc = f"{self.base}/topics", f"{DOCS}Topic-(v3)"
        conf = f"{DOCS}Configs-(v3)"
        fields = frozenset(
            {"topic_name", "partitions_count", "replication_factor", "configs", "validate_only"}
        )
        alter = frozenset({"data", "validate_only"})
        return (
            Route("GET", self.base, self._cluster, document=f"{DOCS}Cluster-(v3)"),
            Route("GET", at, self._list_topics, document=doc),
            Route("POST", at, self._make_topic, fields=fields, document=doc),
            Route("GET", f"{at}/-/configs", self._all_configs, document=conf),
            Route("GET", f"{at}/{{topic}}", self._topic, document=doc),
            Route(
                "PATCH",
                f"{at}/{{topic}}",
                self._grow,
                fields=frozenset({"partitions_count"}),
                document=doc,
            ),
            Route("DELETE", f"{at}/{{topic}}", self._delete_topic, document=doc),
            Route("GET", f"{at}/{{topic}}/configs", self._configs, document=conf),
            Route(
                "POST", f"{at}/{{topic}}/configs:alter", self._alter, fields=alter, document=conf
            ),
        )

    def _cluster(self, _call: Call) -> Reply:
        return Reply(200, {"kind": "KafkaCluster", "cluster_id": self.id})

    def _told(self, name: str) -> dict[str, Any]:
        topic = self.topics[name]
        sizes = {"partitions_count": topic.partitions, "replication_factor": 3}
        return {
            "kind": "KafkaTopic",
            "cluster_id": self.id,
            "topic_name": name,
            "is_internal": False,
            **sizes,
        }

    def _list(self, data: list[dict[str, Any]]) -> Reply:
        return Reply(200, {"kind": "List", "metadata": {"next": None}, "data": data})

    def _list_topics(self, _call: Call) -> Reply:
        return self._list([self._told(name) for name in sorted(self._seen(self.topics))])

    def _missing(self, call: Call) -> Reply | None:
        if call.path["topic"] in self._seen(self.topics):
            return None
        return refused(404, 40403, "This server does not host this topic-partition.")

    def _topic(self, call: Call) -> Reply:
        return self._missing(call) or Reply(200, self._told(call.path["topic"]))

    def _entries(self, name: str) -> list[dict[str, Any]]:
        own = {**self.topics[name].config, "confluent.topic.type": "standard"}
        return [
            _entry(name, key, own.get(key), DEFAULTS.get(key))
            for key in sorted(DEFAULTS.keys() | own)
        ]

    def _configs(self, call: Call) -> Reply:
        return self._missing(call) or self._list(self._entries(call.path["topic"]))

    def _all_configs(self, _call: Call) -> Reply:
        return self._list(
            [entry for name in sorted(self._seen(self.topics)) for entry in self._entries(name)]
        )

    def _make_topic(self, call: Call) -> Reply:
        body = call.json
        name, given = body["topic_name"], {c["name"]: c["value"] for c in body.get("configs") or ()}
        if name in self.topics:
            return bad(f"Topic '{name}' already exists.")
        if body.get("replication_factor") not in (None, 3):
            return bad("Topic replication factor must be 3")
        if wrong := sorted(given.keys() - EDITABLE):
            return bad(f"Config property '{wrong[0]}' is not allowed to be modified")
        count = body.get("partitions_count", 6)
        if sum(t.partitions for t in self.topics.values()) + count > self.most:
            return bad(
                f"Adding the requested number of partitions will exceed {self.most} total partitions."
            )
        if not body.get("validate_only"):
            self.topics[name] = Topic(count, given)
        return Reply(200 if body.get("validate_only") else 201, {"topic_name": name})

    def _grow(self, call: Call) -> Reply:
        if told := self._missing(call):
            return told
        topic, count = self.topics[call.path["topic"]], call.json["partitions_count"]
        if count <= topic.partitions:
            return bad(
                f"Topic currently has {topic.partitions} partitions, which is higher than the requested {count}."
            )
        topic.partitions = count
        return Reply(200, self._told(call.path["topic"]))

    def _delete_topic(self, call: Call) -> Reply:
        if told := self._missing(call):
            return told
        del self.topics[call.path["topic"]]
        return Reply(204)

    def _alter(self, call: Call) -> Reply:
        if told := self._missing(call):
            return told
        config = dict(self.topics[call.path["topic"]].config)
        for one in call.json["data"]:
            if one["name"] not in EDITABLE:
                return bad(f"Config property '{one['name']}' is not allowed to be modified")
            if one["operation"] == "DELETE":
                config.pop(one["name"], None)
            elif one["operation"] == "SET":
                config[one["name"]] = one["value"]
            else:
                return bad(f"Unknown operation {one['operation']}")
        before = self.topics[call.path["topic"]].config.get("cleanup.policy", "delete")
        if (before, config.get("cleanup.policy")) == ("delete", "compact,delete"):
            return bad("cleanup.policy cannot be changed from delete to compact,delete directly")
        if not call.json.get("validate_only"):
            self.topics[call.path["topic"]].config = config
        return Reply(204)

    # --- ACLs

    def _acl_routes(self) -> tuple[Route, ...]:
        at, doc = f"{self.base}/acls", f"{DOCS}ACL-(v3)"
        parts = frozenset(
            {
                "resource_type",
                "resource_name",
                "pattern_type",
                "principal",
                "host",
                "operation",
                "permission",
            }
        )
        return (
            Route("GET", at, self._list_acls, query=parts, document=doc),
            Route("POST", at, self._make_acl, fields=parts, document=doc),
            Route("DELETE", at, self._delete_acls, query=parts, document=doc),
        )

    def number(self, principal: str) -> str:
        """What the platform calls an account where it tells ACLs by integers."""
        id_ = principal.removeprefix("User:sa-")
        return f"User:{9_000_000 + int(id_)}" if self.integers and id_.isdigit() else principal

    def _shown(self, acl: dict[str, str]) -> dict[str, Any]:
        return {
            "kind": "KafkaAcl",
            "cluster_id": self.id,
            **acl,
            "principal": self.number(acl["principal"]),
        }

    def _fitting(self, call: Call) -> list[dict[str, str]]:
        return [a for a in self.acls if all(a[name] == value for name, value in call.query.items())]

    def _list_acls(self, call: Call) -> Reply:
        return self._list([self._shown(acl) for acl in self._fitting(call)])

    def _make_acl(self, call: Call) -> Reply:
        acl = call.json
        if len(acl) != 7:
            return bad("every part of an ACL is required")
        id_ = acl["principal"].removeprefix("User:")
        if not acl["principal"].startswith("User:") or (
            id_ != "*" and id_ not in self.organization.accounts
        ):
            return bad(f"Principal {acl['principal']} is unknown")
        if acl not in self.acls:
            self.acls.append(acl)
        return Reply(201)

    def _delete_acls(self, call: Call) -> Reply:
        gone = self._fitting(call)
        self.acls = [acl for acl in self.acls if acl not in gone]
        return self._list([self._shown(acl) for acl in gone])

    # --- links

    def _link_routes(self) -> tuple[Route, ...]:
        at, doc = f"{self.base}/links", f"{DOCS}Cluster-Linking-(v3)"
        one, names = f"{at}/{{link}}", frozenset({"mirror_topic_names"})
        made = frozenset({"link_name", "validate_only", "validate_link"})
        gone, alter = frozenset({"force", "validate_only"}), frozenset({"data", "validate_only"})
        mirror = frozenset(
            {"source_topic_name", "mirror_topic_name", "configs", "replication_factor"}
        )
        fields = frozenset({"source_cluster_id", "configs"})
        return (
            Route("GET", at, self._list_links, document=doc),
            Route("POST", at, self._make_link, query=made, fields=fields, document=doc),
            Route("DELETE", one, self._delete_link, query=gone, document=doc),
            Route("GET", f"{one}/configs", self._link_configs, document=doc),
            Route("PUT", f"{one}/configs:alter", self._alter_link, fields=alter, document=doc),
            Route("GET", f"{one}/mirrors", self._list_mirrors, document=doc),
            Route("POST", f"{one}/mirrors", self._make_mirror, fields=mirror, document=doc),
            Route(
                "POST",
                f"{one}/mirrors:pause",
                lambda c: self._steer(c, "PAUSED"),
                fields=names,
                document=doc,
            ),
            Route(
                "POST",
                f"{one}/mirrors:resume",
                lambda c: self._steer(c, "ACTIVE"),
                fields=names,
                document=doc,
            ),
        )

    def _list_links(self, _call: Call) -> Reply:
        return self._list(
            [
                {
                    "kind": "KafkaLinkData",
                    "link_name": name,
                    "cluster_link_id": f"id-of-{name}",
                    "source_cluster_id": link.source,
                    "topic_names": sorted(link.status),
                    "link_state": link.state,
                    "link_error": "NO_ERROR" if not link.error else "AUTHENTICATION_ERROR",
                    "link_error_message": link.error,
                }
                for name, link in sorted(self._seen(self.links).items())
            ]
        )

    def _make_link(self, call: Call) -> Reply:
        name, config = (
            call.query.get("link_name", ""),
            {c["name"]: c["value"] for c in call.json["configs"]},
        )
        source = call.json.get("source_cluster_id", "")
        if name in self.links:
            return refused(409, 40902, f"Cluster link '{name}' already exists.")
        if wrong := sorted(config.keys() - LINK_DEFAULTS):
            return bad(f"Unknown cluster link config '{wrong[0]}'")
        if source not in self.sources:
            return bad(
                f"Unable to validate cluster link: source cluster {source} cannot be reached"
            )
        if not config.get("bootstrap.servers") or "password" not in config.get(
            "sasl.jaas.config", ""
        ):
            return bad("Unable to validate cluster link: authentication at the source failed")
        if call.query.get("validate_only") != "true":
            self.links[name] = Link(source, {**LINK_DEFAULTS, **config})
        return Reply(201)

    def _unseen(self, call: Call) -> Reply | None:
        if call.path["link"] in self._seen(self.links):
            return None
        return refused(404, 40403, f"Cluster link '{call.path['link']}' does not exist.")

    def _delete_link(self, call: Call) -> Reply:
        if told := self._unseen(call):
            return told
        link = self.links[call.path["link"]]
        active = sorted(topic for topic, status in link.status.items() if status != "STOPPED")
        if active and call.query.get("force") != "true":
            return bad(f"Cluster link is in use by topics {', '.join(active)}")
        if call.query.get("validate_only") != "true":
            del self.links[call.path["link"]]
        return Reply(204)

    def _link_configs(self, call: Call) -> Reply:
        """Everything shows as set on the link, its defaults too, and secrets without a value."""
        if told := self._unseen(call):
            return told
        flags = {
            "is_default": False,
            "is_read_only": False,
            "source": "DYNAMIC_CLUSTER_LINK_CONFIG",
            "synonyms": [],
        }
        return self._list(
            [
                {
                    "kind": "KafkaLinkConfigData",
                    "cluster_id": self.id,
                    "link_name": call.path["link"],
                    "name": name,
                    "value": "" if name in SENSITIVE else value,
                    "is_sensitive": name in SENSITIVE,
                    **flags,
                }
                for name, value in sorted(self.links[call.path["link"]].config.items())
            ]
        )

    def _alter_link(self, call: Call) -> Reply:
        if told := self._unseen(call):
            return told
        config = dict(self.links[call.path["link"]].config)
        for one in call.json["data"]:
            if one["name"] not in LINK_DEFAULTS.keys() - ONCE:
                return bad(f"Cluster link config '{one['name']}' cannot be altered")
            config[one["name"]] = one.get("value", LINK_DEFAULTS[one["name"]])
        if not call.json.get("validate_only"):
            self.links[call.path["link"]].config = config
        return Reply(204)

    def _list_mirrors(self, call: Call) -> Reply:
        if told := self._unseen(call):
            return told
        link = self.links[call.path["link"]]
        self._auto(link)
        return self._list(
            [
                {
                    "kind": "KafkaMirrorData",
                    "link_name": call.path["link"],
                    "mirror_topic_name": topic,
                    "source_topic_name": self.topics[topic].mirror_of,
                    "num_partitions": self.topics[topic].partitions,
                    "mirror_lags": {
                        "kind": "Lags",
                        "items": [{"partition": 0, "lag": 0, "last_source_fetch_offset": 5}],
                    },
                    "mirror_status": status,
                    "state_time_ms": 1663148145470,
                }
                for topic, status in sorted(link.status.items())
            ]
        )

    def _auto(self, link: Link) -> None:
        """The link makes mirror topics by itself, where it is told to."""
        if link.config["auto.create.mirror.topics.enable"] != "true":
            return
        entries = json.loads(link.config["auto.create.mirror.topics.filters"])["topicFilters"]
        for topic in sorted(self.sources[link.source]):
            sides = {e["filterType"] for e in entries if _fits(e, topic)}
            copy = link.config["cluster.link.prefix"] + topic
            if sides == {"INCLUDE"} and copy not in self.topics:
                self._mirrored(link, topic, copy)

    def _mirrored(self, link: Link, topic: str, copy: str) -> None:
        self.topics[copy] = Topic(6, mirror_of=topic)
        link.status[copy] = "ACTIVE"

    def _make_mirror(self, call: Call) -> Reply:
        if told := self._unseen(call):
            return told
        link, topic = self.links[call.path["link"]], call.json["source_topic_name"]
        copy = call.json.get("mirror_topic_name", topic)
        if topic not in self.sources[link.source]:
            return refused(404, 40403, f"Topic '{topic}' does not exist at the source.")
        if copy != link.config["cluster.link.prefix"] + topic:
            return bad(f"Mirror topic must be called '{link.config['cluster.link.prefix']}{topic}'")
        if copy in self.topics:
            return bad(f"Topic '{copy}' already exists.")
        self._mirrored(link, topic, copy)
        return Reply(201)

    def _steer(self, call: Call, status: str) -> Reply:
        """A 200 with an entry for each topic, and what went wrong with it inside."""
        if told := self._unseen(call):
            return told
        link, data = self.links[call.path["link"]], []
        for topic in call.json["mirror_topic_names"]:
            wrong = link.status.get(topic) not in ("ACTIVE", "PAUSED")
            told_: dict[str, Any] = {
                "mirror_topic_name": topic,
                "error_code": None,
                "error_message": None,
            }
            if wrong:
                told_ |= {
                    "error_code": 40002,
                    "error_message": f"Topic '{topic}' is not a mirror of this link",
                }
            else:
                link.status[topic] = status
            data.append(told_)
        return self._list(data)


def _fits(entry: Mapping[str, str], name: str) -> bool:
    if entry["patternType"] == "PREFIXED":
        return name.startswith(entry["name"])
    return entry["name"] in (name, "*")


def _entry(topic: str, name: str, own: str | None, default: str | None) -> dict[str, Any]:
    """A setting with its synonyms, of which the first is what is set on the topic."""
    synonyms = (
        [] if default is None else [{"name": name, "value": default, "source": "DEFAULT_CONFIG"}]
    )
    source = "DEFAULT_CONFIG" if own is None else "DYNAMIC_TOPIC_CONFIG"
    if own is not None:
        synonyms.insert(0, {"name": name, "value": own, "source": source})
    told = {
        "name": name,
        "value": own if own is not None else default,
        "source": source,
        "synonyms": synonyms,
    }
    return {
        "kind": "KafkaTopicConfig",
        "topic_name": topic,
        "is_sensitive": False,
        "is_read_only": False,
        **told,
    }
