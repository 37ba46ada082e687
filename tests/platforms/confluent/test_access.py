"""Who may do what: ACLs of service accounts by their names, role bindings, and the accounts themselves."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.confluent import ENVIRONMENT, ORGANIZATION, rate_limited
from tests.fakes.server import Fault, Reply
from tests.live.spec import acl
from tests.platforms.confluent.conftest import Estate, document

CRN = f"crn://confluent.cloud/organization={ORGANIZATION}/environment={ENVIRONMENT}/cloud-cluster="
PRODUCER = {"role": "producer", "topics": ["orders.placed", {"prefix": "orders."}]}
CONSUMER = {"role": "consumer", "topics": ["*"], "groups": ["app-1"]}


def user(name: str, description: str = "", **metadata: Any) -> dict[str, Any]:
    told = {"description": description} if description else {}
    return document("User", name, {}, **told, **metadata)


def rbac(name: str, *grants: dict[str, Any], **more: Any) -> dict[str, Any]:
    return acl(name, f"User:{name}", access="rbac", grants=list(grants), **more)


# --- service accounts


def test_an_account_is_made_described_anew_and_deleted_with_its_keys(estate: Estate) -> None:
    estate.converges(user("app", "reads orders"))
    [kept] = estate.organization.accounts.values()
    assert (kept.body["display_name"], kept.body["description"]) == ("app", "reads orders")
    estate.converges(user("app", "reads and writes orders"))
    assert kept.body["description"] == "reads and writes orders"
    estate.organization.owners |= {"KEY1": kept.body["id"], "KEY2": kept.body["id"]}
    estate.spec.write(user("app", ensure="absent"))
    found = estate.spec.plan()
    assert "KS290" in found.out
    assert "the whole organization, and with it 2 API keys and all its role bindings" in found.out
    estate.converges(user("app", ensure="absent"), approve=("KS290",))
    assert estate.organization.accounts == {}


def test_accounts_beyond_the_first_page_are_seen(estate: Estate) -> None:
    for number in range(8):
        estate.organization.account(f"other-{number}")
    estate.converges(user("app"))
    assert len(estate.organization.accounts) == 9
    assert all(
        "page_size=100" in call.url for call in estate.control.asked("GET /iam/v2/service-accounts")
    )


def test_an_account_that_was_made_anew_is_not_the_one_that_was_planned_for(estate: Estate) -> None:
    estate.organization.account("app")
    estate.spec.write(user("app", ensure="absent"))
    saved = estate.spec.folder / "plan.json"
    estate.spec.plan("--out", str(saved))
    estate.organization.accounts.clear()
    estate.organization.account("app")
    done = estate.spec.run("apply", str(saved), "--approve", "KS290")
    assert done.code == 4, done.out + done.err
    assert len(estate.organization.accounts) == 1


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (
            {"password": "env:CC_SECRET"},
            "Confluent Cloud has no SCRAM users: here a User is a service account",
        ),
        ({"mechanism": "SCRAM-SHA-512"}, "Leave `mechanism` out"),
    ],
)
def test_scram_is_refused_with_what_to_do(estate: Estate, spec: dict[str, Any], words: str) -> None:
    told = estate.refusals(document("User", "app", spec))
    assert words in told
    assert "confluent api-key create" in told


def test_names_that_look_like_ids_or_are_too_long(estate: Estate) -> None:
    told = estate.refusals(user("sa-123abc"), user("x" * 65), user("app", "d" * 129))
    assert "`sa-123abc` looks like the id of an account" in told
    assert "64 characters at most" in told
    assert "128 characters at most" in told


def test_one_cluster_of_an_organization_makes_an_account(estate: Estate) -> None:
    other = {"platform": "confluent", "confluent": estate.member(cluster="lkc-other")}
    estate.cluster({"kind": "Cluster", "metadata": {"name": "cc2"}, "spec": other})
    told = estate.refusals(user("app"))
    assert "a service account belongs to the organization, and cc, cc2 are of the same" in told
    estate.spec.write(user("app", clusters=["cc"]))
    assert estate.spec.run("validate", str(estate.spec.folder)).code == 0


def test_without_a_cloud_key_there_are_no_accounts_and_no_names(estate: Estate) -> None:
    estate.cluster(cloud=None)
    told = estate.refusals(user("app", clusters=["cc"]), acl("app", "User:app", grants=[PRODUCER]))
    assert "no cluster can hold this User: cc: Confluent Cloud does not offer user" in told
    assert "needs `confluent.environment` and `confluent.cloud`, a Cloud API key" in told
    assert "`app` is a name, and service accounts are known by their names only with" in told


# --- ACLs


def test_acls_of_an_account_by_its_name(estate: Estate) -> None:
    estate.converges(user("app"), acl("app", "User:app", grants=[PRODUCER, CONSUMER]))
    [id_] = estate.organization.accounts
    assert {(a["principal"], a["resource_name"], a["operation"]) for a in estate.kafka.acls} == {
        (f"User:{id_}", "orders.placed", "WRITE"),
        (f"User:{id_}", "orders.", "WRITE"),
        (f"User:{id_}", "*", "READ"),
        (f"User:{id_}", "app-1", "READ"),
    }
    estate.converges(
        user("app"),
        acl("app", "User:app", grants=[PRODUCER, CONSUMER], metadata={"ensure": "absent"}),
        approve=("KS224", "KS221"),
    )
    assert estate.kafka.acls == []


@pytest.mark.parametrize("integers", [False, True], ids=["ids", "integers"])
def test_however_the_platform_tells_the_principal(estate: Estate, integers: bool) -> None:
    """Its ACLs are told as `User:sa-...` or as `User:9000001`; other accounts' stay what they are."""
    estate.kafka.integers = integers
    mine, other = estate.organization.account("app"), estate.organization.account("other")
    theirs = {
        "resource_type": "TOPIC",
        "resource_name": "x",
        "pattern_type": "LITERAL",
        "host": "*",
    }
    theirs |= {"operation": "READ", "permission": "ALLOW", "principal": f"User:{other}"}
    estate.kafka.acls.append(theirs)
    estate.cluster(more={"owns": {"principals": ["User:"]}})
    estate.converges(acl("app", "User:app", grants=[PRODUCER]))
    found = estate.spec.plan_json().json
    called = estate.kafka.number(f"User:{other}") if integers else "User:other"
    assert found["unmanaged"] == [f"cc/acl/{called}|topic|x|literal|Read|allow|*"]
    estate.converges(acl("app", f"User:{mine}", grants=[PRODUCER]))


