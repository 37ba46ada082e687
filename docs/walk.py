"""Runs every command block of a page, in order, as a newcomer would: `python -m docs.walk PAGE...`.

In: pages of the docs. Out: what the blocks print, how long each took, and the wall time of all. Each page is one shell, in
an empty home and a fresh copy of the repository; it ends at the first block that fails. Only blocks of the language `sh`
count: what cannot be run on this machine is written as `text`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What a run of this very process must not lend to a newcomer.
BORROWED = ("KSTATE_", "GITHUB_", "VIRTUAL_ENV", "PYTHON", "XDG_")


def blocks(page: Path) -> list[tuple[int, str]]:
    """Every block with the line it begins at."""
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, found.start()) + 2, found[1]) for found in BLOCK.finditer(text)]


def script(page: Path) -> str:
    """All blocks as one shell program that says where it is and how long each block took."""
    return "\n".join(["set -euo pipefail", *_steps(page)]) + "\n"


def _steps(page: Path) -> Iterator[str]:
    for line, block in blocks(page):
        yield f"began=$(date +%s.%N); printf '\\n--- {page.name}:{line}\\n'"
        yield block.rstrip("\n")
        yield f"python3 -c \"import time; print('--- {page.name}:{line} took', round(time.time() - $began, 1), 's')\""


def walk(page: Path, *, cache: Path | None = None) -> int:
    """The exit code of a page's blocks. `cache`: a folder of downloads that may be shared, as a user's own would be."""
    with tempfile.TemporaryDirectory(prefix="kstate-walk-") as folder:
        home, clone = Path(folder, "home"), Path(folder, "kstate")
        home.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(BORROWED)}
        kept |= {"HOME": str(home), "NO_COLOR": "1"}
        if cache is not None:
            kept["XDG_CACHE_HOME"] = str(cache)
        began = time.monotonic()
        done = subprocess.run(["bash", "-c", script(page)], cwd=clone, env=kept, check=False)
        print(f"\n=== {page.name}: {time.monotonic() - began:.1f} s, exit code {done.returncode}")
        return done.returncode


def main(pages: list[str]) -> int:
    return max((walk(Path(page), cache=_cache()) for page in pages), default=0)


def _cache() -> Path:
    """This user's own cache of downloads: what a second run on a machine finds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
