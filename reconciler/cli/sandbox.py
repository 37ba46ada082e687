"""`kstate sandbox`: a real Kafka, schema registry and Connect on localhost, started and stopped."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from reconciler.sandbox.process import Node
    from reconciler.sandbox.shape import Sandbox

KAFKA = "4.3.1"
# Connectors may refer to these as `${env:CONNECT_...}`; nothing else of our environment reaches Connect.
PASSED_ON = "CONNECT_"

NameOption = Annotated[
    str, typer.Option("--name", help="Which sandbox; several can stand side by side.")
]
KafkaOption = Annotated[str, typer.Option("--kafka", metavar="VERSION", help="Kafka 3.9 or newer.")]


def register(app: typer.Typer) -> None:
    """Add `sandbox` and its verbs."""
    sandbox = typer.Typer(
        help="A real Kafka on localhost, with no Java, Maven or Docker to install.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    for verb in (up, down, status, env, warm):
        sandbox.command()(verb)
    app.add_typer(sandbox, name="sandbox")


def up(
    name: NameOption = "default",
    brokers: Annotated[int, typer.Option("--brokers", help="Brokers in each cluster.")] = 1,
    clusters: Annotated[int, typer.Option("--clusters", help="Clusters, for mirroring.")] = 1,
    extras: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="registry,connect", help="What else to start."),
    ] = None,
    kafka: KafkaOption = KAFKA,
    heap: Annotated[
        str, typer.Option("--heap", metavar="1g", help="Memory of each broker, for many topics.")
    ] = "",
) -> None:
    """Start a sandbox and wait until it answers; one that runs already is left alone."""
    import time

    from reconciler.cli.console import tell
    from reconciler.sandbox import estate
    from reconciler.sandbox.shape import Options

    options = Options(
        name=name,
        brokers=brokers,
        clusters=clusters,
        extras=_words(extras),
        kafka=kafka,
        flags=(f"-Xmx{_size(heap)}",) if heap else (),
        environment={k: v for k, v in os.environ.items() if k.startswith(PASSED_ON)},
    )
    began = time.monotonic()
    running = estate.up(options, say=_say())
    tell(f"sandbox {name}: Kafka {kafka} is ready ({time.monotonic() - began:.1f} s)")
    tell(_told(running))
    tell(f'use it:  eval "$(kstate sandbox env{_named(name)})"')


def down(name: NameOption = "default") -> None:
    """Stop a sandbox and delete its data; its logs stay."""
    from reconciler.cli.console import tell
    from reconciler.sandbox import estate

    stopped = estate.down(name, say=_say())
    tell(f"sandbox {name}: stopped" if stopped else f"sandbox {name}: not running")
    if stopped:
        tell(f"its logs stay in {estate.logs(name)}")


def status(name: NameOption = "default") -> None:
    """What runs; exit code 1 unless all of it does."""
    running = _running(name)
    typer.echo(_told(running))
    if running.missing:
        raise typer.Exit(1)


def env(name: NameOption = "default") -> None:
    """Addresses and login of a running sandbox, for `eval`."""
    from reconciler.cli.console import tell
    from reconciler.sandbox import estate

    running = _running(name)
    if running.missing:
        tell(f"sandbox {name}: {', '.join(node.name for node in running.missing)} is not running")
    for variable, value in estate.environment(running).items():
        typer.echo(f"export {variable}={shlex.quote(value)}")


def warm(kafka: KafkaOption = KAFKA) -> None:
    """Make later starts faster: half a minute and 70 MB, once per Kafka version."""
    from reconciler.cli.console import tell
    from reconciler.sandbox import warming

    made = warming.warm(kafka, say=_say())
    tell(f"Kafka {kafka} is warm" if made else f"Kafka {kafka} was warm already")


def _running(name: str) -> Sandbox:
    from reconciler.errors import Failed
    from reconciler.sandbox import estate

    found = estate.status(name)
    if found is None:
        hint = f"kstate sandbox up{_named(name)}"
        if (folder := estate.logs(name)).exists():
            hint += f"   (logs of the last one: {folder})"
        raise Failed(f"sandbox {name} is not running", hint=hint)
    return found


def _named(name: str) -> str:
    return "" if name == "default" else f" --name {name}"


def _words(given: list[str] | None) -> frozenset[str]:
    return frozenset(
        word.strip() for text in given or () for word in text.split(",") if word.strip()
    )


def _size(heap: str) -> str:
    """Raises BadUsage for what Java would refuse, before a broker is made."""
    import re

    from reconciler.errors import BadUsage

    if not re.fullmatch("[1-9][0-9]{0,6}[kmgKMG]", heap):
        raise BadUsage(f"--heap {heap}: expected a size such as `512m` or `2g`")
    return heap


def _say() -> Callable[[str], None]:
    """One line that replaces itself on a terminal; elsewhere one plain line an event."""
    from reconciler.cli.watching import say
    from reconciler.core.events import Event, Step

    return lambda words: say(Event(Step.NOTE, words=words))


def _told(sandbox: Sandbox) -> str:
    width = max(len(node.name) for node in sandbox.nodes)
    return "\n".join(_told_node(node, width) for node in sandbox.nodes)


def _told_node(node: Node, width: int) -> str:
    pid = node.pid()
    state = f"running (pid {pid})" if pid else f"not running, log: {node.log}"
    shown = ("http", "PLAIN", "SCRAM")
    addresses = [f"{key} 127.0.0.1:{node.ports[key]}" for key in shown if key in node.ports]
    return f"{node.name:<{width}}  {'  '.join(addresses)}  {state}"
