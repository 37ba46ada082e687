"""Amazon MSK's API of one cluster: topics made in the background and read late, SCRAM secrets refused one by one.

API 2018-11-14 by botocore's service model; what the words do not say is as AWS's developer guide and its Terraform
provider (resource aws_msk_topic) have it: settings come back as those in force, in Base64.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.fakes import front
from tests.fakes.aws import ACCOUNT, REGION, Door, encoded, model, plain, signed, unfit
from tests.fakes.server import Call, Reply, Route
from tests.live.proxy import Request

DOCUMENT = "https://docs.aws.amazon.com/msk/1.0/apireference/{}.html"
DOCUMENT_V2 = "https://docs.aws.amazon.com/MSK/2.0/APIReference/v2-{}.html"
UUID = "11111111-2222-3333-4444-555555555555-1"
PAGE = 2
DEFAULTS = {
    "cleanup.policy": "delete",
    "compression.type": "producer",
    "delete.retention.ms": "86400000",
    "max.compaction.lag.ms": "9223372036854775807",
    "max.message.bytes": "1048588",
    "message.timestamp.after.max.ms": "3600000",
    "message.timestamp.before.max.ms": "9223372036854775807",
    "message.timestamp.type": "CreateTime",
    "min.compaction.lag.ms": "0",
    "min.insync.replicas": "2",
    "retention.bytes": "-1",
    "retention.ms": "604800000",
    "segment.bytes": "1073741824",
    "unclean.leader.election.enable": "false",
}
EXPRESS = DEFAULTS.keys() - {
    "min.insync.replicas",
    "segment.bytes",
    "unclean.leader.election.enable",
}
PATHS = {
    "DescribeClusterV2": "/api/v2/clusters/{cluster_arn}",
    "GetBootstrapBrokers": "/v1/clusters/{cluster_arn}/bootstrap-brokers",
    "ListTopics": "/v1/clusters/{cluster_arn}/topics",
    "CreateTopic": "/v1/clusters/{cluster_arn}/topics",
    "DescribeTopic": "/v1/clusters/{cluster_arn}/topics/{topic_name}",
    "UpdateTopic": "/v1/clusters/{cluster_arn}/topics/{topic_name}",
    "DeleteTopic": "/v1/clusters/{cluster_arn}/topics/{topic_name}",
    "ListScramSecrets": "/v1/clusters/{cluster_arn}/scram-secrets",
    "BatchAssociateScramSecret": "/v1/clusters/{cluster_arn}/scram-secrets",
    "BatchDisassociateScramSecret": "/v1/clusters/{cluster_arn}/scram-secrets",
}


@dataclass(frozen=True)
class Topic:
    """A topic at one time. `configs` are those set on it."""

    partitions: int
    replication: int
    configs: Mapping[str, str]
    status: str = "ACTIVE"


@dataclass
class Msk:
    """One cluster. `stale` is how old reads of topics are, `work` how long a change takes, both in seconds.

    `replaces`: UpdateTopic's settings take the place of all that were there; else they are added to them.
    """

    name: str = "demo"
    kind: str = "standard"
    state: str = "ACTIVE"
    version: str = "3.8.x"
    brokers: int = 3
    bootstrap: dict[str, str] = field(default_factory=dict)
    stale: float = 0.0
    work: float = 0.0
    replaces: bool = True
    streaming: set[str] = field(default_factory=set)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    associated: set[str] = field(default_factory=set)
    _past: dict[str, list[tuple[float, Topic | None]]] = field(default_factory=dict)

    def fresh(self, **wanted: Any) -> None:
        """A new cluster in the place of this one."""
        self.__dict__.update(Msk(**wanted).__dict__)

    @property
    def arn(self) -> str:
        return f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/{self.name}/{UUID}"

    def topic(self, name: str, ago: float = 0.0) -> Topic | None:
        """A topic as it was so many seconds ago; None where there was none."""
        found: Topic | None = None
        for since, then in self._past.get(name, ()):
            if since <= time.monotonic() - ago:
                found = then
        return found

    def put(self, name: str, topic: Topic | None) -> None:
        """As a hand would: at once, and for all reads."""
        self._past[name] = [(0.0, topic)]

    def become(self, name: str, topic: Topic | None, meanwhile: Topic) -> None:
        """A topic is on its way for a while, and then as it is to be."""
        now = time.monotonic()
        self._past.setdefault(name, []).extend([(now, meanwhile), (now + self.work, topic)])

    def names(self) -> list[str]:
        return sorted(name for name in self._past if self.topic(name, self.stale))

    @property
    def settable(self) -> set[str]:
        return set(EXPRESS if self.kind == "express" else DEFAULTS)


@dataclass
class Refusal(Exception):
    """What the API says no with."""

    status: int
    code: str
    message: str


Act = Callable[[Msk, Mapping[str, Any]], dict[str, Any]]


def door(msk: Msk) -> Door:
    """The API of a cluster, strict and signed."""
    about = model("kafka")
    made = Door("Amazon MSK", [], version=lambda _call: about.api_version, scope="kafka")
    made.login = signed(made)
    made.unknown = lambda _call, why: made.refusal(404, "NotFoundException", why)
    made.routes = [
        Route(
            about.operation_model(name).http["method"],
            path,
            _handler(made, msk, name),
            query=frozenset({"maxResults", "nextToken", "topicNameFilter"}),
            document=_page(path),
        )
        for name, path in PATHS.items()
    ]
    return made


def _page(path: str) -> str:
    """AWS names its pages after the path."""
    bare = re.sub(r"^/(api/)?v\d/|[{}_]", "", path).replace("/", "-")
    return (DOCUMENT_V2 if path.startswith("/api/v2") else DOCUMENT).format(bare)


def _handler(made: Door, msk: Msk, operation: str) -> Callable[[Call], Reply]:
    act: Act = globals()[f"_{re.sub('(?<!^)(?=[A-Z])', '_', operation).lower()}"]

    def handle(call: Call) -> Reply:
        given = {**_camel(call.path), **call.query, **(call.json or {})}
        for name in ("maxResults",):
            given |= {name: int(given[name])} if name in given else {}
        shape = model("kafka").operation_model(operation).input_shape
        if wrong := list(unfit(shape, given, operation)):
            made.violations.extend(wrong)
            return made.refusal(400, "BadRequestException", "; ".join(wrong))
        if made.denied(operation, given):
            words = f"User is not authorized to perform: kafka:{operation}"
            return made.refusal(403, "ForbiddenException", words)
        try:
            _is_ours(msk, given)
            return Reply(200, act(msk, given))
        except Refusal as no:
            body = {"invalidParameter": None, "message": no.message}
            return Reply(no.status, body, {"x-amzn-ErrorType": no.code})

    return handle


def _camel(names: Mapping[str, str]) -> dict[str, str]:
    return {re.sub(r"_(\w)", lambda m: m[1].upper(), name): value for name, value in names.items()}


def _is_ours(msk: Msk, given: Mapping[str, Any]) -> None:
    if given["clusterArn"] != msk.arn:
        raise Refusal(404, "NotFoundException", "The requested resource doesn't exist.")


def _bad(message: str) -> Refusal:
    return Refusal(400, "BadRequestException", message)


# --- the cluster


def _describe_cluster_v2(msk: Msk, _given: Mapping[str, Any]) -> dict[str, Any]:
    info: dict[str, Any] = {"clusterArn": msk.arn, "clusterName": msk.name, "state": msk.state}
    if msk.kind == "serverless":
        return {
            "clusterInfo": {**info, "clusterType": "SERVERLESS", "serverless": {"vpcConfigs": []}}
        }
    instance = "express.m7g.large" if msk.kind == "express" else "kafka.m7g.large"
    provisioned = {
        "numberOfBrokerNodes": msk.brokers,
        "brokerNodeGroupInfo": {"instanceType": instance, "clientSubnets": ["subnet-1"]},
        "currentBrokerSoftwareInfo": {"kafkaVersion": msk.version},
    }
    return {"clusterInfo": {**info, "clusterType": "PROVISIONED", "provisioned": provisioned}}


def _get_bootstrap_brokers(msk: Msk, _given: Mapping[str, Any]) -> dict[str, Any]:
    if msk.state == "CREATING":
        raise Refusal(409, "ConflictException", "The cluster is still being created.")
    return {f"bootstrapBrokerString{name}": where for name, where in msk.bootstrap.items()}


# --- topics


def _has_topics(msk: Msk) -> None:
    if msk.kind == "serverless":
        raise _bad("Topic operations are not supported for serverless clusters.")
    if msk.state != "ACTIVE":
        raise _bad("The cluster is not in the ACTIVE state.")


def _list_topics(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    _has_topics(msk)
    names = msk.names()
    start = int(given.get("nextToken") or 0)
    listed = []
    for name in names[start : start + PAGE]:
        topic = msk.topic(name, msk.stale)
        assert topic is not None
        listed.append({**_about(msk, name), **_size(topic), "outOfSyncReplicaCount": 0})
    more = {"nextToken": str(start + PAGE)} if start + PAGE < len(names) else {}
    return {"topics": listed, **more}


def _describe_topic(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    _has_topics(msk)
    topic = msk.topic(given["topicName"], msk.stale)
    if topic is None:
        raise Refusal(404, "NotFoundException", "The topic doesn't exist.")
    import json

    known = {**{name: DEFAULTS[name] for name in DEFAULTS}, **topic.configs}
    return {
        **_about(msk, given["topicName"]),
        **_size(topic),
        "configs": encoded(json.dumps(known)),
        "status": topic.status,
    }


def _create_topic(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    _has_topics(msk)
    name = given["topicName"]
    if msk.topic(name) is not None:
        raise Refusal(409, "TopicExistsException", f"Topic '{name}' already exists.")
    if given["replicationFactor"] > msk.brokers:
        raise _bad(
            f"Replication factor: {given['replicationFactor']} larger than available brokers"
        )
    if msk.kind == "express" and given["replicationFactor"] != 3:
        raise _bad("The replication factor has to be 3.")
    made = Topic(given["partitionCount"], given["replicationFactor"], _configs(msk, given, "{}"))
    msk.become(name, made, _while("CREATING", made))
    return {**_about(msk, name), "status": "CREATING"}


def _update_topic(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    _has_topics(msk)
    name = given["topicName"]
    now = _there(msk, name)
    if ("configs" in given) == ("partitionCount" in given):
        raise _bad("You must specify either configs or partitionCount to update.")
    if "configs" in given:
        wanted = _configs(msk, given, "{}")
        settings = wanted if msk.replaces else {**now.configs, **wanted}
        then = Topic(now.partitions, now.replication, settings)
    elif given["partitionCount"] <= now.partitions:
        raise _bad(
            f"Topic currently has {now.partitions} partitions, which is higher than requested."
        )
    else:
        then = Topic(given["partitionCount"], now.replication, now.configs)
    msk.become(name, then, _while("UPDATING", now))
    return {**_about(msk, name), "status": "UPDATING"}


def _delete_topic(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    _has_topics(msk)
    name = given["topicName"]
    now = _there(msk, name)
    if name in msk.streaming:
        raise _bad("The topic has an associated Channel.")
    msk.become(name, None, _while("DELETING", now))
    return {**_about(msk, name), "status": "DELETING"}


def _there(msk: Msk, name: str) -> Topic:
    found = msk.topic(name)
    if found is None:
        raise Refusal(
            404,
            "UnknownTopicOrPartitionException",
            "This server does not host this topic-partition.",
        )
    return found


def _while(status: str, topic: Topic) -> Topic:
    return Topic(topic.partitions, topic.replication, topic.configs, status)


def _configs(msk: Msk, given: Mapping[str, Any], nothing: str) -> dict[str, str]:
    told = plain(given.get("configs") or encoded(nothing))
    if not isinstance(told, dict) or not all(isinstance(value, str) for value in told.values()):
        raise _bad("Invalid configs: a Base64 encoded JSON object of strings is expected.")
    if unknown := sorted(told.keys() - msk.settable):
        raise _bad(f"Unknown topic config name: {unknown[0]}")
    return told


def _about(msk: Msk, name: str) -> dict[str, Any]:
    return {"topicName": name, "topicArn": f"{msk.arn.replace(':cluster/', ':topic/')}/{name}"}


def _size(topic: Topic) -> dict[str, Any]:
    return {"partitionCount": topic.partitions, "replicationFactor": topic.replication}


# --- users


def _list_scram_secrets(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    arns = sorted(msk.associated)
    start = int(given.get("nextToken") or 0)
    more = {"nextToken": str(start + PAGE)} if start + PAGE < len(arns) else {}
    return {"secretArnList": arns[start : start + PAGE], **more}


def _batch_associate_scram_secret(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    return _each(msk, given, msk.associated.add, _unfit_secret)


def _batch_disassociate_scram_secret(msk: Msk, given: Mapping[str, Any]) -> dict[str, Any]:
    return _each(msk, given, msk.associated.discard, _unknown_secret)


def _each(
    msk: Msk,
    given: Mapping[str, Any],
    act: Callable[[str], None],
    wrong: Callable[[Msk, str], tuple[str, str] | None],
) -> dict[str, Any]:
    arns = given["secretArnList"]
    if msk.kind == "serverless" or not 1 <= len(arns) <= 10:
        raise _bad("The number of secrets has to be between 1 and 10.")
    unprocessed = []
    for arn in arns:
        why = next((w for part, w in msk.refused.items() if part in arn), None) or wrong(msk, arn)
        if why is None:
            act(arn)
        else:
            unprocessed.append({"secretArn": arn, "errorCode": why[0], "errorMessage": why[1]})
    return {"clusterArn": msk.arn, "unprocessedScramSecrets": unprocessed}


def _unfit_secret(_msk: Msk, arn: str) -> tuple[str, str] | None:
    from moto.backends import get_backend

    secrets = list(get_backend("secretsmanager")[ACCOUNT][REGION].secrets.values())
    found = next((secret for secret in secrets if secret.arn == arn), None)
    if found is None or found.is_deleted():
        return "SECRET_NOT_FOUND", "The secret was not found."
    if not found.name.startswith("AmazonMSK_"):
        return "INVALID_NAME", "The name of the secret has to begin with AmazonMSK_."
    if not str(found.kms_key_id).startswith("arn:aws:kms:"):
        return "INVALID_KEY", "A secret with the default AWS KMS key cannot be used."
    held = plain(encoded(found.secret_string or ""))
    if not isinstance(held, dict) or set(held) != {"username", "password"}:
        return "INVALID_SECRET", "The secret has to hold a username and a password."
    return None


def _unknown_secret(msk: Msk, arn: str) -> tuple[str, str] | None:
    return None if arn in msk.associated else ("NOT_ASSOCIATED", "The secret is not associated.")


def everything(msk: Msk) -> Iterator[str]:
    """Names of all topics as they are now, however old reads are."""
    yield from (name for name in sorted(msk._past) if msk.topic(name))


def limited(settable: frozenset[str]) -> Callable[[Request], bytes | None]:
    """For a front: how brokers of Express and Serverless answer to settings that they do not take."""
    from kafka.protocol import admin as messages

    def instead(request: Request) -> bytes | None:
        if request.api == "CreateTopics":
            asked = {t.name: {c.name for c in t.configs} for t in request.body.topics}
        elif request.api == "IncrementalAlterConfigs":
            asked = {r.resource_name: {c.name for c in r.configs} for r in request.body.resources}
        else:
            return None
        wrong = {
            name: sorted(names - settable) for name, names in asked.items() if names - settable
        }
        if not wrong:
            return None
        words = {
            name: f"Config not supported: {', '.join(wrong.get(name, ['another']))}"
            for name in asked
        }
        if request.api == "CreateTopics":
            kind = messages.CreateTopicsResponse
            rows = [
                kind.CreatableTopicResult(name=n, error_code=40, error_message=w)
                for n, w in words.items()
            ]
            return front.encoded(kind(throttle_time_ms=0, topics=rows), request)
        kind = messages.IncrementalAlterConfigsResponse
        rows = [
            kind.AlterConfigsResourceResponse(
                resource_type=2, resource_name=n, error_code=40, error_message=w
            )
            for n, w in words.items()
        ]
        return front.encoded(kind(throttle_time_ms=0, responses=rows), request)

    return instead
