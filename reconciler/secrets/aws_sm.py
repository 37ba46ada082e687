"""`aws-sm:NAME` in, the text of that secret in AWS Secrets Manager out; `aws-sm:NAME#KEY` is one member of its JSON.

NAME is a secret's name or its whole ARN, which says the region as well. Who asks is found by boto3's own chain, as
`AWS_PROFILE` and its like say. A secret is asked for once a run. Its API: GetSecretValue, 2017-10-17.
"""

from __future__ import annotations

import json
import re
import threading
from contextlib import closing
from typing import Any

from reconciler.errors import BadUsage

SCHEME = "aws-sm"
# What a secret's name or ARN may hold (CreateSecret, `Name`), and any member of its JSON.
FORM = re.compile(r"[A-Za-z0-9/_+=.@:-]+(#[^#\s]+)?")
TIMEOUT = 10
HINT = (
    "Who asks needs `secretsmanager:GetSecretValue` on it and `kms:Decrypt` on its key; AWS_PROFILE and AWS_REGION say"
    " who and where."
)
_texts: dict[str, str] = {}
_lock = threading.Lock()


def resolve(reference: str, _root: str) -> str:
    """The secret's text, or one member of it. What cannot be had is BadUsage with AWS's own words."""
    name, _, member = reference.partition("#")
    if not name:
        raise BadUsage(f"{SCHEME}:{reference}: a secret's name is missing before `#`")
    with _lock:
        if name not in _texts:
            _texts[name] = _asked(name)
        text = _texts[name]
    return _member(reference, text, member) if member else text


def forget() -> None:
    """What was asked for so far is asked for again."""
    with _lock:
        _texts.clear()


def _asked(name: str) -> str:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        with closing(_client(name)) as client:
            answer = client.get_secret_value(SecretId=name)
    except (BotoCoreError, ClientError) as error:
        words = " ".join(str(error).split())
        raise BadUsage(f"{SCHEME}:{name}: {words}", hint=HINT) from error
    if "SecretString" not in answer:
        what = "the secret is binary; only text can be used"
        # botocore takes an answer that was cut short for an empty one.
        why = what if "SecretBinary" in answer else "AWS's answer cannot be read"
        raise BadUsage(f"{SCHEME}:{name}: {why}")
    return str(answer["SecretString"])


def _client(name: str) -> Any:
    import boto3
    from botocore.config import Config

    region = name.split(":")[3] if name.startswith("arn:") and name.count(":") >= 6 else None
    patience = Config(connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"mode": "standard"})
    return boto3.session.Session().client("secretsmanager", region_name=region, config=patience)


def _member(reference: str, text: str, member: str) -> str:
    """Never shows the text: what is wrong is told by the names that are there."""
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise BadUsage(
            f"{SCHEME}:{reference}: the secret is no JSON object, so it has no `{member}`"
        )
    value = body.get(member)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        there = ", ".join(f"`{name}`" for name in sorted(body)) or "nothing"
        raise BadUsage(f"{SCHEME}:{reference}: the secret has no text `{member}`; it has {there}")
    return str(value)
