"""Every way kstate refuses to go on.

KstateError                     1   the root; never raised itself
|-- Failed                      1   a server could not be reached, or said no
|   |-- Unreachable             1     no answer within the time given
|   |-- LoginFailed             1     it answered, and refused the credentials or the certificate
|   `-- ServerRefused           1     it answered, and refused the request: its own words are kept
|-- Blocked                     3   a risk not approved, or something that cannot be done
|-- Stale                       4   the plan no longer fits: moved, tampered with, expired, of another cluster
|-- Busy                        5   somebody else is applying
`-- BadUsage                   64   the command line is wrong
    `-- SpecInvalid            64     the spec is wrong: every problem at once
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, order=True, slots=True)
class Problem:
    """One thing wrong with a spec, where a person can find it. Lines and columns count from 1.

    `file` is relative to the spec folder. `message` is one sentence: what was found, what was expected.
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"


class KstateError(Exception):
    """Root of the tree. `exit_code` is what the process ends with; `hint` says what to do about it.

    `way_out` says it of the whole class, where an error has no hint of its own.
    """

    exit_code: int = 1
    way_out: str = ""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Failed(KstateError):
    """A server could not be reached, or said no."""


class Unreachable(Failed):
    """No answer within the time given."""

    way_out = "Is the address right, and may this machine reach it? --timeout 30s waits longer."


class LoginFailed(Failed):
    """The server answered, and refused the credentials or the certificate."""

    way_out = "Check the credentials and files that the Cluster document refers to."


class ServerRefused(Failed):
    """The server answered, and refused the request. The message keeps the server's own words."""

    way_out = "`kstate doctor` looks at the login's rights on every cluster."


class Blocked(KstateError):
    """A risk that nobody approved, or something that cannot be done at all."""

    exit_code = 3


class Stale(KstateError):
    """The plan no longer fits: the cluster moved, or the file was damaged, has expired or is of another cluster."""

    exit_code = 4
    way_out = "Make a new plan with `kstate plan`."


class Busy(KstateError):
    """Somebody else is applying to the same cluster."""

    exit_code = 5
    way_out = "Run it again when the other one has ended; --wait 60s waits for that."


class BadUsage(KstateError):
    """The command line asks for something that does not exist or does not fit together."""

    exit_code = 64


class SpecInvalid(BadUsage):
    """The spec is wrong. All its problems at once, sorted by place; nothing was written anywhere.

    `rest` is the Spec of its documents that nothing is wrong with so far, None where not even that can be told.
    """

    def __init__(self, problems: list[Problem], rest: object = None) -> None:
        self.problems = sorted(problems)
        self.rest = rest
        count = len(self.problems)
        super().__init__(f"{count} problem{'s' if count != 1 else ''} in the spec")
