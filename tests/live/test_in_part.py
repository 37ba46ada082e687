"""A broker that refuses one of three: the others are done, and the next apply ends it; a lost answer is read back."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from kafka.protocol.admin import AlterClientQuotasResponse, AlterUserScramCredentialsResponse

from tests.live.conftest import Live
from tests.live.proxy import Meddler, Request, between, decoded, encoded
from tests.live.spec import Spec
from tests.live.test_quotas import live as live_quotas
from tests.live.test_quotas import quota
from tests.live.test_users import estate, may_log_in, user

__all__ = ["estate"]  # a fixture
POLICY_VIOLATION = 44
WORDS = "not this one, not today"


class Refusing:
    """Takes what is about `name` out of requests in earnest, and says no to it, as long as it is on."""

    def __init__(self, api: str, name: str) -> None:
        self.api, self.name, self.on = api, name, threading.Event()
        self.on.set()

    @property
    def meddler(self) -> Meddler:
        return Meddler(self._forth, self._back)

    def _about(self, request: Request) -> bool:
        earnest = request.api == self.api and self.on.is_set()
        return earnest and not getattr(request.body, "validate_only", False)

    def _forth(self, request: Request) -> bytes:
        if not self._about(request):
            return request.frame
        body = request.body
        if self.api == "AlterUserScramCredentials":
            body.upsertions = [u for u in body.upsertions if u.name != self.name]
        else:
            body.entries = [e for e in body.entries if e.entity[0].entity_name != self.name]
        return encoded(body)

    def _back(self, request: Request, answer: bytes) -> bytes:
        if not self._about(request):
            return answer
        body = decoded(request, answer)
        if self.api == "AlterUserScramCredentials":
            kind: Any = AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult
            no = kind(user=self.name, error_code=POLICY_VIOLATION, error_message=WORDS)
            body.results.append(no)
        else:
            kind = AlterClientQuotasResponse.EntryData
            entity = kind.EntityData(entity_type="user", entity_name=self.name)
            no = kind(error_code=POLICY_VIOLATION, error_message=WORDS, entity=[entity])
            body.entries.append(no)
        return encoded(body)


def applied(spec: Spec) -> tuple[int, dict[str, tuple[str, str]]]:
    said = spec.apply("--format", "json")
    return said.code, {c["key"]: (c["status"], c["words"]) for c in said.json["changes"]}


def test_one_user_of_three(kafka: Live, estate: Spec, name: str) -> None:
    users = [f"{name}{letter}" for letter in "abc"]
    estate.write(*(user(one) for one in users))
    refusing = Refusing("AlterUserScramCredentials", users[1])
    with between(kafka.cluster.nodes[0].ports["PLAIN"], refusing.meddler) as proxy:
        estate.cluster(proxy.bootstrap)
        code, found = applied(estate)
        assert (code, sorted(status for status, _ in found.values())) == (
            6,
            ["done", "done", "failed"],
        )
        assert found[f"live/user/{users[1]}"] == ("failed", f"POLICY_VIOLATION: {WORDS}")
        assert not may_log_in(kafka, users[1], "first-password-1")
        refusing.on.clear()
        assert applied(estate)[0] == 0
        assert estate.plan().code == 0


def test_one_quota_of_three(kafka: Live, spec: Spec, name: str) -> None:
    users = [f"{name}{letter}" for letter in "abc"]
    spec.write(*(quota(one, {"user": one}, producer_byte_rate="1MiB") for one in users))
    refusing = Refusing("AlterClientQuotas", users[1])
    with between(kafka.cluster.nodes[0].ports["PLAIN"], refusing.meddler) as proxy:
        spec.cluster(proxy.bootstrap)
        code, found = applied(spec)
        assert (code, sorted(status for status, _ in found.values())) == (
            6,
            ["done", "done", "failed"],
        )
        assert found[f"live/quota/user={users[1]}"] == ("failed", f"POLICY_VIOLATION: {WORDS}")
        assert (("user", users[1]),) not in live_quotas(kafka)
        refusing.on.clear()
        assert applied(spec)[0] == 0
        assert spec.plan().code == 0


@pytest.mark.parametrize("api", ["AlterClientQuotas", "AlterUserScramCredentials"])
def test_a_lost_answer_is_read_back(kafka: Live, estate: Spec, name: str, api: str) -> None:
    """The broker has done it all, and nobody hears of it."""
    lost = threading.Event()

    def back(request: Request, answer: bytes) -> bytes | None:
        earnest = request.api == api and not getattr(request.body, "validate_only", False)
        return None if earnest and not (lost.is_set() or lost.set()) else answer

    estate.write(user(f"{name}a"), quota("q", {"user": f"{name}a"}, producer_byte_rate="1MiB"))
    with between(kafka.cluster.nodes[0].ports["PLAIN"], Meddler(back=back)) as proxy:
        estate.cluster(proxy.bootstrap)
        said = estate.apply("--timeout", "2s", "--format", "json")
        assert lost.is_set()
        assert said.code == 0, said
        assert {c["status"] for c in said.json["changes"]} == {"done"}
        assert estate.plan().code == 0
