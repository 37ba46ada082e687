"""`make mutants`: the rules broken on purpose, and how often a test noticed; docs/reliability.md gets the score."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version

from bench.measure import ROOT

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- mutants:begin -->", "<!-- mutants:end -->"
RESULT = re.compile(r"^\s*reconciler\.core\.(\w+)\.\S+: (.+)$", re.MULTILINE)
KILLED = {"killed", "timeout", "suspicious", "segfault"}


def main() -> int:
    mutmut = [sys.executable, "-m", "mutmut"]
    if "--only-page" not in sys.argv:
        subprocess.run([*mutmut, "run"], cwd=ROOT, check=False)
    shown = subprocess.run(
        [*mutmut, "results", "--all", "true"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    text = table(RESULT.findall(shown.stdout))
    print(text)
    page = PAGE.read_text()
    PAGE.write_text(
        re.sub(f"{BEGIN}.*?{END}", lambda _: f"{BEGIN}\n{text}\n{END}", page, flags=re.DOTALL)
    )
    return 0


def table(results: Iterable[tuple[str, str]]) -> str:
    """A row a file: how many mutants there were, and how many a test noticed."""
    by_file: dict[str, Counter[bool]] = {}
    for file, status in results:
        by_file.setdefault(file, Counter())[status in KILLED] += 1
    day = datetime.now(UTC).date()
    rows = [
        f"{day}, mutmut {version('mutmut')}, `make mutants`.",
        "",
        "| rules | mutants | noticed | score |",
        "|---|---:|---:|---:|",
    ]
    whole: Counter[bool] = Counter()
    for file, counts in sorted(by_file.items()):
        whole += counts
        rows.append(_row(f"`core/{file}.py`", counts))
    return "\n".join([*rows, _row("all", whole)])


def _row(name: str, counts: Counter[bool]) -> str:
    noticed, total = counts[True], counts.total()
    return f"| {name} | {total} | {noticed} | {100 * noticed / max(total, 1):.0f} % |"


if __name__ == "__main__":
    sys.exit(main())
