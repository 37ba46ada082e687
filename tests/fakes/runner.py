"""A runner of GitHub Actions, as far as this project's own workflows need one: steps in order, outputs, conditions.

It refuses what it does not know, so that a workflow which starts to use something else fails here first. Actions of
others are only noted, but for those that carry files from one job or run to another: those carry them.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
TOKEN = re.compile(r"\s*('(?:[^']|'')*'|==|!=|!|&&|\|\||[(),]|[A-Za-z_][\w.-]*)")
# A condition that says nothing of these is asked only while all went well.
ANYHOW = re.compile(r"\b(always|cancelled|failure)\(\)")
# The Action of this commit: beside its own workflows, and pinned in those of others.
SELF = re.compile(r"\$/|kstate/kstate@\S+")


@dataclass
class Job:
    """What one job said and gave. `failed` is the first step that did."""

    log: str = ""
    outputs: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    summary: str = ""
    failed: str = ""
    skipped: bool = False


@dataclass
class Kept:
    """What outlives a job: caches, newest last, artifacts, and results under code scanning by their category."""

    caches: dict[str, bytes] = field(default_factory=dict)
    artifacts: dict[str, dict[str, bytes]] = field(default_factory=dict)
    scanned: dict[str, Any] = field(default_factory=dict)

    def use(self, action: str, given: Mapping[str, str], workspace: Path) -> dict[str, str]:
        """An action of others; its outputs."""
        act = self._known().get(action)
        return act(given, workspace) if act else {}

    def _known(self) -> dict[str, Callable[[Mapping[str, str], Path], dict[str, str]]]:
        return {
            "actions/cache/save": self._save,
            "actions/cache/restore": self._restore,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
            "github/codeql-action/upload-sarif": self._scan,
        }

    def _save(self, given: Mapping[str, str], _workspace: Path) -> dict[str, str]:
        assert given["key"] not in self.caches, "a cache is never written again"
        self.caches[given["key"]] = Path(given["path"]).read_bytes()
        return {}

    def _restore(self, given: Mapping[str, str], _workspace: Path) -> dict[str, str]:
        prefixes = (given["key"], *given["restore-keys"].split())
        found = [
            key for prefix in prefixes for key in [*self.caches][::-1] if key.startswith(prefix)
        ]
        if found:
            Path(given["path"]).write_bytes(self.caches[found[0]])
        return {"cache-matched-key": found[0]} if found else {}

    def _upload(self, given: Mapping[str, str], _workspace: Path) -> dict[str, str]:
        file = Path(given["path"])
        assert file.is_file() or given["if-no-files-found"] == "ignore"
        if file.is_file():
            self.artifacts[given["name"]] = {file.name: file.read_bytes()}
        return {}

    def _download(self, given: Mapping[str, str], workspace: Path) -> dict[str, str]:
        (workspace / given["path"]).mkdir(exist_ok=True)
        for name, data in self.artifacts.get(given["pattern"], {}).items():
            (workspace / given["path"] / name).write_bytes(data)
        return {}

    def _scan(self, given: Mapping[str, str], workspace: Path) -> dict[str, str]:
        self.scanned[given["category"]] = json.loads((workspace / given["sarif_file"]).read_bytes())
        return {}


@dataclass
class Runner:
    """`temp` is RUNNER_TEMP, `workspace` the checkout, `environment` what GitHub sets for every step."""

    temp: Path
    workspace: Path
    environment: dict[str, str]
    event: Mapping[str, Any]
    token: str
    secrets: Mapping[str, str] = field(default_factory=dict)
    kept: Kept = field(default_factory=Kept)

    def __post_init__(self) -> None:
        # The step that installs kstate needs a network; what it makes is here already.
        (self.temp / "kstate-venv" / "bin").mkdir(parents=True, exist_ok=True)
        script = self.temp / "kstate-venv" / "bin" / "kstate"
        code = "from reconciler.cli.main import main; main()"
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n')
        script.chmod(0o755)

    def workflow(self, name: str, inputs: Mapping[str, str | bool]) -> dict[str, Job]:
        """Every job of a reusable workflow, those first that others need."""
        body = load(ROOT / ".github" / "workflows" / f"{name}.yml")
        known = body["on"]["workflow_call"]["inputs"]
        assert inputs.keys() <= known.keys(), f"{name} has no input {inputs.keys() - known.keys()}"
        missing = {n for n, about in known.items() if about.get("required")} - inputs.keys()
        assert not missing, f"{name} needs {missing}"
        given = {n: inputs.get(n, about.get("default", "")) for n, about in known.items()}
        return self._jobs(body, given)

    def own(self, file: Path, inputs: Mapping[str, str] | None = None) -> dict[str, Job]:
        """Every job of a repository's own workflow, which nobody calls."""
        return self._jobs(load(file), inputs or {})

    def _jobs(self, body: Any, given: Mapping[str, Any]) -> dict[str, Job]:
        jobs: dict[str, Job] = {}
        for job, about in body["jobs"].items():
            jobs[job] = self._job(about, given, jobs)
        return jobs

    def action(self, inputs: Mapping[str, str]) -> Job:
        """The Action by itself."""
        job = Job()
        job.outputs = self._action(inputs, job)
        return job

    def _job(
        self, about: Mapping[str, Any], inputs: Mapping[str, Any], done: Mapping[str, Job]
    ) -> Job:
        job = Job()
        needs = [about["needs"]] if isinstance(about.get("needs"), str) else about.get("needs", [])
        scope: dict[str, Any] = {
            "inputs": inputs,
            "needs": {name: {"outputs": done[name].outputs} for name in needs},
            "github": {
                "event": self.event,
                "repository": self.environment["GITHUB_REPOSITORY"],
                "run_id": self.environment["GITHUB_RUN_ID"],
                "run_attempt": "1",
            },
            "runner": {"temp": str(self.temp)},
            "secrets": self.secrets,
            "steps": {},
        }
        ready = all(not done[name].failed and not done[name].skipped for name in needs)
        job.skipped = not ready or not condition(about.get("if", "'yes'"), scope)
        for step in () if job.skipped else about["steps"]:
            asked = str(step.get("if", "'yes'"))
            if (not job.failed or ANYHOW.search(asked)) and condition(asked, scope):
                self._step(step, scope, job)
        if not job.failed:
            job.outputs = {n: fill(v, scope) for n, v in about.get("outputs", {}).items()}
        return job

    def _step(self, step: Mapping[str, Any], scope: dict[str, Any], job: Job) -> None:
        assert step.keys() <= {"name", "id", "if", "uses", "with", "env", "run"}, step
        if SELF.fullmatch(step.get("uses", "")):
            outputs = self._action({n: fill(v, scope) for n, v in step["with"].items()}, job)
        elif "uses" in step:
            assert re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", step["uses"]), (
                f"{step['uses']} is not pinned"
            )
            job.others.append(step["uses"])
            given = {n: fill(v, scope) for n, v in step.get("with", {}).items()}
            outputs = self.kept.use(step["uses"].partition("@")[0], given, self.workspace)
        else:
            given = {n: fill(v, scope) for n, v in step.get("env", {}).items()}
            outputs = self._run(step["run"], given, job, str(step.get("name")))
        scope["steps"][step.get("id", "")] = {"outputs": outputs}

    def _action(self, inputs: Mapping[str, str], job: Job) -> dict[str, str]:
        body = load(ROOT / "action.yml")
        known = body["inputs"]
        assert inputs.keys() <= known.keys(), (
            f"the action has no input {inputs.keys() - known.keys()}"
        )
        runner = {"github": {"token": self.token}, "runner": {"temp": str(self.temp)}}
        given = {n: inputs.get(n, fill(a.get("default", ""), runner)) for n, a in known.items()}
        steps: dict[str, Any] = {}
        for step in body["runs"]["steps"]:
            if step.get("id") == "run":
                asked = {n: fill(v, {"inputs": given, **runner}) for n, v in step["env"].items()}
                found = self._run(step["run"], asked, job, f"kstate {inputs['run']}")
                steps["run"] = {"outputs": found}
        return {n: fill(about["value"], {"steps": steps}) for n, about in body["outputs"].items()}

    def _run(self, script: str, given: Mapping[str, str], job: Job, name: str) -> dict[str, str]:
        """A script as GitHub runs it; its outputs, as GitHub would read them."""
        output, summary = self.temp / "output", self.temp / "summary"
        output.write_text("")
        summary.write_text("")
        files = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}
        own = {"GITHUB_ACTION_PATH": str(ROOT), "RUNNER_TEMP": str(self.temp)}
        keep = {n: os.environ[n] for n in ("PATH", "HOME", "LANG") if n in os.environ}
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.workspace,
            env={
                **keep,
                "PYTHONPATH": str(ROOT),
                "CI": "true",
                **self.environment,
                **files,
                **own,
                **given,
            },
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        job.log += done.stdout + done.stderr
        job.summary += summary.read_text()
        assert len(summary.read_bytes()) < 1024 * 1024
        if done.returncode:
            job.failed = job.failed or f"{name}: {done.returncode}"
        return outputs(output.read_text())


