"""A whole sandbox: options in, running clusters out; and back to nothing, whatever state it was left in."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from reconciler.errors import Failed
from reconciler.sandbox import jars, java, layout, ready, state
from reconciler.sandbox.paths import Say, locked, make_private, state_home
from reconciler.sandbox.process import Node, stop_all, sweep
from reconciler.sandbox.shape import Options, Sandbox, check

_ATTEMPTS = 4
# How the JVM, Kafka, Jetty and Quarkus say that somebody was faster.
_TAKEN = ("Address already in use", "BindException", "seems to be in use")


def silent(_event: str) -> None:
    """The `say` of whoever does not want to hear."""


def up(options: Options, *, say: Say = silent) -> Sandbox:
    """Start what is asked for and wait until all of it answers; what runs already is left alone.

    What a killed start, a dead process or a reboot left behind is cleared away first. Raises BadUsage for what cannot
    be started, Failed with the last lines of the log for what did not start (nothing is left running then) or when
    the one that runs was started with other options.
    """
    check(options)
    java.require()
    folder = make_private(state_home() / options.name)
    with locked(folder / "lock", say=say):
        running = status(options.name)
        if running and not running.missing:
            return _already(running, options, say)
        if running:
            died = ", ".join(node.name for node in running.missing)
            say(f"{died} of sandbox {options.name} has died; starting again from nothing")
        _clear(folder, say)
        return _start(options, folder, say)


def down(name: str = "default", *, say: Say = silent) -> bool:
    """Stop it and delete its data; its logs stay. False when there was nothing to stop."""
    check(Options(name=name))
    java.require()
    folder = state_home() / name
    if not folder.exists():
        return False
    with locked(folder / "lock", say=say):
        return _clear(folder, say)


def status(name: str = "default") -> Sandbox | None:
    """The sandbox of that name, None unless it was started to the end and something of it runs.

    Its `missing` are the processes that have died since.
    """
    check(Options(name=name))
    java.require()
    found = state.read(state_home() / name)
    if found is None or not found.ready:
        return None
    sandbox = found.sandbox
    return sandbox if len(sandbox.missing) < len(sandbox.nodes) else None


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


def files(name: str = "default") -> Path:
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
    alive = [node for node in found.sandbox.nodes if node.pid()] if found else []
    if alive:
        say(f"stopping {len(alive)} {_plural(alive, 'process', 'processes')} of {folder.name}")
    # Brokers say goodbye to their controller, so it has to be there until they have.
    controllers = [c.nodes[0].name for c in found.sandbox.clusters] if found else []
    stop_all(node for node in alive if node.name not in controllers)
    stop_all(node for node in alive if node.name in controllers)
    orphans = sweep(folder)
    state.forget(folder)
    for data in ("nodes", "files"):
        shutil.rmtree(folder / data, ignore_errors=True)
    return bool(alive or orphans)


def _start(options: Options, folder: Path, say: Say) -> Sandbox:
    quarkus = jars.registry(say=say) if "registry" in options.extras else None
    programs = layout.Programs(jars.kafka(options.kafka, say=say), quarkus)
    for _ in range(_ATTEMPTS):
        try:
            return _attempt(options, folder, programs, say)
        except ready.Died as died:
            if not any(words in died.message for words in _TAKEN):
                raise
            say(f"{died.node.name}: a port was taken meanwhile; trying others")
    raise Failed(f"no free ports after {_ATTEMPTS} tries", hint=f"logs: {folder / 'logs'}")


def _attempt(options: Options, folder: Path, programs: layout.Programs, say: Say) -> Sandbox:
    shutil.rmtree(folder / "logs", ignore_errors=True)
    sandbox = layout.draw(options, folder)
    try:
        state.write(folder, sandbox, ready=False)
        layout.write(sandbox, folder, programs)
        _launch(sandbox, say)
        state.write(folder, sandbox, ready=True)
    except BaseException:
        _clear(folder, silent)
        raise
    return sandbox


def _launch(sandbox: Sandbox, say: Say) -> None:
    """Start in the order of need, and come back when everything answers."""
    kafka = sandbox.options.kafka
    brokers = [node for cluster in sandbox.clusters for node in cluster.nodes]
    say(f"formatting {len(brokers)} {_plural(brokers, 'broker', 'brokers')} of Kafka {kafka}")
    with ThreadPoolExecutor(len(brokers)) as pool:  # a Java start apiece, so side by side
        list(pool.map(_format, brokers))
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


def _format(node: Node) -> None:
    java.run(node.folder / "format.args", log=node.log, what=f"formatting {node.name}")


def _plural(things: list[Node], one: str, many: str) -> str:
    return one if len(things) == 1 else many
