"""What a tool has to tell to be measured: its files for an estate, and its command for each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

from bench.peers.estate import Estate


class Step(Enum):
    """What is measured, in the order in which a tool goes through it."""

    CREATE = "create"
    SAME = "same"
    PLAN_CHANGE = "plan a change"
    APPLY_CHANGE = "apply a change"

    @property
    def after_edit(self) -> bool:
        return self in {Step.PLAN_CHANGE, Step.APPLY_CHANGE}


# ACLs are made and compared; what a change of a binding is, the tools see too differently to be timed side by side.
STEPS_OF_TOPICS = tuple(Step)
STEPS_OF_BINDINGS = (Step.CREATE, Step.SAME)


def steps(estate: Estate) -> tuple[Step, ...]:
    return STEPS_OF_TOPICS if estate.topics else STEPS_OF_BINDINGS


@dataclass(frozen=True, slots=True)
class Command:
    """A program, what it is told, and the exit code that says it did just that."""

    program: tuple[str, ...]
    arguments: tuple[str, ...]
    code: int = 0

    @property
    def argv(self) -> tuple[str, ...]:
        return (*self.program, *self.arguments)


@dataclass(frozen=True, slots=True)
class Absent:
    """A tool that cannot be measured here, and why."""

    name: str
    why: str


class Tool(Protocol):
    """One contender. `called` is how a shell calls it; `does` says in a sentence or two what a run of it does."""

    @property
    def name(self) -> str: ...
    @property
    def called(self) -> str: ...
    @property
    def version(self) -> str: ...
    @property
    def does(self) -> str: ...

    def takes(self, estate: Estate) -> bool:
        """Whether there is anything for it to do with such an estate that it does not do elsewhere."""

    def environment(self, folder: Path, bootstrap: str) -> Mapping[str, str]:
        """What is set for its processes, beside what they inherit."""

    def files(self, estate: Estate, folder: Path, bootstrap: str) -> Mapping[str, str]:
        """Its configuration for this estate: texts by their path in `folder`."""

    def command(self, step: Step, estate: Estate, folder: Path) -> Command:
        """What it is told to do, with its configuration in `folder`."""