def load(file: Path) -> Any:
    return YAML(typ="safe").load(file)


def outputs(text: str) -> dict[str, str]:
    """`name=value` and `name<<END ... END`, as GitHub reads them. What is neither is an error there too."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        if block := re.fullmatch(r"([\w-]+)<<(\S+)", line):
            value: list[str] = []
            for inner in lines:
                if inner == block[2]:
                    break
                value.append(inner)
            else:
                raise AssertionError(f"{line} has no end")
            found[block[1]] = "\n".join(value)
        else:
            name, equals, rest = line.partition("=")
            assert equals, f"no output: {line}"
            found[name] = rest
    return found


def fill(value: Any, scope: Mapping[str, Any]) -> str:
    """A text with its `${{ }}` filled in."""
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: said(evaluate(found[1], scope)), said(value))


def condition(text: Any, scope: Mapping[str, Any]) -> bool:
    return bool(evaluate(str(text), scope))


def said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def evaluate(text: str, scope: Mapping[str, Any]) -> Any:
    """An expression of names, texts, `==`, `!=`, `!`, `&&`, `||`, brackets, `format` and `cancelled`."""
    tokens = TOKEN.findall(text)
    assert "".join(tokens) == re.sub(r"\s(?=(?:[^']*'[^']*')*[^']*$)", "", text), f"unknown: {text}"
    value, rest = _either(tokens, scope)
    assert not rest, f"unknown: {text}"
    return value


def _either(tokens: list[str], scope: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, rest = _both(tokens, scope)
    while rest[:1] == ["||"]:
        other, rest = _both(rest[1:], scope)
        value = value or other
    return value, rest


def _both(tokens: list[str], scope: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, rest = _same(tokens, scope)
    while rest[:1] == ["&&"]:
        other, rest = _same(rest[1:], scope)
        value = value and other
    return value, rest


def _same(tokens: list[str], scope: Mapping[str, Any]) -> tuple[Any, list[str]]:
    value, rest = _one(tokens, scope)
    if rest[:1] in (["=="], ["!="]):
        other, left = _one(rest[1:], scope)
        # GitHub compares texts without regard to case, and nothing is an empty text.
        equal = said(value).lower() == said(other).lower()
        return equal == (rest[0] == "=="), left
    return value, rest


def _format(tokens: list[str], scope: Mapping[str, Any]) -> tuple[str, list[str]]:
    """`format('{0}...', value, ...)`."""
    text, rest = _one(tokens[1:], scope)
    values = []
    while rest[0] == ",":
        value, rest = _either(rest[1:], scope)
        values.append(said(value))
    assert (tokens[0], rest[0]) == ("(", ")")
    return str(text).format(*values), rest[1:]


def _one(tokens: list[str], scope: Mapping[str, Any]) -> tuple[Any, list[str]]:
    first, rest = tokens[0], tokens[1:]
    if first == "!":
        value, rest = _one(rest, scope)
        return not value, rest
    if first == "cancelled":
        assert rest[:2] == ["(", ")"]
        return False, rest[2:]
    if first == "format":
        return _format(rest, scope)
    if first == "(":
        value, rest = _either(rest, scope)
        assert rest[0] == ")"
        return value, rest[1:]
    if first.startswith("'"):
        return first[1:-1].replace("''", "'"), rest
    found: Any = scope
    for part in first.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found, rest
