"""AWS Secrets Manager: what is known of a secret, its value where it may be read, and every change of one.

API 2017-10-17 ("AWS Secrets Manager API Reference"). Single secrets are asked for by DescribeSecret: ListSecrets can be
minutes behind ("it might not reflect changes from the last five minutes").
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.clients.aws import Aws, Refused
from reconciler.clients.kafka import batches
from reconciler.errors import Failed

SERVICE = "secretsmanager"
MISSING = "ResourceNotFoundException"
# BatchGetSecretValue takes up to 20 secrets.
VALUES_A_CALL = 20


class Secret(NamedTuple):
    """One secret without its value. `deleted`: it waits to be gone, and can still be restored."""

    arn: str
    name: str
    key: str
    tags: Mapping[str, str]
    deleted: bool


@dataclass
class Secrets:
    """The secrets of one account in one region."""

    aws: Aws

    def describe(self, name: str) -> Secret | None:
        try:
            found = self._call("describe_secret", SecretId=name)
        except Refused as error:
            if error.code == MISSING:
                return None
            raise
        tags = {str(tag["Key"]): str(tag["Value"]) for tag in found.get("Tags") or ()}
        key = str(found.get("KmsKeyId") or "")
        return Secret(
            str(found["ARN"]), str(found["Name"]), key, tags, bool(found.get("DeletedDate"))
        )

    def values(self, names: Sequence[str]) -> dict[str, str | Failed]:
        """The text of each secret, or why it cannot be had."""
        found: dict[str, str | Failed] = {}
        for batch in batches(names, VALUES_A_CALL):
            try:
                answer = self._call("batch_get_secret_value", SecretIdList=list(batch))
            except Refused as error:
                found.update(dict.fromkeys(batch, error))
                continue
            found.update(self._told(answer))
        return found

    def _told(self, answer: Mapping[str, Any]) -> Iterator[tuple[str, str | Failed]]:
        for item in answer.get("SecretValues") or ():
            yield str(item["Name"]), str(item.get("SecretString") or "")
        for item in answer.get("Errors") or ():
            code = str(item.get("ErrorCode") or "")
            words = f"{self.aws.what}: BatchGetSecretValue: {code}: {item.get('Message') or ''}"
            yield str(item["SecretId"]), Refused(words.rstrip(": "), code)

    def create(self, name: str, value: str, key: str, tags: Mapping[str, str]) -> str:
        """A new secret's ARN."""
        asked = {"Name": name, "SecretString": value, "KmsKeyId": key, "Tags": _tags(tags)}
        return str(self._call("create_secret", **asked)["ARN"])

    def put(self, arn: str, value: str) -> None:
        self._call("put_secret_value", SecretId=arn, SecretString=value)

    def encrypt(self, arn: str, key: str) -> None:
        """Another key; the value is encrypted anew."""
        self._call("update_secret", SecretId=arn, KmsKeyId=key)

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        self._call("tag_resource", SecretId=arn, Tags=_tags(tags))

    def untag(self, arn: str, names: Sequence[str]) -> None:
        self._call("untag_resource", SecretId=arn, TagKeys=list(names))

    def restore(self, arn: str) -> None:
        """Take back a deletion that waits."""
        self._call("restore_secret", SecretId=arn)

    def delete(self, arn: str, days: int) -> None:
        """Gone after so many days, 7 to 30; until then it can be restored."""
        self._call("delete_secret", SecretId=arn, RecoveryWindowInDays=days)

    def _call(self, operation: str, **wanted: Any) -> Mapping[str, Any]:
        return self.aws.call(SERVICE, operation, **wanted)


def _tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": name, "Value": value} for name, value in sorted(tags.items())]
