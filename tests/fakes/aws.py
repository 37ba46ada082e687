"""AWS as far as kstate talks to it: MSK's API by our own hands, Secrets Manager, KMS and STS by moto, one strict door.

Every request comes over HTTP from real boto3. Before anything is carried out its signature is recomputed by botocore,
and its fields are held against the shapes of botocore's service models, which are AWS's own: an unknown operation,
field or enumeration is refused and remembered. moto keeps the state of secrets and keys; what it lets pass and AWS
would not is refused here first.
"""

from __future__ import annotations

import base64
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import botocore.session
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.model import ServiceModel

from tests.fakes.server import Call, Reply, Route, Service, serving

REGION, ACCOUNT = "eu-west-1", "123456789012"  # moto's account
KEY = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request, "
    r"SignedHeaders=([^,]+), Signature=([0-9a-f]{64})"
)
DOCUMENTS = {
    "secretsmanager": "https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_{}.html",
    "kms": "https://docs.aws.amazon.com/kms/latest/APIReference/API_{}.html",
    "sts": "https://docs.aws.amazon.com/STS/latest/APIReference/API_{}.html",
}
NAMES = {"secretsmanager": "AWS Secrets Manager", "kms": "AWS KMS", "sts": "AWS STS"}
USED = {
    "secretsmanager": (
        "BatchGetSecretValue",
        "CreateSecret",
        "DeleteSecret",
        "DescribeSecret",
        "GetSecretValue",
        "PutSecretValue",
        "RestoreSecret",
        "TagResource",
        "UntagResource",
        "UpdateSecret",
    ),
    "kms": ("DescribeKey",),
    "sts": ("AssumeRole", "AssumeRoleWithWebIdentity", "GetCallerIdentity"),
}
# Secrets Manager, API_Tag: letters, blanks, digits and these.
TAG = re.compile(r"[\w\s.:/=+@-]*")
UNSIGNED = frozenset({"AssumeRoleWithWebIdentity"})
ORIGINAL = "x-fake-original-url"


@cache
def model(service: str) -> ServiceModel:
    """AWS's own description of an API, as botocore ships it."""
    return botocore.session.get_session().get_service_model(service)


@dataclass
class Door(Service):
    """One AWS endpoint. `scope` is its name in signatures, `keys` are secrets by access key id.

    `denied` says which operation on which input is a 403.
    """

    scope: str = ""
    keys: dict[str, str] = field(default_factory=lambda: dict([KEY]))
    denied: Callable[[str, Mapping[str, Any]], bool] = lambda _operation, _given: False

    def answer(self, call: Call) -> Reply | None:
        """JSON and query protocols have one path for everything: the operation is put where faults and traces look."""
        return super().answer(self._addressed(call))

    def _addressed(self, call: Call) -> Call:
        if urlsplit(call.url).path != "/":
            return call
        target = call.header("x-amz-target") or parse_qs(call.data.decode()).get("Action", [""])[0]
        headers = {**call.headers, ORIGINAL: call.url}
        return replace(call, url=f"/ {target.rpartition('.')[2]}", headers=headers)

    def refusal(self, status: int, code: str, message: str) -> Reply:
        """An error as the service's protocol words it."""
        if self.scope == "sts":
            text = f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            return Reply(status, (text + "<RequestId>r</RequestId></ErrorResponse>").encode())
        body = {"__type": code, "message": message}
        return Reply(status, body, {"x-amzn-ErrorType": code})


def signed(door: Door) -> Callable[[Call], Reply | None]:
    """A login that recomputes Signature Version 4 with the secret of the key that the request names."""

    def login(call: Call) -> Reply | None:
        if call.url.strip("/ ") in UNSIGNED and not call.header("authorization"):
            return None
        found = AUTHORIZATION.fullmatch(call.header("authorization"))
        if found is None:
            return door.refusal(
                403, "MissingAuthenticationTokenException", "Missing Authentication Token"
            )
        key, _, region, service, names, signature = found.groups()
        secret = _secret_of(door, key)
        if secret is None:
            words = "The security token included in the request is invalid."
            return door.refusal(403, "UnrecognizedClientException", words)
        if (region, service) != (REGION, door.scope):
            return door.refusal(403, "SignatureDoesNotMatch", f"signed for {service} in {region}")
        if _signature(call, (key, secret, region, service), names.split(";")) != signature:
            return door.refusal(403, "InvalidSignatureException", "The signature does not match.")
        return None

    return login


def _secret_of(door: Door, key: str) -> str | None:
    """Of a key we gave out, or of a role that moto's STS did."""
    return door.keys.get(key) or _assumed().get(key)


