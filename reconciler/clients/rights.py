"""What the brokers let this login do, asked without doing anything: by topic, for groups, and who it is to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, TopicCollection
from confluent_kafka.admin import AclOperation, ConfigResource, NewTopic, ResourceType

from reconciler.clients import topics
from reconciler.clients.kafka import DENIED, THIS_LOGIN, Kafka, answer, batches, code
from reconciler.clients.topics import MISSING

if TYPE_CHECKING:
    from cryptography import x509

BATCH = 500
NOBODY = "kstate-doctor"
UNKNOWN = THIS_LOGIN
# Java's words for the parts of a name (RFC 2253); any other part is spelt by number there.
SPOKEN = frozenset({"CN", "C", "L", "ST", "O", "OU", "STREET", "DC", "UID"})
# By operation: whether it is allowed. What is not in there is not known.
Operations = dict[str, bool]


def word(operation: AclOperation) -> str:
    return operation.name.title().replace("_", "")


def on_topics(kafka: Kafka, names: Iterable[str]) -> dict[str, Operations]:
    """Of each topic what may be done with it. Of one that is not there yet, what the brokers say to a dry run."""
    found: dict[str, Operations] = {}
    absent: list[str] = []
    for batch in batches(sorted(names), BATCH):
        asked = kafka.admin.describe_topics(
            TopicCollection(list(batch)),
            include_authorized_operations=True,
            request_timeout=kafka.timeout,
        )
        for name, future in asked.items():
            got = answer(future, kafka.timeout)
            if not isinstance(got, BaseException):
                allowed = {word(operation) for operation in got.authorized_operations or ()}
                found[name] = {word(op): word(op) in allowed for op in AclOperation}
            elif code(got) in MISSING:
                absent.append(name)
            else:
                found[name] = {"Describe": False} if code(got) in DENIED else {}
    return {**found, **_absent(kafka, absent)}


def _absent(kafka: Kafka, names: Sequence[str]) -> dict[str, Operations]:
    """Dry runs only. What is refused for want of a right is refused before anybody looks whether it is there."""
    if not names:
        return {}
    answers: Mapping[str, topics.Answers] = {
        "Create": topics.create(kafka, [NewTopic(n, -1, -1) for n in names], validate=True),
        "Alter": topics.grow(kafka, dict.fromkeys(names, 100_000), validate=True),
        "AlterConfigs": topics.alter(
            kafka, {name: {"retention.ms": "1"} for name in names}, validate=True
        ),
        "DescribeConfigs": _configs(kafka, names),
    }
    return {
        name: {
            "Describe": True,
            **{op: not _denied(said.get(name)) for op, said in answers.items()},
        }
        for name in names
    }


def _configs(kafka: Kafka, names: Sequence[str]) -> topics.Answers:
    found: topics.Answers = {}
    for batch in batches(list(names), BATCH):
        wanted = [ConfigResource(ResourceType.TOPIC, name) for name in batch]
        asked = kafka.admin.describe_configs(wanted, request_timeout=kafka.timeout)
        for resource, future in asked.items():
            got = answer(future, kafka.timeout)
            found[resource.name] = got if isinstance(got, BaseException) else None
    return found


def _denied(error: BaseException | None) -> bool:
    return error is not None and code(error) in DENIED


def on_groups(kafka: Kafka) -> Operations:
    """Whether groups may be described: asked of one that nobody has."""
    asked = kafka.admin.describe_consumer_groups([NOBODY], request_timeout=kafka.timeout)
    got = answer(asked[NOBODY], kafka.timeout)
    if not isinstance(got, BaseException):
        return {"Describe": True}
    return {"Describe": False} if code(got) == KafkaError.GROUP_AUTHORIZATION_FAILED else {}


# --- who we are


class Identity(NamedTuple):
    """The principal that ACLs have to name, and how that is known. `sure`: nothing can make it another one."""

    principal: str
    how: str
    sure: bool = True


def by_key() -> Identity:
    """Where a key is what is logged in with."""
    return Identity(UNKNOWN, "by a key, which stands for an account", sure=False)


def identity(kafka: Kafka) -> Identity:
    """Kafka tells nobody who it takes them for; the login does (Kafka documentation, "Authorization using SSL")."""
    properties = kafka.properties
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    mechanism = properties.get("sasl.mechanism", properties.get("sasl.mechanisms", "")).upper()
    if protocol == "SSL":
        return _by_certificate(kafka)
    if kafka.principal:
        how = "no login" if protocol == "PLAINTEXT" else f"by {mechanism or 'SASL'}"
        return Identity(kafka.principal, how)
    if mechanism == "GSSAPI" and (own := properties.get("sasl.kerberos.principal")):
        short = own.partition("@")[0].partition("/")[0]
        return Identity(
            f"User:{short}", "by Kerberos, as the brokers shorten names by default", False
        )
    return Identity(UNKNOWN, f"by {mechanism or protocol}: only the brokers know its name", False)


def _by_certificate(kafka: Kafka) -> Identity:
    properties = kafka.properties
    if not any(
        f"ssl.{part}" in properties
        for part in ("certificate.location", "certificate.pem", "keystore.location")
    ):
        return Identity("User:ANONYMOUS", "TLS without a certificate")
    try:
        name = _certificate(properties).subject
    except (OSError, ValueError) as error:
        return Identity(UNKNOWN, f"by a certificate that cannot be read here: {error}", False)
    principal = f"User:{name.rfc4514_string()}"
    if rules := _mapping_rules(kafka):
        return Identity(
            principal, f"its certificate's subject, unless `{rules}` makes another", False
        )
    odd = [a for a in name if a.rfc4514_attribute_name not in SPOKEN]
    aside = "; the brokers may spell parts of it otherwise" if odd else ""
    return Identity(principal, f"its certificate's subject{aside}", not odd)


def _certificate(properties: Mapping[str, str]) -> x509.Certificate:
    """The client's own certificate. Raises OSError or ValueError where it cannot be had."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import pkcs12

    if (text := properties.get("ssl.certificate.pem")) is not None:
        return x509.load_pem_x509_certificate(text.encode())
    if (file := properties.get("ssl.certificate.location")) is not None:
        return x509.load_pem_x509_certificate(Path(file).read_bytes())
    data = Path(properties["ssl.keystore.location"]).read_bytes()
    password = properties.get("ssl.keystore.password", "").encode()
    found = pkcs12.load_key_and_certificates(data, password or None)[1]
    if found is None:
        raise ValueError("the keystore holds no certificate")
    return found


def _mapping_rules(kafka: Kafka) -> str:
    """What makes another name of a subject, if this login may look: empty for Kafka's default."""
    broker = ConfigResource(ResourceType.BROKER, str(kafka.brokers[0]))
    asked = kafka.admin.describe_configs([broker], request_timeout=kafka.timeout)
    found = answer(asked[broker], kafka.timeout)
    if isinstance(found, BaseException):
        return ""
    entry = found.get("ssl.principal.mapping.rules")
    rules = str(entry.value or "") if entry is not None else ""
    return "" if rules in ("", "DEFAULT") else f"ssl.principal.mapping.rules={rules}"
