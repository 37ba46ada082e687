"""A Cluster document's `eventhubs` in; where the namespace and the services around it are, out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from reconciler.core.model import Body, Document, Path, Target
from reconciler.secrets.references import resolve


@dataclass(frozen=True, slots=True)
class Cloud:
    """One Azure: Resource Manager, what tokens for it are asked for, who gives them, and the domain of namespaces."""

    manager: str
    scope: str
    authority: str
    domain: str


# By Azure's own names; the addresses as azure.mgmt.core.tools.get_arm_endpoints and azure.identity have them.
CLOUDS: Mapping[str, Cloud] = {
    "AzureCloud": Cloud(
        "https://management.azure.com",
        "https://management.azure.com/.default",
        "",  # azure-identity's own, or what AZURE_AUTHORITY_HOST says
        "servicebus.windows.net",
    ),
    "AzureUSGovernment": Cloud(
        "https://management.usgovcloudapi.net",
        "https://management.core.usgovcloudapi.net/.default",
        "https://login.microsoftonline.us",
        "servicebus.usgovcloudapi.net",
    ),
    "AzureChinaCloud": Cloud(
        "https://management.chinacloudapi.cn",
        "https://management.chinacloudapi.cn/.default",
        "https://login.chinacloudapi.cn",
        "servicebus.chinacloudapi.cn",
    ),
}
# What Microsoft's page on Kafka clients asks of librdkafka here (apache-kafka-configurations): Azure ends a connection
# that is silent for four minutes.
CLIENT: Mapping[str, bool | int | str] = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "OAUTHBEARER",
    "socket.keepalive.enable": True,
    "metadata.max.age.ms": 180_000,
}
RESERVED = re.compile(r"-(sb|mgmt)$")


@dataclass(frozen=True, slots=True)
class Where:
    """Addresses, and what tokens are asked for."""

    subscription: str
    group: str
    namespace: str
    manager: str
    manager_scope: str
    authority: str
    domain: str

    @property
    def host(self) -> str:
        return f"{self.namespace}.{self.domain}"

    @property
    def kafka_scope(self) -> str:
        return f"https://{self.host}/.default"


def where_of(target: Target) -> Where:
    """References resolved. Raises BadUsage for one that leads nowhere."""
    own = settings(target.spec)
    cloud, other = _cloud(own), cast("Body", own.get("endpoints") or {})
    return Where(
        resolve(str(own["subscription"]), target.root, secret=False),
        str(own["resource_group"]),
        str(own["namespace"]),
        manager=str(other.get("resource_manager") or cloud.manager),
        manager_scope=cloud.scope,
        authority=str(other.get("authority") or cloud.authority),
        domain=cloud.domain,
    )


def _cloud(own: Body) -> Cloud:
    return CLOUDS[str(own.get("cloud") or "AzureCloud")]


def settings(spec: Body) -> Body:
    """`spec.eventhubs`, empty where it is missing."""
    return cast("Body", spec.get("eventhubs") or {})


def implied(spec: Body) -> Body:
    """With the namespace's own address where `bootstrap` is missing, and how clients log in to it."""
    own = settings(spec)
    there = {"bootstrap": [f"{own['namespace']}.{_cloud(own).domain}:9093"], **spec}
    given = cast("Body", spec.get("kafka") or {})
    # librdkafka knows the mechanism by two names, and takes the last one it is given.
    left_out = {"sasl.mechanism"} if "sasl.mechanisms" in given else set()
    client = {name: value for name, value in CLIENT.items() if name not in left_out}
    return {**there, "kafka": {**client, **given}}


def check(document: Document) -> Iterator[tuple[Path, str]]:
    """What the form of a Cluster document cannot say."""
    own = settings(document.spec)
    if not own:
        told = "the key `eventhubs` is missing: it says which namespace this is"
        yield ("spec",), told
    name = str(own.get("namespace", ""))
    if RESERVED.search(name):
        told = f"`{name}`: Azure keeps names that end in `-sb` or `-mgmt` for itself"
        yield ("spec", "eventhubs", "namespace"), told
