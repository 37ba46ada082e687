"""Runs every command block of a page, in order, as a newcomer would: `python -m docs.walk PAGE...`.

In: pages of the docs. Out: what the blocks print, how long each took, and the wall time of all. Each page is one shell,
in an empty home and a fresh clone of the repository; it ends at the first block that fails. Only blocks of the language
`sh` are run. A `text` block right behind one is what it prints: every line has to come, `...` standing for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:\n```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"^--- (\d+) (begins|took [0-9.]+ s)$", re.MULTILINE)
# A page may leave its sandbox to its reader; the home that it stands in is gone after the walk.
CLEARING = "trap 'kstate sandbox down >/dev/null 2>&1 || :' EXIT"
# What a run of this very process must not lend to a newcomer.
BORROWED = ("KSTATE_", "GITHUB_", "VIRTUAL_ENV", "PYTHON", "XDG_")


@dataclass(frozen=True)
class Block:
    """Commands, the line of the page they begin at, and what they are said to print."""

    line: int
    commands: str
    prints: str


def blocks(page: Path) -> list[Block]:
    """Every block of commands of a page."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(text.count("\n", 0, found.start()) + 2, found[1], found[2] or "")
        for found in BLOCK.finditer(text)
    ]


def script(page: Path) -> str:
    """All blocks as one shell program that says where it is, and how long each block took."""
    return "\n".join(["set -euo pipefail", CLEARING, *_steps(page)]) + "\n"


def _steps(page: Path) -> Iterator[str]:
    for block in blocks(page):
        yield f"began=$(date +%s.%N); echo '--- {block.line} begins'"
        yield block.commands.rstrip("\n")
        took = "import sys, time; print(round(time.time() - float(sys.argv[1]), 1))"
        yield f"echo \"--- {block.line} took $(python3 -c '{took}' $began) s\""


@dataclass(frozen=True)
class Walked:
    """How a page's commands ended: the shell's code, all that was printed, and what was promised and did not come."""

    code: int
    printed: str
    seconds: float
    missing: tuple[str, ...]


def walk(page: Path, *, cache: Path, path: str = "") -> Walked:
    """Run a page. `cache`: a folder of downloads, as a user's own; `path` goes before PATH."""
    with tempfile.TemporaryDirectory(prefix="kstate-walk-") as folder:
        home, clone = Path(folder, "home"), Path(folder, "kstate")
        home.mkdir()
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(BORROWED)}
        kept |= {"HOME": str(home), "NO_COLOR": "1", "XDG_CACHE_HOME": str(cache)}
        kept["PATH"] = f"{path}:{kept['PATH']}" if path else kept["PATH"]
        began = time.monotonic()
        done = subprocess.run(
            ["bash", "-c", script(page)],
            cwd=clone,
            env=kept,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        missing = tuple(_missing(blocks(page), done.stdout))
        return Walked(done.returncode, done.stdout, time.monotonic() - began, missing)


def _missing(asked: list[Block], printed: str) -> Iterator[str]:
    """Lines that a page promises and that did not come, each with its block's line."""
    marks = list(MARK.finditer(printed))
    ends = [*(mark.start() for mark in marks[1:]), len(printed)]
    said = {
        int(m[1]): printed[m.end() : end]
        for m, end in zip(marks, ends, strict=True)
        if m[2] == "begins"
    }
    for block in asked:
        for line in filter(str.strip, block.prints.splitlines()):
            pattern = re.escape(line.strip()).replace(re.escape("..."), ".*")
            if not re.search(pattern, said.get(block.line, "")):
                yield f"{block.line}: {line}"


def cache_of_user() -> Path:
    """This user's own cache of downloads: what a second run on a machine finds."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def main(pages: list[str]) -> int:
    failed = False
    for page in map(Path, pages):
        walked = walk(page, cache=cache_of_user())
        print(walked.printed)
        for line in walked.missing:
            print(f"{page.name}:{line}  <- promised, and not printed")
        print(f"=== {page.name}: {walked.seconds:.1f} s, exit code {walked.code}")
        failed |= walked.code != 0 or bool(walked.missing)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
