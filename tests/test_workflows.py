"""The workflows and the Action, read: pinned, least permissions, safe for forks; the docs' callers grant just that."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / ".github" / "workflows"
CALLED = sorted(FOLDER.glob("kstate-*.yml"))
PAGES = [ROOT / "docs" / "pull-requests.md", ROOT / "docs" / "drift.md"]
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def load(text: str) -> Any:
    return YAML(typ="safe").load(text)


def callers() -> dict[str, Any]:
    """The workflows that the docs show, by the one that their first job calls."""
    found = {}
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
            if "kstate/kstate/.github/workflows" in block and block.startswith("name:"):
                body = load(block)
                found[called(next(iter(body["jobs"].values())))] = body
    return found


def calls() -> dict[str, Any]:
    """The jobs of those, by the workflow that each calls."""
    return {called(job): job for body in callers().values() for job in body["jobs"].values()}


def called(job: Any) -> str:
    return str(job["uses"].partition("workflows/")[2].partition("@")[0])


def steps(body: Any) -> list[Any]:
    jobs = body.get("jobs", {}).values()
    return [step for job in jobs for step in job.get("steps", ())] or body["runs"]["steps"]


@pytest.mark.parametrize("file", [*FOLDER.glob("*.yml"), ROOT / "action.yml"], ids=lambda f: f.name)
def test_whatever_is_used_is_pinned_by_its_full_commit(file: Path) -> None:
    used = [step["uses"] for step in steps(load(file.read_text())) if "uses" in step]
    assert [name for name in used if name != "$/" and not PINNED.fullmatch(name)] == []
    comments = re.findall(
        r"uses: [^\s#]+@[0-9a-f]{40} # (v\d+\.\d+\.\d+)$", file.read_text(), re.MULTILINE
    )
    assert len(comments) == sum(name != "$/" for name in used), "the version stands behind each"


@pytest.mark.parametrize("file", [*FOLDER.glob("*.yml"), ROOT / "action.yml"], ids=lambda f: f.name)
def test_no_input_is_pasted_into_a_script(file: Path) -> None:
    assert [s["run"] for s in steps(load(file.read_text())) if "${{" in s.get("run", "")] == []


@pytest.mark.parametrize("file", CALLED, ids=lambda file: file.stem)
def test_each_job_has_just_what_it_needs(file: Path) -> None:
    body = load(file.read_text())
    assert body["permissions"] == {}
    assert set(body["on"]) == {"workflow_call"}
    for name, job in body["jobs"].items():
        allowed = {"contents": "read", "id-token": "write"}
        if name == "sarif":
            allowed = {"actions": "read", "security-events": "write"}
        allowed |= {"issues": "write"} if file.stem == "kstate-drift" else {}
        allowed |= {"pull-requests": "write"} if name in ("plan", "apply") else {}
        allowed |= {"pull-requests": "read"} if name == "check" else {}
        assert job["permissions"] == ({"contents": "read"} if name == "fork" else allowed)
        assert job["timeout-minutes"] <= 120
        assert job.get("concurrency", {}).get("cancel-in-progress") is not True
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"] == {"persist-credentials": False}


def test_a_fork_is_given_no_secret_and_no_environment() -> None:
    job = load((FOLDER / "kstate-plan.yml").read_text())["jobs"]["fork"]
    assert "environment" not in job
    assert "secrets." not in str(job)
    assert [step["with"]["run"] for step in job["steps"] if step.get("uses") == "$/"] == [
        "validate",
        "plan",
    ]
    offline = job["steps"][-1]["with"]
    assert (offline["notify"], "snapshot" in offline) == ("false", True)
    # What a fork is planned against lies where its own files cannot, and only the main branch's runs write it.
    [kept] = [step["with"] for step in job["steps"] if "actions/cache/restore@" in step["uses"]]
    assert kept["path"] == offline["snapshot"] == "${{ runner.temp }}/kstate-snapshot.json"
    writers = {file.stem for file in CALLED if "actions/cache/save@" in file.read_text()}
    assert writers == {"kstate-drift"}
    assert not any("pull_request_target" in file.read_text() for file in FOLDER.glob("*.yml"))


@pytest.mark.parametrize("file", CALLED, ids=lambda file: file.name)
def test_the_docs_show_a_caller_that_grants_just_that(file: Path) -> None:
    own, job = load(file.read_text()), calls()[file.name]
    about = own["on"]["workflow_call"]
    assert all(caller["permissions"] == {} for caller in callers().values())
    assert job.get("with", {}).keys() <= about["inputs"].keys()
    assert job.get("secrets", {}).keys() <= about.get("secrets", {}).keys()
    rank = {"read": 0, "write": 1}
    needed: dict[str, str] = {}
    for inner in own["jobs"].values():
        for name, level in inner["permissions"].items():
            needed[name] = max(needed.get(name, "read"), level, key=rank.__getitem__)
    assert job["permissions"] == needed
    required = {n for n, about in about["inputs"].items() if about.get("required")}
    assert required <= job.get("with", {}).keys()


def test_the_table_of_permissions_is_that_of_the_workflows() -> None:
    page = PAGES[0].read_text()
    rows = dict(re.findall(r"^\| ([\w: ]+?) \| ((?:[\w-]+: \w+(?:, )?)+) \|", page, re.MULTILINE))
    titles = {
        ("kstate-plan", "plan"): "plan",
        ("kstate-plan", "fork"): "plan of a fork",
        ("kstate-sarif", "sarif"): "sarif",
        ("kstate-apply", "check"): "apply: is it what was approved",
        ("kstate-apply", "apply"): "apply",
        ("kstate-drift", "drift"): "drift",
    }
    for (file, job), title in titles.items():
        found = load((FOLDER / f"{file}.yml").read_text())["jobs"][job]["permissions"]
        assert rows[title] == ", ".join(f"{name}: {level}" for name, level in found.items())


def test_the_script_is_one() -> None:
    script = ROOT / ".github" / "action" / "run.sh"
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0
    known = {i.upper().replace("-", "_") for i in load((ROOT / "action.yml").read_text())["inputs"]}
    used = set(re.findall(r"\$\{?KSTATE_([A-Z]+)", script.read_text())) - {"PAUSE"}
    assert used <= known
