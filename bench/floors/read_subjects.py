"""What kstate does to read every subject, by itself: `read_subjects.py URL`."""

import sys

from reconciler.clients.http import Http
from reconciler.core.model import Scope
from reconciler.kinds.schema_driver import SchemaDriver


class Session:
    """As much of one as the driver asks for."""

    cluster = "bench"

    def __init__(self, url: str) -> None:
        self.registry = Http("the registry", url, 30.0)

    def client(self, _wire: str) -> Http:
        return self.registry


class Everything(frozenset[str]):
    """A set that holds every name: those of all subjects, as a spec that declares all of them has it."""

    def __contains__(self, _name: object) -> bool:
        return True


def main(url: str) -> None:
    scope = Scope(Everything(), fields=frozenset(), others=True)  # as a plan asks
    assert list(SchemaDriver().read(Session(url), scope))  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1])
