"""`make vendor-calls`: every call to a vendor that the platforms' tests saw on the wire, as docs/vendor-calls.md."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

PAGE = Path(__file__).parent / "vendor-calls.md"
INTRODUCTION = """\
# Calls to vendors' APIs

Every request that kstate makes to an API that is not Kafka's, a registry's or Connect's: method, path, version of
the API, what is sent, and the vendor's document to hold it against. Written by `make vendor-calls` from what the
platforms' tests saw on the wire; the tests fail for a call that is not on this page. `[]` stands for the entries of a
list. Headers, and with them every login, are left out.
"""


@dataclass
class Seen:
    """One kind of call, with everything that was ever sent with it."""

    versions: set[str] = field(default_factory=set)
    query: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)
    document: str = ""


Calls = dict[tuple[str, str, str], Seen]


def gathered(lines: Iterable[str]) -> Calls:
    """Calls by service, path and method, from a trace."""
    found: Calls = {}
    for line in lines:
        call = json.loads(line)
        seen = found.setdefault((call["service"], call["path"], call["method"]), Seen())
        seen.versions |= {call["version"]} - {""}
        seen.query |= set(call["query"])
        seen.fields |= set(call["fields"])
        seen.document = call["document"] or seen.document
    return found


def trace(folder: Path) -> Calls:
    """What all processes noted in a folder."""
    return gathered(
        line for file in sorted(folder.glob("*.jsonl")) for line in file.read_text().splitlines()
    )


def page(calls: Calls) -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for service in sorted({service for service, _, _ in calls}):
        parts += [f"\n## {service[0].upper()}{service[1:]}\n", *_table(service, calls)]
    return "\n".join(parts) + "\n"


def _table(service: str, calls: Calls) -> Iterator[str]:
    yield "| call | version | query | fields sent | document |"
    yield "|---|---|---|---|---|"
    for (own, path, method), seen in sorted(calls.items()):
        if own == service:
            yield row(path, method, seen)


def row(path: str, method: str, seen: Seen) -> str:
    """One line of the table; the test of this page looks for the beginning of it."""
    document = f"[documented]({seen.document})" if seen.document else ""
    cells = [f"`{method} {path}`", ", ".join(sorted(seen.versions))]
    cells += [", ".join(f"`{n}`" for n in sorted(names)) for names in (seen.query, seen.fields)]
    return f"| {' | '.join([*cells, document])} |"


def main(folder: str) -> None:
    PAGE.write_text(page(trace(Path(folder))), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
