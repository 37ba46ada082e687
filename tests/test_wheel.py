"""What is shipped: the schemas are in the wheel and found there, and nothing that is ours alone is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: the backend is in the dev extra, so the test needs no network.
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    built = subprocess.run([*command, str(ROOT)], capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return next(folder.glob("*.whl"))


def test_the_schemas_are_in_the_wheel(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for schema in (ROOT / "schemas").glob("*.json"):
        assert f"reconciler/schemas/{schema.name}" in names
    assert "reconciler/py.typed" in names
    page = {f"reconciler/reports/page/page.{end}" for end in ("html", "css", "js")}
    assert page <= names
    assert not {name for name in names if name.startswith(("tests/", "bench/", "demo/"))}


def test_an_installed_kstate_validates_and_begins_a_repository(wheel: Path, tmp_path: Path) -> None:
    """From the unpacked wheel alone, with the checkout out of sight."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import reconciler; assert reconciler.__file__.startswith(sys.argv[1])\n"
        "from reconciler.cli.main import run; sys.exit(run(sys.argv[2:]))"
    )

    def kstate(*arguments: str) -> str:
        command = [sys.executable, "-c", code, str(tmp_path / "site"), *arguments]
        found = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
        assert (found.returncode, found.stdout) == (0, ""), found.stderr
        return found.stderr

    assert kstate("validate", str(ROOT / "specs-example")).startswith("valid: 28 documents")
    assert kstate("init", "new").startswith("wrote")
    assert kstate("validate", "new").startswith("valid: 0 documents for 1 cluster ")