def test_an_account_by_its_id_and_everybody(estate: Estate) -> None:
    id_ = estate.organization.account("app")
    estate.converges(
        acl("a", f"User:{id_}", grants=[PRODUCER]), acl("b", "User:*", grants=[CONSUMER])
    )
    assert {a["principal"] for a in estate.kafka.acls} == {f"User:{id_}", "User:*"}


def test_a_name_that_nobody_has_is_refused_while_planning(estate: Estate) -> None:
    estate.organization.account("orders-service")
    estate.spec.write(acl("app", "User:orders-servise", grants=[PRODUCER]))
    found = estate.spec.plan()
    assert found.code == 3
    assert (
        "no service account is called `orders-servise`; did you mean `orders-service`?" in found.out
    )


def test_one_account_under_two_names_is_refused(estate: Estate) -> None:
    id_ = estate.organization.account("app")
    estate.converges(acl("a", "User:app", grants=[PRODUCER]))
    assert estate.codes(
        acl("a", "User:app", grants=[PRODUCER]), acl("b", f"User:{id_}", grants=[PRODUCER])
    ) == {"KS925"}


def test_from_an_id_to_a_name_takes_nothing_away(estate: Estate) -> None:
    """With a ledger the former name is forgotten, and the binding stays."""
    id_ = estate.organization.account("app")
    estate.converges(acl("a", f"User:{id_}", grants=[PRODUCER]))
    estate.spec.write(acl("a", "User:app", grants=[PRODUCER]))
    assert estate.spec.plan().code == 0


def test_taking_from_kstates_own_account_is_told(estate: Estate) -> None:
    id_ = estate.organization.account("kstate")
    estate.organization.owners["KEY"] = id_
    estate.converges(acl("a", "User:kstate", grants=[PRODUCER]))
    gone = acl("a", "User:kstate", grants=[PRODUCER], metadata={"ensure": "absent"})
    assert estate.codes(gone) == {"KS221", "KS225"}


# --- role bindings


def test_roles_with_the_fewest_rights(estate: Estate) -> None:
    streams = {"role": "streams", "applicationId": "app", "topics": ["in"]}
    estate.converges(user("app"), rbac("app", PRODUCER, CONSUMER, streams))
    [id_] = estate.organization.accounts
    kafka = "lkc-abc123/kafka=lkc-abc123"
    assert {
        (role, place) for who, role, place in estate.organization.roles() if who == f"User:{id_}"
    } == {
        ("DeveloperWrite", f"{kafka}/topic=orders.placed"),
        ("DeveloperWrite", f"{kafka}/topic=orders.*"),
        ("DeveloperRead", f"{kafka}/topic=*"),
        ("DeveloperRead", f"{kafka}/group=app-1"),
        ("DeveloperRead", f"{kafka}/topic=in"),
        ("DeveloperWrite", f"{kafka}/topic=in"),
        ("DeveloperRead", f"{kafka}/topic=app-*"),
        ("DeveloperWrite", f"{kafka}/topic=app-*"),
        ("DeveloperManage", f"{kafka}/topic=app-*"),
        ("DeveloperRead", f"{kafka}/group=app"),
        ("DeveloperWrite", f"{kafka}/transactional-id=app*"),
    }
    assert estate.kafka.acls == []
    estate.converges(
        user("app"), rbac("app", PRODUCER), rbac("gone", PRODUCER, metadata={"ensure": "absent"})
    )


