"""The workflows and the Action of this repository, as the linters of GitHub Actions see them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.is_file() else shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is not here: .ci/extra installs it", pytrace=False)
    command = [found, *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_actionlint_finds_nothing() -> None:
    found = _run("actionlint", "-color=false")
    assert (found.returncode, found.stdout) == (0, ""), found.stderr


def test_zizmor_finds_nothing() -> None:
    found = _run("zizmor", "--offline", "--no-progress", "--color=never", ".github")
    assert found.returncode == 0, found.stdout + found.stderr
