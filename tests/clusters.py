"""Real clusters for the tests, started by the same code as `kstate sandbox`: one shared, others on demand."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from reconciler.sandbox import estate, ready
from reconciler.sandbox.shape import Cluster, Options, Sandbox
from tests.live.spec import Spec

FOLDERS = "kstate-live-"


@dataclass(frozen=True)
class Live:
    """A running sandbox, with what tests ask for most: the first cluster's addresses, login and admin client."""

    sandbox: Sandbox
    admin: AdminClient

    @property
    def cluster(self) -> Cluster:
        return self.sandbox.clusters[0]

    @property
    def bootstrap(self) -> str:
        """A client here is User:ANONYMOUS, a super user."""
        return self.cluster.bootstrap

    @property
    def scram_bootstrap(self) -> str:
        return self.cluster.scram_bootstrap

    @property
    def user(self) -> str:
        return self.sandbox.user

    @property
    def password(self) -> str:
        return self.sandbox.password

    @property
    def login(self) -> dict[str, str]:
        """librdkafka properties of the admin user on the SCRAM listener."""
        return ready.login(self.sandbox)


@pytest.fixture(scope="session")
def sandbox_home() -> Iterator[Path]:
    """A folder for this run's sandboxes; what killed runs left behind is stopped and cleared away first."""
    for left in Path(tempfile.gettempdir()).glob(f"{FOLDERS}*"):
        _clear_if_abandoned(left)
    home = Path(tempfile.mkdtemp(prefix=f"{FOLDERS}{os.getpid()}-"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSTATE_SANDBOX_HOME", str(home))
        yield home
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def sandboxes(sandbox_home: Path) -> Iterator[Callable[..., Live]]:
    """Start an own sandbox, by any field of Options: `sandboxes(brokers=3)`. All are stopped at the end."""
    started: list[str] = []
    numbers = count(1)

    def start(**options: object) -> Live:
        name = f"live-{next(numbers)}"
        started.append(name)
        sandbox = estate.up(Options(**{"name": name, **options}), say=lambda _event: None)  # type: ignore[arg-type]
        return Live(sandbox, ready.client(sandbox.clusters[0].bootstrap))

    yield start
    for name in started:
        estate.down(name)


@pytest.fixture(scope="session")
def kafka(sandboxes: Callable[..., Live]) -> Live:
    """The one broker that most tests share: Kafka 4.3.1 with authorizer. Name things with `prefix`."""
    return sandboxes()


@pytest.fixture(scope="session")
def older(sandboxes: Callable[..., Live]) -> Live:
    """The same on the oldest line the tests run on."""
    return sandboxes(kafka="3.9.1")


@pytest.fixture(scope="session")
def connected(sandboxes: Callable[..., Live]) -> Live:
    """Two clusters, each with workers and one with a registry: for everything beside the brokers."""
    return sandboxes(clusters=2, extras=frozenset({"connect", "registry"}))


def api(live: Live, method: str, path: str, body: Any = None) -> Any:
    """A request to the workers of the first cluster, as somebody with curl would make it."""
    url = f"{live.cluster.connect_url}/{path}"
    data = None if body is None else json.dumps(body).encode()
    asked = Request(url, data, {"Content-Type": "application/json"}, method=method)
    with urlopen(asked, timeout=30) as answer:
        text = answer.read()
    return json.loads(text) if text else None


@pytest.fixture(scope="session", params=["kafka", "older"])
def every_kafka(request: pytest.FixtureRequest) -> Live:
    """`kafka` and then `older`: for what must hold on both lines."""
    found: Live = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """What this test's topics, principals and groups begin with, as nobody else's do."""
    plain = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    return f"{plain[:60]}-{os.urandom(3).hex()}."


def _clear_if_abandoned(home: Path) -> None:
    """Its name holds the pid of the run that made it."""
    pid = home.name.removeprefix(FOLDERS).split("-")[0]
    if not pid.isdigit() or psutil.pid_exists(int(pid)):
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSTATE_SANDBOX_HOME", str(home))
        for sandbox in home.iterdir():
            estate.down(sandbox.name)
    shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def name(prefix: str) -> str:
    """The same as `prefix`, where it reads better as the beginning of a name."""
    return prefix


@pytest.fixture
def spec(kafka: Live, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Spec:
    """A spec folder about the shared broker, its cluster named `live`."""
    made = Spec(tmp_path, capfd)
    made.cluster(kafka.bootstrap)
    return made