def _assumed() -> dict[str, str]:
    from moto.backends import get_backend

    roles = get_backend("sts")[ACCOUNT]["aws"].assumed_roles
    return {role.access_key_id: role.secret_access_key for role in roles}


def _signature(call: Call, who: tuple[str, str, str, str], names: list[str]) -> str:
    url = f"http://{call.header('host')}{call.headers.get(ORIGINAL, call.url)}"
    request = AWSRequest(call.method, url, {name: call.header(name) for name in names}, call.data)
    return recomputed(request, who, call.header("x-amz-date"))


def recomputed(request: AWSRequest, who: tuple[str, str, str, str], when: str) -> str:
    """What the signature of a request has to be. `who` is key, secret, region and service."""
    key, secret, region, service = who
    auth = SigV4Auth(Credentials(key, secret), service, region)
    request.context["timestamp"] = when
    return str(
        auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    )


# --- what a request may hold


def unfit(shape: Any, value: Any, at: str) -> Iterator[str]:
    """What of a value a shape of the service model does not allow."""
    kinds = {
        "string": str,
        "integer": int,
        "long": int,
        "boolean": bool,
        "list": list,
        "structure": dict,
        "map": dict,
    }
    kind = kinds.get(shape.type_name)
    if kind is not None and not isinstance(value, kind):
        yield f"{at} is no {shape.type_name}"
    elif shape.type_name == "structure":
        yield from _unfit_members(shape, value, at)
    elif shape.type_name == "list":
        for number, inner in enumerate(value):
            yield from unfit(shape.member, inner, f"{at}[{number}]")
    elif getattr(shape, "enum", None) and value not in shape.enum:
        yield f"{at} is none of {shape.enum}"
    else:
        yield from _out_of_bounds(shape, value, at)


def _unfit_members(shape: Any, value: Mapping[str, Any], at: str) -> Iterator[str]:
    wire = {inner.serialization.get("name", name): inner for name, inner in shape.members.items()}
    required = {
        shape.members[name].serialization.get("name", name) for name in shape.required_members
    }
    yield from (f"{at}.{name} is unknown" for name in sorted(value.keys() - wire.keys()))
    yield from (f"{at}.{name} is missing" for name in sorted(required - value.keys()))
    for name in value.keys() & wire.keys():
        yield from unfit(wire[name], value[name], f"{at}.{name}")


def _out_of_bounds(shape: Any, value: Any, at: str) -> Iterator[str]:
    size = len(value) if isinstance(value, str) else value
    bounds = shape.metadata
    if not isinstance(size, (int, float)) or isinstance(value, bool):
        return
    if size < bounds.get("min", size) or size > bounds.get("max", size):
        yield f"{at} is not between {bounds.get('min')} and {bounds.get('max')}"
    if (
        isinstance(value, str)
        and "pattern" in bounds
        and not re.fullmatch(bounds["pattern"], value)
    ):
        yield f"{at} does not match {bounds['pattern']}"


# --- the services that moto keeps


def emulated(service: str) -> Door:
    """One of moto's services, behind the strict door."""
    from moto.moto_server.werkzeug_app import create_backend_app
    from werkzeug.test import Client

    about, client = model(service), Client(create_backend_app(service))
    door = Door(NAMES[service], [], version=lambda _call: about.api_version, scope=service)
    door.login = signed(door)
    door.unknown = lambda _call, why: door.refusal(400, "UnknownOperationException", why)

    def carried_out(operation: str) -> Callable[[Call], Reply]:
        return lambda call: _checked(door, operation, call) or _passed_on(client, call)

    door.routes = [
        Route("POST", f"/ {name}", carried_out(name), document=DOCUMENTS[service].format(name))
        for name in USED[service]
    ]
    return door


def _checked(door: Door, operation: str, call: Call) -> Reply | None:
    if door.scope == "sts":
        given: Any = dict(parse_qsl(call.data.decode()))
    else:
        given = call.json
        shape = model(door.scope).operation_model(operation).input_shape
        if wrong := list(unfit(shape, given, operation)):
            door.violations += wrong
            return door.refusal(400, "ValidationException", "; ".join(wrong))
    if door.denied(operation, given):
        words = f"User is not authorized to perform: {door.scope}:{operation}"
        return door.refusal(400, "AccessDeniedException", words)
    for tag in given.get("Tags", ()) if door.scope == "secretsmanager" else ():
        if not TAG.fullmatch(tag["Value"]):
            return door.refusal(
                400, "InvalidRequestException", f"Invalid tag value: {tag['Value']}"
            )
    return None


