"""A session on an MSK cluster: by Kafka's protocol with IAM, SCRAM or certificates, or by AWS's API alone."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from confluent_kafka.admin import ConfigResource, ResourceType

from reconciler.clients import http
from reconciler.clients.aws import Aws
from reconciler.clients.kafka import Kafka, Token, answer, login
from reconciler.clients.msk import About, Msk
from reconciler.clients.secretsmanager import Secrets
from reconciler.core.model import Session, Target
from reconciler.errors import BadUsage, Failed, LoginFailed
from reconciler.platforms.msk.access import OPEN
from reconciler.platforms.msk.policy_files import Folder
from reconciler.platforms.msk.settings import SERVERLESS, Settings, settings
from reconciler.platforms.msk.user_driver import Users
from reconciler.platforms.properties import bootstrap, properties
from reconciler.platforms.session import WireSession, kafka_session

# What MSK's listeners speak (GetBootstrapBrokers); `kafka` in the Cluster document says otherwise where it has to.
WAYS_IN: Mapping[str, Mapping[str, str]] = {
    "iam": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "scram": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
    "tls": {"security.protocol": "SSL"},
}
# A topic is made in the API's own time only where the cluster's Kafka is at least this.
API_SINCE = (3, 6)


def log_in(target: Target) -> Session:
    """A session, by whatever way the Cluster document names. AWS is asked only for what the document does not say."""
    own = settings(target.spec)
    what = f"cluster {target.name}"
    aws = Aws(what, own.arn.region, target.timeout, own.profile, own.role)
    msk = Msk(aws, str(own.arn))
    if own.via == "api":
        return _by_api(target, own, msk)
    return _by_kafka(target, own, msk)


def _by_api(target: Target, own: Settings, msk: Msk) -> Session:
    about = msk.about()
    _fits(target, own, about)
    version = tuple(int(part) for part in about.version.split(".")[:2] if part.isdigit())
    if version and version < API_SINCE:
        raise Failed(
            f"cluster {target.name}: the MSK topic API needs Kafka 3.6, and this is {about.version}",
            hint="Use `via: kafka`, from where the brokers can be reached.",
        )
    openers = {"msk-api": lambda: msk, **_beside(target, own, msk)}
    facts = {"brokers": about.brokers}
    session = WireSession(target.name, str(own.arn), target, openers, facts=facts)
    session.client("aws")
    return session


def _by_kafka(target: Target, own: Settings, msk: Msk) -> Session:
    token = _token(msk.aws) if own.auth == "iam" else None
    servers = _servers(target, own, msk)
    wanted = {**WAYS_IN[own.auth], **properties(target)}
    _secure(target.name, servers, wanted)
    kafka = login(target.name, servers, wanted, target.timeout, token)
    kafka.reserved = frozenset({"min.insync.replicas"}) if own.kind != "standard" else frozenset()
    openers = {wire: _same for wire in ("kafka-admin", "acl", "ledger", "quota")}
    beside = {wire: _given(opener) for wire, opener in _beside(target, own, msk).items()}
    session = kafka_session(kafka, {**openers, **beside}, target)
    session.client("aws")
    if own.kind != SERVERLESS:
        session.facts = {**session.facts, OPEN: _open_to_everybody(kafka)}
    return session


def _same(kafka: Kafka, _target: Target) -> object:
    return kafka


def _given(opener: Callable[[], object]) -> Callable[[Kafka, Target], object]:
    return lambda _kafka, _target: opener()


def _beside(target: Target, own: Settings, msk: Msk) -> dict[str, Callable[[], object]]:
    """What is there whichever way topics are reached. `aws` is opened at once, to be closed with the session."""
    path = f"{own.policies.rstrip('/')}/{target.name}" if own.policies else ""
    return {
        "aws": lambda: msk,
        "iam-policy": partial(Folder, target.root, path, own.arn.partition),
        "aws-scram": lambda: Users(msk, Secrets(msk.aws)),
        "registry": partial(http.registry, target),
        "connect": partial(http.workers, target),
    }


def _token(aws: Aws) -> Token:
    """The first token is made here, so that missing credentials are told as such, and not as a slow broker."""
    aws.token()
    return aws.token


def _servers(target: Target, own: Settings, msk: Msk) -> str:
    if "bootstrap" in target.spec:
        return bootstrap(target)
    _fits(target, own, msk.about())
    return msk.bootstrap(own.auth, own.connectivity)


def _fits(target: Target, own: Settings, about: About) -> None:
    """Raises BadUsage where the document takes the cluster for another kind: its limits would be the wrong ones."""
    if about.kind != own.kind:
        raise BadUsage(
            f"cluster {target.name}: `spec.msk.type` says {own.kind}, and AWS says {about.kind}",
            hint=f"Write `type: {about.kind}` in the Cluster document.",
        )


def _secure(name: str, servers: str, wanted: Mapping[str, str]) -> None:
    """Raises LoginFailed for a way in that would show tokens or passwords to the network."""
    protocol = wanted["security.protocol"].upper()
    hosts = [server.rpartition(":")[0].strip("[] ") for server in servers.split(",")]
    if "SSL" not in protocol and not all(map(_loopback, hosts)):
        raise LoginFailed(
            f"cluster {name}: `security.protocol` is {protocol}: kstate does not log in to MSK without TLS",
            hint="Leave it out of `kafka` in the Cluster document.",
        )


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _open_to_everybody(kafka: Kafka) -> bool | None:
    """Whether what has no ACL is open to everybody; None where the brokers' configuration may not be read."""
    broker = ConfigResource(ResourceType.BROKER, str(kafka.brokers[0]))
    asked = kafka.admin.describe_configs([broker], request_timeout=kafka.timeout)
    got: Any = answer(asked[broker], kafka.timeout)
    if isinstance(got, BaseException) or OPEN not in got:
        return None
    return str(got[OPEN].value) != "false"
