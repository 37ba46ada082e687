"""Acls on MSK: policies as files for roles, Kafka's ACLs for others, and what the first and the last of them do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws import ACCOUNT
from tests.platforms.msk.conftest import Estate

ROLE = f"arn:aws:iam::{ACCOUNT}:role/apps/orders"
CONSUMER = [{"role": "consumer", "topics": ["orders"], "groups": ["orders"]}]
PRODUCER = [{"role": "producer", "topics": ["orders"]}]


def acl(name: str, principal: str = ROLE, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, **spec.pop("metadata", {})}
    access = {"access": "iam"} if principal.startswith("arn:") else {}
    return {"kind": "Acl", "metadata": metadata, "spec": {"principal": principal, **access, **spec}}


def file_of(estate: Estate, name: str) -> Path:
    return estate.spec.folder / "iam" / "live" / ACCOUNT / "orders" / f"{name}.json"


@pytest.fixture
def roles(api: Estate) -> Estate:
    """Policies need no broker."""
    api.cluster(via="api", policies="iam")
    return api


# --- policies as files


def test_a_policy_is_written_changed_and_taken_away(roles: Estate) -> None:
    roles.write(acl("orders", grants=CONSUMER))
    planned = roles.spec.plan_json()
    assert (planned.code, planned.codes) == (2, {"KS194"})
    assert not file_of(roles, "orders").exists()
    roles.applied()
    body = json.loads(file_of(roles, "orders").read_text())
    assert {action for one in body["Statement"] for action in one["Action"]} == {
        "kafka-cluster:AlterGroup",
        "kafka-cluster:Connect",
        "kafka-cluster:DescribeGroup",
        "kafka-cluster:DescribeTopic",
        "kafka-cluster:ReadData",
    }
    roles.settled()
    roles.write(acl("orders", grants=PRODUCER))
    assert "DescribeTopicWriteData" in roles.spec.plan().out
    roles.applied()
    assert "ReadData" not in file_of(roles, "orders").read_text()
    roles.settled()
    roles.write(acl("orders", grants=PRODUCER, metadata={"ensure": "absent"}))
    roles.applied()
    assert not file_of(roles, "orders").exists()
    roles.settled()


def test_aws_is_never_told(roles: Estate) -> None:
    roles.write(acl("orders", grants=CONSUMER))
    roles.applied()
    asked = {call.url.partition("?")[0] for d in roles.aws.doors.values() for call in d.calls}
    assert all("/api/v2/clusters/" in url for url in asked)


def test_what_a_hand_changed_is_put_back(roles: Estate) -> None:
    roles.write(acl("orders", grants=CONSUMER))
    roles.applied()
    file = file_of(roles, "orders")
    wanted = file.read_text()
    file.write_text(wanted.replace(":topic/demo/", ":topic/*/"))
    assert roles.spec.plan().code == 2
    roles.applied()
    assert file.read_text() == wanted
    file.write_text("{")
    assert roles.spec.plan().code == 2
    roles.applied()
    assert file.read_text() == wanted


def test_files_of_nobody_are_told(roles: Estate) -> None:
    roles.cluster(via="api", policies="iam", more={"owns": {"principals": ["arn:aws:iam::"]}})
    stray = file_of(roles, "stray")
    stray.parent.mkdir(parents=True)
    stray.write_text("{}")
    roles.write(acl("orders", grants=CONSUMER))
    found = roles.spec.plan_json()
    assert found.json["unmanaged"] == [f"live/acl/arn:aws:iam::{ACCOUNT}:role/orders|stray"]


def test_a_file_that_cannot_be_written_fails_alone(roles: Estate) -> None:
    (roles.spec.folder / "iam" / "live" / ACCOUNT).mkdir(parents=True)
    (roles.spec.folder / "iam" / "live" / ACCOUNT / "orders").write_text("in the way")
    other = ROLE.replace("apps/orders", "billing")
    roles.write(acl("orders", grants=CONSUMER), acl("billing", other, grants=CONSUMER))
    done = roles.spec.apply()
    assert done.code == 6
    assert "Not a directory" in done.out or "File exists" in done.out
    assert file_of(roles, "billing").parents[1].joinpath("billing", "billing.json").exists()


def test_a_link_does_not_lead_out_of_the_spec(roles: Estate, tmp_path_factory: Any) -> None:
    """Not even one that was laid between plan and apply."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    roles.write(acl("orders", grants=CONSUMER))
    saved = str(roles.spec.folder / "plan.json")
    assert roles.spec.plan("--out", saved).code == 2
    (roles.spec.folder / "iam").mkdir()
    (roles.spec.folder / "iam" / "live").symlink_to(elsewhere)
    told = roles.spec.run("apply", saved)
    assert told.code == 1
    assert "leads out of the spec folder" in told.err
    assert list(elsewhere.iterdir()) == []


