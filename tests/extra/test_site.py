"""The docs site, built strictly: a link that leads nowhere, or a page that no menu has, is an error."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_site_builds(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-d", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "NO_MKDOCS_2_WARNING": "1"}
    built = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stdout + built.stderr
    for page in ("getting-started", "verbs/plan", "codes/KS202", "errors/SpecInvalid", "api"):
        assert (tmp_path / page / "index.html").is_file(), page
    outside = [
        page.name
        for page in tmp_path.rglob("*.html")
        if 'src="http' in page.read_text() or "fonts.googleapis" in page.read_text()
    ]
    assert outside == [], "nothing is loaded from anywhere else"
