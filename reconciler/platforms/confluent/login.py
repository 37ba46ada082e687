"""A Cluster document in, a session out: by Kafka's protocol or REST v3; the control plane opened when asked for."""

from __future__ import annotations

import json
import time
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from functools import partial
from typing import cast

from reconciler.clients import http
from reconciler.clients.confluent_cloud import Cloud
from reconciler.clients.confluent_rest import Rest
from reconciler.clients.kafka import Token
from reconciler.clients.kafka import login as kafka_login
from reconciler.clients.lean import Bearer
from reconciler.core.model import Body, Session, Target
from reconciler.errors import Failed, LoginFailed, Stale
from reconciler.platforms.confluent.settings import CONTROL_PLANE, TRANSACTIONS, Settings, member
from reconciler.platforms.properties import bootstrap, properties
from reconciler.platforms.session import (
    Opener,
    WireSession,
    connect_of,
    kafka_session,
    registry_of,
    same,
)
from reconciler.secrets.references import resolve

# Seconds that a token is taken to be good for which does not say so itself.
UNKNOWN_LIFETIME = 300.0
REST = "confluent-rest"
CLOUD = "confluent-cloud"
BY_KAFKA: Mapping[str, Opener] = {
    "kafka-admin": same,
    "acl": same,
    "ledger": same,
    "registry": registry_of,
    "connect": connect_of,
    REST: lambda _kafka, target: rest_of(target),
    CLOUD: lambda _kafka, target: cloud_of(target),
}


def login(target: Target) -> Session:
    """Log in, and prove that this is the cluster, and of the type, that the document says."""
    settings = Settings.of(target.spec)
    session = _rest_session(target) if settings.by_rest else _kafka_session(target)
    if "key" in member(target.spec):
        session.facts = {**session.facts, "api_key": key(target)}
    try:
        _as_said(target, session, settings)
    except BaseException:
        session.close()
        raise
    return session


def _kafka_session(target: Target) -> WireSession:
    where = (target.name, bootstrap(target), kafka_properties(target), target.timeout)
    kafka = kafka_login(*where, _token(target))
    kafka.keyed = True
    openers = dict(BY_KAFKA)
    if why := no_ledger(Settings.of(target.spec)):
        openers["ledger"] = lambda _kafka, target: _refused(target.name, why)
    return kafka_session(kafka, openers, target)


def _rest_session(target: Target) -> WireSession:
    """The id comes from REST v3, which is proof of the login as well."""
    rest = rest_of(target)
    open_: dict[str, Callable[[], object]] = {
        REST: lambda: rest,
        CLOUD: partial(cloud_of, target),
        "registry": partial(http.registry, target),
        "connect": partial(http.workers, target),
        "ledger": partial(_refused, target.name, no_ledger(Settings.of(target.spec))),
    }
    return WireSession(target.name, rest.cluster_id(), target, open_)


def no_ledger(settings: Settings) -> str:
    """Why the cluster cannot keep the ledger; empty where it can."""
    if settings.by_rest:
        return "by REST v3 no topic can be read"
    return "" if settings.type in TRANSACTIONS else "a Freight cluster has no transactions"


def _refused(cluster: str, why: str) -> object:
    raise Failed(
        f"cluster {cluster}: {why}, so the ledger cannot be kept there",
        hint="Name another cluster in the Estate: `ledger: {cluster: NAME}`.",
    )


def _as_said(target: Target, session: Session, settings: Settings) -> None:
    """Raises Stale for another cluster, Failed for another type."""
    said = str(member(target.spec)["cluster"])
    if session.cluster_id != said:
        raise Stale(
            f"cluster {target.name}: its id is {session.cluster_id}, but `confluent.cluster` says {said}",
            hint="Is this the right address? Correct `bootstrap` or `confluent` in the Cluster document.",
        )
    found = cast("Cloud", session.client(CLOUD)).cluster_type() if settings.cloud else ""
    if found and found != settings.type:
        raise Failed(
            f"cluster {target.name}: it is of type {found}, but `confluent.type` says {settings.type}",
            hint="The type decides what can be had. Correct it in the Cluster document.",
        )


