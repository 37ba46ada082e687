"""A whole sandbox: options in, running clusters out; and back to nothing, whatever state it was left in."""

from __future__ import annotations

import base64
import secrets
import shutil
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from reconciler.errors import Failed
from reconciler.sandbox import jars, java, nodes, ports, ready, state
from reconciler.sandbox.paths import Say, locked, make_private, state_home, write_private
from reconciler.sandbox.process import Node, stop_all, sweep
from reconciler.sandbox.shape import Cluster, Options, Sandbox, check

_ATTEMPTS = 4
# How the JVM, Kafka, Jetty and Quarkus say that somebody was faster.
_TAKEN = ("Address already in use", "BindException", "seems to be in use")


def up(options: Options, *, say: Say) -> Sandbox:
    """Start what is asked for and wait until all of it answers; what runs already is left alone.

    What a killed start or a reboot left behind is cleared away first. Raises BadUsage for what cannot be started,
    and Failed with the last lines of the log for what did not start; nothing is left running then.
    """
    check(options)
    java.require()
    folder = make_private(state_home() / options.name)
    with locked(folder / "lock", say=say):
        running = status(options.name)
        if running and not running.missing:
            return _already(running, options, say)
        _clear(folder, say)
        return _start(options, folder, say)


def down(name: str = "default", *, say: Say = lambda _event: None) -> bool:
    """Stop it and delete its data; its logs stay. False when there was nothing to stop."""
    java.require()
    check(Options(name=name))
    folder = state_home() / name
    if not folder.exists():
        return False
    with locked(folder / "lock", say=say):
        return _clear(folder, say)


def status(name: str = "default") -> Sandbox | None:
    """The sandbox of that name if it was started to the end; `missing` tells which of its processes died."""
    java.require()
    check(Options(name=name))
    found = state.read(state_home() / name)
    if found is None or not found[1]:
        return None
    return found[0]


def environment(sandbox: Sandbox) -> dict[str, str]:
    """What a shell needs to know, by variable name: `KSTATE_SANDBOX_BOOTSTRAP`, `KSTATE_SANDBOX_2_BOOTSTRAP`, ..."""
    first = "KSTATE_SANDBOX"
    found = {f"{first}_USER": sandbox.user, f"{first}_PASSWORD": sandbox.password}
    for cluster in sandbox.clusters:
        prefix = first if cluster.number == 1 else f"{first}_{cluster.number}"
        found |= {
            f"{prefix}_BOOTSTRAP": cluster.bootstrap,
            f"{prefix}_SCRAM_BOOTSTRAP": cluster.scram_bootstrap,
            f"{prefix}_REGISTRY_URL": cluster.registry_url,
            f"{prefix}_CONNECT_URL": cluster.connect_url,
        }
    return {name: value for name, value in sorted(found.items()) if value}


def logs(name: str = "default") -> Path:
    """The folder of a sandbox's logs; they outlive it until the next start."""
    return state_home() / name / "logs"


def connectable(name: str = "default") -> Path:
    """The folder whose files connectors may refer to as `${file:PATH:KEY}`."""
    return state_home() / name / "files"


def _already(running: Sandbox, options: Options, say: Say) -> Sandbox:
    if not state.same(options, running.options):
        raise Failed(
            f"sandbox {options.name} is already running, started with other options",
            hint="`kstate sandbox down` stops it; another --name starts one beside it",
        )
    say(f"sandbox {options.name} is already running")
    return running


def _clear(folder: Path, say: Say) -> bool:
    """Stop everything that was started from this folder, known or not, and delete its data."""
    found = state.read(folder)
    alive = [node for node in found[0].nodes if node.pid()] if found else []
    if alive:
        say(f"stopping {len(alive)} processes of sandbox {folder.name}")
    # Brokers say goodbye to their controller, so it has to be there until they have.
    controllers = [c.nodes[0].name for c in found[0].clusters] if found else []
    stop_all(node for node in alive if node.name not in controllers)
    stop_all(node for node in alive if node.name in controllers)
    orphans = sweep(folder)
    (folder / "sandbox.json").unlink(missing_ok=True)
    for data in ("nodes", "files"):
        shutil.rmtree(folder / data, ignore_errors=True)
    return bool(alive or orphans)


def _start(options: Options, folder: Path, say: Say) -> Sandbox:
    classpath = jars.kafka(options.kafka, say=say)
    quarkus = jars.registry(say=say) if "registry" in options.extras else None
    for _ in range(_ATTEMPTS):
        shutil.rmtree(folder / "logs", ignore_errors=True)
        sandbox = _draw(options, folder)
        try:
            _write(sandbox, folder, classpath, quarkus)
            _launch(sandbox, folder, say)
        except ready.Died as died:
            _clear(folder, lambda _event: None)
            if not any(words in died.message for words in _TAKEN):
                raise
            say(f"{died.node.name}: a port was taken meanwhile; trying others")
        except BaseException:
            _clear(folder, lambda _event: None)
            raise
        else:
            return sandbox
    raise Failed(f"no free ports after {_ATTEMPTS} tries", hint=f"logs: {folder / 'logs'}")


