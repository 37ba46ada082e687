"""`spec.msk` of a Cluster document in; the same as one value, its defaults filled in, out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, cast

from reconciler.core.model import Body

STANDARD, EXPRESS, SERVERLESS = "standard", "express", "serverless"
ARN = re.compile(
    r"arn:(aws[a-z-]*):kafka:([a-z0-9-]+):(\d{12}):cluster/([A-Za-z0-9-]{1,64})/([A-Za-z0-9-]+)"
)


class Arn(NamedTuple):
    """A cluster's name in AWS, in its parts. Topics, groups and transactional ids have ARNs made of the same."""

    partition: str
    region: str
    account: str
    cluster: str
    uuid: str

    def __str__(self) -> str:
        return self.of("cluster")

    def of(self, kind: str, name: str = "") -> str:
        """The ARN of something in the cluster; of the cluster itself without a name."""
        path = "/".join(part for part in (kind, self.cluster, self.uuid, name) if part)
        return f"arn:{self.partition}:kafka:{self.region}:{self.account}:{path}"

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Raises ValueError for anything else."""
        found = ARN.fullmatch(text)
        if found is None:
            raise ValueError(f"not the ARN of an MSK cluster: {text}")
        return cls(*found.groups())


@dataclass(frozen=True, slots=True)
class Settings:
    """How a cluster is reached and what of it is kept where.

    `kind` is standard, express or serverless; `auth` iam, scram or tls; `via` kafka or api. `policies` is the folder
    of IAM policy documents, relative to the spec, empty for none. `key` encrypts users' secrets, and `days` is how
    long a deleted one can be restored.
    """

    arn: Arn
    kind: str
    auth: str
    via: str
    connectivity: str
    profile: str
    role: str
    policies: str
    key: str
    days: int


def settings(spec: Body) -> Settings:
    """Of a Cluster document's `spec` that has been checked."""
    given = cast("Mapping[str, str]", spec["msk"])
    users = cast("Mapping[str, str | int]", given.get("users") or {})
    return Settings(
        Arn.parse(given["arn"]),
        given.get("type", STANDARD),
        given.get("auth", "iam"),
        given.get("via", "kafka"),
        given.get("connectivity", "private"),
        given.get("profile", ""),
        given.get("role", ""),
        given.get("policies", ""),
        str(users.get("kmsKey", "")),
        int(users.get("recoveryDays", 30)),
    )
