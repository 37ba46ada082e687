"""Amazon MSK's own API about one cluster: where its brokers are, its topics, the secrets its users log in with.

API 2018-11-14 ("Amazon MSK API Reference", docs.aws.amazon.com/msk/1.0/apireference). What is read of topics is up to a
minute old ("Topic operations", msk-topic-operations-information).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.clients.aws import Aws, Refused
from reconciler.clients.kafka import batches
from reconciler.errors import Failed

SERVICE = "kafka"
# "Limitations when using SCRAM secrets": ten a call.
SECRETS_A_CALL = 10
GONE = frozenset({"NotFoundException", "UnknownTopicOrPartitionException"})
ACTIVE, CREATING = "ACTIVE", "CREATING"
# GetBootstrapBrokers has one member a listener, named after the way there and the way in.
NETWORKS = {"private": "", "public": "Public", "vpc": "VpcConnectivity"}
LISTENERS = {"iam": "SaslIam", "scram": "SaslScram", "tls": "Tls"}


class Topic(NamedTuple):
    """One topic as the API tells it. `configs` are those in force: it does not say which the topic itself has set."""

    name: str
    arn: str
    partitions: int
    replication: int
    status: str
    configs: Mapping[str, str]


class About(NamedTuple):
    """What DescribeClusterV2 says: `kind` is standard, express or serverless. `brokers` is 0 where AWS tells none."""

    kind: str
    state: str
    brokers: int
    version: str


@dataclass
class Msk:
    """One cluster, by its ARN."""

    aws: Aws
    arn: str

    def about(self) -> About:
        """What kind of cluster it is, and how it is doing."""
        found = self.aws.call(SERVICE, "describe_cluster_v2", ClusterArn=self.arn)["ClusterInfo"]
        provisioned = found.get("Provisioned") or {}
        nodes = provisioned.get("BrokerNodeGroupInfo") or {}
        express = str(nodes.get("InstanceType") or "").startswith("express.")
        kind = "express" if express else "standard"
        software = provisioned.get("CurrentBrokerSoftwareInfo") or {}
        return About(
            "serverless" if found.get("ClusterType") == "SERVERLESS" else kind,
            str(found.get("State") or ""),
            int(provisioned.get("NumberOfBrokerNodes") or 0),
            str(software.get("KafkaVersion") or ""),
        )

    def bootstrap(self, auth: str, network: str) -> str:
        """The brokers to ask first for one way in, `host:port` separated by commas. Raises Failed for none."""
        member = f"BootstrapBrokerString{NETWORKS[network]}{LISTENERS[auth]}"
        answer = self.aws.call(SERVICE, "get_bootstrap_brokers", ClusterArn=self.arn)
        if not answer.get(member):
            there = sorted(name for name in answer if name.startswith("BootstrapBroker"))
            raise Failed(
                f"{self.aws.what}: GetBootstrapBrokers tells no {member}, but {', '.join(there) or 'nothing'}",
                hint="Turn that way in on for the cluster, or correct `auth` and `connectivity` in `spec.msk`.",
            )
        return str(answer[member])

    # --- topics

    def topics(self) -> dict[str, tuple[int, int]]:
        """Partitions and replicas of every topic, by name."""
        found = self.aws.pages(SERVICE, "list_topics", "Topics", ClusterArn=self.arn)
        return {
            str(t["TopicName"]): (int(t["PartitionCount"]), int(t["ReplicationFactor"]))
            for t in found
        }

    def topic(self, name: str) -> Topic | None:
        """One topic, None where there is none. A topic that is going away is still there."""
        try:
            found = self.aws.call(SERVICE, "describe_topic", ClusterArn=self.arn, TopicName=name)
        except Refused as error:
            if error.code in GONE:
                return None
            raise
        return Topic(
            name,
            str(found["TopicArn"]),
            int(found["PartitionCount"]),
            int(found["ReplicationFactor"]),
            str(found["Status"]),
            decoded(str(found.get("Configs") or "")),
        )

    def create_topic(
        self, name: str, partitions: int, replication: int, configs: Mapping[str, str]
    ) -> None:
        """Ask for a topic; it is there once its status is ACTIVE."""
        settings = {"Configs": encoded(configs)} if configs else {}
        self._write(
            "create_topic",
            name,
            PartitionCount=partitions,
            ReplicationFactor=replication,
            **settings,
        )

    def configure_topic(self, name: str, configs: Mapping[str, str]) -> None:
        """Set all of a topic's configurations: the whole set, as nobody says whether the rest would stay."""
        self._write("update_topic", name, Configs=encoded(configs))

    def grow_topic(self, name: str, partitions: int) -> None:
        """Raise the number of partitions; UpdateTopic takes either this or configurations."""
        self._write("update_topic", name, PartitionCount=partitions)

    def delete_topic(self, name: str) -> None:
        """Ask for a topic to go; one that is gone already is no error."""
        try:
            self._write("delete_topic", name)
        except Refused as error:
            if error.code not in GONE:
                raise

    def _write(self, operation: str, name: str, **wanted: Any) -> None:
        self.aws.call(SERVICE, operation, ClusterArn=self.arn, TopicName=name, **wanted)

    # --- users

    def associated(self) -> frozenset[str]:
        """ARNs of the secrets that users of this cluster log in with."""
        pages = self.aws.pages(SERVICE, "list_scram_secrets", "SecretArnList", ClusterArn=self.arn)
        return frozenset(str(arn) for arn in pages)

    def associate(self, secrets: Iterable[str]) -> dict[str, Failed | None]:
        """None for each secret that was taken, else why not."""
        return self._each("batch_associate_scram_secret", list(secrets))

    def disassociate(self, secrets: Iterable[str]) -> dict[str, Failed | None]:
        """The same the other way round."""
        return self._each("batch_disassociate_scram_secret", list(secrets))

    def _each(self, operation: str, secrets: Sequence[str]) -> dict[str, Failed | None]:
        """What is wrong with single secrets comes in an answer that says 200."""
        found: dict[str, Failed | None] = {}
        for batch in batches(secrets, SECRETS_A_CALL):
            try:
                answer = self.aws.call(
                    SERVICE, operation, ClusterArn=self.arn, SecretArnList=list(batch)
                )
            except Failed as error:
                found.update(dict.fromkeys(batch, error))
                continue
            found.update(dict.fromkeys(batch))
            found.update(self._unprocessed(answer))
        return found

    def _unprocessed(self, answer: Mapping[str, Any]) -> Iterator[tuple[str, Failed]]:
        for item in answer.get("UnprocessedScramSecrets") or ():
            code = str(item.get("ErrorCode") or "unprocessed")
            words = f"{self.aws.what}: {code}: {item.get('ErrorMessage') or 'no reason given'}"
            yield str(item["SecretArn"]), Refused(words, code)

    def close(self) -> None:
        self.aws.close()


def encoded(configs: Mapping[str, str]) -> str:
    """Configurations as the API takes them: a JSON object of texts, in Base64."""
    return base64.b64encode(json.dumps(dict(sorted(configs.items()))).encode()).decode()


def decoded(text: str) -> dict[str, str]:
    """The reverse. The page about DescribeTopic shows lines of `name=value`, so those are understood as well."""
    if not text:
        return {}
    plain = base64.b64decode(text).decode()
    if plain.lstrip().startswith("{"):
        return {str(name): str(value) for name, value in json.loads(plain).items()}
    pairs = (line.partition("=") for line in plain.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
