"""An AWS account by boto3's own chain of credentials: clients, tokens for brokers, and refusals in AWS's own words."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property, partial
from typing import Any

from reconciler.clients.lean import LostAnswer
from reconciler.errors import Failed, LoginFailed, ServerRefused, Unreachable
from reconciler.secrets.references import redact

SESSION_NAME = "kstate"
ATTEMPTS = 5
READS = ("describe_", "list_", "get_", "batch_get_")
# AWS, "Common errors": the request was not even looked at, because of who sent it.
NOBODY = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
# What is asked of STS and of single sign-on so that anything else can be asked.
TO_BE_SOMEBODY = frozenset(
    {"AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials", "CreateToken"}
)
DENIED = frozenset(
    {"AccessDenied", "AccessDeniedException", "ForbiddenException", "UnauthorizedException"}
)
WHO = (
    "`aws sts get-caller-identity` shows who you are. On a laptop `aws sso login`; in CI give the job a role"
    " (docs/platforms/msk.md)."
)


class Garbled(OSError):
    """An answer that is no JSON: botocore takes it for an empty one, and an empty list of topics deletes or doubles."""


class Refused(ServerRefused):
    """A service answered, and said no. `code` is its own word for why, such as `TopicExistsException`."""

    def __init__(self, message: str, code: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.code = code

    @property
    def denied(self) -> bool:
        return self.code in DENIED


@dataclass
class Aws:
    """One account in one region. `what` names who asks in errors; `timeout` in seconds is one answer's.

    Without `profile` and `role` boto3's default chain finds the credentials: environment, shared files, SSO, web
    identity, container, instance. `role` is assumed with what was found, and again before it ends.
    """

    what: str
    region: str
    timeout: float
    profile: str = ""
    role: str = ""
    _clients: dict[str, Any] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @cached_property
    def _credentials(self) -> Any:
        """A provider in botocore's sense of the credentials everything here is signed with."""
        import botocore.session
        from botocore.credentials import CredentialProvider

        source = botocore.session.Session(profile=self.profile or None)
        found = source.get_credentials()
        if found is None:
            raise LoginFailed(f"{self.what}: no AWS credentials were found", hint=WHO)
        given = self._assumed(source, found) if self.role else found

        class Given(CredentialProvider):  # type: ignore[misc]  # botocore is untyped
            METHOD = CANONICAL_NAME = SESSION_NAME

            def load(self) -> Any:
                return given

        return Given()

    def _assumed(self, source: Any, found: Any) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials

        fetcher = AssumeRoleCredentialFetcher(
            partial(source.create_client, region_name=self.region, config=self._config),
            found,
            self.role,
            extra_args={"RoleSessionName": SESSION_NAME},
        )
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    @cached_property
    def _config(self) -> Any:
        from botocore.config import Config

        return Config(
            connect_timeout=self.timeout,
            read_timeout=self.timeout,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
            user_agent_extra=SESSION_NAME,
        )

    def _client(self, service: str) -> Any:
        """Clients may be shared by threads, their making may not (boto3, "Multithreading")."""
        with self._lock:
            if service not in self._clients:
                import botocore.session

                session = botocore.session.Session()
                place = session.get_config_variable("data_path")
                session.register_component("data_loader", _descriptions(place))
                resolver = session.get_component("credential_provider")
                resolver.providers.insert(0, self._credentials)
                made = session.create_client(service, region_name=self.region, config=self._config)
                made.meta.events.register("before-parse", _whole)
                self._clients[service] = made
            return self._clients[service]

    def call(self, service: str, operation: str, **wanted: Any) -> Mapping[str, Any]:
        """One operation, in boto3's name for it, with retries as AWS wants them.

        Raises LoginFailed for who we are, Refused for what was asked, Unreachable for a read or for what was never
        begun, and LostAnswer for a write that may have been carried out.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: Mapping[str, Any] = getattr(self._client(service), operation)(**wanted)
        except ClientError as error:
            raise self._said(operation, error) from error
        except (BotoCoreError, OSError) as error:
            raise self._failure(operation, error) from error
        return answer

    def pages(self, service: str, operation: str, member: str, **wanted: Any) -> Iterator[Any]:
        """Every item of a listing, page by page."""
        token: dict[str, str] = {}
        while True:
            answer = self.call(service, operation, **wanted, **token)
            yield from answer.get(member) or ()
            if not answer.get("NextToken"):
                return
            token = {"NextToken": answer["NextToken"]}

    def token(self) -> tuple[str, float]:
        """A bearer token for MSK's brokers, and when it ends in seconds since the epoch (15 minutes from now).

        AWS's signer tells milliseconds. Raises LoginFailed without credentials.
        """
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            token, ends = MSKAuthTokenProvider.generate_auth_token_from_credentials_provider(
                self.region, self._credentials
            )
        except ClientError as error:
            raise self._said("", error) from error
        except (BotoCoreError, OSError) as error:
            raise self._failure("", error) from error
        return token, ends / 1000

    def _said(self, operation: str, error: Any) -> Failed:
        """`error` may be about another operation than the one asked for: roles are assumed along the way."""
        said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
        code, asked = str(said.get("Code") or "an error"), str(error.operation_name)
        text = self._text(asked, f"{code}: {said.get('Message') or ''}")
        if int(about.get("HTTPStatusCode") or 0) >= 500:
            return _lost(operation, text)
        if code in NOBODY or asked in TO_BE_SOMEBODY:
            return LoginFailed(text, hint=WHO)
        right = f"It needs the right to {asked}: docs/platforms/msk.md has the whole policy."
        return Refused(text, code, hint=right if code in DENIED else "")

    def _failure(self, operation: str, error: Exception) -> Failed:
        from botocore import exceptions as of

        text = self._text(_named(operation), str(error))
        begun = (of.ReadTimeoutError, of.ConnectionClosedError, of.ResponseStreamingError)
        if isinstance(error, (*begun, Garbled)):
            return _lost(operation, text)
        if isinstance(error, (of.HTTPClientError, OSError)):
            return Unreachable(text)
        if isinstance(error, of.ParamValidationError):
            return Refused(text, "ParamValidationError")
        return LoginFailed(text, hint=WHO)

    def _text(self, asked: str, words: str) -> str:
        parts = (self.what, asked, " ".join(words.split())[:1000].rstrip(": "))
        return redact(": ".join(part for part in parts if part))

    def close(self) -> None:
        for client in self._clients.values():
            client.close()


@cache
def _descriptions(place: str | None) -> Any:
    """AWS's descriptions of its services, read once for all clusters: they are half of what a client costs.

    `place` is where the environment says that more of them are.
    """
    from botocore.loaders import create_loader

    return create_loader(place)


def _whole(response_dict: Mapping[str, Any], operation_model: Any, **_about: Any) -> None:
    """What botocore calls before it reads an answer. Raises Garbled for one that was cut short."""
    if not operation_model.metadata["protocol"].endswith("json"):
        return
    body = response_dict["body"]
    if response_dict["status_code"] < 300 and isinstance(body, bytes) and body.strip():
        try:
            json.loads(body)
        except ValueError as error:
            raise Garbled(f"the answer is no JSON: {body[:80]!r}") from error


def _named(operation: str) -> str:
    """boto3's `describe_topic` in AWS's spelling."""
    return operation.title().replace("_", "")


def _lost(operation: str, text: str) -> Failed:
    """No answer that could be understood: harmless for a read, open for a write."""
    return Unreachable(text) if operation.startswith(READS) else LostAnswer(text)
