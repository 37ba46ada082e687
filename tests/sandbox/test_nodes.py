"""What brokers, workers and the registry are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.sandbox import layout, nodes
from reconciler.sandbox.shape import Cluster, Listener, Options


def cluster(options: Options) -> Cluster:
    return layout.draw(options, Path("/sandbox")).clusters[0]


def test_one_broker_is_its_own_controller() -> None:
    options = Options()
    found = nodes.broker(cluster(options), 0, options)
    assert found["process.roles"] == "broker,controller"
    assert found["offsets.topic.replication.factor"] == "1"
    assert found["transaction.state.log.min.isr"] == "1"
    assert found["super.users"] == "User:ANONYMOUS;User:admin"


def test_three_brokers_replicate_and_find_the_first_ones_controller() -> None:
    options = Options(brokers=3)
    drawn = cluster(options)
    found = [nodes.broker(drawn, index, options) for index in range(3)]
    assert [f["process.roles"] for f in found] == ["broker,controller", "broker", "broker"]
    assert [f["node.id"] for f in found] == ["1", "2", "3"]
    assert {f["controller.quorum.bootstrap.servers"] for f in found} == {
        f"127.0.0.1:{drawn.nodes[0].ports['CONTROLLER']}"
    }
    assert found[0]["offsets.topic.replication.factor"] == "3"
    assert found[0]["transaction.state.log.min.isr"] == "2"


def test_every_listener_is_on_loopback() -> None:
    options = Options(brokers=2)
    drawn = cluster(options)
    for index in range(2):
        listeners = nodes.broker(drawn, index, options)["listeners"].split(",")
        assert all("://127.0.0.1:" in listener for listener in listeners)
    assert drawn.bootstrap.count("127.0.0.1:") == 2


def test_the_controllers_listener_is_not_advertised() -> None:
    options = Options()
    assert "CONTROLLER" not in nodes.broker(cluster(options), 0, options)["advertised.listeners"]


def test_a_further_listener_has_its_own_properties() -> None:
    tls = Listener("TLS", "SSL", {"ssl.keystore.type": "PEM"})
    options = Options(listeners=(tls,))
    drawn = cluster(options)
    found = nodes.broker(drawn, 0, options)
    assert "TLS:SSL" in found["listener.security.protocol.map"].split(",")
    assert found["listener.name.tls.ssl.keystore.type"] == "PEM"
    assert drawn.listeners["TLS"] == f"127.0.0.1:{drawn.nodes[0].ports['TLS']}"


def test_properties_win_and_the_authorizer_can_be_left_out() -> None:
    options = Options(authorizer=False, properties={"num.partitions": "7"})
    found = nodes.broker(cluster(options), 0, options)
    assert found["num.partitions"] == "7"
    assert "authorizer.class.name" not in found


def test_connect_reads_files_only_below_one_folder() -> None:
    options = Options(brokers=3, extras=frozenset({"connect"}))
    found = nodes.connect(cluster(options), Path("/sandbox/files"))
    assert found["config.providers.file.param.allowed.paths"] == "/sandbox/files"
    assert found["listeners"].startswith("http://127.0.0.1:")
    assert found["config.storage.replication.factor"] == "3"


def test_both_interfaces_of_the_registry_are_on_loopback() -> None:
    found = nodes.registry({"http": 1, "management": 2})
    assert "-Dquarkus.http.host=127.0.0.1" in found
    assert "-Dquarkus.management.host=127.0.0.1" in found


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("plain", "key=plain\n"),
        ("C:\\dir", "key=C:\\\\dir\n"),
        ("two\nlines", "key=two\\nlines\n"),
        (" blank first", "key=\\ blank first\n"),
    ],
)
def test_a_properties_file_keeps_every_value_as_it_is(value: str, line: str) -> None:
    assert nodes.render({"key": value}) == line


def test_only_the_first_cluster_has_the_registry_and_each_has_a_connect() -> None:
    options = Options(clusters=2, extras=frozenset({"registry", "connect"}))
    first, second = layout.draw(options, Path("/sandbox")).clusters
    assert first.registry_url.endswith("/apis/ccompat/v7")
    assert not second.registry_url
    assert first.connect_url != second.connect_url
    assert [node.name for node in second.nodes] == ["2-broker-1"]


def test_no_two_ports_of_a_sandbox_are_the_same() -> None:
    options = Options(clusters=3, brokers=3, extras=frozenset({"registry", "connect"}))
    found = layout.draw(options, Path("/sandbox"))
    taken = [port for node in found.nodes for port in node.ports.values()]
    assert len(taken) == len(set(taken))
    assert max(taken) < 32768