def _passed_on(client: Any, call: Call) -> Reply:
    kept = {
        k: v
        for k, v in call.headers.items()
        if k.lower() not in ("host", "content-length", ORIGINAL)
    }
    found = client.open("/", method="POST", data=call.data, headers=kept)
    told = {k: v for k, v in found.headers.items() if k.lower().startswith("x-amz")}
    return Reply(found.status_code, found.data, {**told, "Content-Type": found.content_type})


# --- the whole of it


@dataclass
class Cloud:
    """All of AWS: a door for each service, at the addresses that boto3 is told by the environment."""

    doors: Mapping[str, Door]
    back: str = ""

    def by_hand(self, service: str) -> Any:
        """A client as somebody else has it: through a back door, unseen and unhindered."""
        import boto3

        who = {"aws_access_key_id": KEY[0], "aws_secret_access_key": KEY[1]}
        return boto3.client(service, endpoint_url=self.back, region_name=REGION, **who)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to come here, and nowhere else, as somebody who is known."""
        found = {"AWS_ACCESS_KEY_ID": KEY[0], "AWS_SECRET_ACCESS_KEY": KEY[1]}
        found |= {"AWS_DEFAULT_REGION": REGION, "AWS_EC2_METADATA_DISABLED": "true"}
        found |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        names = {"secretsmanager": "SECRETS_MANAGER"}
        for service, door in self.doors.items():
            found[f"AWS_ENDPOINT_URL_{names.get(service, service.upper())}"] = door.url
        return found

    @property
    def violations(self) -> list[str]:
        return [why for door in self.doors.values() for why in door.violations]

    def fresh(self) -> None:
        """As on the first day: no secrets, keys or roles, no faults, nothing remembered."""
        from moto.backends import get_backend

        for service in USED:
            get_backend(service).reset()  # type: ignore[call-overload]
        for door in self.doors.values():
            door.faults.clear()
            door.calls.clear()
            door.violations.clear()
            door.denied = lambda _operation, _given: False


@contextmanager
def cloud(*own: Door) -> Iterator[Cloud]:
    """Secrets Manager, KMS and STS, and whatever doors of one's own, on loopback as long as the block lasts."""
    from moto.server import ThreadedMotoServer

    doors = {door.scope: door for door in (*map(emulated, USED), *own)}
    behind = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    with ExitStack() as stack:
        for door in doors.values():
            stack.enter_context(serving(door))
        behind.start()
        stack.callback(behind.stop)
        yield Cloud(doors, "http://{}:{}".format(*behind.get_host_and_port()))


def bearer_of(
    keys: Mapping[str, str], now: Callable[[], float]
) -> Callable[[str, dict[str, str]], str | None]:
    """What MSK's brokers say to a token of AWS's signer: None for one that was signed just so, and is not over.

    A token is a presigned URL in Base64 (aws-msk-iam-sasl-signer): action, service, region and times are all signed.
    """

    def fits(token: str, _extensions: dict[str, str]) -> str | None:
        padded = token + "=" * (-len(token) % 4)
        url = base64.urlsafe_b64decode(padded).decode()
        return _why_not(url, dict(parse_qsl(urlsplit(url).query)), keys, now())

    return fits


def _why_not(url: str, query: dict[str, str], keys: Mapping[str, str], now: float) -> str | None:
    from calendar import timegm
    from time import strptime

    key, _, region, service, _ = query["X-Amz-Credential"].split("/")
    expected = (
        "https",
        f"kafka.{REGION}.amazonaws.com",
        "/",
        REGION,
        "kafka-cluster",
        "kafka-cluster:Connect",
    )
    parts = urlsplit(url)
    if (parts.scheme, parts.netloc, parts.path, region, service, query["Action"]) != expected:
        return f"Access denied: a token for {service} in {region}"
    secret = keys.get(key) or _assumed().get(key)
    if secret is None:
        return "Access denied: unknown key"
    kept = [
        p for p in parts.query.split("&") if not p.startswith(("X-Amz-Signature=", "User-Agent="))
    ]
    request = AWSRequest("GET", f"https://{parts.netloc}/?{'&'.join(kept)}", {"host": parts.netloc})
    if (
        recomputed(request, (key, secret, region, service), query["X-Amz-Date"])
        != query["X-Amz-Signature"]
    ):
        return "Access denied: the signature does not match"
    made = timegm(strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ"))
    return (
        "Access denied: the token has expired" if now > made + int(query["X-Amz-Expires"]) else None
    )


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def plain(text: str) -> Any:
    """A document in Base64, None for what is none."""
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except ValueError:
        return None