def test_a_role_binding_is_taken_back(estate: Estate) -> None:
    estate.converges(user("app"), rbac("app", PRODUCER))
    absent = rbac("app", PRODUCER, metadata={"ensure": "absent"})
    assert estate.codes(user("app"), absent) == {"KS221"}
    estate.converges(user("app"), absent, approve=("KS221",))
    assert estate.organization.roles() == set()


def test_what_matches_in_part_is_nobodys_of_this_cluster(estate: Estate) -> None:
    """The API finds `lkc-abc1234` with `lkc-abc123`."""
    id_ = estate.organization.account("app")
    estate.organization.bind(
        f"User:{id_}", "DeveloperRead", f"{CRN}lkc-abc1234/kafka=lkc-abc1234/topic=orders"
    )
    estate.cluster(more={"owns": {"principals": ["User:app"]}})
    read = {"role": "consumer", "topics": ["orders"]}
    estate.converges(rbac("app", read))
    assert len(estate.organization.bindings) == 2
    assert estate.spec.plan_json().json["unmanaged"] == []


def test_other_places_are_shown_and_left_alone(estate: Estate) -> None:
    id_ = estate.organization.account("app")
    estate.organization.bind(f"User:{id_}", "CloudClusterAdmin", f"{CRN}lkc-abc123")
    estate.organization.bind(f"User:{id_}", "ResourceOwner", f"{CRN}lkc-abc123/connector=sink")
    estate.cluster(more={"owns": {"principals": ["User:app"]}})
    estate.converges(rbac("app", {"role": "consumer", "groups": ["a/b:c"]}))
    assert set(estate.spec.plan_json().json["unmanaged"]) == {
        "cc/acl/User:app|CloudClusterAdmin|cluster|kafka-cluster|literal",
        "cc/acl/User:app|ResourceOwner|connector|sink|literal",
    }
    assert "group=a%2Fb%3Ac" in str(estate.organization.roles())


def test_roles_that_allow_more_than_was_asked_are_told(estate: Estate) -> None:
    estate.organization.account("app")
    assert estate.codes(rbac("app", {"role": "admin", "topics": ["orders"]})) == {"KS192"}
    assert estate.codes(rbac("app", {"role": "connect", "topics": ["orders"]})) == {"KS192"}
    assert (
        estate.codes(rbac("app", {"role": "read-only", "topics": ["orders"], "cluster": True}))
        == set()
    )


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"hosts": ["10.0.0.1"]}, "role bindings know no hosts"),
        (
            {"bindings": [{"resource": "topic", "name": "a", "operation": "Read"}]},
            "operations one by one are ACLs",
        ),
        (
            {"grants": [{"role": "admin", "cluster": True}]},
            "only CloudClusterAdmin administers a cluster",
        ),
        ({"grants": [{"role": "read-only", "groups": ["g"]}]}, "no role only looks at a group"),
        (
            {"grants": [{"role": "consumer", "groups": [{"prefix": "a*b"}]}]},
            "`*` stands for anything",
        ),
        ({"principal": "User:*"}, "a role is bound to one principal"),
    ],
)
def test_what_role_bindings_have_no_word_for(
    estate: Estate, more: dict[str, Any], words: str
) -> None:
    asked = rbac("app", PRODUCER)
    asked["spec"] |= more
    assert words in estate.refusals(asked)


def test_a_basic_cluster_has_no_roles(estate: Estate) -> None:
    estate.cluster(type="basic")
    told = estate.refusals(rbac("app", PRODUCER))
    assert "`rbac` is not to be had here: a Basic cluster has no roles" in told


def test_role_bindings_that_are_told_late_are_waited_for(estate: Estate) -> None:
    estate.organization.account("app")
    estate.organization.late = 0.0
    estate.spec.write(rbac("app", PRODUCER))
    estate.spec.plan()
    estate.organization.late = 1.5
    for kept in estate.organization.accounts.values():
        kept.since -= 10
    estate.converges(rbac("app", PRODUCER))


def test_a_binding_that_somebody_else_made_in_between_is_done(estate: Estate) -> None:
    id_ = estate.organization.account("app")
    estate.spec.write(rbac("app", {"role": "producer", "topics": ["orders"]}))
    crn = f"{CRN}lkc-abc123/kafka=lkc-abc123/topic=orders"
    made = Fault(
        "POST /iam/v2/role-bindings", Reply(409, {"errors": [{"detail": "already exists"}]})
    )
    estate.control.faults.append(made)
    estate.organization.bind(f"User:{id_}", "DeveloperWrite", crn)
    done = estate.spec.apply()
    assert done.code == 0, done.out + done.err


def test_one_forbidden_and_a_storm(estate: Estate) -> None:
    estate.control.faults.append(Fault("GET /iam/v2/service-accounts", rate_limited(), times=2))
    estate.organization.forbidden.add("POST /iam/v2/role-bindings")
    estate.spec.write(user("app"), rbac("app", PRODUCER))
    done = estate.spec.apply()
    assert done.code == 6, done.out + done.err
    assert "The API key may not POST /iam/v2/role-bindings" in done.out
    estate.organization.forbidden.clear()
    assert estate.spec.apply().code == 0
    assert estate.spec.plan().code == 0
