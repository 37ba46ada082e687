"""A cluster that cannot be reached, or does not let us in: what a person is told, how soon, and what stays unsaid."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from ruamel.yaml import YAML

from reconciler.sandbox.shape import Listener
from tests.live.certificates import DAY, Pair, Trust, listener, written
from tests.live.spec import Said, Spec, acl, topic

ROOT = Path(__file__).parents[2]
KSTATE = "from reconciler.cli.main import main; main()"
CANARY = "canary-Tr0ub4dor&3"
BUSY = 9.5  # seconds for a start on a busy machine; still less than the default timeout
CLOSED = "127.0.0.1:1"  # nobody listens on a privileged port that nobody was given


@dataclass
class Person(Spec):
    """Runs kstate as a process of its own: librdkafka writes past Python, straight to the process's stderr."""

    variables: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def run(self, verb: str, *arguments: str) -> Said:
        """Whatever happens, it ends in time, and shows neither librdkafka's own lines nor a traceback."""
        started = time.monotonic()
        environment = {**os.environ, **self.variables, "PYTHONPATH": str(ROOT)}
        ended = subprocess.run(
            [sys.executable, "-c", KSTATE, verb, *arguments],
            capture_output=True,
            text=True,
            env=environment,
            timeout=60,
            check=False,
        )
        self.seconds = time.monotonic() - started
        for printed in (ended.stdout, ended.stderr):
            assert not re.search(r"%\d\|", printed), printed
            assert "Traceback" not in printed, printed
            assert "defect" not in printed, printed
        return Said(ended.returncode, ended.stdout, ended.stderr)

    def clusters(self, **bootstraps: str) -> None:
        self.write(
            *(
                {
                    "kind": "Cluster",
                    "metadata": {"name": name},
                    "spec": {"platform": "apache", "bootstrap": [bootstrap]},
                }
                for name, bootstrap in bootstraps.items()
            ),
            file="cluster.yaml",
        )


@pytest.fixture
def person(tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str) -> Person:
    made = Person(tmp_path, capfd)
    made.write(topic(f"{name}a", partitions=1, replication=1))
    return made


