"""Kafka Connect's REST API: connectors, what state they are in and what the worker thinks of a configuration."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from reconciler.clients.http import Answer, Http, a_list, told
from reconciler.errors import ServerRefused

# Creating or changing hangs until a dead worker's session is over, 10 s by default, and then succeeds.
WRITING = 30.0
# A rebalance, or a worker that is a configuration behind, is answered by 409 and passes.
REBALANCE = 60.0
HOLD = 3.0
LASTING = 2.0
RELAPSE = 10.0
NO_TASKS = 8.0
SETTLING = frozenset({"starting"})
STEADY = {"RUNNING": "running", "PAUSED": "paused", "STOPPED": "stopped"}


@dataclass(frozen=True, slots=True)
class Part:
    """The connector itself (`id` -1) or one of its tasks."""

    id: int
    state: str
    trace: str = ""

    @property
    def words(self) -> str:
        """Which part failed and the first line of its trace."""
        who = "the connector" if self.id < 0 else f"task {self.id}"
        return f"{who} failed: {self.trace.strip().partition(chr(10))[0]}"


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector as the workers have it. `parts` is empty right after it was made."""

    name: str
    config: Mapping[str, str]
    parts: tuple[Part, ...] = ()

    @property
    def failed(self) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.state == "FAILED")

    @property
    def tasks(self) -> int:
        return sum(part.id >= 0 for part in self.parts)

    @property
    def state(self) -> str:
        """`running`, `paused`, `stopped`, `failed` when any part is, `starting` while the parts do not agree."""
        if self.failed:
            return "failed"
        states = {part.state for part in self.parts}
        return STEADY.get(next(iter(states)), "starting") if len(states) == 1 else "starting"


@dataclass(frozen=True, slots=True)
class Opinion:
    """What the worker thinks of a configuration: errors by key, and the keys that the plugin knows."""

    errors: Mapping[str, Sequence[str]]
    known: frozenset[str]


def read(worker: Http) -> dict[str, Connector]:
    """Every connector with its configuration and state, in one call."""
    query = (("expand", "info"), ("expand", "status"))
    answer = worker.send("GET", "connectors", query=query)
    return told(worker, answer, "GET /connectors", _connectors)


def _connectors(body: Any) -> dict[str, Connector]:
    return {str(name): _connector(str(name), found) for name, found in body.items()}


def _connector(name: str, found: Mapping[str, Any]) -> Connector:
    config = found.get("info", {}).get("config", {})
    status = found.get("status", {})
    own = [status["connector"]] if "connector" in status else []
    parts = [Part(p.get("id", -1), p["state"], p.get("trace") or "") for p in own]
    parts += [Part(t["id"], t["state"], t.get("trace") or "") for t in status.get("tasks", ())]
    return Connector(name, {k: v for k, v in config.items() if k != "name"}, tuple(parts))


def settled(worker: Http, names: frozenset[str], *, within: float) -> dict[str, Connector]:
    """The same, once those named are in a steady state, or `within` seconds later."""
    end, pause = time.monotonic() + within, 0.1
    while True:
        found = read(worker)
        moving = any(found[name].state in SETTLING for name in names & found.keys())
        if not moving or time.monotonic() > end:
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


def started(
    worker: Http, wanted: Mapping[str, str], *, within: float, failed: Collection[str] = ()
) -> dict[str, Connector]:
    """The same, once those named are in the state wanted of them, or have failed; or `within` seconds later.

    For a moment after a write the workers still show what was before it, so that nothing is believed of what should
    run until `HOLD` is over, nor that it runs until it has done so for `LASTING`; and of those that had `failed` before
    the write not that they have again until `RELAPSE` is. A connector may rightly have no tasks: they are waited for
    no longer than `NO_TASKS`. All in seconds.
    """
    begun, pause = time.monotonic(), 0.1
    running: dict[str, float] = {}
    while True:
        found, now = read(worker), time.monotonic()
        running = {
            name: running.get(name, now)
            for name in wanted
            if name in found and found[name].state == "running"
        }
        ready = all(
            name in found
            and _there(
                found[name], wanted[name], _Waited(now - begun, now - running.get(name, now))
            )
            and not (found[name].failed and name in failed and now - begun < RELAPSE)
            for name in wanted
        )
        if ready or now - begun > within:
            return found
        time.sleep(pause)
        pause = min(pause * 1.5, 1.0)


class _Waited(NamedTuple):
    """Seconds since the write, and since when it has been running without a break."""

    in_all: float
    running: float