def test_a_policy_that_iam_would_not_take_is_refused_while_planning(roles: Estate) -> None:
    many = [{"role": "producer", "topics": [f"orders.{n:04}" for n in range(120)]}]
    roles.write(acl("orders", grants=many))
    found = roles.spec.plan_json()
    assert (found.code, found.codes) == (3, {"KS194", "KS995"})


def test_no_folder_is_told_at_the_line_of_the_document(api: Estate) -> None:
    api.write(acl("orders", grants=CONSUMER))
    told = api.spec.plan()
    assert told.code == 64
    assert "live has no `policies` in its `spec.msk`" in told.err


def test_a_role_on_a_cluster_that_is_not_msk(roles: Estate) -> None:
    other = {"platform": "apache", "bootstrap": ["127.0.0.1:1"]}
    roles.spec.write(
        {"kind": "Cluster", "metadata": {"name": "other"}, "spec": other}, file="other.yaml"
    )
    roles.write(acl("orders", grants=CONSUMER))
    told = roles.spec.plan()
    assert told.code == 64
    assert "only `acl`, Kafka's own, is offered by a cluster that this document is for" in told.err


def test_a_principal_of_the_other_kind(roles: Estate) -> None:
    roles.write(
        {"kind": "Acl", "metadata": {"name": "a"}, "spec": {"principal": ROLE, "grants": CONSUMER}},
        {
            "kind": "Acl",
            "metadata": {"name": "b"},
            "spec": {"principal": "User:b", "access": "iam", "grants": CONSUMER},
        },
    )
    told = roles.spec.plan()
    assert told.code == 64
    assert "such as `User:orders-service`" in told.err
    assert "the ARN of a role, `arn:aws:iam::ACCOUNT:role/NAME`" in told.err


def test_serverless_has_no_acls(roles: Estate) -> None:
    roles.msk.kind = "serverless"
    roles.cluster(type="serverless", policies="iam")
    roles.write(acl("app", "User:app", grants=CONSUMER))
    told = roles.spec.plan()
    assert told.code == 64
    assert "live is MSK Serverless, which has no ACLs: write `access: iam` and the ARN" in told.err


# --- Kafka's own ACLs


def test_the_first_acl_shuts_out_and_the_last_one_lets_in(scram: Estate, name: str) -> None:
    scram.cluster(auth="scram", policies="iam")
    one = [{"role": "consumer", "topics": [f"{name}t"], "groups": [f"{name}g"]}]
    scram.write(acl("app", "User:app", grants=one), acl("orders", grants=CONSUMER))
    planned = scram.spec.plan_json()
    assert planned.codes == {"KS293", "KS194"}
    assert f"the first ACL on topic {name}t: who has none is shut out" in planned.out
    assert scram.spec.apply().code == 3
    scram.applied("KS293")
    scram.settled()
    two = [{**one[0], "topics": [f"{name}t"]}, {"role": "producer", "topics": [f"{name}t"]}]
    scram.write(acl("app", "User:app", grants=two), acl("orders", grants=CONSUMER))
    assert scram.spec.plan_json().codes == set()
    scram.applied()
    scram.write(
        acl("app", "User:app", grants=two, metadata={"ensure": "absent"}),
        acl("orders", grants=CONSUMER, metadata={"ensure": "absent"}),
    )
    planned = scram.spec.plan_json()
    assert planned.codes == {"KS221", "KS294", "KS194"}
    assert f"the last ACL on topic {name}t: everybody is let in" in planned.out
    scram.applied("KS221", "KS294")
    scram.settled()
    assert not file_of(scram, "orders").exists()


def test_one_acl_in_the_place_of_another_opens_nothing(scram: Estate, name: str) -> None:
    """Neither when it is planned nor when the apply weighs it again."""
    read = [{"resource": "topic", "name": f"{name}t", "operation": "Read"}]
    write = [{"resource": "topic", "name": f"{name}t", "operation": "Write"}]
    scram.write(acl("reads", "User:app", bindings=read))
    scram.applied("KS293")
    scram.write(
        acl("reads", "User:app", bindings=read, metadata={"ensure": "absent"}),
        acl("writes", "User:app", bindings=write),
    )
    assert scram.spec.plan_json().codes == {"KS221"}
    scram.applied("KS221")
    scram.settled()
