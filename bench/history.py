"""Ratios of one run in, a line in history.jsonl out; and what became slower since the last one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

# Below this the noise of a busy machine is larger than what it would tell.
SLOWER = 1.2


@dataclass(frozen=True, slots=True)
class Line:
    """One run. `ratios` are kstate by a floor; `figures` are seconds, which only mean something on one machine."""

    date: str
    commit: str
    machine: str
    ratios: Mapping[str, float]
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One ratio, then and now."""

    name: str
    before: float
    now: float

    @property
    def slower(self) -> bool:
        return self.now > self.before * SLOWER

    def __str__(self) -> str:
        word = "  SLOWER" if self.slower else ""
        return f"{self.name:32} {self.before:6.2f} -> {self.now:6.2f}{word}"


def read(path: Path) -> list[Line]:
    """Every run so far, oldest first."""
    if not path.exists():
        return []
    return [Line(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def append(path: Path, line: Line) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(asdict(line), sort_keys=True) + "\n")


def compare(lines: list[Line], now: Mapping[str, float]) -> Iterator[Step]:
    """Each ratio beside the last time it was measured; what was never measured before has no step."""
    last: dict[str, float] = {}
    for line in lines:
        last.update(line.ratios)
    for name, value in now.items():
        if name in last:
            yield Step(name, last[name], value)
