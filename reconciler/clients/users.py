"""SCRAM credentials on the wire: what the cluster tells of them, which is never the password, and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, cast

from confluent_kafka.admin import (
    AclOperation,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from reconciler.clients.kafka import Kafka, answer, batches, refused
from reconciler.errors import ServerRefused

BATCH = 1_000
MECHANISMS = {
    "SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256,
    "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512,
}
_WORDS = {mechanism: word for word, mechanism in MECHANISMS.items()}
MISSING = 91  # RESOURCE_NOT_FOUND: what is to be deleted is gone already

Answers = dict[tuple[str, str], BaseException | None]


class Credential(NamedTuple):
    """What to store for a user under a mechanism; `iterations` None takes it away."""

    user: str
    mechanism: str
    iterations: int | None
    password: str = ""

    def __repr__(self) -> str:
        return f"Credential({self.user!r}, {self.mechanism!r}, {self.iterations!r})"


def read(kafka: Kafka) -> dict[str, dict[str, int]]:
    """Iterations by mechanism, by user; all users at once.

    librdkafka ends the process when the cluster refuses this, so the right to ask is proven first (measured).
    """
    if kafka.operations is None or AclOperation.DESCRIBE not in kafka.operations:
        raise ServerRefused(
            "DescribeUserScramCredentials: this login may not Describe the cluster",
            hint="`kstate doctor` prints the rights this login needs.",
        )
    # Asked for all users it is one future; asked for names it would be one for each.
    asked = cast("Future[Any]", kafka.admin.describe_user_scram_credentials())
    got = answer(asked, kafka.timeout)
    if isinstance(got, BaseException):
        raise refused("DescribeUserScramCredentials", got, kafka.principal)
    return {
        user: {
            _WORDS[info.mechanism]: int(info.iterations) for info in found.scram_credential_infos
        }
        for user, found in got.items()
    }


def write(kafka: Kafka, credentials: Sequence[Credential]) -> Answers:
    """None for what was stored or taken away, else the exception, by (user, mechanism).

    One call a mechanism: Kafka refuses a user who comes twice in one, whatever the mechanism.
    """
    answers: Answers = {}
    for mechanism in MECHANISMS:
        own = [c for c in credentials if c.mechanism == mechanism]
        for batch in batches(own, BATCH):
            asked = kafka.admin.alter_user_scram_credentials(
                list(_alterations(batch)), request_timeout=kafka.timeout
            )
            for user, future in asked.items():
                got = answer(future, kafka.timeout)
                answers[user, mechanism] = got if isinstance(got, BaseException) else None
    return answers


def _alterations(credentials: Iterable[Credential]) -> Iterator[UserScramCredentialAlteration]:
    for user, word, iterations, password in credentials:
        mechanism = MECHANISMS[word]
        if iterations is None:
            yield UserScramCredentialDeletion(user, mechanism)
        else:
            info = ScramCredentialInfo(mechanism, iterations)
            yield UserScramCredentialUpsertion(user, info, password.encode())


def merged(found: Mapping[str, int]) -> dict[str, int]:
    """Iterations by mechanism, sorted, as settings hold them."""
    return {mechanism: found[mechanism] for mechanism in sorted(found)}
