"""The portal of AWS IAM Identity Center, as far as a login by SSO asks it: a role's credentials for a sign-in's token.

https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html
"""

from __future__ import annotations

import time

from tests.fakes.aws import ACCOUNT, KEY
from tests.fakes.server import Call, Reply, Route, Service

DOCUMENT = (
    "https://docs.aws.amazon.com/singlesignon/latest/PortalAPIReference/API_GetRoleCredentials.html"
)


def portal(token: str) -> Service:
    """It knows one sign-in, whose role in the tests' account is `kstate`."""

    def login(call: Call) -> Reply | None:
        if call.header("x-amz-sso_bearer_token") == token:
            return None
        return _refused(401, "UnauthorizedException", "Session token not found or invalid")

    query = frozenset({"role_name", "account_id"})
    route = Route("GET", "/federation/credentials", _credentials, query=query, document=DOCUMENT)
    return Service("AWS IAM Identity Center portal", [route], login=login)


def _credentials(call: Call) -> Reply:
    if (call.query.get("role_name"), call.query.get("account_id")) != ("kstate", ACCOUNT):
        return _refused(403, "ForbiddenException", "No access")
    given = {
        "accessKeyId": KEY[0],
        "secretAccessKey": KEY[1],
        "sessionToken": "a-session",
        "expiration": int((time.time() + 3600) * 1000),
    }
    return Reply(200, {"roleCredentials": given})


def _refused(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"message": message}, {"x-amzn-ErrorType": code})
