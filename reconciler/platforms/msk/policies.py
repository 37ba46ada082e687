"""Bindings of an IAM role in, the smallest IAM policy document that allows them out; and back from a file's text. Pure.

Which action stands for which operation, and what each needs beside it: "Semantics of IAM authorization policy actions
and resources" (docs.aws.amazon.com/msk, kafka-actions), "Common use cases" (iam-access-control-use-cases).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, cast

from reconciler.clients.acls import Binding
from reconciler.core.model import Body, Json
from reconciler.platforms.msk.settings import Arn

VERSION = "2012-10-17"
PREFIX = "kafka-cluster:"
# A managed policy holds 6,144 characters, blanks not counted (IAM quotas).
LONGEST = 6_144


class Actions(NamedTuple):
    """What an operation is in IAM: `own` does it, `beside` has to be allowed along with it."""

    own: tuple[str, ...]
    beside: tuple[str, ...] = ()


_DESCRIBES = ("DescribeTopic",)
_CONFIGS = ("DescribeTopicDynamicConfiguration",)
_CLUSTER_CONFIGS = ("DescribeClusterDynamicConfiguration",)
ACTIONS: Mapping[tuple[str, str], Actions] = {
    ("topic", "Read"): Actions(("ReadData",), _DESCRIBES),
    ("topic", "Write"): Actions(("WriteData",), _DESCRIBES),
    ("topic", "Create"): Actions(("CreateTopic",)),
    ("topic", "Delete"): Actions(("DeleteTopic",), _DESCRIBES),
    ("topic", "Alter"): Actions(("AlterTopic",), _DESCRIBES),
    ("topic", "Describe"): Actions(_DESCRIBES),
    ("topic", "DescribeConfigs"): Actions(_CONFIGS),
    ("topic", "AlterConfigs"): Actions(("AlterTopicDynamicConfiguration",), _CONFIGS),
    ("group", "Read"): Actions(("AlterGroup",), ("DescribeGroup",)),
    ("group", "Describe"): Actions(("DescribeGroup",)),
    ("group", "Delete"): Actions(("DeleteGroup",), ("DescribeGroup",)),
    ("transactional_id", "Write"): Actions(("AlterTransactionalId",), ("DescribeTransactionalId",)),
    ("transactional_id", "Describe"): Actions(("DescribeTransactionalId",)),
    ("cluster", "Describe"): Actions(("DescribeCluster",)),
    ("cluster", "Alter"): Actions(("AlterCluster",), ("DescribeCluster",)),
    ("cluster", "DescribeConfigs"): Actions(_CLUSTER_CONFIGS),
    ("cluster", "AlterConfigs"): Actions(("AlterClusterDynamicConfiguration",), _CLUSTER_CONFIGS),
    ("cluster", "IdempotentWrite"): Actions(("WriteDataIdempotently",)),
    # Kafka's Create on the cluster is Create on every topic; IAM knows only the latter.
    ("cluster", "Create"): Actions(("CreateTopic",)),
}
# Not "applicable to serverless clusters", by the same table.
NOT_SERVERLESS = frozenset(
    {"AlterCluster", "AlterClusterDynamicConfiguration", "DescribeClusterDynamicConfiguration"}
)
_KIND = {"transactional_id": "transactional-id"}


def actions(resource: str, operation: str) -> Actions | None:
    """What an operation on a resource is in IAM, None where IAM has nothing like it."""
    if operation != "All":
        return ACTIONS.get((resource, operation))
    every = [found.own for (kind, _), found in ACTIONS.items() if kind == resource]
    return Actions(tuple(sorted({name for own in every for name in own}))) if every else None


def unfit(name: str) -> str:
    """Why a resource's name cannot stand in a policy, empty where it can: IAM has wildcards of its own."""
    if name == "*":
        return ""
    found = [sign for sign in ("*", "?", "${") if sign in name]
    return f"`{found[0]}` in a name means something else in an IAM policy" if found else ""


def policy(bindings: Iterable[Binding], arn: Arn) -> Body:
    """The statements of a policy by their Sid. Every binding's operation must be one that `actions` knows.

    Each allow comes with what it needs beside it, Connect first of all; a deny takes away the operation alone.
    """
    wanted: dict[tuple[str, str], set[str]] = {}
    for binding in bindings:
        for resource, names in _meant(binding, arn):
            wanted.setdefault((_effect(binding), resource), set()).update(names)
    by_actions: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (effect, resource), together in sorted(wanted.items()):
        by_actions.setdefault((effect, tuple(sorted(together))), []).append(resource)
    return {
        ("Deny" if effect == "Deny" else "") + "".join(names): {
            "Effect": effect,
            "Action": [PREFIX + name for name in names],
            "Resource": resources,
        }
        for (effect, names), resources in sorted(by_actions.items())
    }


def _effect(binding: Binding) -> str:
    return "Deny" if binding.permission == "deny" else "Allow"


def _meant(binding: Binding, arn: Arn) -> Iterator[tuple[str, tuple[str, ...]]]:
    """ARNs with the actions on them that one binding stands for."""
    found = cast("Actions", actions(binding.resource, binding.operation))
    denies = binding.permission == "deny"
    own = set(found.own) if denies else {*found.own, *found.beside}
    if binding.resource == "cluster":
        topics = own & {"CreateTopic"}
        yield from [(arn.of("topic", "*"), tuple(topics))] if topics else ()
        yield from [(str(arn), tuple(own - topics))] if own - topics else ()
    else:
        name = binding.name + ("*" if binding.pattern == "prefixed" else "")
        yield arn.of(_KIND.get(binding.resource, binding.resource), name), tuple(own)
    if not denies:
        # Producers are idempotent unless told otherwise (KIP-679), and IAM asks for that by itself.
        idempotent = ("WriteDataIdempotently",) if "WriteData" in own else ()
        yield str(arn), ("Connect", *idempotent)


def written(statements: Body) -> str:
    """The policy document as a file's text."""
    listed = [{"Sid": sid, **cast("Body", body)} for sid, body in sorted(statements.items())]
    return json.dumps({"Version": VERSION, "Statement": listed}, indent=2) + "\n"


def length(statements: Body) -> int:
    """Characters of a policy as IAM counts them, without blanks."""
    return len("".join(written(statements).split()))


def read(text: str) -> Body:
    """The statements of a document by their Sid; what `written` would not have written is there under its own name.

    So a file that a hand has changed differs, whatever was changed in it.
    """
    try:
        body = json.loads(text)
    except ValueError:
        return {"unreadable": "no JSON"}
    listed = body.get("Statement") if isinstance(body, dict) else None
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        return {"unreadable": "no list of statements"}
    found: dict[str, Json] = {}
    for number, statement in enumerate(listed, 1):
        sid = str(statement.get("Sid") or f"statement {number}")
        found[sid if sid not in found else f"{sid}, statement {number}"] = _bare(statement)
    others = {name: value for name, value in body.items() if name != "Statement"}
    return found if others == {"Version": VERSION} else {**found, "others": others}


def _bare(statement: Mapping[str, Any]) -> Json:
    return {name: value for name, value in statement.items() if name != "Sid"}