def kafka_properties(target: Target) -> dict[str, str]:
    """librdkafka properties: SASL_SSL, and PLAIN with the cluster API key unless `kafka` or a pool says otherwise.

    An identity pool goes along as SASL extensions (docs.confluent.io/cloud, "Configure clients for OAuth/OIDC").
    """
    given, own = properties(target), member(target.spec)
    if "identity_pool" in own:
        told = ",".join(f"{name}={value}" for name, value in _extensions(own).items())
        oidc = {"sasl.oauthbearer.method": "oidc", "sasl.oauthbearer.extensions": told}
        bearer = {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"}
        return {**bearer, **({} if "token" in own else oidc), **given}
    keyed = {}
    if (
        "key" in own
        and "secret" in own
        and not {"sasl.mechanism", "sasl.mechanisms"} & given.keys()
    ):
        keyed = {
            "sasl.mechanism": "PLAIN",
            "sasl.username": key(target),
            "sasl.password": secret(target),
        }
    return {"security.protocol": "SASL_SSL", **keyed, **given}


def _extensions(own: Body) -> dict[str, str]:
    return {"logicalCluster": str(own["cluster"]), "identityPoolId": str(own["identity_pool"])}


def _token(target: Target) -> Token | None:
    """A token that is given, read anew each time; None where librdkafka gets its own, or a key is the login."""
    own = member(target.spec)
    if "token" not in own:
        return None

    def token() -> Bearer:
        text = resolve(str(own["token"]), target.root)
        return Bearer(text, _end(text), _extensions(own))

    if token().end <= time.time():
        told = f"cluster {target.name}: `confluent.token` has expired"
        raise LoginFailed(told, hint="The job that gives it has to give another.")
    return token


def _end(text: str) -> float:
    """When a JWT ends, in seconds since the epoch; of what is no JWT the broker is the judge."""
    try:
        payload = text.split(".")[1]
        return float(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        return time.time() + UNKNOWN_LIFETIME


def key(target: Target) -> str:
    """The cluster API key; a name, not a secret, so it may be shown."""
    return resolve(str(member(target.spec)["key"]), target.root, secret=False)


def secret(target: Target) -> str:
    return resolve(str(member(target.spec)["secret"]), target.root)


def rest_of(target: Target) -> Rest:
    """REST v3 with the cluster API key. Raises Failed where the Cluster document has no `rest`."""
    own = member(target.spec)
    if "rest" not in own:
        raise Failed(f"cluster {target.name}: its Cluster document has no `confluent.rest`")
    basic = {"basic": {"username": own["key"], "password": own["secret"]}}
    where: Body = {**cast("Body", own["rest"]), "auth": basic}
    found = http.connect(f"REST v3 of cluster {target.name}", where, target.root, target.timeout)
    found.plain = ":"  # `configs:alter` is one segment with its colon as it is
    return Rest(found, str(own["cluster"]))


def cloud_of(target: Target) -> Cloud:
    """The control plane with a Cloud API key. Raises Failed where the Cluster document has no `cloud`."""
    own = member(target.spec)
    given = cast("Mapping[str, str]", own.get("cloud") or {})
    if not given:
        raise Failed(f"cluster {target.name}: its Cluster document has no `confluent.cloud`")
    basic = {"basic": {"username": given["key"], "password": given["secret"]}}
    where: Body = {"url": given.get("url", CONTROL_PLANE), "auth": basic}
    where = {**where, "ca": given["ca"]} if "ca" in given else where
    what = f"Confluent Cloud's control plane for cluster {target.name}"
    found = http.connect(what, where, target.root, target.timeout)
    environment, organization = (
        str(own.get(name) or "") for name in ("environment", "organization")
    )
    return Cloud(found, environment, str(own["cluster"]), organization)