@pytest.fixture(scope="module")
def mute() -> Iterator[str]:
    """The address of a port that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


def both(name: str) -> list[dict[str, Any]]:
    """A topic and an ACL: what goes through librdkafka, and what goes through kafka-python."""
    grants = [{"role": "consumer", "topics": [f"{name}a"]}]
    return [topic(f"{name}a"), acl(f"{name}b", f"User:{name}", grants=grants)]


# --- nobody there


@pytest.mark.parametrize(
    ("verb", "timeout", "seconds"),
    [("plan", ["--timeout", "2s"], 2), ("apply", ["--timeout", "2500ms"], 2.5), ("doctor", [], 10)],
)
def test_who_does_not_answer_is_named_in_time(
    person: Person, mute: str, verb: str, timeout: list[str], seconds: float
) -> None:
    person.clusters(closed=CLOSED, unknown="no-such-host.invalid:9092", mute=mute)
    said = person.run(verb, str(person.folder), *timeout)
    assert (said.code, said.out) == (1, "")
    assert _line(said, "closed").startswith(f"cannot reach {CLOSED} within {seconds:g} s: ")
    assert "Connection refused" in _line(said, "closed")
    assert "Failed to resolve 'no-such-host.invalid:9092'" in _line(said, "unknown")
    assert _line(said, "mute") == f"cannot reach {mute} within {seconds:g} s: no answer"
    assert said.err.count("Is the address right, and is the broker up?") == 3
    assert seconds < person.seconds < seconds + BUSY


def _line(said: Said, cluster: str) -> str:
    """What was said about one cluster."""
    found = re.findall(rf"^kstate: cluster {cluster}: (.*)$", said.err, re.MULTILINE)
    assert len(found) == 1, said.err
    return str(found[0])


def test_one_cluster_that_is_away_does_not_hide_the_plan_of_another(
    kafka: Any, person: Person, name: str
) -> None:
    person.clusters(away=CLOSED, here=kafka.bootstrap)
    said = person.plan("--timeout", "1s")
    assert said.code == 1
    assert "cluster here  apache" in said.out
    assert f"+ topic {name}a  create" in said.out
    assert _line(said, "away").startswith(f"cannot reach {CLOSED}")
    assert "here" not in said.err


def test_one_cluster_that_is_away_keeps_an_apply_from_writing_anywhere(
    kafka: Any, person: Person, name: str
) -> None:
    person.clusters(away=CLOSED, here=kafka.bootstrap)
    said = person.apply("--timeout", "1s")
    assert said.code == 1
    assert f"cluster away: cannot reach {CLOSED}" in said.err
    assert f"{name}a" not in kafka.admin.list_topics(timeout=5).topics
    assert person.apply("-c", "here").code == 0
    assert person.plan("-c", "here").code == 0


def test_a_cluster_that_went_away_since_the_plan_keeps_it_from_being_applied(
    kafka: Any, person: Person, name: str
) -> None:
    person.variables["WHERE"] = kafka.bootstrap
    person.clusters(away="env:WHERE", here=kafka.bootstrap)
    person.write(topic(f"{name}a", partitions=1))
    file = person.folder / "plan.json"
    assert person.plan("--out", str(file)).code == 2
    person.variables["WHERE"] = CLOSED
    said = person.run("apply", str(file), "--yes", "--timeout", "1s")
    assert said.code == 1
    assert f"cannot reach {CLOSED}" in said.err
    assert f"{name}a" not in kafka.admin.list_topics(timeout=5).topics


# --- not let in


def scram(user: str, password: str = "env:KSTATE_PASSWORD") -> dict[str, str]:
    return {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": user,
        "sasl.password": password,
    }


@pytest.mark.parametrize("verb", ["plan", "apply", "doctor"])
def test_a_wrong_password_is_said_at_once_and_never_shown(
    kafka: Any, person: Person, verb: str
) -> None:
    person.cluster(kafka.scram_bootstrap, kafka=scram(kafka.user))
    person.variables["KSTATE_PASSWORD"] = CANARY
    said = person.run(verb, str(person.folder), *(["--yes"] if verb == "apply" else []))
    assert (said.code, said.out) == (1, "")
    assert f"cluster live: authentication failed at {kafka.scram_bootstrap}: " in said.err
    assert "invalid credentials with SASL mechanism SCRAM-SHA-512" in said.err
    assert "Check user, password and mechanism" in said.err
    assert CANARY not in said.err
    assert person.seconds < BUSY


def test_the_right_password_lets_in_and_is_nowhere_to_be_seen(
    kafka: Any, person: Person, name: str
) -> None:
    person.cluster(kafka.scram_bootstrap, kafka=scram(kafka.user))
    person.variables["KSTATE_PASSWORD"] = kafka.password
    person.write(*both(name))
    file = person.folder / "plan.json"
    printed = [person.plan("--out", str(file)), person.run("apply", str(file)), person.plan()]
    assert [said.code for said in printed] == [2, 0, 0]
    assert not any(kafka.password in said.out + said.err for said in printed)
    assert kafka.password not in file.read_text()


def test_only_secrets_are_masked(kafka: Any, person: Person, name: str) -> None:
    """Where to and as whom is no secret, and has to be readable, wherever it comes from."""
    person.variables |= {"WHERE": kafka.scram_bootstrap, "WHO": "stranger", "PASSWORD": CANARY}
    person.cluster("env:WHERE", kafka=scram("env:WHO", "env:PASSWORD"))
    person.write(topic(f"{name}stranger"))
    said = person.plan()
    assert f"authentication failed at {kafka.scram_bootstrap}" in said.err
    person.variables |= {"WHO": kafka.user, "PASSWORD": kafka.password}
    person.write(topic(f"{name}{kafka.user}"))
    assert f"{name}{kafka.user}" in person.plan().out


def test_a_mechanism_that_the_listener_lacks_is_named_with_those_it_has(
    kafka: Any, person: Person
) -> None:
    person.cluster(kafka.scram_bootstrap, kafka=scram(kafka.user) | {"sasl.mechanism": "PLAIN"})
    person.variables["KSTATE_PASSWORD"] = kafka.password
    said = person.plan()
    assert said.code == 1
    assert "authentication failed" in said.err
    assert "broker's supported mechanisms: SCRAM-SHA-512,SCRAM-SHA-256" in said.err
    assert kafka.password not in said.err


@pytest.mark.parametrize("verb", ["plan", "doctor"])
def test_a_missing_variable_is_named_with_the_setting_that_wants_it(
    kafka: Any, person: Person, verb: str
) -> None:
    person.cluster(kafka.scram_bootstrap, kafka=scram(kafka.user, "env:KSTATE_NOT_SET"))
    said = person.run(verb, str(person.folder))
    assert (said.code, said.out) == (64, "")
    if verb == "plan":
        assert said.err.startswith("cluster.yaml:")
    assert "spec.kafka.sasl.password: " in said.err
    assert "the environment variable KSTATE_NOT_SET is not set" in said.err
    assert "export KSTATE_NOT_SET=" in said.err
    assert person.seconds < BUSY


def test_a_missing_password_file_is_named(kafka: Any, person: Person) -> None:
    person.cluster(kafka.scram_bootstrap, kafka=scram(kafka.user, "file:no-such-file"))
    words = "spec.kafka.sasl.password: file:no-such-file: cannot read"
    assert words in person.plan().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sasl.user": "x"}, 'No such configuration property: "sasl.user"'),
        ({"security.protocol": "TLS"}, 'Invalid value "TLS"'),
        ({"ssl.ca.location": "no-such.pem"}, "`ssl.ca.location`: cannot read no-such.pem"),
    ],
)
def test_a_property_that_makes_no_client_is_named(
    kafka: Any, person: Person, given: Mapping[str, str], words: str
) -> None:
    person.cluster(kafka.bootstrap, kafka=dict(given))
    said = person.plan()
    assert (said.code, words in said.err) == (1, True), said.err


# --- TLS


@pytest.fixture(scope="module")
def trust(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return written(tmp_path_factory.mktemp("trust"))


JAAS = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
SCRAM = {"sasl.enabled.mechanisms": "SCRAM-SHA-512", "scram-sha-512.sasl.jaas.config": JAAS}


@pytest.fixture(scope="module")
def tls(sandboxes: Callable[..., Any], trust: Trust) -> Mapping[str, str]:
    """Bootstrap servers of one broker's listeners, which differ in their certificates; and its `password`."""

    def signed(*hosts: str, valid: tuple[timedelta, timedelta] = (-DAY, 30 * DAY)) -> Pair:
        return trust.own.sign("broker", *hosts, valid=valid)

    good = signed("127.0.0.1", "localhost")
    listeners = (
        listener("GOOD", good),
        listener("OLD", signed("127.0.0.1", valid=(-2 * DAY, -DAY))),
        listener("EARLY", signed("127.0.0.1", valid=(DAY, 2 * DAY))),
        listener("ELSEWHERE", signed("elsewhere.example")),
        listener(
            "MUTUAL",
            good,
            ssl_client_auth="required",
            ssl_truststore_type="PEM",
            ssl_truststore_certificates=trust.own.certificate,
        ),
    )
    scram_over_tls = Listener("SECURE", "SASL_SSL", {**listeners[0].properties, **SCRAM})
    allowed = {"super.users": "User:ANONYMOUS;User:admin;User:CN=kstate"}
    live = sandboxes(listeners=(*listeners, scram_over_tls), properties=allowed)
    return {**live.cluster.listeners, "password": live.password}