def _draw(options: Options, folder: Path) -> Sandbox:
    """Names, folders and ports of everything there will be; nothing is written."""
    with ports.reserved() as take:
        clusters = [
            _draw_cluster(number, options, folder / "nodes", take)
            for number in range(1, options.clusters + 1)
        ]
    password = options.password or secrets.token_urlsafe(18)
    return Sandbox(replace(options, password=password), password, tuple(clusters))


def _draw_cluster(number: int, options: Options, folder: Path, take: Callable[[], int]) -> Cluster:
    prefix = "" if number == 1 else f"{number}-"
    names = ["PLAIN", "SCRAM", *(listener.name for listener in options.listeners)]

    def node(name: str, wanted: list[str], extra: dict[str, str]) -> Node:
        chosen = {port: take() for port in wanted}
        return Node(prefix + name, folder / (prefix + name), chosen, java.environment(extra))

    brokers = tuple(
        node(f"broker-{index}", [*names, "CONTROLLER"] if index == 1 else names, {})
        for index in range(1, options.brokers + 1)
    )
    connect = registry = None
    if "connect" in options.extras:
        connect = node("connect", ["http"], dict(options.environment))
    if "registry" in options.extras and number == 1:
        registry = node("registry", ["http", "management"], {})
    listeners = {n: ",".join(f"{nodes.HOST}:{b.ports[n]}" for b in brokers) for n in names}
    return Cluster(number, brokers, listeners, connect, registry)


def _write(
    sandbox: Sandbox, folder: Path, classpath: tuple[Path, ...], quarkus: Path | None
) -> None:
    """Every file of every process, and the record of them all before the first one starts."""
    for node in sandbox.nodes:
        make_private(node.folder)
    make_private(folder / "logs")
    make_private(folder / "files")
    write_private(folder / "log4j2.properties", java.LOGGING)
    for cluster in sandbox.clusters:
        _write_cluster(cluster, sandbox.options, classpath)
        if cluster.registry and quarkus:
            flags = ["-Xmx256m", *nodes.registry(cluster.registry.ports)]
            java.write_arguments(cluster.registry.arguments, java.jar(quarkus, flags))
    state.write(folder, sandbox, ready=False)


def _write_cluster(cluster: Cluster, options: Options, classpath: tuple[Path, ...]) -> None:
    identity = _cluster_id()
    for index, node in enumerate(cluster.nodes):
        file = node.folder / "server.properties"
        write_private(file, nodes.render(nodes.broker(cluster, index, options)))
        quorum = "--standalone" if index == 0 else "--no-initial-controllers"
        tool = ["kafka.tools.StorageTool", "format", "-t", identity, "-c", str(file), quorum]
        _write_java(node, "format.args", tool, classpath)
        _write_java(node, "java.args", ["kafka.Kafka", str(file)], classpath, options.flags)
    if worker := cluster.connect:
        file = worker.folder / "connect.properties"
        readable = worker.folder.parent.parent / "files"
        write_private(file, nodes.render(nodes.connect(cluster, readable)))
        main = ["org.apache.kafka.connect.cli.ConnectDistributed", str(file)]
        _write_java(worker, "java.args", main, classpath)


def _write_java(
    node: Node, file: str, main: list[str], classpath: tuple[Path, ...], extra: tuple[str, ...] = ()
) -> None:
    flags = [
        *extra,
        "-Xmx192m",
        f"-Dlog4j2.configurationFile={node.folder.parent.parent / 'log4j2.properties'}",
        f"-XX:ErrorFile={node.log.with_suffix('.crash')}",
    ]
    java.write_arguments(node.folder / file, java.on(classpath, flags, main))


def _cluster_id() -> str:
    """22 characters, base64url of a UUID; never with a dash first, which the tool would take for an option."""
    while True:
        found = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        if not found.startswith("-"):
            return found


def _launch(sandbox: Sandbox, folder: Path, say: Say) -> None:
    """Start in the order of need, and come back when everything answers."""
    kafka = sandbox.options.kafka
    brokers = [node for cluster in sandbox.clusters for node in cluster.nodes]
    say(f"formatting {len(brokers)} broker{'s'[: len(brokers) > 1]} of Kafka {kafka}")
    _format(brokers)
    say(f"starting Kafka {kafka}")
    for node in (*brokers, *(c.registry for c in sandbox.clusters if c.registry)):
        node.start()
    for cluster in sandbox.clusters:
        ready.brokers(cluster)
        if cluster.connect:
            say(f"starting {cluster.connect.name}")
            cluster.connect.start()
    ready.users(sandbox)
    for cluster in sandbox.clusters:
        ready.registry(cluster)
        ready.connect(cluster)
    state.write(folder, sandbox, ready=True)


def _format(brokers: list[Node]) -> None:
    """A Java start apiece, so side by side."""
    with ThreadPoolExecutor(len(brokers)) as pool:
        list(pool.map(_format_one, brokers))


def _format_one(node: Node) -> None:
    java.run(node.folder / "format.args", log=node.log, what=f"formatting {node.name}")
