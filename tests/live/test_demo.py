"""`make demo` and the tour of the README, as they stand there, on real clusters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from reconciler.cli.main import run
from reconciler.core import plan as plans
from reconciler.core.model import Change
from reconciler.sandbox import estate
from tests.live.conftest import Live

ROOT = Path(__file__).parents[2]


def test_the_demo_runs_to_its_end() -> None:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("KSTATE_SANDBOX")}
    found = subprocess.run(
        [sys.executable, "-m", "demo.demo"],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]
    assert "75 of 75 changes read back as planned" in found.stdout
    assert re.search(r"compression.type  gzip -> zstd\n +changed by hand", found.stdout)
    assert found.stdout.count("No changes") == 2
    assert "Traceback" not in found.stdout + found.stderr


def _work(change: Change) -> tuple[object, ...]:
    return (change.key, plans.plain(change.after), {risk.code for risk in change.risks})


def test_the_example_plan_is_what_a_plan_says_today(
    sandboxes: Callable[..., Live], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """plans/example.json is not a relic: `make examples` writes the same work again."""
    from demo import examples, stage

    kept = plans.parse(examples.PLAN.read_bytes())
    live = sandboxes(clusters=2, extras=frozenset({"connect", "registry"}))
    for name, value in estate.environment(live.sandbox).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    examples.fresh(tmp_path)
    assert run(["apply", "specs-example", "--yes"]) == 0
    examples.week(tmp_path / "specs-example")
    out = tmp_path / "plan.json"
    assert run(["plan", "specs-example", "-c", "prod-eu", "--out", str(out)]) == 3
    made = plans.parse(out.read_bytes())
    assert stage.ROOT == ROOT
    assert [_work(c) for c in made.changes] == [_work(c) for c in kept.changes]