def _there(one: Connector, wanted: str, waited: _Waited) -> bool:
    if wanted != "running":
        return one.state == wanted
    longest = HOLD if one.tasks else NO_TASKS
    if one.state == "running":
        return waited.in_all > longest and waited.running >= LASTING
    return waited.in_all > longest and one.state == "failed"


def plugins(worker: Http) -> tuple[str, ...]:
    """The classes of the connectors that can be made here."""
    answer = worker.send("GET", "connector-plugins")
    return told(worker, answer, "GET /connector-plugins", _classes)


def _classes(body: Any) -> tuple[str, ...]:
    return tuple(sorted(str(plugin["class"]) for plugin in a_list(body)))


def passwords(worker: Http, plugin: str) -> frozenset[str]:
    """The keys that a plugin declares as passwords. Empty where a worker does not tell (before 3.2, KIP-769).

    Any other failure is one: not to know what is secret would be to show it.
    """
    path = ("connector-plugins", plugin, "config")
    answer = worker.send("GET", *path)
    if answer.status == 404:
        return frozenset()
    return told(worker, answer, "GET /" + "/".join(path), _passwords)


def _passwords(body: Any) -> frozenset[str]:
    return frozenset(str(key["name"]) for key in a_list(body) if key["type"] == "PASSWORD")


def validate(worker: Http, name: str, config: Mapping[str, str]) -> Opinion:
    """What the worker would refuse. Raises ServerRefused where it cannot say, for want of the plugin usually."""
    path = ("connector-plugins", config["connector.class"], "config", "validate")
    answer = worker.ask("PUT", *path, body={"name": name, **config}, timeout=WRITING)
    if (
        answer.status == 500
    ):  # Connect's status for a plugin that is not there, and for a configuration it chokes on
        raise ServerRefused(f"{worker.what} ({worker.url}): validating {name}: {answer.words}")
    return told(worker, answer, f"validating {name}", _opinion)


def _opinion(body: Any) -> Opinion:
    entries = a_list(body["configs"])
    values = [entry["value"] for entry in entries]
    errors = {str(v["name"]): tuple(map(str, v["errors"])) for v in values if v.get("errors")}
    if not errors and body["error_count"]:
        raise ValueError("errors that are not told")
    known = frozenset(str(entry["definition"]["name"]) for entry in entries)
    return Opinion(errors, known | frozenset(str(v["name"]) for v in values))


def create(worker: Http, name: str, config: Mapping[str, str], state: str) -> Answer:
    """Make a connector; what is there already is refused. `state` other than running needs Kafka 3.7 (KIP-980)."""
    body: dict[str, Any] = {"name": name, "config": {"name": name, **config}}
    if state != "running":
        body["initial_state"] = state.upper()
    return patiently(lambda: worker.send("POST", "connectors", body=body, timeout=WRITING))


def change(worker: Http, name: str, config: Mapping[str, str]) -> Answer:
    """Replace the whole configuration."""
    body = {"name": name, **config}
    path = ("connectors", name, "config")
    return patiently(lambda: worker.send("PUT", *path, body=body, timeout=WRITING))


def steer(worker: Http, name: str, state: str) -> Answer:
    """Towards `running`, `paused` or `stopped`; asynchronous."""
    verb = {"running": "resume", "paused": "pause", "stopped": "stop"}[state]
    path = ("connectors", name, verb)
    return patiently(lambda: worker.send("PUT", *path, timeout=WRITING))


def restart(worker: Http, name: str) -> Answer:
    """Start again whatever of a connector has failed (KIP-745)."""
    query = (("includeTasks", "true"), ("onlyFailed", "true"))
    path = ("connectors", name, "restart")
    return patiently(lambda: worker.send("POST", *path, query=query, timeout=WRITING))


def delete(worker: Http, name: str) -> Answer:
    return patiently(lambda: worker.send("DELETE", "connectors", name, timeout=WRITING))


def patiently(act: Callable[[], Answer]) -> Answer:
    """The same again while a rebalance lasts."""
    end, pause = time.monotonic() + REBALANCE, 0.3
    while True:
        answer = act()
        passing = answer.status == 409 and not there_already(answer)
        if not passing or time.monotonic() > end:
            return answer
        time.sleep(pause)
        pause = min(pause * 1.5, 3.0)


def there_already(answer: Answer) -> bool:
    """Whether what was to be made is there. Connect says so by the status of a rebalance, and differs in its words."""
    return answer.status == 409 and "already exists" in answer.words
