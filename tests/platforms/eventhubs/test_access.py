"""Access as role assignments: the fewest that do it, each once, and only ours taken away."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from confluent_kafka import Consumer

from reconciler.platforms.eventhubs.acl import ROLES, guid
from tests.clusters import Live
from tests.fakes.azure import OBJECT
from tests.fakes.azure_arm import ID, SUBSCRIPTION
from tests.fakes.front import Front
from tests.fakes.server import Fault, Reply
from tests.live.spec import acl, topic
from tests.live.test_topics import produce
from tests.platforms.eventhubs.conftest import Estate

APP = "ServicePrincipal:0d9a7a52-3b1d-4a37-a1b1-5a0f6e2a9c11"
APP_ID = APP.partition(":")[2]
CALM = frozenset({"KS146", "KS147"})
DEFINITIONS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"


def by_hand(estate: Estate, role: str, scope: str, principal: str = APP_ID, **more: Any) -> str:
    """An assignment that somebody made, by a name of its own."""
    name = str(uuid4())
    told = {"roleDefinitionId": f"{DEFINITIONS}/{role}", "principalId": principal, "scope": scope}
    estate.cloud.namespace.assignments[name] = {
        "id": f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name}",
        "name": name,
        "properties": {"principalType": "ServicePrincipal", "condition": None, **told, **more},
    }
    return name


def scopes(estate: Estate) -> set[tuple[str, str]]:
    """(role, scope below the namespace) of everything that is assigned."""
    names = {definition: name for name, definition in ROLES.items()}
    found = (a["properties"] for a in estate.cloud.namespace.assignments.values())
    return {
        (
            names.get(own["roleDefinitionId"].rpartition("/")[2], "?"),
            own["scope"].lower().removeprefix(ID.lower()),
        )
        for own in found
    }


GRANTS = (
    {"role": "producer", "topics": ["orders"], "transactionalIds": [{"prefix": "orders-"}]},
    {"role": "consumer", "topics": ["paid"], "groups": ["app", "orders/billing"]},
    {"role": "connect", "topics": ["raw"]},
    {"role": "admin", "topics": ["lab"]},
)
WANTED = {
    ("Data Sender", "/eventhubs/orders"),
    ("Data Receiver", "/eventhubs/paid"),
    ("Data Receiver", "/eventhubs/orders/consumergroups/billing"),
    ("Data Sender", "/eventhubs/raw"),
    ("Data Receiver", "/eventhubs/raw"),
    ("Data Owner", "/eventhubs/lab"),
}


def test_made_once_changed_and_taken_back(estate: Estate) -> None:
    spec = estate.spec
    spec.write(acl("app", APP, grants=list(GRANTS)))
    planned = spec.plan_json()
    assert planned.codes == CALM
    assert spec.apply().code == 0
    assert scopes(estate) == WANTED
    assert spec.plan().code == 0
    spec.write(acl("app", APP, grants=[{"role": "read-only", "topics": ["*"]}]))
    assert spec.apply().code == 0
    assert ("Data Receiver", "") in scopes(estate)
    assert spec.plan().code == 0
    gone = acl("app", APP, grants=list(GRANTS), metadata={"ensure": "absent"})
    spec.write(gone)
    assert spec.plan_json().codes == {"KS221", "KS224"}
    said = spec.apply("--approve", "KS221", "--approve", "KS224")
    assert said.code == 0, said.out + said.err
    assert scopes(estate) == {("Data Receiver", "")}
    assert spec.plan().code == 0


def test_what_is_sent_names_the_principals_type_and_always_the_same_assignment(
    estate: Estate,
) -> None:
    estate.cloud.namespace.principals = {APP_ID}
    estate.spec.write(
        acl(
            "app",
            APP.upper().replace("SERVICEPRINCIPAL", "ServicePrincipal"),
            grants=[{"role": "producer", "topics": ["orders"]}],
        )
    )
    assert estate.spec.apply().code == 0
    ((name, made),) = estate.cloud.namespace.assignments.items()
    assert name == guid(f"{ID}/eventhubs/orders".lower(), ROLES["Data Sender"], APP_ID)
    assert made["properties"]["principalType"] == "ServicePrincipal"
    assert made["properties"]["principalId"] == APP_ID


BAD: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("User:orders-service", {"grants": [{"role": "producer", "topics": ["o"]}]}, "object id"),
    (
        APP,
        {"hosts": ["10.0.0.1"], "grants": [{"role": "producer", "topics": ["o"]}]},
        "Azure grants to identities, not to addresses",
    ),
    (
        APP,
        {"grants": [{"role": "consumer", "topics": [{"prefix": "orders."}]}]},
        "Azure has no prefixes: name each hub, or grant on the namespace with `*`",
    ),
    (
        APP,
        {"grants": [{"role": "streams", "topics": ["o"], "applicationId": "app"}]},
        "Azure grants on single hubs or on the whole namespace",
    ),
    (
        APP,
        {"grants": [{"role": "consumer", "groups": ["app"]}]},
        "role `consumer` grants nothing here: name `topics`, or consumer groups of a hub",
    ),
    (
        APP,
        {"grants": [{"role": "read-only", "topics": ["o"], "cluster": True}]},
        "role `read-only` has no rights on a namespace by itself",
    ),
    (
        APP,
        {
            "bindings": [
                {"resource": "topic", "name": "o", "operation": "Read", "permission": "deny"}
            ]
        },
        "nobody but Azure itself can deny",
    ),
    (
        APP,
        {
            "bindings": [
                {"resource": "topic", "name": "o", "operation": "Read", "pattern": "prefixed"}
            ]
        },
        "Azure has no prefixes",
    ),
    (
        APP,
        {"bindings": [{"resource": "topic", "name": "o", "operation": "Describe"}]},
        "there is no role for Describe alone",
    ),
    (
        APP,
        {"bindings": [{"resource": "group", "name": "app", "operation": "Read"}]},
        "only Read can be granted on a consumer group, and its name is `HUB/GROUP`",
    ),
    (
        APP,
        {"bindings": [{"resource": "transactional_id", "name": "t", "operation": "Write"}]},
        "Azure grants nothing on a transactional_id",
    ),
)


@pytest.mark.parametrize(("principal", "spec", "words"), BAD, ids=[b[2][:40] for b in BAD])
def test_what_azure_cannot_grant_is_told_at_its_line(
    estate: Estate, principal: str, spec: dict[str, Any], words: str
) -> None:
    estate.spec.write(acl("app", principal, **spec))
    said = estate.spec.plan()
    assert said.code == 64
    assert words in said.err
    assert said.err.startswith("spec.yaml:")
    assert estate.cloud.manager.calls == []


def test_raw_bindings(estate: Estate) -> None:
    raw = [
        {"resource": "topic", "name": "*", "operation": "Write"},
        {"resource": "topic", "name": "orders", "operation": "All"},
        {"resource": "group", "name": "orders/billing", "operation": "Read"},
    ]
    estate.spec.write(acl("app", APP, bindings=raw))
    assert estate.spec.apply().code == 0
    assert scopes(estate) == {
        ("Data Sender", ""),
        ("Data Owner", "/eventhubs/orders"),
        ("Data Receiver", "/eventhubs/orders/consumergroups/billing"),
    }
    assert estate.spec.plan().code == 0
    out = estate.spec.folder / "_imported"
    estate.spec.run("import", str(estate.spec.folder), "-c", "azure", "--out", str(out))
    assert estate.spec.run("plan", str(out), "--detailed-exitcode").code == 0


def test_what_is_there_by_another_name_or_from_above_is_not_made_twice(estate: Estate) -> None:
    by_hand(estate, ROLES["Data Sender"], f"{ID}/eventHubs/orders")
    by_hand(estate, ROLES["Data Owner"], ID.partition("/providers")[0])
    estate.spec.write(acl("app", APP, grants=[{"role": "producer", "topics": ["orders"]}]))
    assert estate.spec.plan().code == 0
    owner = {"role": "admin", "topics": ["orders"]}
    estate.spec.write(acl("app", APP, grants=[owner]))
    assert estate.spec.plan().code == 2, "what is inherited is somebody else's to take away"


def test_somebody_was_faster_by_another_name(estate: Estate) -> None:
    """409 RoleAssignmentExists: what it means is read back."""
    estate.spec.write(acl("app", APP, grants=[{"role": "producer", "topics": ["orders"]}]))
    words = "The role assignment already exists. The ID of the existing one is 0."
    told = Reply(409, {"error": {"code": "RoleAssignmentExists", "message": words}})
    estate.cloud.manager.faults.append(Fault("^PUT", reply=told))
    hurried = estate.spec.run
    file = estate.spec.folder / "plan.json"
    estate.spec.plan("--out", str(file))
    by_hand(estate, ROLES["Data Sender"], f"{ID}/eventhubs/orders")
    said = hurried("apply", str(file), "--format", "json")
    assert said.code == 0, said.out + said.err
    assert estate.spec.plan().code == 0


def test_an_assignment_with_a_condition_is_not_what_was_asked_for(estate: Estate) -> None:
    by_hand(estate, ROLES["Data Sender"], f"{ID}/eventhubs/orders", condition="@Request[x] == 1")
    estate.spec.write(acl("app", APP, grants=[{"role": "producer", "topics": ["orders"]}]))
    said = estate.spec.plan()
    assert said.code == 3
    assert "KS947" in said.out
    assert "it is there with a condition" in said.out


def test_one_of_many_that_this_login_may_not_make(estate: Estate) -> None:
    topics = [f"orders-{number}" for number in range(5)]
    estate.spec.write(acl("app", APP, grants=[{"role": "producer", "topics": topics}]))
    words = "The client does not have authorization to perform action 'roleAssignments/write'."
    told = Reply(403, {"error": {"code": "AuthorizationFailed", "message": words}})
    estate.cloud.manager.faults.append(Fault("^PUT .*orders-2/", reply=told))
    said = estate.spec.apply("--format", "json")
    assert said.code == 6
    ended = [change["status"] for change in said.json["changes"]]
    assert sorted(ended) == ["done"] * 4 + ["failed"]
    assert "AuthorizationFailed" in said.out
    assert len(scopes(estate)) == 4
    assert estate.spec.apply().code == 0
    assert len(scopes(estate)) == 5


def test_taking_from_kstate_itself(estate: Estate) -> None:
    by_hand(estate, ROLES["Data Owner"], ID, principal=OBJECT)
    own = acl(
        "kstate",
        f"ServicePrincipal:{OBJECT}",
        metadata={"ensure": "absent"},
        grants=[{"role": "admin", "topics": ["*"]}],
    )
    estate.spec.write(own)
    said = estate.spec.plan_json()
    assert "KS225" in said.codes
    assert "kstate itself logs in as" in said.out


def test_who_reads_with_what_is_taken_away(
    seen: Estate, front: Front, kafka: Live, prefix: str
) -> None:
    name = f"{prefix}orders"
    grant = {"role": "consumer", "topics": [name]}
    seen.spec.write(topic(name, partitions=1), acl("app", APP, grants=[grant]))
    assert seen.spec.apply().code == 0
    produce(kafka, name, 1)
    seen.spec.write(acl("app", APP, grants=[grant], metadata={"ensure": "absent"}))
    assert seen.spec.plan_json().codes == {"KS221"}
    settings = {"group.id": f"{prefix}readers", "auto.offset.reset": "earliest"}
    consumer = Consumer({"bootstrap.servers": kafka.bootstrap, **settings})
    consumer.subscribe([name])
    assert consumer.poll(20) is not None
    said = seen.spec.plan_json()
    consumer.close()
    assert said.codes == {"KS223"}
    assert f"{prefix}readers" in said.out
    kafka.admin.delete_topics([name])
