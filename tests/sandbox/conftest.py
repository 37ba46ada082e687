"""A home for sandboxes that nobody else sees, and the command line as its own process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.sandbox import estate

COMMAND = [sys.executable, "-c", "from reconciler.cli.main import main; main()", "sandbox"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """KSTATE_SANDBOX_HOME of a module; whatever stands in it at the end is stopped."""
    folder = tmp_path_factory.mktemp("sandboxes").resolve()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KSTATE_SANDBOX_HOME", str(folder))
        yield folder
        for sandbox in folder.iterdir():
            estate.down(sandbox.name)


def start(*arguments: str) -> subprocess.Popen[str]:
    """`kstate sandbox ...`, running, with its words in pipes."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`kstate sandbox ...` to its end."""
    process = start(*arguments)
    out, err = process.communicate(timeout=240)
    return subprocess.CompletedProcess(arguments, process.returncode, out, err)
