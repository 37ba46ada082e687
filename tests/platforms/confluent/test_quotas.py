"""Client quotas: one of its own for each principal, and what others share left to them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.server import Fault, Reply
from tests.platforms.confluent.conftest import Estate, document


def quota(
    user: Any, producer: Any = "10MiB", consumer: Any = "20MiB", **metadata: Any
) -> dict[str, Any]:
    limits = {"producer_byte_rate": producer, "consumer_byte_rate": consumer}
    return document("Quota", "q", {"entity": {"user": user}, "limits": limits}, **metadata)


def rates(estate: Estate) -> dict[tuple[str, ...], tuple[str, str]]:
    """What is there: the rates of each set of principals."""
    specs = [kept.body["spec"] for kept in estate.organization.quotas.values()]
    return {
        tuple(p["id"] for p in s["principals"]): (
            s["throughput"]["ingress_byte_rate"],
            s["throughput"]["egress_byte_rate"],
        )
        for s in specs
    }


def test_made_changed_and_deleted(estate: Estate) -> None:
    id_ = estate.organization.account("app")
    assert estate.codes(quota("app")) == {"KS191"}
    estate.converges(quota("app"))
    assert rates(estate) == {(id_,): ("10485760", "20971520")}
    estate.converges(quota("app", producer="5MiB"))
    assert rates(estate) == {(id_,): ("5242880", "20971520")}
    sent = estate.control.asked("PATCH /kafka-quotas")[-1].json
    assert sent == {
        "spec": {"throughput": {"ingress_byte_rate": "5242880", "egress_byte_rate": "20971520"}}
    }
    estate.converges(quota("app", ensure="absent"), approve=("KS281",))
    assert rates(estate) == {}


def test_for_everybody_who_has_none_and_together_with_its_account(estate: Estate) -> None:
    app = document(
        "Quota",
        "q2",
        {"entity": {"user": "app"}, "limits": {"producer_byte_rate": 5, "consumer_byte_rate": 5}},
    )
    estate.converges(quota({"default": True}), document("User", "app"), app)
    [id_] = estate.organization.accounts
    assert set(rates(estate)) == {("<default>",), (id_,)}


def test_what_others_share_is_left_to_them_in_steps_that_the_plan_shows(estate: Estate) -> None:
    mine, other = estate.organization.account("app"), estate.organization.account("other")
    estate.organization.quota("lkc-abc123", "1", "2", mine, other)
    estate.spec.write(quota("app"))
    found = estate.spec.plan()
    assert f"take it out of the client quota that {other} keep" in found.out
    assert "make a client quota of its own" in found.out
    estate.converges(quota("app"))
    assert rates(estate) == {(other,): ("1", "2"), (mine,): ("10485760", "20971520")}


def test_out_of_what_others_share(estate: Estate) -> None:
    mine, other = estate.organization.account("app"), estate.organization.account("other")
    estate.organization.quota("lkc-abc123", "1", "2", mine, other)
    estate.converges(quota("app", ensure="absent"), approve=("KS281",))
    assert rates(estate) == {(other,): ("1", "2")}


def test_shared_with_somebody_else_by_the_time_of_the_apply(estate: Estate) -> None:
    mine, other = estate.organization.account("app"), estate.organization.account("other")
    shared = estate.organization.quota("lkc-abc123", "1", "2", mine)
    estate.spec.write(quota("app"))
    saved = estate.spec.folder / "plan.json"
    estate.spec.plan("--out", str(saved))
    estate.organization.quotas[shared].body["spec"]["principals"].append({"id": other})
    done = estate.spec.run("apply", str(saved))
    assert done.code == 1
    assert "is shared otherwise by now; make a new plan" in done.out
    assert rates(estate) == {(mine, other): ("1", "2")}


def test_another_ones_account_has_to_be_there(estate: Estate) -> None:
    assert estate.codes(quota("nobody")) == {"KS191", "KS924"}


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"entity": {"client-id": "x"}}, "is for service accounts; leave `client-id` out"),
        (
            {"limits": {"producer_byte_rate": 5, "consumer_byte_rate": 5, "request_percentage": 5}},
            "limits throughput only",
        ),
        (
            {"limits": {"producer_byte_rate": 5}},
            "`consumer_byte_rate` is missing: Confluent Cloud takes both",
        ),
    ],
)
def test_what_a_client_quota_has_no_word_for(
    estate: Estate, spec: dict[str, Any], words: str
) -> None:
    asked = quota("app")
    asked["spec"] |= spec
    assert words in estate.refusals(asked)


@pytest.mark.parametrize("type_", ["basic", "standard", "enterprise", "freight"])
def test_only_dedicated_clusters_have_them(estate: Estate, type_: str) -> None:
    estate.cluster(type=type_)
    told = estate.refusals(quota("app"))
    assert "does not offer quota: client quotas are for Dedicated clusters only" in told


def test_more_quotas_than_the_organization_may_have(estate: Estate) -> None:
    estate.organization.account("app")
    estate.spec.write(quota("app"))
    body = {
        "errors": [
            {"status": "402", "code": "quota_exceeded", "detail": "10 client quotas at most"}
        ]
    }
    estate.control.faults.append(Fault("POST /kafka-quotas", Reply(402, body)))
    done = estate.spec.apply()
    assert done.code == 1
    assert "402 10 client quotas at most" in done.out
