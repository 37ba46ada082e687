"""`make examples`: writes plans/example.json and docs/plan.svg, both from one real plan on real clusters."""

from __future__ import annotations

import io
import re
import shutil
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from demo.stage import ROOT, WentWrong, kstate, produce, run, set_by_hand, two_clusters
from reconciler.core import plan as plans
from reconciler.reports import text
from reconciler.reports.paint import ansi

PLAN = ROOT / "plans" / "example.json"
PICTURE = ROOT / "docs" / "plan.svg"
# What a week brings: a team needs room, another a new topic; one is cut short, one is no longer declared, and somebody
# was on the cluster by hand.
EDITS = (
    (
        "shop/orders.yaml",
        "spec: {profile: events, partitions: 3}",
        "spec: {profile: events, partitions: 6}",
    ),
    ("shop/catalog.yaml", "retention.ms: 12h, segment.ms: 1h", "retention.ms: 2h, segment.ms: 1h"),
    (
        "shop/catalog.yaml",
        "spec: {profile: state, partitions: 12}",
        "spec: {profile: state, partitions: 8}",
    ),
)
NEW = """---
apiVersion: kstate/v1
kind: Topic
metadata: {name: orders.returned.v1, owner: team-shop, clusters: [prod-eu]}
spec: {profile: events}
"""


def main() -> int:
    with tempfile.TemporaryDirectory() as folder, two_clusters():
        spec = fresh(Path(folder))
        kstate("apply", spec.name, "--yes", cwd=spec.parent)
        week(spec)
        made = run("plan", spec.name, "-c", "prod-eu", "--out", str(PLAN), cwd=spec.parent)
        if made.returncode not in {0, 3}:
            raise WentWrong(made.stderr)
    plan = plans.parse(PLAN.read_bytes())
    PICTURE.write_text(_picture(text.plan(plan, ansi)))
    return 0


def fresh(folder: Path) -> Path:
    """A copy of the example's spec, to be worked on."""
    return Path(shutil.copytree(ROOT / "specs-example", folder / "specs-example"))


def week(spec: Path) -> None:
    """What happens to the spec and the first cluster between two plans."""
    for file, before, after in EDITS:
        content = (spec / file).read_text()
        assert content.count(before) == 1, before
        (spec / file).write_text(content.replace(before, after))
    with (spec / "shop/orders.yaml").open("a") as stream:
        stream.write(NEW)
    content = (spec / "shop/catalog.yaml").read_text()
    documents = [d for d in content.split("---\n") if "catalog.images.v1" not in d]
    (spec / "shop/catalog.yaml").write_text("---\n".join(documents))
    produce("catalog.images.v1", 1_200)
    produce("customers.sessions.v1", 4_000, hours=6)
    produce("customers.sessions.v1", 1_000)
    set_by_hand("payments.requested.v1", "compression.type", "gzip")


def _picture(shown: str) -> str:
    lines = shown.rstrip("\n").split("\n")
    width = max(len(re.sub(r"\x1b\[[0-9;]*m", "", line)) for line in lines)
    console = Console(record=True, width=width, file=io.StringIO())
    console.print(Text.from_ansi("$ kstate plan specs-example -c prod-eu\n" + "\n".join(lines)))
    # Fonts of the reader's own system: a picture in a README must not fetch anything.
    svg = console.export_svg(title="kstate plan", theme=MONOKAI, unique_id="plan")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL).replace(
        "Fira Code", "ui-monospace, Menlo, Consolas"
    )


if __name__ == "__main__":
    sys.exit(main())