def test_tls_that_fits_works_for_everything_kstate_does(
    tls: Mapping[str, str], trust: Trust, person: Person, name: str
) -> None:
    """Reads go through librdkafka, ACLs through kafka-python, which verifies for itself."""
    person.cluster(tls["GOOD"], kafka=trust.client())
    person.write(*both(name))
    assert [person.plan().code, person.apply().code, person.plan().code] == [2, 0, 0]


def test_a_client_certificate_that_fits_works_for_everything_kstate_does(
    tls: Mapping[str, str], trust: Trust, person: Person, name: str
) -> None:
    person.cluster(tls["MUTUAL"], kafka=trust.client(pair="known"))
    person.write(*both(name))
    assert [person.plan().code, person.apply().code, person.plan().code] == [2, 0, 0]


def test_the_acls_that_doctor_prints_are_for_the_subject_of_the_certificate(
    tls: Mapping[str, str], trust: Trust, person: Person, name: str
) -> None:
    """Its parts in the order and the spelling that the brokers make of them: granting that lets it in."""
    parts = [("C", "DE"), ("O", "Acme, Inc."), ("OU", "R+D"), ("CN", "app one")]
    oids = {"C": NameOID.COUNTRY_NAME, "O": NameOID.ORGANIZATION_NAME}
    oids |= {"OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME}
    subject = x509.Name([x509.NameAttribute(oids[word], value) for word, value in parts])
    trust.own.sign(subject).write(trust.folder, "odd")
    person.cluster(tls["MUTUAL"], kafka=trust.client(pair="odd"))
    said = person.run("doctor", str(person.folder))
    assert said.code == 1
    granted = said.out[said.out.index("apiVersion") :].replace("clusters: [live]", "labels: {}")
    documents = re.findall(r"^apiVersion.*?(?=\n\n|\n#|\Z)", granted, re.MULTILINE | re.DOTALL)
    admin = Person(person.folder / "admin", person.capture)
    admin.folder.mkdir()
    admin.cluster(tls["GOOD"], kafka=trust.client())
    (admin.folder / "acls.yaml").write_text("\n---\n".join(documents))
    assert admin.apply().code == 0
    (admin.folder / "acls.yaml").rename(admin.folder / "acls.txt")
    (admin.folder / "cluster.yaml").rename(admin.folder / "cluster.txt")
    said = person.run("doctor", str(person.folder))
    assert said.code == 0, said.out
    assert [person.plan().code, person.apply().code] == [2, 0]


def test_a_client_certificate_may_come_from_the_environment(
    tls: Mapping[str, str], trust: Trust, person: Person, name: str
) -> None:
    """As text, the way CI keeps it; the key is never shown."""
    texts = {"CA": "own.pem", "CERTIFICATE": "known.pem", "KEY": "known.key"}
    person.variables |= {word: (trust.folder / file).read_text() for word, file in texts.items()}
    login = {
        "security.protocol": "SSL",
        "ssl.ca.pem": "env:CA",
        "ssl.certificate.pem": "env:CERTIFICATE",
        "ssl.key.pem": "env:KEY",
    }
    person.cluster(tls["MUTUAL"], kafka=login)
    person.write(*both(name))
    file = person.folder / "plan.json"
    printed = [person.plan("--out", str(file)), person.run("apply", str(file)), person.plan()]
    assert [said.code for said in printed] == [2, 0, 0]
    secret = person.variables["KEY"].splitlines()[1]
    shown = [file.read_text(), *(said.out + said.err for said in printed)]
    assert not any(secret in text for text in shown)


def test_a_password_over_tls_works_for_everything_kstate_does(
    tls: Mapping[str, str], trust: Trust, person: Person, name: str
) -> None:
    password = scram("admin") | {"security.protocol": "SASL_SSL"}
    person.cluster(tls["SECURE"], kafka=trust.client() | password)
    person.variables["KSTATE_PASSWORD"] = tls["password"]
    person.write(*both(name))
    assert [person.plan().code, person.apply().code, person.plan().code] == [2, 0, 0]
    person.variables["KSTATE_PASSWORD"] = CANARY
    said = person.plan()
    assert (said.code, "authentication failed" in said.err) == (1, True)
    assert CANARY not in said.err


UNTRUSTED = "the broker's certificate is refused: "


@pytest.mark.parametrize(
    ("where", "given", "words", "advice"),
    [
        (
            "GOOD",
            {"ca": "stranger"},
            f"{UNTRUSTED}unable to get local issuer certificate",
            "`ssl.ca.location` must hold the authority",
        ),
        ("OLD", {}, f"{UNTRUSTED}certificate has expired", "Renew the broker's certificate"),
        ("EARLY", {}, f"{UNTRUSTED}certificate is not yet valid", "Are the clocks right"),
        (
            "ELSEWHERE",
            {},
            f"{UNTRUSTED}IP address mismatch, certificate is not valid for '127.0.0.1'",
            "Connect by a name that the broker's certificate has",
        ),
        (
            "MUTUAL",
            {},
            "the broker asks for a client certificate, and none is given",
            "`ssl.certificate.location` and `ssl.key.location`",
        ),
        (
            "MUTUAL",
            {"pair": "unknown"},
            "the broker does not accept the client certificate",
            "signed by an authority that the broker trusts",
        ),
        (
            "MUTUAL",
            {"pair": "old"},
            "the broker does not accept the client certificate",
            "Has it expired",
        ),
    ],
)
def test_every_certificate_problem_has_its_own_words(
    tls: Mapping[str, str],
    trust: Trust,
    person: Person,
    where: str,
    given: dict[str, str],
    words: str,
    advice: str,
) -> None:
    person.cluster(tls[where], kafka=trust.client(**given))
    said = person.plan()
    assert (said.code, said.out) == (1, "")
    assert f"cluster live: TLS failed at {tls[where]}: {words}" in said.err
    assert advice in said.err
    assert person.seconds < BUSY


def test_the_wrong_protocol_for_a_port_is_suspected_in_time(
    tls: Mapping[str, str], trust: Trust, person: Person
) -> None:
    person.clusters(
        tls_on_plain=tls["PLAIN"], plain_on_tls=tls["GOOD"], plain_on_scram=tls["SCRAM"]
    )
    file = person.folder / "cluster.yaml"
    first, *others = YAML(typ="safe").load_all(file)
    person.write(
        {**first, "spec": {**first["spec"], "kafka": trust.client()}}, *others, file=file.name
    )
    said = person.plan("--timeout", "2s")
    assert (said.code, said.out, person.seconds < BUSY) == (1, "", True)
    found = _line(said, "tls_on_plain")
    assert f"cannot reach {tls['PLAIN']} within 2 s" in found
    assert "SSL" in found
    assert f"cannot reach {tls['GOOD']} within 2 s" in _line(said, "plain_on_tls")
    assert f"cannot reach {tls['SCRAM']} within 2 s" in _line(said, "plain_on_scram")
    assert said.err.count("another protocol there than SSL (`security.protocol`)") == 1
    assert said.err.count("another protocol there than PLAINTEXT (`security.protocol`)") == 2


@pytest.mark.parametrize("value", [False, "f", "env:KSTATE_SWITCH"])
def test_verification_cannot_be_switched_off(
    tls: Mapping[str, str], trust: Trust, person: Person, value: object
) -> None:
    person.variables["KSTATE_SWITCH"] = "false"
    switch = {"enable.ssl.certificate.verification": value}
    person.cluster(tls["OLD"], kafka=trust.client() | switch)
    said = person.plan()
    assert (said.code, said.out) == (64, "")
    assert said.err.startswith("cluster.yaml:")
    assert "kstate talks to no broker it cannot verify" in said.err


def test_a_name_that_is_not_checked_is_told_by_the_doctor(
    tls: Mapping[str, str], trust: Trust, person: Person
) -> None:
    """A tunnel makes it necessary, so it can be asked for; the chain is verified all the same."""
    unchecked = {"ssl.endpoint.identification.algorithm": "none"}
    person.cluster(tls["ELSEWHERE"], kafka=trust.client() | unchecked)
    said = person.run("doctor", str(person.folder))
    assert said.code == 0
    assert "host names of brokers are not checked against their certificates" in said.out
    person.cluster(tls["OLD"], kafka=trust.client() | unchecked)
    assert "certificate has expired" in person.plan().err
